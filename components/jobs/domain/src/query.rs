//! The queries of `GET /results` and `GET /jobs`.

use std::str::FromStr;

use base::{Invalid, Query};
use records::Place;

use crate::submission::MAX_TOONS;
use crate::{JobId, Status};

/// The query of `GET /results`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultsQuery {
    /// The job.
    pub job_id: JobId,
    /// The number of toons whose results are read, 1 to 1,000.
    pub limit: u32,
    /// The index of the first toon to answer, from the cursor.
    pub first: u32,
}

impl ResultsQuery {
    /// Reads a query.
    ///
    /// # Errors
    /// The first broken rule.
    pub fn parse(query: &Query) -> Result<Self, Invalid> {
        let missing = "jobId is missing: name the job, as in /results?jobId=JOB-001";
        let job_id = query
            .once("jobId")?
            .ok_or_else(|| Invalid::query(missing))?;
        let job_id = job_id.parse();
        Ok(Self {
            job_id: job_id.map_err(|error| Invalid::query(format!("jobId {error}")))?,
            limit: query.limit(100, 1_000)?,
            first: query.cursor()?.map_or(0, |Cursor(first)| first),
        })
    }
}

/// The query of `GET /jobs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobsQuery {
    /// The status of the jobs; `None` for any.
    pub status: Option<Status>,
    /// The maximum number of jobs, 1 to 100.
    pub limit: u32,
    /// The end of the page before.
    pub after: Option<Place>,
}

impl JobsQuery {
    /// Reads a query.
    ///
    /// # Errors
    /// The first broken rule.
    pub fn parse(query: &Query) -> Result<Self, Invalid> {
        let names = Status::ALL.map(Status::as_str).join(", ");
        Ok(Self {
            status: query.parsed("status", format!("must be one of {names}"))?,
            limit: query.limit(20, 100)?,
            after: query.cursor()?,
        })
    }
}

/// The cursor of the page that begins with the toon at index `next`.
pub(crate) fn cursor(next: u32) -> String {
    format!("{next:08x}")
}

struct Cursor(u32);

impl FromStr for Cursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let next = u32::from_str_radix(text, 16).map_err(|_| ())?;
        let is_ours = next as usize <= MAX_TOONS && cursor(next) == text;
        is_ours.then_some(Self(next)).ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results(query: &[(&str, &str)]) -> Result<ResultsQuery, Invalid> {
        ResultsQuery::parse(&query.iter().copied().collect())
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
    fn a_list_may_be_of_one_status() {
        let jobs = |query: &[(&str, &str)]| JobsQuery::parse(&query.iter().copied().collect());
        let all = jobs(&[("color", "blue")]).unwrap();
        assert_eq!((all.status, all.limit, all.after), (None, 20, None));
        let page = [
            ("status", "canceled"),
            ("limit", "100"),
            ("cursor", "17:a:b"),
        ];
        let page = jobs(&page).unwrap();
        assert_eq!((page.status, page.limit), (Some(Status::Canceled), 100));
        assert_eq!(page.after.unwrap().to_string(), "17:a:b");
        for (query, told) in [
            (
                ("status", "DONE"),
                "status must be one of SCHEDULED, PENDING",
            ),
            (("limit", "101"), "limit must be an integer from 1 to 100"),
            (("cursor", "17"), "cursor must be"),
        ] {
            let error = jobs(&[query]).unwrap_err();
            assert_eq!(error.code, "invalid_query");
            assert!(error.message.starts_with(told), "{error}");
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
                &[("jobId", "a"), ("limit", "1001")],
                "limit must be an integer from 1 to 1000",
            ),
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
            assert!(error.message.starts_with(told), "{query:?}: {error}");
            assert_eq!(error.code, "invalid_query");
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
            assert!(
                error.message.starts_with("cursor must be"),
                "{cursor}: {error}"
            );
        }
    }
}
