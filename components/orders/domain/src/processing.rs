//! The outcome of processing a version of an order.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::Timestamp;

/// The maximum length of a handler's result, in bytes of JSON.
pub const MAX_RESULT_BYTES: usize = 16 * 1024;

/// The outcome of processing a version, as it is stored: the field of that version in the
/// hash [`crate::keys::processing`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ProcessingRecord {
    /// The version was processed.
    Processed {
        /// When.
        processed_at: Timestamp,
        /// The number of the attempt that succeeded, from 1.
        attempts: u32,
        /// The handler's result, a JSON value.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        result: Option<Box<RawValue>>,
    },
    /// The last attempt failed.
    Failed(Failure),
}

/// The failed last attempt at a version. The latest one of an order is also the field
/// [`crate::keys::FAILED`] of its hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// The version.
    pub version: u64,
    /// The queue with the dead letter.
    pub queue: String,
    /// The reason.
    pub error: String,
    /// The number of attempts.
    pub attempts: u32,
    /// When.
    pub failed_at: Timestamp,
}

/// A handler's result that cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// It is not a JSON value.
    #[error("the result is not JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// It is too long.
    #[error("the result may have at most {MAX_RESULT_BYTES} bytes, and has {0}")]
    TooLong(usize),
}

impl ProcessingRecord {
    /// The record of a processed version, with the handler's result; `null` counts as
    /// none.
    ///
    /// # Errors
    /// The handler's result is not JSON, or is longer than [`MAX_RESULT_BYTES`].
    pub fn processed(
        processed_at: Timestamp,
        attempts: u32,
        result: Option<String>,
    ) -> Result<Self, Unusable> {
        let result: Option<Box<RawValue>> = result
            .map(|result| serde_json::from_slice(result.as_bytes()))
            .transpose()?;
        let result = result.filter(|result| result.get() != "null");
        match result.as_ref().map(|result| result.get().len()) {
            Some(length) if length > MAX_RESULT_BYTES => Err(Unusable::TooLong(length)),
            _ => Ok(Self::Processed {
                processed_at,
                attempts,
                result,
            }),
        }
    }
}

/// The first message of an order's message group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupHead {
    /// It is in work or waits for a worker.
    Alive,
    /// It is a dead letter. The others wait until it is sent back or thrown away.
    Dead {
        /// The queue with the dead letter.
        queue: String,
        /// Its id among the dead letters of that queue.
        id: String,
    },
}

/// The processing state of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    /// It is not processed yet.
    Pending,
    /// It was processed.
    Processed,
    /// It failed, and its dead letter can be sent back.
    Failed,
    /// It waits for an earlier version, which failed.
    Held,
    /// It failed, and its dead letter was thrown away.
    Discarded,
}

/// The processing of a version, as answers show it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Processing {
    state: State,
    #[serde(skip_serializing_if = "Option::is_none")]
    processed_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dead_letter: Option<DeadLetter>,
}

/// The dead letter that holds an order.
#[derive(Clone, Debug, Serialize)]
struct DeadLetter {
    queue: String,
    id: String,
    /// `None` for a message that no worker could read.
    #[serde(flatten)]
    cause: Option<Cause>,
}

/// The part of a failure that answers show.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Cause {
    version: u64,
    error: String,
    attempts: u32,
    failed_at: Timestamp,
}

impl From<Failure> for Cause {
    fn from(failure: Failure) -> Self {
        Self {
            version: failure.version,
            error: failure.error,
            attempts: failure.attempts,
            failed_at: failure.failed_at,
        }
    }
}

impl Processing {
    /// The processing of `version`. `record` is its stored outcome, `head` the first
    /// message of the order's message group, and `failed` the order's latest failure.
    pub fn new(
        version: u64,
        record: Option<ProcessingRecord>,
        head: Option<GroupHead>,
        failed: Option<Failure>,
    ) -> Self {
        let of_state = |state| Self {
            state,
            processed_at: None,
            attempts: None,
            result: None,
            dead_letter: None,
        };
        match (record, head) {
            (
                Some(ProcessingRecord::Processed {
                    processed_at,
                    attempts,
                    result,
                }),
                _,
            ) => Self {
                processed_at: Some(processed_at),
                attempts: Some(attempts),
                result,
                ..of_state(State::Processed)
            },
            (_, Some(GroupHead::Dead { queue, id })) => {
                // A message group stops at its head, so the latest failure of that queue
                // is the head's, unless no worker could read the head.
                let cause: Option<Cause> = failed
                    .filter(|failure| failure.queue == queue)
                    .map(Cause::from);
                let own = cause.as_ref().filter(|cause| cause.version == version);
                let state = own.map_or(State::Held, |_| State::Failed);
                Self {
                    attempts: own.map(|own| own.attempts),
                    dead_letter: Some(DeadLetter { queue, id, cause }),
                    ..of_state(state)
                }
            }
            (Some(ProcessingRecord::Failed(failure)), None) => Self {
                attempts: Some(failure.attempts),
                ..of_state(State::Discarded)
            },
            _ => of_state(State::Pending),
        }
    }

    /// The record of a version that was processed, which never changes. A version that failed
    /// may be sent back, so it has none here.
    pub fn outcome(&self) -> Option<ProcessingRecord> {
        Some(ProcessingRecord::Processed {
            processed_at: self.processed_at?,
            attempts: self.attempts?,
            result: self.result.clone(),
        })
    }

    /// Whether the version is not processed yet.
    pub fn is_pending(&self) -> bool {
        self.state == State::Pending
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const AT: &str = "2026-11-22T10:30:45.123Z";

    fn failure(version: u64) -> Failure {
        Failure {
            version,
            queue: "orders.received".into(),
            error: "the printer is on fire".into(),
            attempts: 5,
            failed_at: AT.parse().unwrap(),
        }
    }

    fn dead() -> Option<GroupHead> {
        Some(GroupHead::Dead {
            queue: "orders.received".into(),
            id: "1795343445123-0".into(),
        })
    }

    fn done(result: Option<&str>) -> ProcessingRecord {
        ProcessingRecord::processed(AT.parse().unwrap(), 2, result.map(str::to_owned)).unwrap()
    }

    fn shown(processing: &Processing) -> Value {
        serde_json::to_value(processing).unwrap()
    }

    #[test]
    fn a_version_is_pending_until_it_is_processed() {
        let alive = Some(GroupHead::Alive);
        // The version was committed a moment ago, and its message is not claimed yet.
        let fresh = Processing::new(3, None, alive.clone(), None);
        assert_eq!(shown(&fresh), json!({"state": "pending"}));

        let record = Some(done(Some(r#"{"invoice": 9007199254740993}"#)));
        let processed = Processing::new(3, record, alive, None);
        let text = serde_json::to_string(&processed).unwrap();
        assert_eq!(
            text,
            format!(
                r#"{{"state":"processed","processedAt":"{AT}","attempts":2,"result":{{"invoice": 9007199254740993}}}}"#
            )
        );
        assert!(fresh.outcome().is_none());
        let again = Processing::new(3, processed.outcome(), None, None);
        assert_eq!(serde_json::to_string(&again).unwrap(), text);
        for nothing in [None, Some(" null ")] {
            let plain = Processing::new(3, Some(done(nothing)), None, None);
            assert_eq!(
                shown(&plain),
                json!({"state": "processed", "processedAt": AT, "attempts": 2})
            );
        }
    }

    #[test]
    fn a_version_that_failed_shows_the_dead_letter_to_send_back() {
        let record = ProcessingRecord::Failed(failure(3));
        let failed = Processing::new(3, Some(record.clone()), dead(), Some(failure(3)));
        let dead_letter = json!({
            "queue": "orders.received", "id": "1795343445123-0", "version": 3,
            "error": "the printer is on fire", "attempts": 5, "failedAt": AT
        });
        assert_eq!(
            shown(&failed),
            json!({"state": "failed", "attempts": 5, "deadLetter": dead_letter})
        );

        let sent_back = Processing::new(
            3,
            Some(record.clone()),
            Some(GroupHead::Alive),
            Some(failure(3)),
        );
        assert_eq!(shown(&sent_back), json!({"state": "pending"}));
        let thrown_away = Processing::new(3, Some(record), None, Some(failure(3)));
        assert_eq!(
            shown(&thrown_away),
            json!({"state": "discarded", "attempts": 5})
        );
        for unprocessed in [failed, sent_back, thrown_away] {
            assert!(unprocessed.outcome().is_none(), "it may be sent back");
        }
        let done = Processing::new(3, Some(done(None)), None, Some(failure(3)));
        assert_eq!(shown(&done)["state"], "processed");
    }

    #[test]
    fn a_version_behind_one_that_failed_is_held_and_says_by_what() {
        let held = shown(&Processing::new(4, None, dead(), Some(failure(3))));
        assert_eq!(held["state"], "held");
        assert_eq!(held["deadLetter"]["version"], 3);
        assert_eq!(held["deadLetter"]["id"], "1795343445123-0");
        assert!(held.get("attempts").is_none(), "it had none itself");
    }

    #[test]
    fn a_dead_letter_that_nobody_could_read_is_shown_without_its_cause() {
        let dead_letter = json!({"queue": "orders.received", "id": "1795343445123-0"});
        let earlier = Failure {
            queue: "orders.canceled".into(),
            ..failure(4)
        };
        for failed in [None, Some(earlier)] {
            let held = Processing::new(4, None, dead(), failed);
            assert_eq!(
                shown(&held),
                json!({"state": "held", "deadLetter": dead_letter})
            );
        }
    }

    #[test]
    fn records_of_before_are_still_understood() {
        let read = |text: &str| serde_json::from_str::<ProcessingRecord>(text).unwrap();
        let done = read(
            r#"{"processed":{"processedAt":"2026-11-22T10:30:45.123Z","attempts":2,"result":[0.10]}}"#,
        );
        let processed = Processing::new(1, Some(done), None, None);
        let text = serde_json::to_string(&processed).unwrap();
        assert!(text.contains("[0.10]"), "{text}");
        let failed = read(
            r#"{"failed":{"version":1,"queue":"orders.received","error":"e","attempts":3,"failedAt":"2026-11-22T10:30:45.123Z"}}"#,
        );
        let discarded = Processing::new(1, Some(failed), None, None);
        assert_eq!(shown(&discarded)["state"], "discarded");
    }

    #[test]
    fn what_is_stored_is_read_again() {
        for record in [
            done(Some("[null]")),
            done(None),
            ProcessingRecord::Failed(failure(1)),
        ] {
            let stored = serde_json::to_string(&record).unwrap();
            let read: ProcessingRecord = serde_json::from_str(&stored).unwrap();
            assert_eq!(serde_json::to_string(&read).unwrap(), stored);
        }
        let stored = serde_json::to_string(&failure(7)).unwrap();
        assert_eq!(
            serde_json::from_str::<Failure>(&stored).unwrap(),
            failure(7)
        );
    }

    #[test]
    fn a_result_that_cannot_be_kept_is_refused() {
        let processed =
            |result: String| ProcessingRecord::processed(AT.parse().unwrap(), 1, Some(result));
        for result in ["", "{", "done", "1 2"] {
            let error = processed(result.into()).unwrap_err();
            assert!(matches!(error, Unusable::Json(_)), "{result}: {error}");
        }
        let text = |length: usize| format!("\"{}\"", "x".repeat(length - 2));
        assert!(processed(text(MAX_RESULT_BYTES)).is_ok());
        let error = processed(text(MAX_RESULT_BYTES + 1)).unwrap_err();
        assert!(matches!(error, Unusable::TooLong(16_385)), "{error}");
    }
}
