//! The bodies of answers.

use std::collections::BTreeMap;

use records::{Page, Place};
use serde::Serialize;

use crate::ImageRecord;

/// The answer of `POST /receiver`.
#[derive(Clone, Debug, Serialize)]
pub struct ReceivedView {
    /// The name of the photo.
    pub file_name: String,
    /// The presigned URL that the client uploads the photo to.
    pub upload_url: String,
    /// The seconds for which it is good.
    pub expires_in: u64,
    /// The headers to send with the upload.
    pub upload_headers: BTreeMap<String, String>,
    /// Whether the photo is there already.
    pub already_uploaded: bool,
}

/// The answer of `GET /images?status=under_review`: a page of photos, each with a link.
#[derive(Clone, Debug, Serialize)]
pub struct ReviewsView<L> {
    images: Vec<Linked<L>>,
    cursor: Option<String>,
}

/// A photo that waits for a reviewer, and the members of a link to it.
#[derive(Clone, Debug, Serialize)]
struct Linked<L> {
    #[serde(flatten)]
    record: ImageRecord,
    #[serde(flatten)]
    link: L,
}

impl<L> ReviewsView<L> {
    /// A page of photos. `link` links to the object of a key.
    ///
    /// # Errors
    /// Those of `link`.
    pub fn new<E>(page: Page<ImageRecord>, link: impl Fn(&str) -> Result<L, E>) -> Result<Self, E> {
        let images = page.documents.into_iter().map(|found| {
            Ok(Linked {
                link: link(found.document.object_key())?,
                record: found.document.shown_to_reviewers(),
            })
        });
        Ok(Self {
            images: images.collect::<Result<_, E>>()?,
            cursor: page.last.as_ref().map(Place::to_string),
        })
    }
}
