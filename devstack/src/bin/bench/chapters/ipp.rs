//! Workbooks of ipp: rows a second, from the raw file until its CSV is stored, and the memory
//! of the component that does it.

mod worst;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use devstack::client::{eventually, routes};
use devstack::workbook;
use http::HeaderValue;
use serde::Deserialize;

use crate::{
    app::App,
    client::Connection,
    numbers::{median, thousands},
    plan::Plan,
    report::Table,
};

/// The most that a workbook may take.
const TARGET: &str = "at most 64";

/// The pause between two looks at a job, and the limit for all of them.
const LOOKS: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(120));

/// The characters of a reason in the table.
const MAX_REASON: usize = 80;

/// The rows of a workbook for each of its mostradores.
const MATERIALS: usize = 4;

/// A conversion, as the component's log has it.
#[derive(Deserialize)]
struct Conversion {
    job_id: String,
    #[serde(default)]
    rows: f64,
    /// The bytes of the CSV.
    #[serde(default)]
    bytes: f64,
    /// Why there is no CSV.
    #[serde(default)]
    reason: Option<String>,
    ms: f64,
    /// The bytes of the component's memory.
    memory: f64,
}

pub async fn measure(app: &App, plan: &Plan) -> Result<String> {
    let token = app.token(7)?;
    let mut connection = app.connect().await?;
    let mut table = Table::new([
        "rows of 10 columns",
        "xlsx, MiB",
        "CSV, MiB",
        "s",
        "rows/s",
        "memory of the component, MiB",
        "target",
    ]);
    for &rows in plan.workbook_rows {
        let file = workbook(&vec!["7051602"; rows / MATERIALS])?;
        let size = mib(file.len() as f64);
        app.stage.stack.workbooks().set([("raw_data.xlsx", file)]);
        let mut runs = Vec::new();
        for _ in 0..plan.workbooks {
            runs.push(convert(app, &mut connection, &token).await?);
        }
        let middle = |value: fn(&Conversion) -> f64| median(runs.iter().map(value));
        let counted = middle(|run| run.rows);
        ensure!(
            counted as usize == rows,
            "{counted} of {rows} rows were converted"
        );
        table.row([
            thousands(counted),
            format!("{size:.1}"),
            format!("{:.1}", mib(middle(|run| run.bytes))),
            format!("{:.2}", middle(|run| run.ms) / 1e3),
            thousands(middle(|run| run.rows / run.ms * 1e3)),
            format!("{:.0}", mib(middle(|run| run.memory))),
            TARGET.to_owned(),
        ]);
    }
    let worst = hostile(app, plan, &mut connection, &token).await?;
    Ok(format!(
        "{table}\n\nWorkbooks that are made to cost much:\n\n{worst}"
    ))
}

/// Converts workbooks that are made to cost much.
async fn hostile(
    app: &App,
    plan: &Plan,
    connection: &mut Connection,
    token: &HeaderValue,
) -> Result<Table> {
    let mut table = Table::new([
        "workbook",
        "xlsx, MiB",
        "s",
        "memory of the component, MiB",
        "end",
        "target",
    ]);
    for (name, make) in worst::WORKBOOKS {
        let file = make(plan.worst_share)?;
        let size = mib(file.len() as f64);
        app.stage.stack.workbooks().set([("raw_data.xlsx", file)]);
        let run = convert(app, connection, token).await?;
        table.row([
            (*name).to_owned(),
            format!("{size:.1}"),
            format!("{:.2}", run.ms / 1e3),
            format!("{:.0}", mib(run.memory)),
            match run.reason {
                Some(reason) => reason.chars().take(MAX_REASON).collect(),
                None => "converted".to_owned(),
            },
            format!("10 s, {TARGET}"),
        ]);
    }
    Ok(table)
}

/// Runs a job to its end, and reads in the log how its workbook was converted.
async fn convert(
    app: &App,
    connection: &mut Connection,
    token: &HeaderValue,
) -> Result<Conversion> {
    let (id, _) = ended_job(connection, token).await?;
    let log = app.log("ipp-processor")?.into_iter().rev();
    let mut conversions = log.filter_map(|line| serde_json::from_value::<Conversion>(line).ok());
    let conversion = conversions.find(|conversion| conversion.job_id == id);
    conversion.context("the log has no workbook of the job")
}

/// The answer of `POST /ipp/start`.
#[derive(Deserialize)]
struct Started {
    job_id: String,
}

/// The answer of `GET /ipp/status/{job_id}`.
#[derive(Deserialize)]
struct State {
    status: String,
}

/// Starts a job and waits until it is completed. Returns its id.
pub async fn a_job(connection: &mut Connection, token: &HeaderValue) -> Result<String> {
    let (id, status) = ended_job(connection, token).await?;
    ensure!(status == "COMPLETED", "the job {id} is {status}");
    Ok(id)
}

/// Starts a job and waits for its end. Returns its id and its status.
async fn ended_job(connection: &mut Connection, token: &HeaderValue) -> Result<(String, String)> {
    let call = routes::start_ipp(&["7051602"]).with_token(token);
    let Started { job_id } = connection.ask(&call.reading()).await?;
    let call = routes::ipp_status(&job_id, 0).with_token(token).reading();
    let status = eventually("the job ends", LOOKS, async || {
        let State { status } = connection.ask(&call).await?;
        let is_over = matches!(status.as_str(), "COMPLETED" | "FAILED");
        Ok(is_over.then_some(status))
    })
    .await?;
    Ok((job_id, status))
}

fn mib(bytes: f64) -> f64 {
    bytes / f64::from(1 << 20)
}
