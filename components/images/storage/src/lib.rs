//! How the images system keeps its records and finds them again: the rules of
//! `images-domain` on the stores.

mod objects;
mod photos;
mod search;
mod timers;

pub use objects::discard;
pub use photos::{announce, forget_history, load};
pub use search::search;
pub use timers::{expire_later, expires_later, finish_removal_later};
