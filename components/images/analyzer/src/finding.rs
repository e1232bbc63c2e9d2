//! What is found out about an upload.

use std::collections::BTreeMap;

use base::Trace;
use images_domain::{FileName, Label};

use crate::labeler::Unlabeled;

/// A photo that was uploaded.
pub(crate) struct Upload<'t> {
    /// Which of the tasks it is of.
    pub(crate) nth: usize,
    pub(crate) attempt: u32,
    pub(crate) trace: &'t Trace,
    pub(crate) file: FileName,
    pub(crate) size: Option<u64>,
    pub(crate) etag: Option<String>,
}

/// What was found out about an upload.
pub(crate) enum Finding {
    /// It is the photo, it was put into this place, and this is to be seen in it.
    Labels { labels: Vec<Label>, place: String },
    /// It is not the photo that was announced.
    Corrupt {
        reason: String,
        etag: Option<String>,
    },
    /// It can never be analyzed.
    Unreadable { reason: String },
    /// It cannot be analyzed now. The detail is for the log alone.
    Later { reason: String, detail: String },
    /// There is nothing to find out.
    Nothing,
}

impl Finding {
    pub(crate) fn later(reason: &str, detail: impl ToString) -> Self {
        Self::Later {
            reason: reason.to_owned(),
            detail: detail.to_string(),
        }
    }
}

/// An object that is the photo that was announced.
pub(crate) struct Verified {
    pub(crate) bytes: Vec<u8>,
    /// Where it belongs.
    pub(crate) place: String,
}

/// What was fetched, or what was found out without.
pub(crate) type Fetched = Result<Verified, Finding>;

/// Labels by image, whoever has it.
pub(crate) type Labels = BTreeMap<String, Result<Vec<Label>, Unlabeled>>;
