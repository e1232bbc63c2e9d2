//! The time that the host takes to start, its memory after that, and the size of the
//! components.

use std::path::Path;

use anyhow::{Context, Result};

use crate::{
    app::Stage,
    manifest,
    numbers::{median, thousands},
    plan::Plan,
    report::Table,
};

pub async fn measure(manifest: &Path, plan: &Plan) -> Result<String> {
    let stage = Stage::start(manifest).await?;
    let (cold, warm) = plan.starts;
    let mut starts = Table::new(["start", "s", "memory, MiB"]);
    starts.row(cells("nothing compiled yet", &stage, cold, true).await?);
    starts.row(cells("everything compiled", &stage, warm, false).await?);

    let mut sizes = Table::new(["component", "kB"]);
    for module in manifest::modules(&stage.stack.app_options().manifest)? {
        let size = module
            .metadata()
            .with_context(|| module.display().to_string())?
            .len();
        let name = module.file_name().unwrap_or_default().to_string_lossy();
        sizes.row([format!("`{name}`"), thousands(size as f64 / 1e3)]);
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
