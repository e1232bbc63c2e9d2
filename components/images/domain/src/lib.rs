//! The rules of the images system: a photo's record, its changes and the searches. No
//! Spin, no clock and no I/O.

mod events;
mod file_name;
mod finding;
mod index;
mod inspect;
mod intake;
pub mod keys;
mod labels;
mod lifecycle;
mod media;
mod message;
mod occurred;
mod record;
mod review;
mod scan;
mod thumbnails;
mod timers;
mod user_id;
mod verdict;
mod view;

pub use events::{EventsError, Notified, ObjectCreated, parse_events, uploads};
pub use file_name::{FileName, FileNameError};
pub use finding::{Finding, Leftover};
pub use inspect::inspect;
pub use intake::Intake;
pub use labels::{Label, Parent, StoredLabels, confidences};
pub use lifecycle::{TooManyPosts, UNKNOWN, UNKNOWN_POST};
pub use media::MediaType;
pub use message::{Expiry, Message, Removed, Uploaded, WantThumbnails};
pub use record::{ImageRecord, Post, Status};
pub use review::{Decision, MAX_REASON_BYTES, NotUnderReview, Review, ReviewRequest};
pub use scan::{Filter, Grouping, MAX_NAMES, Operator, ScanQuery, ScanResponse};
pub use thumbnails::{Size, Thumbnails};
pub use timers::{expire_later, expiry, finish_removal_later};
pub use user_id::{NoUserId, UserId, UserIds};
pub use verdict::{Analysis, Censorship};
pub use view::{ReceivedView, ReviewsView};
