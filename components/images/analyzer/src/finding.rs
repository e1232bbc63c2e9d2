//! The finding about an upload.

use std::collections::BTreeMap;

use base::Trace;
use images_domain::{FileName, Label};
use worker::Trouble;

/// A photo that was uploaded.
pub(crate) struct Upload<'t> {
    pub(crate) attempt: u32,
    pub(crate) trace: &'t Trace,
    pub(crate) file: FileName,
    pub(crate) size: Option<u64>,
    pub(crate) etag: Option<String>,
}

/// What the analyzer found about an upload.
#[derive(Clone)]
pub(crate) enum Finding {
    /// It is the announced photo. It was stored at this place and has these labels.
    Labels { labels: Vec<Label>, place: String },
    /// It is not the photo that was announced.
    Corrupt {
        reason: String,
        etag: Option<String>,
    },
    /// It can never be analyzed.
    Unreadable { reason: String },
    /// It cannot be analyzed now.
    Later(Trouble),
    /// Nothing needs to be done.
    Nothing,
}

/// An object that is the announced photo.
pub(crate) struct Verified {
    pub(crate) bytes: Vec<u8>,
    /// The key at which verified content is kept.
    pub(crate) place: String,
}

/// Verified bytes, or a finding that needs none.
pub(crate) type Fetched = Result<Verified, Finding>;

/// The labels of an image, or the finding about all of its uploads.
pub(crate) type Labeled = Result<Vec<Label>, Finding>;

/// Labels by image, the same for every user who has it.
pub(crate) type Labels = BTreeMap<String, Labeled>;
