//! The stores of the images system: `images-domain` on Redis, key-value store and S3.

mod photos;
mod search;
mod settings;

pub use photos::{announce, change, edit, existing, load, under_review, want_thumbnails};
pub use search::search;
pub use settings::{objects, user_ids};
