//! The jobs system: a job of toons is submitted, followed and its results read.

use std::{path::Path, time::Instant};

use anyhow::{Context, Result, bail, ensure};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    checks::{Checks, heading, same},
    client::{Client, Session},
};

/// Who submits the jobs.
const USER: &str = "456";

/// Someone else.
const OTHER: &str = "7";

/// The toons of the larger job.
const MANY: usize = 1_000;

/// A job to submit.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sample {
    job_id: String,
    toons: Vec<Toon>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Toon {
    toon_id: String,
}

/// What `POST /submit-job` answers.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Accepted {
    job_id: String,
    status: String,
    total_toons: usize,
}

/// What `GET /jobs/{jobId}` answers.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Job {
    status: String,
    processed_toons: usize,
    failed_toons: usize,
    progress: u32,
}

/// What `GET /results` answers.
#[derive(Deserialize)]
struct Page {
    results: Vec<Processed>,
}

#[derive(Deserialize)]
struct Processed {
    #[serde(flatten)]
    toon: Toon,
    result: Hashed,
}

#[derive(Deserialize)]
struct Hashed {
    hash: String,
}

/// Tells the whole chapter. `file` has the job to submit.
///
/// # Errors
/// It cannot go on.
pub async fn tell(client: &Client, file: &Path, checks: &mut Checks) -> Result<()> {
    let user = client.user(USER)?;
    heading("A job of toons: submitted, followed, its results");
    let text = std::fs::read(file).with_context(|| file.display().to_string())?;
    let (body, sample): (Value, Sample) = (
        serde_json::from_slice(&text)?,
        serde_json::from_slice(&text)?,
    );
    let (id, total) = (&sample.job_id, sample.toons.len());

    let accepted = submit(&user, &body).await?;
    same("jobId", &accepted.job_id, id)?;
    same("status", &*accepted.status, "PENDING")?;
    same("totalToons", accepted.total_toons, total)?;
    checks.add(format!("{id}, {total} toons"), Ok("202".to_owned()));
    checks.add("it ends", finished(&user, id, total).await);
    checks.add(
        "results in the order of the toons",
        in_order(&user, id, &sample.toons).await,
    );
    checks.add("submitted again", again(&user, body, &accepted).await);
    let others = client.user(OTHER)?.get(&format!("/jobs/{id}")).await;
    let others = others.and_then(|answer| answer.refused(StatusCode::NOT_FOUND, "unknown_job"));
    checks.add("another user asks for it", others);

    let toons: Vec<_> = (0..MANY)
        .map(|n| json!({"toonId": n.to_string()}))
        .collect();
    let started = Instant::now();
    let accepted = submit(&user, &json!({ "toons": toons })).await?;
    let outcome = finished(&user, &accepted.job_id, MANY).await;
    let took = started.elapsed().as_millis();
    checks.add(
        format!("a job of {MANY} toons"),
        outcome.map(|status| format!("{status} after {took} ms")),
    );
    Ok(())
}

async fn submit(user: &Session<'_>, job: &Value) -> Result<Accepted> {
    let answer = user.post("/submit-job", job).await?;
    answer.expect(StatusCode::ACCEPTED)?.json()
}

/// Waits for the end of a job, by as many long polls as it takes.
async fn finished(user: &Session<'_>, id: &str, total: usize) -> Result<String> {
    const POLLS: usize = 6;
    for _ in 0..POLLS {
        let answer = user.get(&format!("/jobs/{id}?wait=10")).await?;
        let job: Job = answer.expect(StatusCode::OK)?.json()?;
        if job.status == "COMPLETED" {
            same("processedToons", job.processed_toons, total)?;
            same("failedToons", job.failed_toons, 0)?;
            same("progress", job.progress, 100)?;
            return Ok("COMPLETED, 100 %".to_owned());
        }
    }
    bail!("it is not finished after {} s", POLLS * 10)
}

async fn in_order(user: &Session<'_>, id: &str, toons: &[Toon]) -> Result<String> {
    let answer = user.get(&format!("/results?jobId={id}")).await?;
    let page: Page = answer.expect(StatusCode::OK)?.json()?;
    let found: Vec<_> = page.results.iter().map(|result| &result.toon).collect();
    same("the toons", found, toons.iter().collect())?;
    let hash = &page.results.first().context("there are none")?.result.hash;
    ensure!(hash.len() == 64, "{hash} is no SHA-256");
    Ok(format!("the first one's SHA-256 is {hash}"))
}

async fn again(user: &Session<'_>, body: Value, accepted: &Accepted) -> Result<String> {
    same("the answer", &submit(user, &body).await?, accepted)?;
    let other = json!({"jobId": accepted.job_id, "toons": [{"toonId": "another"}]});
    let answer = user.post("/submit-job", &other).await?;
    let refused = answer.refused(StatusCode::CONFLICT, "job_id_taken")?;
    Ok(format!("the same answer; with other content {refused}"))
}
