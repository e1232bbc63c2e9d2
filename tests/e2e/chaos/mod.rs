//! What is in work when something breaks is neither lost nor done twice. Each
//! test counts what went in and what came out.
//!
//! What is random here depends on a seed that every test prints: see [`tests::Seed`].

mod bells;
mod client;
mod kills;
mod labeler;
mod load;
mod poison;
mod redis;
mod store;

/// A policy under which no message dies of what breaks: a worker's lease ends
/// soon, and there are more attempts than troubles.
const PATIENT: [(&str, &str); 2] = [("queue_lease_seconds", "1"), ("queue_attempts", "100")];
