//! Answers about a job.

use records::Place;
use serde::Serialize;

use crate::query::cursor;
use crate::{JobId, Progress, Status};

/// The times of a job, RFC 3339.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Times {
    /// When it was submitted.
    pub submitted_at: String,
    /// Before when no toon is processed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_before: Option<String>,
    /// When a worker began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<String>,
    /// When it was canceled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canceled_at: Option<String>,
    /// When its last toon was finished, or it was canceled if that is later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<String>,
    /// When it was last changed.
    pub updated_at: String,
}

/// The answer of `GET /jobs/{jobId}`, and an entry of `GET /jobs`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct JobView {
    job_id: JobId,
    status: Status,
    total_toons: u32,
    processed_toons: u32,
    failed_toons: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    canceled_toons: Option<u32>,
    progress: u32,
    #[serde(flatten)]
    times: Times,
}

impl JobView {
    /// The view of a job.
    pub fn new(job_id: JobId, progress: &Progress, times: Times) -> Self {
        Self {
            job_id,
            status: progress.status(),
            total_toons: progress.total,
            processed_toons: progress.processed,
            failed_toons: progress.failed,
            canceled_toons: progress.canceled(),
            progress: progress.percent(),
            times,
        }
    }
}

/// The data of the event of a job that is completed: the job, and its owner.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CompletedView<'a> {
    /// The job.
    #[serde(flatten)]
    pub job: JobView,
    /// The subject of the user who submitted it.
    pub user_id: &'a str,
}

/// The answer of `GET /jobs`: a page of jobs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JobsView {
    jobs: Vec<JobView>,
    cursor: Option<String>,
}

impl JobsView {
    /// A page of jobs. `last` is where it ends if there are more.
    pub fn new(jobs: Vec<JobView>, last: Option<&Place>) -> Self {
        let cursor = last.map(Place::to_string);
        Self { jobs, cursor }
    }
}

/// The answer of `GET /results`: a page of outcomes, in the order of the toons. Each of
/// `results` is stored JSON and is copied unparsed. `next` is the index of the first toon
/// of the next page.
///
/// # Errors
/// None known: all other values are JSON.
pub fn results_view(
    job_id: &JobId,
    progress: &Progress,
    results: &[Vec<u8>],
    next: u32,
) -> serde_json::Result<Vec<u8>> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Head<'a> {
        job_id: &'a JobId,
        status: Status,
        total_toons: u32,
    }

    let head = Head {
        job_id,
        status: progress.status(),
        total_toons: progress.total,
    };
    let cursor = (next < progress.total).then(|| cursor(next));
    let mut text = serde_json::to_vec(&head)?;
    // Removes the closing brace, since members follow.
    text.pop();
    text.reserve(results.iter().map(|result| result.len() + 1).sum::<usize>() + 64);
    text.extend_from_slice(b",\"results\":[");
    for (index, result) in results.iter().enumerate() {
        if index > 0 {
            text.push(b',');
        }
        text.extend_from_slice(result);
    }
    text.extend_from_slice(b"],\"cursor\":");
    serde_json::to_writer(&mut text, &cursor)?;
    text.push(b'}');
    Ok(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const PROGRESS: Progress = Progress {
        total: 3,
        processed: 2,
        failed: 1,
        started: true,
        is_scheduled: false,
        is_canceled: false,
    };

    fn job_id() -> JobId {
        "JOB-001".parse().unwrap()
    }

    #[test]
    fn a_job_has_the_shape_of_the_contract() {
        let pending = JobView::new(
            job_id(),
            &Progress {
                total: 3,
                ..Progress::default()
            },
            Times {
                submitted_at: "1".into(),
                updated_at: "1".into(),
                ..Times::default()
            },
        );
        assert_eq!(
            serde_json::to_value(pending).unwrap(),
            json!({
                "jobId": "JOB-001", "status": "PENDING", "totalToons": 3,
                "processedToons": 0, "failedToons": 0, "progress": 0,
                "submittedAt": "1", "updatedAt": "1"
            })
        );
        let times = Times {
            submitted_at: "1".into(),
            started_at: Some("2".into()),
            finished_at: Some("3".into()),
            updated_at: "3".into(),
            ..Times::default()
        };
        let done = Progress {
            processed: 3,
            ..PROGRESS
        };
        assert_eq!(
            serde_json::to_value(JobView::new(job_id(), &done, times)).unwrap(),
            json!({
                "jobId": "JOB-001", "status": "COMPLETED_WITH_ERRORS", "totalToons": 3,
                "processedToons": 3, "failedToons": 1, "progress": 100,
                "submittedAt": "1", "startedAt": "2", "finishedAt": "3", "updatedAt": "3"
            })
        );
    }

    #[test]
    fn a_canceled_job_tells_when_and_what_was_left() {
        let times = Times {
            submitted_at: "1".into(),
            not_before: Some("2".into()),
            canceled_at: Some("3".into()),
            finished_at: Some("4".into()),
            updated_at: "4".into(),
            ..Times::default()
        };
        let canceled = Progress {
            is_canceled: true,
            ..PROGRESS
        };
        let view = JobView::new(job_id(), &canceled, times);
        assert_eq!(
            serde_json::to_value(JobsView::new(vec![view], None)).unwrap(),
            json!({"cursor": null, "jobs": [{
                "jobId": "JOB-001", "status": "CANCELED", "totalToons": 3, "processedToons": 2,
                "failedToons": 1, "canceledToons": 1, "progress": 66, "submittedAt": "1",
                "notBefore": "2", "canceledAt": "3", "finishedAt": "4", "updatedAt": "4"
            }]})
        );
        let last = "17:a".parse().unwrap();
        let page = serde_json::to_value(JobsView::new(Vec::new(), Some(&last))).unwrap();
        assert_eq!(page, json!({"jobs": [], "cursor": "17:a"}));
    }

    #[test]
    fn results_are_passed_on_to_the_letter_and_the_last_page_has_no_cursor() {
        let stored = r#"{"toonId":"a","result":{"id":9007199254740993}}"#;
        let page = |stored: &[&str], next| {
            let results: Vec<_> = stored.iter().map(|text| text.as_bytes().to_vec()).collect();
            let view = results_view(&job_id(), &PROGRESS, &results, next).unwrap();
            String::from_utf8(view).unwrap()
        };
        let begin = r#"{"jobId":"JOB-001","status":"PROCESSING","totalToons":3,"results":"#;
        assert_eq!(
            page(&[stored], 1),
            format!("{begin}[{stored}],\"cursor\":\"00000001\"}}")
        );
        assert_eq!(
            page(&[stored, "{}"], 3),
            format!("{begin}[{stored},{{}}],\"cursor\":null}}")
        );
        assert_eq!(page(&[], 3), format!("{begin}[],\"cursor\":null}}"));
    }
}
