//! The ipp system: a run of Databricks, here of its double, is started and followed to its
//! results.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use devstack::{
    Stack,
    client::{Client, User, eventually, routes},
};
use http::Method;
use serde_json::{Value, json};

use crate::{
    OTHER, USER,
    checks::{Checks, heading, same, say, shows, text},
};

/// The mostradores of the job, both configured, and one that is not.
const MOSTRADORES: [&str; 2] = ["7051602", "7051603"];
const UNKNOWN: &str = "7051604";

/// The pause between two looks, and the limit for all of them.
const LOOKS: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(60));

/// Runs the whole chapter.
///
/// # Errors
/// The chapter cannot go on.
pub async fn tell(client: &Client, stack: &Stack, checks: &mut Checks) -> Result<()> {
    let (user, other) = (client.user(USER)?, client.user(OTHER)?);
    heading("A run of Databricks (of its double): started, followed, its results");
    stack.databricks().set_clients(MOSTRADORES);
    checks.add("mostradores are validated", validated(&user).await);
    let started = Instant::now();
    let job = user.ask(&routes::start_ipp(&MOSTRADORES)).await?;
    let id = text(&job, "/job_id")?;
    shows(
        &job,
        &json!({"status": "JOB1_RUNNING", "mostradores_count": 2}),
    )?;
    let run = text(&job, "/databricks_run_id")?;
    checks.add("a run is started", Ok(run.to_owned()));
    let status = routes::ipp_status(id, 0);
    let others = other.is_refused(&status, 404, "unknown_job").await;
    checks.add("another user asks for it", others);
    let ended = eventually("the job ends", LOOKS, async || {
        let status = user.ask(&routes::ipp_status(id, 5)).await?;
        let is_end = ["COMPLETED", "FAILED"].contains(&text(&status, "/status")?);
        Ok(is_end.then_some(status))
    })
    .await?;
    let completed = shows(&ended, &json!({"status": "COMPLETED", "progress": 100}));
    let took = started.elapsed().as_millis();
    let completed = completed.map(|()| format!("COMPLETED after {took} ms"));
    checks.add("workers follow it to its end", completed);
    let results = user.ask(&routes::ipp_results(id)).await?;
    checks.add("both runs have ended", runs(&results));
    checks.add(
        "its workbook is CSV, with the rounded column",
        csv(client, &results).await,
    );
    Ok(())
}

async fn validated(user: &User<'_>) -> Result<String> {
    let [first, second] = MOSTRADORES;
    let call = routes::validate_clients(&[first, second, UNKNOWN]);
    let answer = user.ask(&call).await?;
    let expected = json!({"status": "partial_valid", "validClients": MOSTRADORES,
        "invalidClients": [UNKNOWN]});
    shows(&answer, &expected)?;
    Ok(text(&answer, "/message")?.to_owned())
}

fn runs(results: &Value) -> Result<String> {
    let run = |name: &str| text(results, &format!("/databricks_info/{name}"));
    let (first, second) = (run("job1_run_id")?, run("job2_run_id")?);
    ensure!(first != second, "they are the same run");
    Ok(format!("{first}, {second}"))
}

/// Reads the CSV by its presigned link, and prints some of it.
async fn csv(client: &Client, results: &Value) -> Result<String> {
    let url = text(results, "/s3_locations/processed/0/url")?;
    let answer = client.request(Method::GET, url).send().await?;
    let csv = answer.error_for_status()?.text().await?;
    let lines: Vec<_> = csv.lines().collect();
    for line in lines.iter().take(3) {
        say(format_args!("      {line}"));
    }
    let rounded = lines.iter().skip(1).map(|line| line.rsplit(',').next());
    let rounded: Vec<_> = rounded.map(Option::unwrap_or_default).collect();
    same(
        "the rounded column",
        rounded,
        ["2", "1", "4", "0"].repeat(2),
    )?;
    let rows = results
        .pointer("/files/0/rows")
        .context("there is no count of rows")?;
    Ok(format!("{rows} rows"))
}
