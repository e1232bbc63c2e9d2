//! How the images system keeps its records and finds them again: the rules of
//! `images-domain` on the stores.

mod photos;
mod search;

pub use photos::{StorageError, announce, load, repair, save};
pub use search::search;
