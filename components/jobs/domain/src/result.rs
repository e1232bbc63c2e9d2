//! Outcomes of toons.

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::ToonId;

/// The maximum length of a toon's result, in bytes of JSON.
pub const MAX_RESULT_BYTES: usize = 64 * 1024;

/// A processor's answer that cannot be kept. Another try won't help.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// It is not JSON.
    #[error("the processor's answer is not JSON: {0}")]
    Json(String),
    /// It is too long.
    #[error("the processor's answer may have at most {MAX_RESULT_BYTES} bytes, and has {0}")]
    TooLong(usize),
}

/// How a toon ended.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It was processed.
    Completed {
        /// The processor's answer, a JSON value.
        result: Box<RawValue>,
        /// How long the processor took in milliseconds.
        duration_ms: u64,
    },
    /// It failed for good.
    Failed {
        /// The reason, for a person.
        error: String,
    },
}

impl Outcome {
    /// The outcome of a processor's answer, which took `duration_ms`.
    ///
    /// # Errors
    /// [`Unusable`] if it is no JSON value or longer than [`MAX_RESULT_BYTES`].
    pub fn completed(answer: String, duration_ms: u64) -> Result<Self, Unusable> {
        if answer.len() > MAX_RESULT_BYTES {
            return Err(Unusable::TooLong(answer.len()));
        }
        Ok(Self::Completed {
            result: serde_json::from_slice(answer.as_bytes())
                .map_err(|error| Unusable::Json(error.to_string()))?,
            duration_ms,
        })
    }
}

/// The outcome of a toon, as it is stored and as `GET /results` lists it.
#[derive(Clone, Debug)]
pub struct ToonResult<'a> {
    /// The toon.
    pub toon_id: &'a ToonId,
    /// How it ended.
    pub outcome: Outcome,
    /// The number of attempts.
    pub attempts: u32,
    /// When it ended, RFC 3339.
    pub processed_at: &'a str,
}

impl Serialize for ToonResult<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Entry<'a> {
            toon_id: &'a ToonId,
            status: &'static str,
            #[serde(skip_serializing_if = "Option::is_none")]
            result: Option<&'a RawValue>,
            #[serde(skip_serializing_if = "Option::is_none")]
            error: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            duration_ms: Option<u64>,
            attempts: u32,
            processed_at: &'a str,
        }

        let entry = Entry {
            toon_id: self.toon_id,
            status: "FAILED",
            result: None,
            error: None,
            duration_ms: None,
            attempts: self.attempts,
            processed_at: self.processed_at,
        };
        match &self.outcome {
            Outcome::Completed {
                result,
                duration_ms,
            } => Entry {
                status: "COMPLETED",
                result: Some(result),
                duration_ms: Some(*duration_ms),
                ..entry
            },
            Outcome::Failed { error } => Entry {
                error: Some(error),
                ..entry
            },
        }
        .serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(outcome: Outcome) -> String {
        let result = ToonResult {
            toon_id: &"TOON-001".parse().unwrap(),
            outcome,
            attempts: 2,
            processed_at: "2026-11-22T10:30:45.123Z",
        };
        serde_json::to_string(&result).unwrap()
    }

    #[test]
    fn results_have_the_shape_of_the_contract() {
        let completed = Outcome::completed(r#"{"id":9007199254740993}"#.into(), 150).unwrap();
        assert_eq!(
            written(completed),
            r#"{"toonId":"TOON-001","status":"COMPLETED","result":{"id":9007199254740993},"durationMs":150,"attempts":2,"processedAt":"2026-11-22T10:30:45.123Z"}"#
        );
        let failed = Outcome::Failed {
            error: "no such \"panel\"".into(),
        };
        assert_eq!(
            written(failed),
            r#"{"toonId":"TOON-001","status":"FAILED","error":"no such \"panel\"","attempts":2,"processedAt":"2026-11-22T10:30:45.123Z"}"#
        );
    }

    #[test]
    fn any_json_value_is_a_result() {
        for answer in ["null", " [1, 2] ", "\"text\"", "0.10"] {
            let result = written(Outcome::completed(answer.into(), 0).unwrap());
            let shown = format!("\"result\":{},", answer.trim());
            assert!(result.contains(&shown), "{result}");
        }
    }

    #[test]
    fn what_cannot_be_kept_is_refused() {
        for answer in ["", "{", "hash: 1", "1 2", "NaN"] {
            let error = Outcome::completed(answer.into(), 0).unwrap_err();
            assert!(matches!(error, Unusable::Json(_)), "{answer}: {error}");
        }
        let text = |length: usize| format!("\"{}\"", "x".repeat(length - 2));
        assert!(Outcome::completed(text(MAX_RESULT_BYTES), 0).is_ok());
        let error = Outcome::completed(text(MAX_RESULT_BYTES + 1), 0).unwrap_err();
        assert_eq!(error, Unusable::TooLong(MAX_RESULT_BYTES + 1));
    }
}
