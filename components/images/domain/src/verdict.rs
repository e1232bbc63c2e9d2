//! The status that an image gets by its labels.

use crate::{Label, Status, confidences};

/// The censored label and the thresholds, all of them confidences from 0 to 100.
#[derive(Clone, Debug, PartialEq)]
pub struct Censorship {
    /// Labels below this are not kept in the record.
    pub min_confidence: f64,
    /// The name of the censored label, in any case; empty for none.
    pub label: String,
    /// From this confidence of the censored label the image is rejected.
    pub rejected: f64,
    /// From this confidence of the censored label the image is under review.
    pub under_review: f64,
}

/// The outcome of an analysis.
#[derive(Clone, Debug, PartialEq)]
pub struct Analysis {
    /// The status of the image.
    pub status: Status,
    /// The labels that reach the minimum confidence.
    pub results: Vec<Label>,
}

impl Censorship {
    /// The minimum confidence to ask a labeler for: lower ones change nothing.
    pub fn lowest_confidence(&self) -> f64 {
        if self.label.is_empty() {
            self.min_confidence
        } else {
            self.min_confidence
                .min(self.under_review)
                .min(self.rejected)
        }
    }

    /// Judges an image by its labels.
    pub fn judge(&self, labels: Vec<Label>) -> Analysis {
        let confidence = confidences(&labels)
            .get(&self.label.to_lowercase())
            .copied();
        let status = match confidence.filter(|_| !self.label.is_empty()) {
            Some(confidence) if confidence >= self.rejected => Status::Rejected,
            Some(confidence) if confidence >= self.under_review => Status::UnderReview,
            _ => Status::Approved,
        };
        let mut results = labels;
        results.retain(|label| label.confidence >= self.min_confidence);
        Analysis { status, results }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::label;

    fn censorship() -> Censorship {
        Censorship {
            min_confidence: 75.0,
            label: "cat".into(),
            rejected: 90.0,
            under_review: 50.0,
        }
    }

    fn status(labels: &[Label]) -> Status {
        censorship().judge(labels.to_vec()).status
    }

    #[test]
    fn the_censored_label_decides_at_its_thresholds() {
        for (confidence, expected) in [
            (95.0, Status::Rejected),
            (90.0, Status::Rejected),
            (89.99, Status::UnderReview),
            (50.0, Status::UnderReview),
            (49.99, Status::Approved),
        ] {
            assert_eq!(
                status(&[label("Cat", confidence, &[])]),
                expected,
                "{confidence}"
            );
        }
        assert_eq!(status(&[]), Status::Approved);
        assert_eq!(status(&[label("Dog", 99.0, &[])]), Status::Approved);
    }

    #[test]
    fn a_censored_label_is_found_at_any_level_and_in_any_case() {
        assert_eq!(
            status(&[label("Egyptian Cat", 91.0, &["Cat", "Animal"])]),
            Status::Rejected
        );
        assert_eq!(status(&[label("CAT", 91.0, &[])]), Status::Rejected);
        assert_eq!(
            status(&[label("Catamaran", 99.0, &["Boat"])]),
            Status::Approved
        );
    }

    #[test]
    fn a_censored_label_too_weak_to_keep_still_counts() {
        let analysis = censorship().judge(vec![label("Cat", 60.0, &[]), label("Sofa", 80.0, &[])]);
        assert_eq!(analysis.status, Status::UnderReview);
        assert_eq!(analysis.results, [label("Sofa", 80.0, &[])]);
        assert_eq!(censorship().lowest_confidence(), 50.0);
    }

    #[test]
    fn without_a_censored_label_everything_is_approved() {
        let censorship = Censorship {
            label: String::new(),
            ..censorship()
        };
        assert_eq!(
            censorship.judge(vec![label("", 99.0, &[])]).status,
            Status::Approved
        );
        assert_eq!(censorship.lowest_confidence(), 75.0);
    }
}
