//! Work in hand when something breaks is neither lost nor done twice. Each
//! test compares the work given with the results.
//!
//! The random choices depend on a seed that every test prints: see [`tests::Seed`].

mod client;
mod ipp;
mod killer;
mod kills;
mod labeler;
mod load;
mod lost_wakeups;
mod orders;
mod poison;
mod redis;
mod store;
mod unstored;

/// The shipped policy with short leases: for work that fails a few times.
const HASTY: [(&str, &str); 1] = [("queue_lease_seconds", "1")];

/// More attempts than faults: for faults that make messages fail or kill their workers.
/// On a slow host the same message may be in work each time.
const PATIENT: [(&str, &str); 2] = [("queue_lease_seconds", "1"), ("queue_attempts", "100")];
