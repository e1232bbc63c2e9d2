//! Findings about uploads, and the changes that follow from them.

use crate::{Censorship, ImageRecord, Label};

/// The result of the analysis of an upload.
#[derive(Clone, Debug, PartialEq)]
pub enum Finding {
    /// It is the announced photo. It was stored at this place and has these labels.
    Photo {
        /// The key of its verified content.
        place: String,
        /// Its labels.
        labels: Vec<Label>,
    },
    /// It is not the photo that was announced.
    Corrupt {
        /// The reason, for its owner.
        reason: String,
        /// The entity tag of the uploaded object, where known.
        etag: Option<String>,
    },
    /// It can never be analyzed.
    Unreadable {
        /// The reason, for its owner.
        reason: String,
    },
    /// It needs no look: the photo is known, or nothing is there.
    Nothing,
}

/// An object that is to be removed after a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leftover {
    /// The object of this key.
    Object(String),
    /// The uploaded object, unless it has another entity tag than this one by now.
    Upload {
        /// The entity tag; `None` for any.
        etag: Option<String>,
    },
}

impl ImageRecord {
    /// The record after a finding; `None` if nothing changes. `now` is RFC 3339.
    pub fn found(&self, finding: &Finding, censorship: &Censorship, now: &str) -> Option<Self> {
        match finding {
            Finding::Photo { place, labels } => {
                self.analyzed(place, censorship.judge(labels.clone()), now)
            }
            Finding::Corrupt { reason, .. } => self.corrupt(reason.clone(), now),
            Finding::Unreadable { reason } => self.failed(reason.clone(), now),
            Finding::Nothing => None,
        }
    }
}

impl Finding {
    /// The objects that the record, as it is after the finding, does not or no longer refer
    /// to.
    pub fn leftovers(&self, record: Option<&ImageRecord>) -> Vec<Leftover> {
        let mut leftovers = Vec::new();
        if let Self::Photo { place, .. } = self
            && record.is_none_or(|record| record.object.as_ref() != Some(place))
        {
            // The photo was removed while it was analyzed.
            leftovers.push(Leftover::Object(place.clone()));
        }
        let needless = record.map(ImageRecord::needless).unwrap_or_default();
        if needless.is_empty()
            && let Self::Corrupt { etag, .. } = self
        {
            leftovers.push(Leftover::Upload { etag: etag.clone() });
        }
        // The first verified content stays; later uploads are removed.
        leftovers.extend(needless.into_iter().map(Leftover::Object));
        leftovers
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Status;
    use crate::intake::tests::announced;

    fn photo(record: &ImageRecord) -> Finding {
        Finding::Photo {
            place: record.place(),
            labels: Vec::new(),
        }
    }

    fn corrupt() -> Finding {
        Finding::Corrupt {
            reason: "no".into(),
            etag: Some("e".into()),
        }
    }

    const CENSORSHIP: Censorship = Censorship {
        min_confidence: 50.0,
        label: String::new(),
        rejected: 90.0,
        under_review: 50.0,
    };

    #[test]
    fn a_finding_becomes_the_status_of_the_record() {
        let record = announced();
        let status = |finding| {
            let found = record.found(&finding, &CENSORSHIP, "u");
            found.map(|record| record.status)
        };
        assert_eq!(status(photo(&record)), Some(Status::Approved));
        assert_eq!(status(corrupt()), Some(Status::Corrupt));
        let unreadable = Finding::Unreadable {
            reason: "no".into(),
        };
        assert_eq!(status(unreadable), Some(Status::Failed));
        assert_eq!(status(Finding::Nothing), None);
    }

    #[test]
    fn an_upload_goes_once_its_content_is_kept() {
        let before = announced();
        let finding = photo(&before);
        let record = before.found(&finding, &CENSORSHIP, "u").unwrap();
        let upload = Leftover::Object(record.file_name.clone());
        assert_eq!(
            finding.leftovers(Some(&record)),
            std::slice::from_ref(&upload)
        );
        // A wrong upload after it does not touch the kept content.
        assert_eq!(corrupt().leftovers(Some(&record)), [upload]);
    }

    #[test]
    fn what_is_no_photo_goes_unless_another_upload_replaced_it() {
        let upload = Leftover::Upload {
            etag: Some("e".into()),
        };
        let record = announced().found(&corrupt(), &CENSORSHIP, "u");
        for record in [record.as_ref(), None] {
            assert_eq!(corrupt().leftovers(record), std::slice::from_ref(&upload));
        }
        assert!(Finding::Nothing.leftovers(Some(&announced())).is_empty());
    }

    #[test]
    fn nothing_stays_of_a_photo_that_was_removed_meanwhile() {
        let before = announced();
        let tombstone = before.removed(None, "u").unwrap();
        let leftovers = photo(&before).leftovers(Some(&tombstone));
        for key in [before.place(), before.file_name.clone()] {
            assert!(leftovers.contains(&Leftover::Object(key.clone())), "{key}");
        }
        let thumbnails = crate::keys::thumbnails(&before.file_name, 0);
        for key in thumbnails {
            assert!(leftovers.contains(&Leftover::Object(key.clone())), "{key}");
        }
    }
}
