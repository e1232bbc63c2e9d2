//! What is asked of a job: `GET /jobs/{jobId}` and `GET /results`.

use std::time::Duration;

use crate::JobId;
use crate::submission::MOST_TOONS;

/// The results in a page where nothing is asked for.
const DEFAULT_LIMIT: u32 = 100;

/// The most results in a page.
const MOST_RESULTS: u32 = 1_000;

/// The longest wait for a change in seconds.
const LONGEST_WAIT: u64 = 20;

/// A query's names and values, decoded.
type Pairs = [(String, String)];

/// The query of `GET /jobs/{jobId}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusQuery {
    /// How long to wait for a change, 0 to 20 s.
    pub wait: Duration,
}

impl StatusQuery {
    /// Reads a query. Names that are not known are ignored.
    ///
    /// # Errors
    /// What is wrong, for a person.
    pub fn parse(pairs: &Pairs) -> Result<Self, String> {
        let seconds = match single(pairs, "wait")? {
            None => 0,
            Some(seconds) => integer(seconds)
                .filter(|seconds| *seconds <= LONGEST_WAIT)
                .ok_or_else(|| format!("wait must be an integer from 0 to {LONGEST_WAIT}"))?,
        };
        Ok(Self {
            wait: Duration::from_secs(seconds),
        })
    }
}

/// The query of `GET /results`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultsQuery {
    /// The job.
    pub job_id: JobId,
    /// How many toons to look at for results, 1 to 1,000.
    pub limit: u32,
    /// The index of the first toon to answer, from the cursor.
    pub first: u32,
}

impl ResultsQuery {
    /// Reads a query. Names that are not known are ignored.
    ///
    /// # Errors
    /// What is wrong, for a person.
    pub fn parse(pairs: &Pairs) -> Result<Self, String> {
        let job_id = single(pairs, "jobId")?
            .ok_or("jobId is missing: name the job, as in /results?jobId=JOB-001")?;
        let limit = match single(pairs, "limit")? {
            None => DEFAULT_LIMIT,
            Some(limit) => integer(limit)
                .and_then(|limit| limit.try_into().ok())
                .filter(|limit| (1..=MOST_RESULTS).contains(limit))
                .ok_or_else(|| format!("limit must be an integer from 1 to {MOST_RESULTS}"))?,
        };
        let first = match single(pairs, "cursor")? {
            None => 0,
            Some(cursor) => read_cursor(cursor).ok_or("cursor must be the cursor of an answer")?,
        };
        Ok(Self {
            job_id: job_id.parse().map_err(|error| format!("jobId {error}"))?,
            limit,
            first,
        })
    }
}

/// The cursor of the page that begins with the toon at index `next`.
pub(crate) fn cursor(next: u32) -> String {
    format!("{next:08x}")
}

fn read_cursor(text: &str) -> Option<u32> {
    let next = u32::from_str_radix(text, 16).ok()?;
    let is_ours = next as usize <= MOST_TOONS && cursor(next) == text;
    is_ours.then_some(next)
}

/// The value of a name that may be there once.
fn single<'a>(pairs: &'a Pairs, name: &str) -> Result<Option<&'a str>, String> {
    let mut values = pairs.iter().filter(|(key, _)| key == name);
    let value = values.next().map(|(_, value)| value.as_str());
    match values.next() {
        None => Ok(value),
        Some(_) => Err(format!("{name} must be there only once")),
    }
}

/// An integer in decimal digits alone.
fn integer(text: &str) -> Option<u64> {
    let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    is_digits.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        let own = |text: &str| text.to_owned();
        pairs
            .iter()
            .map(|(key, value)| (own(key), own(value)))
            .collect()
    }

    fn results(query: &[(&str, &str)]) -> Result<ResultsQuery, String> {
        ResultsQuery::parse(&pairs(query))
    }

    #[test]
    fn a_page_is_asked_for_by_job_limit_and_cursor() {
        let query = results(&[("jobId", "JOB-001"), ("color", "blue"), ("color", "red")]).unwrap();
        assert_eq!(query.job_id.as_str(), "JOB-001");
        assert_eq!((query.limit, query.first), (100, 0));
        for first in [0, 1, 9_999, 10_000] {
            let cursor = cursor(first);
            let query = [("jobId", "a"), ("limit", "1000"), ("cursor", &cursor)];
            let query = results(&query).unwrap();
            assert_eq!((query.limit, query.first), (1000, first));
        }
    }

    #[test]
    fn each_mistake_is_told() {
        for (query, told) in [
            (&[][..], "jobId is missing"),
            (&[("jobid", "a")], "jobId is missing"),
            (&[("jobId", "")], "jobId must be"),
            (&[("jobId", "a b")], "jobId must be"),
            (
                &[("jobId", "a"), ("jobId", "a")],
                "jobId must be there only once",
            ),
            (
                &[("jobId", "a"), ("limit", "1"), ("limit", "1")],
                "limit must be there only once",
            ),
            (
                &[("jobId", "a"), ("cursor", ""), ("cursor", "")],
                "cursor must be there only once",
            ),
        ] {
            let error = results(query).unwrap_err();
            assert!(error.starts_with(told), "{query:?}: {error}");
        }
        for limit in [
            "0",
            "1001",
            "",
            "-1",
            "+1",
            "1.0",
            "1e2",
            " 1",
            "18446744073709551616",
        ] {
            let error = results(&[("jobId", "a"), ("limit", limit)]).unwrap_err();
            assert!(error.starts_with("limit must be"), "{limit}: {error}");
        }
        for cursor in [
            "",
            "0",
            "100",
            "0000000G",
            "0000000A",
            "00002711",
            "000000001",
            "+0000001",
        ] {
            let error = results(&[("jobId", "a"), ("cursor", cursor)]).unwrap_err();
            assert!(error.starts_with("cursor must be"), "{cursor}: {error}");
        }
    }

    #[test]
    fn a_wait_is_a_number_of_seconds() {
        let wait = |query: &[_]| StatusQuery::parse(&pairs(query)).map(|query| query.wait);
        assert_eq!(wait(&[]), Ok(Duration::ZERO));
        assert_eq!(wait(&[("wait", "0"), ("verbose", "1")]), Ok(Duration::ZERO));
        assert_eq!(wait(&[("wait", "20")]), Ok(Duration::from_secs(20)));
        for bad in ["21", "-1", "1.5", "", "20s", "99999999999999999999"] {
            assert!(wait(&[("wait", bad)]).is_err(), "{bad}");
        }
        assert!(wait(&[("wait", "1"), ("wait", "1")]).is_err());
    }
}
