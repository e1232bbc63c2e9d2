//! How the images system keeps its records and finds them again: the rules of
//! `images-domain` on the stores.

mod objects;
mod photos;
mod search;
mod timers;
mod update;

pub use objects::discard;
pub use photos::{announce, forget_history, load, load_committed, repair};
pub use search::search;
pub use timers::{expire_later, expires_later, finish_removal_later};
pub use update::{Step, update};
