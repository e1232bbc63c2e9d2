//! The bodies of answers. The texts are those of the seed.

use base::Timestamp;
use databricks::RunId;
use records::{Place, Versioned};
use serde::Serialize;

use crate::{Failed, File, FileState, Job, JobId, Mode, Mostrador, Status, UserInfo};

impl Job {
    /// A text on the status, for people.
    pub fn message(&self) -> String {
        match self.status {
            Status::FirstRunning if self.is_canceled => "Cancelando...".to_owned(),
            Status::FirstRunning => "Databricks Job 1 en ejecución...".to_owned(),
            Status::FirstDone => match &self.first.note {
                Some(note) => format!("Databricks Job 1 completado: {note}"),
                None => "Databricks Job 1 completado".to_owned(),
            },
            Status::Processing => "Aplicando factor...".to_owned(),
            Status::SecondRunning if self.is_canceled => "Cancelando...".to_owned(),
            Status::SecondRunning => "Databricks Job 2 en ejecución...".to_owned(),
            Status::Completed => "Proceso IPP completado exitosamente".to_owned(),
            Status::Failed => match &self.failed {
                Some(failed) => format!("Proceso IPP fallido: {}", failed.reason),
                None => "Proceso IPP fallido".to_owned(),
            },
        }
    }
}

/// The answer of `POST /ipp/start`.
#[derive(Debug, Serialize)]
pub struct StartView<'a> {
    job_id: &'a JobId,
    status: Status,
    message: &'static str,
    mostradores_count: usize,
    databricks_run_id: Option<RunId>,
}

impl<'a> StartView<'a> {
    /// The answer for a job.
    pub fn new(job: &'a Job) -> Self {
        Self {
            job_id: &job.job_id,
            status: job.status,
            message: match job.first.run_id {
                Some(_) => "Proceso IPP iniciado exitosamente",
                None => "Proceso IPP registrado: Databricks aún no confirma la ejecución",
            },
            mostradores_count: job.mostradores.len(),
            databricks_run_id: job.first.run_id,
        }
    }
}

/// The answer of `GET /ipp/status/{job_id}`.
#[derive(Debug, Serialize)]
pub struct StatusView<'a> {
    job_id: &'a JobId,
    status: Status,
    message: String,
    databricks_state: Option<&'a str>,
    databricks_run_url: Option<&'a str>,
    mostradores_count: usize,
    progress: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    failed: Option<&'a Failed>,
}

impl<'a> StatusView<'a> {
    /// The status of a job.
    pub fn new(job: &'a Job) -> Self {
        // The second run, once it is to be started.
        let second = job.second.as_ref().filter(|second| second.since.is_some());
        let run = second.unwrap_or(&job.first);
        Self {
            job_id: &job.job_id,
            status: job.status,
            message: job.message(),
            databricks_state: run.state.as_deref(),
            databricks_run_url: run.page_url.as_deref(),
            mostradores_count: job.mostradores.len(),
            progress: job.status.progress(),
            failed: job.failed.as_ref(),
        }
    }
}

/// The data of the event of a job's end: its status as answers show it, and its owner.
#[derive(Debug, Serialize)]
pub struct EndedView<'a> {
    #[serde(flatten)]
    status: StatusView<'a>,
    user_id: &'a str,
}

impl<'a> EndedView<'a> {
    /// The end of a job.
    pub fn new(job: &'a Job) -> Self {
        Self {
            status: StatusView::new(job),
            user_id: &job.owner,
        }
    }
}

/// The answer of `GET /ipp/jobs`.
#[derive(Debug, Serialize)]
pub struct ListView<'a> {
    jobs: Vec<Entry<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

#[derive(Debug, Serialize)]
struct Entry<'a> {
    job_id: &'a JobId,
    status: Status,
    message: String,
    progress: u8,
    mode: Mode,
    mostradores_count: usize,
    databricks_run_id: Option<RunId>,
    databricks_job_id: &'a str,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl<'a> ListView<'a> {
    /// A page of jobs.
    pub fn new(jobs: &'a [Versioned<Job>], last: Option<&Place>) -> Self {
        let entry = |found: &'a Versioned<Job>| {
            let job = &found.document;
            Entry {
                job_id: &job.job_id,
                status: job.status,
                message: job.message(),
                progress: job.status.progress(),
                mode: job.mode,
                mostradores_count: job.mostradores.len(),
                databricks_run_id: job.first.run_id,
                databricks_job_id: &job.first.databricks_job_id,
                created_at: job.created_at,
                updated_at: job.updated_at,
            }
        };
        Self {
            jobs: jobs.iter().map(entry).collect(),
            cursor: last.map(ToString::to_string),
        }
    }
}

/// A file, with the link to it.
#[derive(Debug, Serialize)]
pub struct Location {
    /// The bucket.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// A presigned link.
    pub url: String,
}

/// The files of a job.
#[derive(Debug, Serialize)]
pub struct Locations {
    /// The files that the first run wrote.
    pub raw: Vec<Location>,
    /// The files that were made of them.
    pub processed: Vec<Location>,
    /// The seconds for which the links are valid.
    pub expires_in: u64,
}

/// The answer of `GET /ipp/results/{job_id}`.
#[derive(Debug, Serialize)]
pub struct ResultsView<'a> {
    job_id: &'a JobId,
    status: Status,
    mostradores: &'a [Mostrador],
    mostradores_count: usize,
    process_info: ProcessInfo<'a>,
    databricks_info: DatabricksInfo<'a>,
    s3_locations: Locations,
    files: Vec<FileView<'a>>,
    summary: Summary,
}

#[derive(Debug, Serialize)]
struct ProcessInfo<'a> {
    created_at: Timestamp,
    updated_at: Timestamp,
    user_info: &'a UserInfo,
}

#[derive(Debug, Serialize)]
struct DatabricksInfo<'a> {
    job1_run_id: Option<RunId>,
    job2_run_id: Option<RunId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    results_table: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    query_example: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<&'a str>,
}

#[derive(Debug, Serialize)]
struct FileView<'a> {
    processed: &'a str,
    rows: u64,
    warnings: &'a [String],
}

#[derive(Debug, Serialize)]
struct Summary {
    mostradores_processed: usize,
    total_time_seconds: u64,
    success: bool,
}

impl<'a> ResultsView<'a> {
    /// The results of a completed job. `table` is where the second run writes, if there is
    /// one.
    pub fn new(job: &'a Job, s3_locations: Locations, table: &'a str) -> Self {
        let second = job.second.as_ref();
        let table = (second.is_some() && !table.is_empty()).then_some(table);
        let runs = [Some(&job.first), second].into_iter().flatten();
        let seconds = job
            .updated_at
            .millis()
            .saturating_sub(job.created_at.millis())
            / 1_000;
        Self {
            job_id: &job.job_id,
            status: job.status,
            mostradores: &job.mostradores,
            mostradores_count: job.mostradores.len(),
            process_info: ProcessInfo {
                created_at: job.created_at,
                updated_at: job.updated_at,
                user_info: &job.user_info,
            },
            databricks_info: DatabricksInfo {
                job1_run_id: job.first.run_id,
                job2_run_id: second.and_then(|second| second.run_id),
                results_table: table,
                query_example: table
                    .map(|table| format!("SELECT * FROM {table} WHERE job_id = '{}'", job.job_id)),
                notes: runs.filter_map(|run| run.note.as_deref()).collect(),
            },
            s3_locations,
            files: job.files.iter().filter_map(file).collect(),
            summary: Summary {
                mostradores_processed: job.mostradores.len(),
                total_time_seconds: seconds,
                success: job.status == Status::Completed,
            },
        }
    }
}

fn file(file: &File) -> Option<FileView<'_>> {
    match &file.state {
        FileState::Processed { rows, warnings } => Some(FileView {
            processed: &file.processed,
            rows: *rows,
            warnings,
        }),
        _ => None,
    }
}

/// The answer of `POST /ipp/validate-clients`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ValidationView {
    status: &'static str,
    message: String,
    mode: Mode,
    valid_clients: Vec<Mostrador>,
    invalid_clients: Vec<String>,
    total: usize,
    validated: usize,
}

impl ValidationView {
    /// The outcome: the valid ids, and the others.
    pub fn new(mode: Mode, valid: Vec<Mostrador>, invalid: Vec<String>) -> Self {
        let (validated, total) = (valid.len(), valid.len() + invalid.len());
        let (status, message) = match validated {
            0 => (
                "all_invalid",
                format!("Ninguno de los {total} mostradores tiene configuración"),
            ),
            _ if invalid.is_empty() => (
                "all_valid",
                format!("Todos los {total} mostradores tienen configuración"),
            ),
            _ => (
                "partial_valid",
                format!("{validated} de {total} mostradores tienen configuración"),
            ),
        };
        Self {
            status,
            message,
            mode,
            valid_clients: valid,
            invalid_clients: invalid,
            total,
            validated,
        }
    }
}
