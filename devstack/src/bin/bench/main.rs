//! Benchmarks: the application as it is shipped, in a process of its own, with
//! Redis and an S3 store beside it. Prints a chapter as Markdown as soon as it
//! is measured, and writes it into `docs/benchmarks.md` when asked to.

mod app;
mod ceiling;
mod chapters;
mod client;
mod host;
mod load;
mod looks;
mod machine;
mod manifest;
mod numbers;
mod plan;
mod processor;
mod report;
mod seed;
mod wire;

use std::{num::NonZeroUsize, path::PathBuf, process::ExitCode};

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};
use tokio::signal::unix::{SignalKind, signal};

use chapters::Chapter;
use machine::Machine;
use plan::Plan;

/// Measures the whole application and prints tables
#[derive(Parser)]
#[command(name = "bench", version)]
struct Cli {
    /// The chapters to measure [default: all]
    chapters: Vec<Chapter>,
    /// A smoke run of seconds, whose numbers mean nothing
    #[arg(long)]
    quick: bool,
    /// Also write the chapters into this file, between their markers
    #[arg(long, value_name = "FILE", conflicts_with = "quick")]
    write: Option<PathBuf>,
    /// Only endpoints whose names contain this, in the chapter http
    #[arg(long, value_name = "PART", conflicts_with = "write")]
    endpoint: Option<String>,
    /// How many times each endpoint runs
    #[arg(long, conflicts_with = "write")]
    rounds: Option<NonZeroUsize>,
    /// The application's manifest
    #[arg(short, long, default_value = "spin.toml")]
    file: PathBuf,
    /// The folder of the photos
    #[arg(long, default_value = "data/photos")]
    photos: PathBuf,
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: &Cli) -> Result<ExitCode> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    // Dropping the future ends the processes that were started and removes
    // their folder.
    tokio::select! {
        measured = measure(cli) => measured.map(|()| ExitCode::SUCCESS),
        _ = interrupt.recv() => Ok(ExitCode::from(130)),
        _ = terminate.recv() => Ok(ExitCode::from(143)),
    }
}

async fn measure(cli: &Cli) -> Result<()> {
    let mut plan = if cli.quick { Plan::QUICK } else { Plan::FULL };
    plan.rounds = cli.rounds.map_or(plan.rounds, NonZeroUsize::get);
    plan.endpoint = cli.endpoint.clone().unwrap_or_default();
    let chapters = match cli.chapters.as_slice() {
        [] => Chapter::value_variants(),
        chosen => chosen,
    };
    if let Some(path) = &cli.write {
        report::check(path, chapters.iter().map(|chapter| chapter.name()))?;
    }
    for chapter in chapters {
        let machine = Machine::look()?;
        let tables = chapter.measure(&cli.file, &cli.photos, &plan).await;
        let tables = tables.with_context(|| format!("chapter {}", chapter.name()))?;
        let text = format!("{machine}\n\n{tables}");
        println!("## {}\n\n{text}", chapter.name());
        if let Some(path) = &cli.write {
            report::write(path, chapter.name(), &text)?;
        }
    }
    Ok(())
}
