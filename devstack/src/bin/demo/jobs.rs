//! The jobs system: a job of toons is submitted, followed and its results read.

use std::{path::Path, time::Instant};

use anyhow::{Context, Result, ensure};
use http::StatusCode;
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

/// Tells the whole chapter. `sample` is the file with a sample submission.
///
/// # Errors
/// It cannot go on.
pub async fn tell(client: &Client, sample: &Path, checks: &mut Checks) -> Result<()> {
    let user = client.user(USER)?;
    heading("A job of toons: submitted, followed, its results");
    let sample = std::fs::read(sample).with_context(|| sample.display().to_string())?;
    let sample: Value = serde_json::from_slice(&sample)?;
    let id = sample["jobId"]
        .as_str()
        .context("the sample has no jobId")?;
    let total = sample["toons"].as_array().map_or(0, Vec::len);

    let accepted = submit(&user, &sample).await?;
    same("totalToons", &accepted["totalToons"], &json!(total))?;
    checks.add(format!("{id}, {total} toons"), Ok("202".to_owned()));
    checks.add("it ends", finished(&user, id, total).await);
    checks.add(
        "results in the order of the toons",
        in_order(&user, id, &sample).await,
    );
    checks.add("submitted again", again(&user, &sample, &accepted).await);
    let others = client.user(OTHER)?.get(&format!("/jobs/{id}")).await;
    let others = others.and_then(|answer| answer.refused(StatusCode::NOT_FOUND, "unknown_job"));
    checks.add("another user asks for it", others);

    let many =
        json!({"toons": (0..MANY).map(|n| json!({"toonId": n.to_string()})).collect::<Vec<_>>()});
    let started = Instant::now();
    let accepted = submit(&user, &many).await?;
    let id = accepted["jobId"].as_str().context("no jobId was made")?;
    let outcome = finished(&user, id, MANY).await;
    let took = started.elapsed().as_millis();
    checks.add(
        format!("a job of {MANY} toons"),
        outcome.map(|status| format!("{status} after {took} ms")),
    );
    Ok(())
}

async fn submit(user: &Session<'_>, job: &Value) -> Result<Value> {
    let answer = user.post("/submit-job", job).await?;
    answer.expect(StatusCode::ACCEPTED)?.json()
}

/// Waits for the end of a job, by as many long polls as it takes.
async fn finished(user: &Session<'_>, id: &str, total: usize) -> Result<String> {
    const POLLS: usize = 6;
    for _ in 0..POLLS {
        let answer = user.get(&format!("/jobs/{id}?wait=10")).await?;
        let job: Value = answer.expect(StatusCode::OK)?.json()?;
        if job["status"] == "COMPLETED" {
            same("processedToons", &job["processedToons"], &json!(total))?;
            same("failedToons", &job["failedToons"], &json!(0))?;
            same("progress", &job["progress"], &json!(100))?;
            return Ok("COMPLETED, 100 %".to_owned());
        }
    }
    anyhow::bail!("it is not finished after {} s", POLLS * 10)
}

async fn in_order(user: &Session<'_>, id: &str, sample: &Value) -> Result<String> {
    let answer = user.get(&format!("/results?jobId={id}")).await?;
    let page: Value = answer.expect(StatusCode::OK)?.json()?;
    let ids = |toons: &Value| -> Vec<Value> {
        let toons = toons.as_array().into_iter().flatten();
        toons.map(|toon| toon["toonId"].clone()).collect()
    };
    same("the toons", ids(&page["results"]), ids(&sample["toons"]))?;
    let hash = page["results"][0]["result"]["hash"].as_str();
    let hash = hash.context("the first result has no hash")?;
    ensure!(hash.len() == 64, "{hash} is no SHA-256");
    Ok(format!("the first one's SHA-256 is {hash}"))
}

async fn again(user: &Session<'_>, sample: &Value, accepted: &Value) -> Result<String> {
    same("the answer", &submit(user, sample).await?, accepted)?;
    let mut other = sample.clone();
    other["toons"][0]["title"] = json!("Another");
    let answer = user.post("/submit-job", &other).await?;
    let refused = answer.refused(StatusCode::CONFLICT, "job_id_taken")?;
    Ok(format!("the same answer; with other content {refused}"))
}
