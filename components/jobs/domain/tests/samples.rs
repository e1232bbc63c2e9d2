//! The API accepts the samples in `data/`.

use jobs_domain::Submission;
use serde_json::value::RawValue;

const REQUEST: &str = include_str!("../../../../data/test_request.json");
const JOBS: &str = include_str!("../../../../data/sample_jobs.json");
const TOONS: &str = include_str!("../../../../data/sample_toons.json");

#[test]
fn the_request_is_a_job() {
    let submission = Submission::parse(REQUEST.as_bytes()).unwrap();
    assert_eq!(submission.job_id.unwrap().as_str(), "JOB-001");
    let ids: Vec<_> = submission
        .toons
        .iter()
        .map(|toon| toon.id.as_str())
        .collect();
    assert_eq!(
        ids,
        ["TOON-001", "TOON-002", "TOON-003", "TOON-004", "TOON-005"]
    );
}

#[test]
fn every_sample_job_is_a_job() {
    let jobs: Vec<&RawValue> = serde_json::from_str(JOBS).unwrap();
    assert!(jobs.len() > 1);
    for job in jobs {
        Submission::parse(job.get().as_bytes()).unwrap();
    }
}

#[test]
fn the_sample_toons_are_the_toons_of_a_job() {
    let body = format!(r#"{{"toons": {TOONS}}}"#);
    let submission = Submission::parse(body.as_bytes()).unwrap();
    assert!(submission.toons.len() > 1);
}
