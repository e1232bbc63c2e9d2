//! The stores of the images system: `images-domain` on Redis, key-value store and S3.

mod objects;
mod occurred;
mod photos;
mod reviews;
mod search;
mod thumbnails;
mod timers;
mod user_ids;

pub use objects::{discard, discard_life, discard_thumbnails, objects};
pub use photos::{announce, change, existing, forget_history, load, update};
pub use reviews::under_review;
pub use search::search;
pub use thumbnails::want_thumbnails;
pub use timers::{expire_later, expires_later, finish_removal_later};
pub use user_ids::user_ids;
