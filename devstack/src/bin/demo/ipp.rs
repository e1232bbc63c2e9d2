//! The ipp system: a run of Databricks, here of its double, is started and followed to its
//! results.

use std::time::Instant;

use anyhow::Result;
use devstack::{
    Stack,
    client::{Client, eventually, routes},
};
use http::Method;
use serde_json::json;

use crate::{
    checks::{Checks, say, text},
    shared::{LOOKS, OTHER, USER},
};

/// The mostradores of the job, both configured, and one that is not.
const MOSTRADORES: [&str; 2] = ["7051602", "7051603"];
const UNKNOWN: &str = "7051604";

/// Runs the whole chapter.
pub async fn tell(client: &Client, stack: &Stack, checks: &Checks) -> Result<()> {
    let (user, other) = (client.user(USER)?, client.user(OTHER)?);
    say("\nA run of Databricks (of its double): started, followed, its results");
    stack.databricks().set_clients(MOSTRADORES);
    let [first, second] = MOSTRADORES;
    let asked = routes::validate_clients(&[first, second, UNKNOWN]);
    let valid = json!({"validClients": MOSTRADORES, "invalidClients": [UNKNOWN]});
    let answer = user.ask(&asked).await?;
    checks.shows("mostradores are validated", &answer, &valid);

    let started = Instant::now();
    let job = user.ask(&routes::start_ipp(&MOSTRADORES)).await?;
    let id = text(&job, "/job_id")?;
    checks.add("a run is started", text(&job, "/databricks_run_id"));
    let status = routes::ipp_status(id, 0);
    let refusal = ("another user asks", &other, &status, 404, "unknown_job");
    checks.refused(&[refusal]).await;
    let ended = eventually("the job ends", LOOKS, async || {
        let status = user.ask(&routes::ipp_status(id, 5)).await?;
        let name = text(&status, "/status")?.to_owned();
        Ok(["COMPLETED", "FAILED"].contains(&&*name).then_some(name))
    });
    let (ended, took) = (ended.await?, started.elapsed().as_millis());
    let what = format!("workers follow it to its end, in {took} ms");
    checks.same(what, &*ended, "COMPLETED");

    // The CSV, by its presigned link.
    let results = user.ask(&routes::ipp_results(id)).await?;
    let url = text(&results, "/s3_locations/processed/0/url")?;
    let answer = client.request(Method::GET, url).send().await?;
    let csv = answer.error_for_status()?.text().await?;
    for line in csv.lines().take(3) {
        say(format_args!("      {line}"));
    }
    let rounded = csv.lines().skip(1).filter_map(|row| row.rsplit(',').next());
    let rounded = rounded.collect::<Vec<_>>().join(" ");
    checks.same("its workbook is CSV, rounded", &*rounded, "2 1 4 0 2 1 4 0");
    Ok(())
}
