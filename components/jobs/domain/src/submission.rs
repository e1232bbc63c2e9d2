//! The body of `POST /submit-job`.

use std::collections::HashMap;
use std::fmt::{Display, Write};
use std::time::Duration;

use base::json::{Flaw, Member};
use base::{Invalid, NoTimestamp, Timestamp};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::json::Elements;
use crate::{JobId, ToonId};

#[cfg(test)]
mod tests;

/// The maximum number of toons of a job.
pub const MAX_TOONS: usize = 10_000;

/// The maximum length of a toon's JSON text, as it was sent, in bytes.
pub const MAX_TOON_BYTES: usize = 64 * 1024;

/// The maximum number of levels of objects and arrays in a toon, which itself is one.
const MAX_LEVELS: usize = 32;

/// The maximum time that a job may wait for its begin, in days.
pub const MAX_AHEAD_DAYS: u64 = 30;

/// A day in milliseconds.
const DAY: u64 = 24 * 60 * 60 * 1_000;

/// The problem of toons that are no array.
const NO_ARRAY: &str = "must be an array of objects";

/// The member with the time of a job.
const NOT_BEFORE: &str = "notBefore";

/// A submitted job.
#[derive(Debug)]
pub struct Submission<'a> {
    /// The id, if the caller chose one.
    pub job_id: Option<JobId>,
    /// The time before which no toon is processed, if one is given.
    pub not_before: Option<Timestamp>,
    /// Its toons in their order, 1 to [`MAX_TOONS`], with ids of their own.
    pub toons: Vec<Toon<'a>>,
    fingerprint: String,
}

/// A toon of a job.
#[derive(Debug)]
pub struct Toon<'a> {
    /// Its id, which is also in its content.
    pub id: ToonId,
    /// The JSON object exactly as it was sent.
    pub content: &'a RawValue,
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow, rename = "jobId")]
    job_id: Option<&'a RawValue>,
    #[serde(borrow, rename = "notBefore")]
    not_before: Option<&'a RawValue>,
    #[serde(borrow)]
    toons: Option<Elements<'a, MAX_TOONS>>,
}

impl<'a> Submission<'a> {
    /// Reads a request's body. Unknown members of the job are ignored; toons may have
    /// any.
    ///
    /// # Errors
    /// The first rule that is broken. A toon is a JSON object of at most
    /// [`MAX_TOON_BYTES`] bytes and 32 levels, without a member that is there
    /// twice, without numbers beyond those of a double and without strings that are not
    /// Unicode (lone surrogates).
    pub fn parse(body: &'a [u8]) -> Result<Self, Invalid> {
        let text = std::str::from_utf8(body).map_err(not_json)?;
        let body = Body::parse(text)?;
        let job_id = body
            .job_id
            .map(|id| serde_json::from_slice(id.get().as_bytes()))
            .transpose()
            .map_err(|_| invalid("jobId", crate::IdError))?;
        let not_before: Option<Timestamp> = body
            .not_before
            .map(|time| serde_json::from_slice(time.get().as_bytes()))
            .transpose()
            .map_err(|_| invalid(NOT_BEFORE, NoTimestamp))?;
        let elements = body.elements()?;
        let mut toons = Vec::with_capacity(elements.len());
        let mut fingerprint = Sha256::new();
        for (index, content) in elements.into_iter().enumerate() {
            toons.push(Toon::parse(index, content, &mut fingerprint)?);
        }
        check_ids(&toons)?;
        let mut fingerprint = hex::encode(fingerprint.finalize());
        if let Some(time) = not_before {
            let _ = write!(fingerprint, "@{}", time.millis());
        }
        Ok(Self {
            job_id,
            not_before,
            toons,
            fingerprint,
        })
    }

    /// The time until a toon may be processed, `now` in milliseconds since the Unix epoch.
    pub fn wait(&self, now: u64) -> Duration {
        let time = self.not_before.map_or(now, |time| time.millis());
        Duration::from_millis(time.saturating_sub(now))
    }

    /// The bytes of its toons.
    pub fn bytes(&self) -> usize {
        self.toons.iter().map(|toon| toon.content.get().len()).sum()
    }

    /// Refuses a job whose time is more than [`MAX_AHEAD_DAYS`] days after `now`: its toons take
    /// memory until then.
    ///
    /// # Errors
    /// The time is too far ahead.
    pub fn check_time(&self, now: Timestamp) -> Result<(), Invalid> {
        let last = now.millis().saturating_add(MAX_AHEAD_DAYS * DAY);
        match self.not_before {
            Some(time) if time.millis() > last => {
                let problem = format!(
                    "must be at most {MAX_AHEAD_DAYS} days ahead, so not after {}",
                    Timestamp::from_millis(last)
                );
                Err(invalid(NOT_BEFORE, problem))
            }
            _ => Ok(()),
        }
    }

    /// The fingerprint of the job's content, without its id: the hex SHA-256 of its toons
    /// in their order, each in its canonical form (RFC 8785), and its time, if it has one.
    /// So white space, the order of members, and the spelling of strings and numbers do not
    /// matter.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }
}

impl<'a> Body<'a> {
    fn parse(text: &'a str) -> Result<Self, Invalid> {
        // Serde would accept an array as a struct.
        if !text.trim_start().starts_with('{') {
            serde_json::from_slice::<IgnoredAny>(text.as_bytes()).map_err(not_json)?;
            return Err(invalid("body", "must be a JSON object"));
        }
        serde_json::from_slice(text.as_bytes()).map_err(|error| {
            if error.is_data() {
                return invalid("body", error);
            }
            // A string or number in place of the toons may be JSON that Rust has no type for.
            match serde_json::from_slice::<IgnoredAny>(text.as_bytes()) {
                Ok(IgnoredAny) => invalid("toons", NO_ARRAY),
                Err(error) => not_json(error),
            }
        })
    }

    fn elements(self) -> Result<Vec<&'a RawValue>, Invalid> {
        match self.toons {
            None => Err(invalid("toons", "is missing")),
            Some(Elements::Other) => Err(invalid("toons", NO_ARRAY)),
            Some(Elements::Array { first, count }) if (1..=MAX_TOONS).contains(&count) => Ok(first),
            Some(Elements::Array { count, .. }) => {
                let problem = format!("must have 1 to {MAX_TOONS} elements, and has {count}");
                Err(invalid("toons", problem))
            }
        }
    }
}

impl<'a> Toon<'a> {
    /// Reads the toon at `index`, and adds it to the fingerprint of the job.
    fn parse(
        index: usize,
        content: &'a RawValue,
        fingerprint: &mut Sha256,
    ) -> Result<Self, Invalid> {
        let wrong =
            |place: &str, problem: String| invalid(format!("toons[{index}]{place}"), problem);
        let text = content.get();
        if !text.starts_with('{') {
            return Err(wrong("", "must be a JSON object".into()));
        }
        if text.len() > MAX_TOON_BYTES {
            let problem = format!(
                "may have at most {MAX_TOON_BYTES} bytes, and has {}",
                text.len()
            );
            return Err(wrong("", problem));
        }
        let toon = base::json::parse(text, MAX_LEVELS)
            .map_err(|Flaw { path, problem }| wrong(&path, problem))?;
        let id = match toon.member("toonId") {
            Member::Absent => return Err(wrong(".toonId", "is missing".into())),
            Member::Text(id) => id.parse().ok(),
            Member::Other => None,
        };
        let id = id.ok_or_else(|| wrong(".toonId", crate::IdError.to_string()))?;
        // Each toon is an object, so its end is unambiguous.
        fingerprint.update(toon.canonical());
        Ok(Self { id, content })
    }
}

fn check_ids(toons: &[Toon]) -> Result<(), Invalid> {
    let mut indexes = HashMap::with_capacity(toons.len());
    for (index, toon) in toons.iter().enumerate() {
        if let Some(first) = indexes.insert(toon.id.as_str(), index) {
            let problem = format!("must differ from that of toons[{first}]");
            return Err(invalid(format!("toons[{index}].toonId"), problem));
        }
    }
    Ok(())
}

fn not_json(error: impl Display) -> Invalid {
    Invalid::json(format!("the body is not JSON: {error}"))
}

fn invalid(field: impl Display, problem: impl Display) -> Invalid {
    Invalid::field(format!("{field}: {problem}"))
}
