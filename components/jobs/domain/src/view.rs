//! Answers about a job.

use serde::Serialize;

use crate::query::cursor;
use crate::{JobId, Progress, Status};

/// The times of a job, RFC 3339.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Times {
    /// When it was submitted.
    pub submitted_at: String,
    /// When a worker began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<String>,
    /// When its last toon was finished.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<String>,
    /// When it was last changed.
    pub updated_at: String,
}

/// The answer of `GET /jobs/{jobId}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct JobView {
    job_id: JobId,
    status: Status,
    total_toons: u32,
    processed_toons: u32,
    failed_toons: u32,
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
            progress: progress.percent(),
            times,
        }
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
