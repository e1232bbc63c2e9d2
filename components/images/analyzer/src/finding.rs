//! Uploads, and their states on the way to a finding.

use std::collections::BTreeMap;

use base::Trace;
use images_domain::{FileName, Finding, Label};
use worker::Trouble;

/// A photo that was uploaded.
pub(crate) struct Upload<'t> {
    pub(crate) attempt: u32,
    pub(crate) trace: &'t Trace,
    pub(crate) file: FileName,
    pub(crate) size: Option<u64>,
    pub(crate) etag: Option<String>,
}

/// Why an upload is not looked at any further.
#[derive(Clone)]
pub(crate) enum Stop {
    /// This was found.
    Found(Finding),
    /// It cannot be analyzed now.
    Later(Trouble),
}

impl From<Finding> for Stop {
    fn from(finding: Finding) -> Self {
        Self::Found(finding)
    }
}

impl From<Trouble> for Stop {
    fn from(trouble: Trouble) -> Self {
        Self::Later(trouble)
    }
}

/// An object that is the announced photo.
pub(crate) struct Verified {
    pub(crate) bytes: Vec<u8>,
    /// The key at which verified content is kept.
    pub(crate) place: String,
}

/// Verified bytes, or why they are not needed.
pub(crate) type Fetched = Result<Verified, Stop>;

/// The labels of an image, or why all of its uploads have none.
pub(crate) type Labeled = Result<Vec<Label>, Stop>;

/// Labels by image, the same for every user who has it.
pub(crate) type Labels = BTreeMap<String, Labeled>;
