//! The jobs system: a job of toons is submitted, followed and its results read.

use std::time::Instant;

use anyhow::{Context, Result, bail};
use devstack::client::{Client, User, routes};
use serde_json::{Value, json};

use crate::{
    checks::{Checks, read_json, say, text},
    shared::{OTHER, USER},
};

/// The number of toons in the larger job.
const MANY: usize = 1_000;

/// Runs the whole chapter.
pub async fn tell(client: &Client, checks: &Checks) -> Result<()> {
    let (user, other) = (client.user(USER)?, client.user(OTHER)?);
    say("\nA job of toons: submitted, followed, its results");
    let job = read_json("data/test_request.json")?;
    let id = text(&job, "/jobId")?;
    let toons = job.get("toons").and_then(Value::as_array);
    let toons = toons.context("the job has no toons")?;

    let submit = routes::submit_job(job.to_string());
    let accepted = json!({"status": "PENDING", "totalToons": toons.len()});
    checks.shows(id, &user.ask(&submit).await?, &accepted);
    let ended = json!({"status": "COMPLETED", "processedToons": toons.len(), "failedToons": 0});
    checks.shows("it ends", &finished(&user, id).await?, &ended);
    let results = user.ask(&routes::results(id, toons.len())).await?;
    let ids = toons.iter().filter_map(|toon| toon.get("toonId"));
    let ids: Vec<_> = ids.map(|id| json!({ "toonId": id })).collect();
    let what = "results in the order of the toons";
    checks.shows(what, &results, &json!({ "results": ids }));
    checks.shows("submitted again", &user.ask(&submit).await?, &accepted);
    let changed = json!({"jobId": id, "toons": [{"toonId": "another"}]});
    let changed = routes::submit_job(changed.to_string());
    let status = routes::job(id, 0).reading();
    checks
        .refused(&[
            ("with other content", &user, &changed, 409, "job_id_taken"),
            ("another user asks", &other, &status, 404, "unknown_job"),
        ])
        .await;

    let toons = (0..MANY).map(|n| json!({"toonId": n.to_string()}));
    let job = json!({ "toons": toons.collect::<Vec<_>>() });
    let started = Instant::now();
    let accepted = user.ask(&routes::submit_job(job.to_string())).await?;
    let job = finished(&user, text(&accepted, "/jobId")?).await?;
    let took = started.elapsed().as_millis();
    let ended = json!({"status": "COMPLETED", "processedToons": MANY, "failedToons": 0});
    checks.shows(format!("a job of {MANY} toons, in {took} ms"), &job, &ended);
    Ok(())
}

/// Waits for the end of a job, by as many long polls as needed.
async fn finished(user: &User<'_>, id: &str) -> Result<Value> {
    for _ in 0..6 {
        let job = user.ask(&routes::job(id, 10).reading::<Value>()).await?;
        if text(&job, "/status")?.starts_with("COMPLETED") {
            return Ok(job);
        }
    }
    bail!("{id} is not finished after 60 s")
}
