//! The chapters of measurements, one a file.

mod analyzer;
mod http;
mod ipp;
mod jobs;
mod memory;
mod peers;
mod purchases;
mod scan;
mod start;
mod telemetry;

use std::path::Path;

use anyhow::Result;
use clap::ValueEnum;

use crate::{app::App, plan::Plan};

/// A chapter.
#[derive(Clone, Copy, ValueEnum)]
pub enum Chapter {
    /// Requests a second of each endpoint, beside a component that does nothing
    Http,
    /// Toons a second, beside Redis alone, and what it costs to ask for a job
    Jobs,
    /// How long searches take users with few and with many photos
    Scan,
    /// Photos a second
    Analyzer,
    /// Archived changes of purchases a second, and how long reports take
    Purchases,
    /// Rows of workbooks a second
    Ipp,
    /// The cost of counting requests and of sending traces
    Telemetry,
    /// Requests and toons a second, beside what a team would write on Node
    Peers,
    /// The memory of the host while mixed load goes on
    Memory,
    /// How long the host takes to start, and how large the components are
    Start,
}

impl Chapter {
    /// Its name on the command line and in the file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Jobs => "jobs",
            Self::Scan => "scan",
            Self::Analyzer => "analyzer",
            Self::Purchases => "purchases",
            Self::Ipp => "ipp",
            Self::Telemetry => "telemetry",
            Self::Peers => "peers",
            Self::Memory => "memory",
            Self::Start => "start",
        }
    }

    /// Measures the chapter on an application with empty stores, and returns its tables.
    ///
    /// # Errors
    /// The application does not start, or fails a check.
    pub async fn measure(self, manifest: &Path, photos: &Path, plan: &Plan) -> Result<String> {
        if matches!(self, Self::Start) {
            return start::measure(manifest, plan).await;
        }
        let mut app = App::start(manifest).await?;
        let before = app.host.memory()?;
        let tables = match self {
            Self::Http => http::measure(&app, photos, plan).await?,
            Self::Jobs => jobs::measure(&app, plan).await?,
            Self::Scan => scan::measure(&app, plan).await?,
            Self::Purchases => purchases::measure(&app, plan).await?,
            Self::Ipp => ipp::measure(&app, plan).await?,
            Self::Peers => peers::measure(&app, plan).await?,
            Self::Memory => memory::measure(&app, plan).await?,
            Self::Telemetry => {
                let tables;
                (app, tables) = telemetry::measure(app, plan).await?;
                tables
            }
            Self::Analyzer | Self::Start => analyzer::measure(&app, photos, plan).await?,
        };
        let peak = app.host.peak_memory()?;
        app.stop().await?;
        Ok(format!(
            "{tables}\nMemory of the host: {before:.0} MiB after its start, {peak:.0} MiB at most.\n"
        ))
    }
}
