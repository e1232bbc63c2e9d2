//! The command `catalog`: checks the archive of purchases, and writes its tables.

use std::fs;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::process::ExitCode;

use catalog::{Connection, Error, Table, ddl, download, verify};
use clap::{Args, Parser, Subcommand};
use time::UtcDateTime;

#[derive(Parser)]
#[command(version, about, after_help = "Queries: scripts/catalog query --help")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Checks the archive, prints a table and fails at the first class that is wrong
    Verify(Verify),
    /// Prints the definitions of the tables for the tenants and years of the archive
    Ddl(Ddl),
    /// Copies a table to this machine
    Download(Download),
}

#[derive(Args)]
struct Verify {
    /// Definitions of the tables whose ranges are to be checked, too
    #[arg(long)]
    ddl: Option<PathBuf>,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Args)]
struct Ddl {
    /// The definitions to fill
    #[arg(long, default_value = "deploy/athena/compras.sql")]
    template: PathBuf,
    /// The years to project [default: those of the archive, up to the next one]
    #[arg(long, value_name = "FIRST,LAST", value_parser = years)]
    years: Option<RangeInclusive<i32>>,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Args)]
struct Download {
    /// The folder to write to
    #[arg(long)]
    to: PathBuf,
    /// The tenant to copy [default: all]
    #[arg(long)]
    tenant: Option<String>,
    /// Copies the days and not the changes
    #[arg(long)]
    dia: bool,
    #[command(flatten)]
    connection: Connection,
}

fn years(text: &str) -> Result<RangeInclusive<i32>, String> {
    let years = text.split_once(',').and_then(|(first, last)| {
        let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        (1..=9999).contains(&first).then_some(first..=last)
    });
    years
        .filter(|years| !years.is_empty() && *years.end() <= 9999)
        .ok_or_else(|| "must be two years, as in 2024,2035".to_owned())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Verify(verify) => verify.run().await,
        Command::Ddl(ddl) => ddl.run().await,
        Command::Download(download) => download.run().await,
    };
    done.unwrap_or_else(|error| {
        eprintln!("catalog: {error}");
        ExitCode::from(2)
    })
}

impl Verify {
    async fn run(self) -> Result<ExitCode, Error> {
        let ddl = self.ddl.as_ref().map(read).transpose()?;
        let report = verify(&self.connection.open()?, ddl.as_deref()).await?;
        print!("{report}");
        Ok(match report.failed() {
            None => ExitCode::SUCCESS,
            Some(_) => ExitCode::FAILURE,
        })
    }
}

impl Ddl {
    async fn run(self) -> Result<ExitCode, Error> {
        let template = read(&self.template)?;
        let objects = self.connection.open()?;
        let this_year = UtcDateTime::now().year();
        print!("{}", ddl(&objects, &template, self.years, this_year).await?);
        Ok(ExitCode::SUCCESS)
    }
}

impl Download {
    async fn run(self) -> Result<ExitCode, Error> {
        let table = match self.dia {
            true => Table::Days,
            false => Table::Changes,
        };
        let objects = self.connection.open()?;
        let files = download(&objects, table, self.tenant.as_deref(), &self.to).await?;
        eprintln!("catalog: {files} objects");
        Ok(ExitCode::SUCCESS)
    }
}

fn read(path: &PathBuf) -> Result<String, Error> {
    fs::read_to_string(path).map_err(|error| Error::File {
        path: path.clone(),
        error,
    })
}
