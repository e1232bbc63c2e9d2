//! What is in work when something breaks is neither lost nor done twice. Each
//! test counts what went in and what came out.
//!
//! What is random here depends on a seed that every test prints: see [`tests::Seed`].

mod client;
mod kills;
mod labeler;
mod load;
mod lost_wakeups;
mod orders;
mod poison;
mod redis;
mod store;
mod unstored;

/// The shipped policy, but that a lease ends soon: for what kills workers,
/// since a message uses up an attempt only with the worker that held it.
const HASTY: [(&str, &str); 1] = [("queue_lease_seconds", "1")];

/// More attempts than troubles: for what makes messages fail.
const PATIENT: [(&str, &str); 2] = [("queue_lease_seconds", "1"), ("queue_attempts", "100")];
