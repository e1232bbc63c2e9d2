//! Jobs and their runs.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use serde::Deserialize;
use serde_json::{Value, json};

use super::{answer::ApiError, options::DatabricksOptions};

/// The max bytes of `notebook_params` as JSON.
const MAX_PARAMS: usize = 10_000;
/// The max characters of an idempotency token.
const MAX_TOKEN: usize = 64;
/// The first id of a run: more than a float of 64 bits holds exactly.
const FIRST_RUN: u64 = 9_007_199_254_740_993;

/// A state of a run, as `runs/get` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunState {
    /// `life_cycle_state`.
    pub life_cycle: String,
    /// `result_state`.
    pub result: Option<String>,
    /// `state_message`.
    pub message: String,
}

impl RunState {
    /// A state without a result.
    pub fn new(life_cycle: &str) -> Self {
        Self {
            life_cycle: life_cycle.into(),
            result: None,
            message: String::new(),
        }
    }

    /// The end with a result.
    pub fn ended(result: &str) -> Self {
        Self {
            result: Some(result.into()),
            ..Self::new("TERMINATED")
        }
    }

    /// The same with a message.
    #[must_use]
    pub fn with_message(self, message: &str) -> Self {
        Self {
            message: message.into(),
            ..self
        }
    }

    fn is_success(&self) -> bool {
        let result = self.result.as_deref().unwrap_or_default();
        self.life_cycle == "TERMINATED" && result.starts_with("SUCCESS")
    }

    fn is_end(&self) -> bool {
        let ends = ["TERMINATED", "SKIPPED", "INTERNAL_ERROR"];
        ends.contains(&&*self.life_cycle)
    }
}

/// A run that was started.
#[derive(Clone, Debug)]
pub struct SeenRun {
    /// Its id.
    pub run_id: u64,
    /// Its job.
    pub job_id: u64,
    /// The idempotency token.
    pub token: String,
    /// The parameters.
    pub params: BTreeMap<String, String>,
    /// The requests that led to it.
    pub requests: usize,
    /// How often it was looked at.
    pub looks: usize,
    /// Whether it was to be canceled.
    pub is_canceled: bool,
}

struct Run {
    seen: SeenRun,
    started: Instant,
    /// The states that are still to come, and the present one first.
    script: Option<VecDeque<RunState>>,
    /// Whether its `OnSuccess` is done.
    is_done: bool,
}

#[derive(Default)]
pub(super) struct Jobs {
    pub(super) scripts: VecDeque<VecDeque<RunState>>,
    runs: Vec<Run>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RunNow {
    job_id: u64,
    idempotency_token: Option<String>,
    #[serde(default)]
    notebook_params: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cancel {
    run_id: u64,
}

impl Jobs {
    pub(super) fn seen(&self) -> Vec<SeenRun> {
        self.runs.iter().map(|run| run.seen.clone()).collect()
    }

    pub(super) fn run_now(
        &mut self,
        options: &DatabricksOptions,
        request: RunNow,
    ) -> Result<Value, ApiError> {
        let RunNow {
            job_id,
            idempotency_token,
            notebook_params,
        } = request;
        if !options.jobs.contains(&job_id) {
            return Err(ApiError::invalid(format!("Job {job_id} does not exist.")));
        }
        let token = idempotency_token.unwrap_or_default();
        if token.chars().count() > MAX_TOKEN {
            return Err(ApiError::invalid(
                "The idempotency token has more than 64 characters.",
            ));
        }
        let size = json!({"notebook_params": notebook_params})
            .to_string()
            .len();
        if size > MAX_PARAMS {
            let message = format!("The notebook_params have {size} bytes, more than {MAX_PARAMS}.");
            return Err(ApiError::invalid(message));
        }
        let known = self
            .runs
            .iter_mut()
            .find(|run| !token.is_empty() && run.seen.token == token);
        let (run, number) = match known {
            Some(run) => {
                run.seen.requests += 1;
                (run.seen.run_id, 1)
            }
            None => {
                let run_id = FIRST_RUN + self.runs.len() as u64 * 2;
                self.runs.push(Run {
                    seen: SeenRun {
                        run_id,
                        job_id,
                        token,
                        params: notebook_params,
                        requests: 1,
                        looks: 0,
                        is_canceled: false,
                    },
                    started: Instant::now(),
                    script: self.scripts.pop_front(),
                    is_done: false,
                });
                (run_id, self.runs.len())
            }
        };
        Ok(json!({"run_id": run, "number_in_job": number}))
    }

    pub(super) fn cancel(&mut self, Cancel { run_id }: Cancel) -> Result<Value, ApiError> {
        let run = self.run(run_id)?;
        run.seen.is_canceled = true;
        Ok(json!({}))
    }

    fn run(&mut self, id: u64) -> Result<&mut Run, ApiError> {
        let run = self.runs.iter_mut().find(|run| run.seen.run_id == id);
        run.ok_or_else(|| ApiError::invalid(format!("Run {id} does not exist.")))
    }

    /// Looks at a run. Returns it if it is to succeed now, after its `OnSuccess`.
    pub(super) fn look(
        &mut self,
        id: u64,
        duration: Duration,
    ) -> Result<Option<SeenRun>, ApiError> {
        let run = self.run(id)?;
        run.seen.looks += 1;
        if let Some(script) = &mut run.script
            && script.len() > 1
            && run.seen.looks > 1
        {
            script.pop_front();
        }
        let succeeds = run.state(duration).is_success() && !run.is_done;
        Ok(succeeds.then(|| run.seen.clone()))
    }

    /// Notes that the `OnSuccess` of a run is done.
    pub(super) fn succeeded(&mut self, id: u64) {
        if let Ok(run) = self.run(id) {
            run.is_done = true;
        }
    }

    pub(super) fn show(
        &mut self,
        id: u64,
        url: impl Fn(u64, u64) -> String,
    ) -> Result<Value, ApiError> {
        let run = self.run(id)?;
        let state = run.state(Duration::ZERO);
        let shown = json!({"life_cycle_state": state.life_cycle, "result_state": state.result,
            "state_message": state.message, "user_cancelled_or_timedout": run.seen.is_canceled});
        let ended = state.is_end();
        let status = match ended {
            true => {
                let code = state.result.as_deref().unwrap_or(&state.life_cycle);
                let kind = match state.is_success() {
                    true => "SUCCESS",
                    false => "CLIENT_ERROR",
                };
                json!({"state": "TERMINATED", "termination_details":
                    {"code": code, "message": state.message, "type": kind}})
            }
            false => match &*state.life_cycle {
                "WAITING_FOR_RETRY" => json!({"state": "WAITING"}),
                other => json!({"state": other}),
            },
        };
        let SeenRun { job_id, run_id, .. } = run.seen;
        Ok(json!({
            "job_id": job_id, "run_id": run_id, "number_in_job": run_id, "run_name": "Normalizador",
            "run_page_url": url(job_id, run_id), "run_type": "JOB_RUN", "trigger": "ONE_TIME",
            "creator_user_name": "orilla@example.com", "attempt_number": 0,
            "state": shown, "status": status,
            "tasks": [{"run_id": run_id + 1, "task_key": "main", "state": shown}],
        }))
    }
}

impl Run {
    /// The present state: that of its script, or by the time since its start.
    fn state(&mut self, duration: Duration) -> RunState {
        let scripted = self.script.as_ref().and_then(|script| script.front());
        let state = match scripted {
            Some(state) => state.clone(),
            None if self.is_done => RunState::ended("SUCCESS"),
            None if self.seen.is_canceled => RunState::ended("CANCELED"),
            None if duration.is_zero() || self.started.elapsed() < duration => {
                RunState::new("RUNNING")
            }
            None => RunState::ended("SUCCESS"),
        };
        match self.seen.is_canceled && !state.is_end() {
            true => RunState::ended("CANCELED").with_message("Run cancelled."),
            false => state,
        }
    }
}
