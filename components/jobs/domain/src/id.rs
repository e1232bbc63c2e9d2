//! The ids of jobs and toons.

base::id! {
    /// The id of a job: 1 to 128 of `A-Z a-z 0-9 . _ : -`.
    pub struct JobId;
}

base::id! {
    /// The id of a toon within its job: 1 to 128 of `A-Z a-z 0-9 . _ : -`.
    pub struct ToonId;
}
