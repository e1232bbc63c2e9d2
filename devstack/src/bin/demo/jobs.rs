//! The jobs system: a job of toons is submitted, followed and its results read.

use std::{path::Path, time::Instant};

use anyhow::{Context, Result, bail, ensure};
use devstack::client::{Client, User, routes};
use serde_json::{Value, json};

use crate::{
    OTHER, USER,
    checks::{Checks, heading, read_json, same, shows, text},
};

/// The number of toons in the larger job.
const MANY: usize = 1_000;

/// Runs the whole chapter. `file` has the job to submit.
///
/// # Errors
/// The chapter cannot go on.
pub async fn tell(client: &Client, file: &Path, checks: &mut Checks) -> Result<()> {
    let (user, other) = (client.user(USER)?, client.user(OTHER)?);
    heading("A job of toons: submitted, followed, its results");
    let job = read_json(file)?;
    let id = text(&job, "/jobId")?;
    let toons = job.get("toons").and_then(Value::as_array);
    let toons = toons.context("the job has no toons")?;

    let accepted = submit(&user, &job).await?;
    let total = toons.len();
    let expected = json!({"jobId": id, "status": "PENDING", "totalToons": total});
    shows(&accepted, &expected)?;
    checks.add(format!("{id}, {total} toons"), Ok("202".to_owned()));
    checks.add("it ends", finished(&user, id, total).await);
    let in_order = in_order(&user, id, toons).await;
    checks.add("results in the order of the toons", in_order);
    checks.add("submitted again", again(&user, &job, &accepted).await);
    let status = routes::job(id, 0);
    let others = other.is_refused(&status, 404, "unknown_job").await;
    checks.add("another user asks for it", others);

    let toons: Vec<_> = (0..MANY)
        .map(|n| json!({"toonId": n.to_string()}))
        .collect();
    let started = Instant::now();
    let accepted = submit(&user, &json!({ "toons": toons })).await?;
    let id = text(&accepted, "/jobId")?;
    let outcome = finished(&user, id, MANY).await;
    let took = started.elapsed().as_millis();
    checks.add(
        format!("a job of {MANY} toons"),
        outcome.map(|status| format!("{status} after {took} ms")),
    );
    Ok(())
}

async fn submit(user: &User<'_>, job: &Value) -> Result<Value> {
    user.ask(&routes::submit_job(job.to_string())).await
}

/// Waits for the end of a job, by as many long polls as needed.
async fn finished(user: &User<'_>, id: &str, total: usize) -> Result<String> {
    const POLLS: usize = 6;
    for _ in 0..POLLS {
        let job = user.ask(&routes::job(id, 10)).await?;
        if job.status == "COMPLETED" {
            let found = (job.processed_toons, job.failed_toons, job.progress);
            same("processed, failed and progress", found, (total, 0, 100))?;
            return Ok("COMPLETED, 100 %".to_owned());
        }
    }
    bail!("it is not finished after {} s", POLLS * 10)
}

async fn in_order(user: &User<'_>, id: &str, toons: &[Value]) -> Result<String> {
    let page = user.ask(&routes::results(id, toons.len())).await?;
    let expected = toons
        .iter()
        .map(|toon| json!({"toonId": toon.get("toonId")}));
    shows(&page, &json!({"results": Vec::from_iter(expected)}))?;
    let hash = text(&page, "/results/0/result/hash")?;
    ensure!(hash.len() == 64, "{hash} is no SHA-256");
    Ok(format!("the first one's SHA-256 is {hash}"))
}

async fn again(user: &User<'_>, job: &Value, accepted: &Value) -> Result<String> {
    same("the answer", &submit(user, job).await?, accepted)?;
    let other = json!({"jobId": job.get("jobId"), "toons": [{"toonId": "another"}]});
    let call = routes::submit_job(other.to_string());
    let refused = user.is_refused(&call, 409, "job_id_taken").await?;
    Ok(format!("the same answer; with other content {refused}"))
}
