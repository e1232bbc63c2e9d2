//! The settings of the ipp system, from variables.

use std::time::Duration;

use base::{Failure, number, text};
use ipp_domain::{Jobs, Timeout};

/// The variables that name a workspace and its credentials.
const WORKSPACE: &str = "databricks_workspace_url";
const TOKEN: &str = "databricks_access_token";
const CLIENT: [&str; 2] = ["databricks_client_id", "databricks_client_secret"];

/// The settings of SQL statements: the warehouse that runs them and the table of mostradores.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sql {
    /// The id of the warehouse.
    pub warehouse: String,
    /// The table, as `catalog.schema.table`.
    pub table: String,
}

/// The jobs of Databricks and the buckets.
///
/// # Errors
/// [`Failure::Misconfigured`], naming the variables that are missing or wrong.
pub fn jobs() -> Result<Jobs, Failure> {
    check_complete(&[
        "databricks_job1_id",
        "ipp_raw_bucket",
        "ipp_processed_bucket",
    ])?;
    Ok(Jobs {
        first: number("databricks_job1_id", 1)?,
        second: second_job()?,
        raw_bucket: trimmed("ipp_raw_bucket")?,
        processed_bucket: trimmed("ipp_processed_bucket")?,
    })
}

/// The job of Databricks that reads the processed files; `None` where there is none.
fn second_job() -> Result<Option<u64>, Failure> {
    match trimmed("databricks_job2_id")?.as_str() {
        "" => Ok(None),
        _ => number("databricks_job2_id", 1).map(Some),
    }
}

/// The settings of SQL statements.
///
/// # Errors
/// [`Failure::Misconfigured`], naming the variables that are missing or wrong.
pub fn sql() -> Result<Sql, Failure> {
    check_complete(&["databricks_warehouse_id", "ipp_clients_table"])?;
    let table = trimmed("ipp_clients_table")?;
    // The name is part of the statement's text: only plain identifiers are let in.
    let is_name = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    if table.split('.').count() > 3 || !table.split('.').all(is_name) {
        return Err(Failure::misconfigured(
            "the variable ipp_clients_table must be catalog.schema.table, of letters, digits \
             and `_`",
        ));
    }
    Ok(Sql {
        warehouse: trimmed("databricks_warehouse_id")?,
        table,
    })
}

/// The time that a run may take, of the variable `ipp_run_timeout_minutes`.
///
/// # Errors
/// [`Failure::Misconfigured`] where it is no number of 1 or more.
pub fn timeout() -> Result<Timeout, Failure> {
    let minutes = number("ipp_run_timeout_minutes", 1)?;
    Ok(Timeout { minutes })
}

/// How long jobs are kept, of the variable `ipp_retention_days`.
///
/// # Errors
/// [`Failure::Misconfigured`] where it is no number of 1 or more.
pub fn retention() -> Result<Duration, Failure> {
    let days: u64 = number("ipp_retention_days", 1)?;
    Ok(Duration::from_secs(days.saturating_mul(24 * 60 * 60)))
}

/// Waits between two looks at a statement.
pub async fn sleep(time: Duration) {
    std::thread::sleep(time);
}

fn trimmed(name: &str) -> Result<String, Failure> {
    Ok(text(name)?.trim().to_owned())
}

/// Fails if the workspace, its credentials or one of these variables is not set.
fn check_complete(names: &[&str]) -> Result<(), Failure> {
    // Hosts under `.invalid` do not exist (RFC 2606): the manifest's default is one, since
    // Spin takes no empty text as a host.
    let is_missing = |name: &str| {
        text(name).map_or(true, |value| {
            let value = value.trim();
            value.is_empty() || value.ends_with(".invalid")
        })
    };
    let mut missing: Vec<&str> = [WORKSPACE]
        .iter()
        .chain(names)
        .copied()
        .filter(|name| is_missing(name))
        .collect();
    let has_client = !CLIENT.iter().any(|name| is_missing(name));
    if is_missing(TOKEN) && !has_client {
        missing
            .push("databricks_access_token, or databricks_client_id and databricks_client_secret");
    }
    if missing.is_empty() {
        return Ok(());
    }
    let missing = missing.join(", ");
    Err(Failure::misconfigured(format!(
        "Configuración de Databricks incompleta: set the variables {missing}"
    )))
}
