//! The stores of the images system: `images-domain` on Redis, key-value store and S3.

mod objects;
mod photos;
mod search;
mod timers;

pub use objects::discard;
pub use photos::{announce, forget_history, load};
pub use search::search;
pub use timers::{expire_later, expires_later, finish_removal_later};
