//! The queries for Athena, which DuckDB runs on a copy of the archive, as `scripts/catalog query`
//! does.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::process::Command;

/// The Python with DuckDB, below the folder of the repository; `None` where `scripts/setup` has
/// not installed it.
pub fn python(repository: &Path) -> Option<PathBuf> {
    let target = env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    let python = repository.join(target).join("venv/bin/python3");
    python.exists().then_some(python)
}

/// The rows that a query gives on the copy in `folder`. The query is one of `deploy/athena` (`q1`)
/// or a file, and `options` are those of `scripts/catalog query`.
///
/// # Errors
/// There is no Python to run it, or the query fails: the error is its output.
pub async fn rows(
    repository: &Path,
    query: &str,
    folder: &Path,
    options: &[&str],
) -> Result<Vec<Value>> {
    let python = python(repository);
    let python = python.context("DuckDB is missing: run scripts/setup, which installs it")?;
    let mut command = Command::new(python);
    command.arg(repository.join("scripts/catalog.py"));
    command.args([query, "--json"]).args(options);
    let output = command.arg("--folder").arg(folder).output().await?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}", complaint.trim_end());
    Ok(serde_json::from_slice(&output.stdout)?)
}
