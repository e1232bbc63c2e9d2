//! The photos that wait for a reviewer.

use base::Failure;
use images_domain::{FileName, ImageRecord, Status, keys};
use records::{Page, Place, Slice};
use stores::{KeyValue, Redis};

/// The photos of all users that are under review, the latest announced first.
///
/// # Errors
/// A store is out of reach, or holds a document that cannot be read.
pub fn under_review(
    redis: &impl Redis,
    store: &impl KeyValue,
    after: Option<&Place>,
    limit: u32,
) -> Result<Page<ImageRecord>, Failure> {
    let slice = Slice {
        index: keys::UNDER_REVIEW,
        scores: (0, u64::MAX),
        after,
        limit,
    };
    let key = |file: &str| Some(keys::entity(&file.parse::<FileName>().ok()?).key);
    records::list(redis, store, slice, key, |record: &ImageRecord| {
        record.status == Status::UnderReview
    })
}
