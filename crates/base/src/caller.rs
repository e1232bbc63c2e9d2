//! The caller of a request, as rules about ownership need it.

/// A caller whose credentials have been verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller<'a> {
    /// The subject of the caller's token.
    pub subject: &'a str,
    /// Whether the caller may see and change records of other users.
    pub is_admin: bool,
}

impl Caller<'_> {
    /// Whether the caller may see and change records of `owner`, a subject.
    pub fn may_use(&self, owner: &str) -> bool {
        self.is_admin || self.subject == owner
    }
}
