//! The stores of the images system: `images-domain` on Redis, key-value store and S3.

mod objects;
mod occurred;
mod photos;
mod reviews;
mod search;
mod timers;

pub use objects::{discard, objects};
pub use photos::{announce, change, existing, forget_history, load, update};
pub use reviews::under_review;
pub use search::search;
pub use timers::{expire_later, expires_later, finish_removal_later};
