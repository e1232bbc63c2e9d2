//! The time that the host takes to start, its memory after that, and the size of the
//! components.

use std::path::Path;

use anyhow::{Context, Result};

use crate::{
    app::Stage,
    manifest::{self, Module},
    numbers::{median, thousands},
    plan::Plan,
    report::Table,
};

/// What an endpoint should have at most, without its authorizer: a platform fetches and compiles it
/// before its first request.
const MAX_ENDPOINT_KB: &str = "at most 700";

pub async fn measure(manifest: &Path, plan: &Plan) -> Result<String> {
    let stage = Stage::start(manifest).await?;
    let (cold, warm) = plan.starts;
    let mut starts = Table::new(["start", "s", "memory, MiB"]);
    starts.row(cells("nothing compiled yet", &stage, cold, true).await?);
    starts.row(cells("everything compiled", &stage, warm, false).await?);

    let mut sizes = Table::new(["component", "kB", "target"]);
    for Module { path, endpoint } in manifest::modules(&stage.stack.app_options().manifest)? {
        let size = path
            .metadata()
            .with_context(|| path.display().to_string())?
            .len();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let target = if endpoint { MAX_ENDPOINT_KB } else { "" };
        let size = thousands(size as f64 / 1e3);
        sizes.row([format!("`{name}`"), size, target.to_owned()]);
    }
    stage.stop().await;
    Ok(format!("{starts}\n{sizes}"))
}

/// Starts the host so many times; medians.
async fn cells(name: &str, stage: &Stage, times: usize, cold: bool) -> Result<[String; 3]> {
    let (mut seconds, mut memory) = (Vec::new(), Vec::new());
    for _ in 0..times {
        let empty = tempfile::tempdir()?;
        let host = stage.host(cold.then_some(empty.path())).await?;
        seconds.push(host.start_up.as_secs_f64());
        memory.push(host.memory()?);
        host.stop().await?;
    }
    Ok([
        name.to_owned(),
        format!("{:.2}", median(seconds)),
        format!("{:.0}", median(memory)),
    ])
}
