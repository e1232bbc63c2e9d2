//! A record as a document: its keys, its indexes, and the effects of its changes.

use std::collections::BTreeMap;

use base::{Failure, Timestamp, Trace};
use queue::Effect;
use records::{Document, Entity};

use crate::occurred::occurred;
use crate::{Grouping, ImageRecord, Status, confidences, keys};

impl Document for ImageRecord {
    const RECORD: &'static str = "image.record";
    const SCHEMA: u32 = 1;
    // No route shows the history of a photo.
    const KEEPS_HISTORY: bool = false;

    fn entity(&self) -> Entity {
        keys::entity(&self.file_name)
    }

    fn member(&self) -> &str {
        &self.file_name
    }

    fn indexes(&self) -> BTreeMap<String, f64> {
        entries(self)
    }

    fn effects(
        &self,
        before: Option<&Self>,
        version: u64,
        trace: &Trace,
    ) -> Result<Vec<Effect>, Failure> {
        let told = occurred(before, self, version, trace)?;
        Ok(told.into_iter().collect())
    }
}

/// The sorted sets that a record is in, each with its score there.
fn entries(record: &ImageRecord) -> BTreeMap<String, f64> {
    let mut entries = BTreeMap::new();
    if matches!(
        record.status,
        Status::Expired | Status::Corrupt | Status::Deleted
    ) {
        return entries;
    }
    let user = &record.user_id;
    entries.insert(keys::group(user, None), 0.0);
    for post in &record.posts {
        for grouping in [
            Grouping::Post(post.post_id),
            Grouping::Trip(post.trip_id),
            Grouping::Location(post.location_id),
        ] {
            entries.insert(keys::group(user, Some(grouping)), 0.0);
        }
    }
    if record.status == Status::UnderReview {
        entries.insert(keys::UNDER_REVIEW.to_owned(), announced(record));
    }
    if record.is_analyzed() {
        entries.insert(keys::analyzed(user), 0.0);
        for (name, confidence) in confidences(&record.rekognition_results) {
            entries.insert(keys::label(user, &name), confidence);
        }
    }
    entries
}

/// When a photo was announced first, in milliseconds since the Unix epoch.
fn announced(record: &ImageRecord) -> f64 {
    let time = record.created_at.parse::<Timestamp>();
    // Exact: the number has fewer than 53 bits.
    time.map_or(0.0, |time| time.millis() as f64)
}

#[cfg(test)]
mod tests {
    use queue::Effect;
    use records::index_changes as changes;
    use serde_json::json;

    use super::*;
    use crate::labels::label;
    use crate::{Analysis, Intake, UserIds};

    fn intake(post_id: i64, trip_id: i64) -> Intake {
        Intake::parse(
            &json!({
                "image_hash": "0".repeat(64), "content_type": "image/png",
                "post_id": post_id, "user_id": 7, "picture_id": 1,
                "post": {"trip_id": trip_id, "location_id": 5, "content": ""}
            }),
            UserIds::Integer,
        )
        .unwrap()
    }

    fn received() -> ImageRecord {
        ImageRecord::receive(None, &intake(1, 3), "t")
            .unwrap()
            .unwrap()
    }

    /// The changes as `+key` and `-key`, without the prefix that all keys share.
    fn short(effects: &[Effect]) -> Vec<String> {
        let strip = |key: &str| key.trim_start_matches("{images}:index:7:").to_owned();
        effects
            .iter()
            .map(|effect| match effect {
                Effect::Index { key, score, .. } if *score > 0.0 => {
                    format!("+{}={score}", strip(key))
                }
                Effect::Index { key, .. } => format!("+{}", strip(key)),
                Effect::Unindex { key, .. } => format!("-{}", strip(key)),
                other => format!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn a_new_photo_is_in_its_groups() {
        assert_eq!(
            short(&changes(None, &received())),
            ["+all", "+location_id:5", "+post_id:1", "+trip_id:3"]
        );
    }

    #[test]
    fn an_analysis_adds_its_labels_with_their_confidence() {
        let before = received();
        let analysis = Analysis {
            status: Status::Approved,
            results: vec![label("Tabby Cat", 80.0, &["Cat"])],
        };
        let after = before.analyzed(&before.place(), analysis, "t").unwrap();
        assert_eq!(
            short(&changes(Some(&before), &after)),
            ["+analyzed", "+label:cat=80", "+label:tabby cat=80"]
        );
        let removed = after.removed(None, "t").unwrap();
        assert_eq!(
            short(&changes(Some(&after), &removed)),
            [
                "-all",
                "-analyzed",
                "-label:cat",
                "-label:tabby cat",
                "-location_id:5",
                "-post_id:1",
                "-trip_id:3"
            ]
        );
    }

    #[test]
    fn a_photo_waits_for_its_reviewer_among_those_of_all_users() {
        let mut before = received();
        before.created_at = "2026-11-22T10:30:45.123Z".into();
        let analysis = Analysis {
            status: Status::UnderReview,
            results: Vec::new(),
        };
        let after = before.analyzed(&before.place(), analysis, "t").unwrap();
        let waits = "{images}:index:under_review=1795343445123";
        assert_eq!(
            short(&changes(Some(&before), &after)),
            ["+analyzed".to_owned(), format!("+{waits}")]
        );
        let request = serde_json::from_value(json!({"decision": "approve"})).unwrap();
        let reviewed = after.reviewed(&request, "9", "t").unwrap().unwrap();
        let left = ["-{images}:index:under_review"];
        assert_eq!(short(&changes(Some(&after), &reviewed)), left);
        let removed = after.removed(None, "t").unwrap();
        assert!(short(&changes(Some(&after), &removed)).contains(&left[0].to_owned()));
    }

    #[test]
    fn what_is_not_there_is_in_no_index_until_it_comes() {
        let before = received();
        for gone in [
            before.expired("t").unwrap(),
            before.corrupt("x".into(), "t").unwrap(),
        ] {
            assert_eq!(
                short(&changes(Some(&before), &gone)),
                ["-all", "-location_id:5", "-post_id:1", "-trip_id:3"]
            );
            let again = ImageRecord::receive(Some(&gone), &intake(1, 3), "t");
            assert_eq!(
                short(&changes(Some(&gone), &again.unwrap().unwrap())),
                ["+all", "+location_id:5", "+post_id:1", "+trip_id:3"]
            );
        }
    }

    #[test]
    fn a_photo_that_leaves_a_post_stays_where_another_post_puts_it() {
        let first = received();
        let both = ImageRecord::receive(Some(&first), &intake(2, 3), "t");
        let both = both.unwrap().unwrap();
        let second = both.removed(Some(1), "t").unwrap();
        assert_eq!(short(&changes(Some(&both), &second)), ["-post_id:1"]);
    }

    #[test]
    fn a_second_post_adds_only_what_is_new() {
        let before = received();
        let after = ImageRecord::receive(Some(&before), &intake(2, 3), "t")
            .unwrap()
            .unwrap();
        assert_eq!(short(&changes(Some(&before), &after)), ["+post_id:2"]);
    }

    #[test]
    fn a_post_that_moved_to_another_trip_leaves_the_old_one() {
        let before = received();
        let after = ImageRecord::receive(Some(&before), &intake(1, 9), "t")
            .unwrap()
            .unwrap();
        assert_eq!(
            short(&changes(Some(&before), &after)),
            ["-trip_id:3", "+trip_id:9"]
        );
    }
}
