//! Jobs from submission to completion, beside Redis alone with the
//! same messages; and the cost of asking for a job.

use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use base::Trace;
use devstack::client::{Call, routes};
use http::HeaderValue;
use jobs_domain::{JobId, Message, Submission};
use queue::Message as _;
use serde_json::{Value, json};

use crate::{
    app::App,
    ceiling,
    client::Connection,
    load,
    numbers::{Latencies, median, thousands},
    plan::Plan,
    report::Table,
};

/// The owner of the jobs.
const USER: u64 = 456;

/// The part of the ceiling that jobs should reach.
const TARGET: f64 = 0.3;

/// A run's id, as long as the real ones.
const RUN: &str = "0123456789abcdef0123456789abcdef";

/// The max time of a job.
const PATIENCE: Duration = Duration::from_secs(300);

/// The min time between two looks at a job. Later pauses are a fixed part of the
/// time passed, which is also the max error of the result.
const FIRST_LOOK: Duration = Duration::from_millis(1);
const LOOKS: u32 = 40;

/// A job to submit.
pub struct Job {
    /// Its id.
    pub id: String,
    size: usize,
    body: Vec<u8>,
}

/// The time to run a job, and the times of the requests for its state meanwhile.
pub struct Ran {
    pub took: Duration,
    looks: Latencies,
}

impl Job {
    /// A job of `size` toons.
    ///
    /// # Errors
    /// JSON cannot be written.
    pub fn of(size: usize, id: &str) -> Result<Self> {
        let toons: Vec<_> = (1..=size).map(toon).collect();
        Ok(Self {
            id: id.to_owned(),
            size,
            body: serde_json::to_vec(&json!({"jobId": id, "toons": toons}))?,
        })
    }

    /// The request that submits it.
    pub fn submission(&self) -> Call {
        routes::submit_job(self.body.clone())
    }

    /// Its messages, byte for byte as the application writes them.
    fn messages(&self) -> Result<Vec<Vec<u8>>> {
        let submission = Submission::parse(&self.body)?;
        let (id, trace): (JobId, _) = (self.id.parse()?, Trace::new());
        let toons = (0..).zip(&submission.toons);
        let messages =
            toons.map(|(index, toon)| Message::new(&id, RUN, index, toon).encode(&trace));
        Ok(messages.collect::<Result<_, _>>()?)
    }

    /// Submits the job and waits until it is completed.
    ///
    /// # Errors
    /// The job is refused, a toon fails, or the job does not end.
    pub async fn run(&self, connection: &mut Connection, token: &HeaderValue) -> Result<Ran> {
        let submission = self.submission().with_token(token);
        let status = routes::job(&self.id, 0).with_token(token);
        let mut looks = Latencies::default();
        let started = Instant::now();
        connection.send(&submission).await?;
        while started.elapsed() < PATIENCE {
            let looked = Instant::now();
            let found = connection.ask(&status).await?;
            match found.status.as_str() {
                "PENDING" | "PROCESSING" => looks.add(looked.elapsed()),
                "COMPLETED" => {
                    let took = started.elapsed();
                    let processed = found.processed_toons;
                    ensure!(processed == self.size, "{processed} of {} toons", self.size);
                    return Ok(Ran { took, looks });
                }
                other => bail!(
                    "job {} is {other}, {} toons failed",
                    self.id,
                    found.failed_toons
                ),
            }
            tokio::time::sleep(FIRST_LOOK.max(started.elapsed() / LOOKS)).await;
        }
        bail!(
            "job {} has not ended after {} s",
            self.id,
            PATIENCE.as_secs()
        )
    }
}

pub async fn measure(app: &App, plan: &Plan) -> Result<String> {
    let token = app.token(USER)?;
    let mut connection = app.connect().await?;
    let mut rates = Table::new([
        "toons",
        "bytes a message",
        "toons/s",
        "Redis alone/s",
        "of it",
        "target",
    ]);
    let mut looks = Table::new(["toons", "status while it runs", "status", "100 results"]);
    for &size in plan.job_sizes {
        let mut rate = Rate::default();
        let mut running = Latencies::default();
        for number in 0..plan.jobs {
            let job = Job::of(size, &format!("job-{size}-{number}"))?;
            let ran = job.run(&mut connection, &token).await?;
            app.drained().await?;
            let messages = job.messages()?;
            rate.bytes = messages.iter().map(Vec::len).sum::<usize>() / size;
            let alone = ceiling::measure(app.redis_url(), messages).await?;
            rate.add(size, ran.took, alone);
            running.extend(&ran.looks);
        }
        rates.row(rate.cells(size));

        let job = Job::of(size, &format!("job-{size}-0"))?;
        let status = routes::job(&job.id, 0).with_token(&token);
        let status = load::one_by_one(&mut connection, &status, plan.samples).await?;
        let results = routes::results(&job.id, 100).with_token(&token);
        let results = load::one_by_one(&mut connection, &results, plan.samples).await?;
        let columns = [running, status, results].map(|latencies| latencies.summary());
        looks.row([thousands(size as f64)].into_iter().chain(columns));
    }
    Ok(format!(
        "{rates}\nTo ask for a job, p50 / p99 in ms:\n\n{looks}"
    ))
}

/// The rates for jobs of a size, and for Redis alone.
#[derive(Default)]
struct Rate {
    bytes: usize,
    jobs: Vec<f64>,
    alone: Vec<f64>,
}

impl Rate {
    fn add(&mut self, size: usize, job: Duration, alone: Duration) {
        self.jobs.push(size as f64 / job.as_secs_f64());
        self.alone.push(size as f64 / alone.as_secs_f64());
    }

    fn cells(&self, size: usize) -> [String; 6] {
        let ratios = self
            .jobs
            .iter()
            .zip(&self.alone)
            .map(|(job, alone)| job / alone);
        [
            thousands(size as f64),
            self.bytes.to_string(),
            thousands(median(self.jobs.iter().copied())),
            thousands(median(self.alone.iter().copied())),
            format!("{:.2}", median(ratios)),
            TARGET.to_string(),
        ]
    }
}

/// A toon as the samples have them.
fn toon(number: usize) -> Value {
    json!({
        "toonId": format!("TOON-{number:05}"),
        "title": format!("The lighthouse keeper, part {number}"),
        "artist": "R. Vela",
        "panels": 4 + number % 5,
        "language": "en",
        "tags": ["sea", "night", "humour"],
        "pages": [{"number": 1, "width": 1200, "height": 1800}],
    })
}
