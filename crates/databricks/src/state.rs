//! The states of runs.

use serde::Deserialize;

use crate::id::RunId;

/// A run, as Databricks describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// Its page in the workspace.
    pub page_url: Option<String>,
    /// The state of its life, such as `RUNNING`.
    pub life_cycle: String,
    /// The result, such as `SUCCESS`, of a run that has ended.
    pub result: Option<String>,
    /// Databricks' text about the state.
    pub message: String,
    /// The meaning of the states.
    pub progress: Progress,
}

/// The meaning of the states of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It waits, runs or ends, or has a state that is not known here.
    Running,
    /// It has succeeded.
    Succeeded,
    /// It has succeeded, though some of its tasks failed.
    SucceededWithFailures,
    /// It has ended in any other way.
    Failed {
        /// Why.
        reason: String,
    },
}

/// The answer of `runs/get`.
#[derive(Deserialize)]
pub(crate) struct RunBody {
    run_page_url: Option<String>,
    #[serde(default)]
    state: State,
    status: Option<Status>,
}

/// The old form of the state, which all workspaces send.
#[derive(Default, Deserialize)]
struct State {
    life_cycle_state: Option<String>,
    result_state: Option<String>,
    state_message: Option<String>,
}

/// The new form, which says more of ends.
#[derive(Deserialize)]
struct Status {
    state: Option<String>,
    termination_details: Option<Termination>,
}

#[derive(Deserialize)]
struct Termination {
    code: Option<String>,
    message: Option<String>,
}

impl RunBody {
    pub(crate) fn read(self, id: RunId) -> Run {
        let State {
            life_cycle_state,
            mut result_state,
            state_message,
        } = self.state;
        let (status, ended) = match self.status {
            Some(status) => (status.state, status.termination_details),
            None => (None, None),
        };
        let ended = ended.unwrap_or(Termination {
            code: None,
            message: None,
        });
        let has_life_cycle = life_cycle_state.is_some();
        let life_cycle = life_cycle_state.or(status).unwrap_or_default();
        if !has_life_cycle {
            result_state = result_state.or_else(|| ended.code.clone());
        }
        let messages = [ended.message, state_message].into_iter().flatten();
        let mut messages = messages.map(|text| text.trim().to_owned());
        let message = messages.find(|text| !text.is_empty()).unwrap_or_default();
        let progress = progress(&life_cycle, result_state.as_deref(), &ended.code, &message);
        Run {
            id,
            page_url: self.run_page_url.filter(|url| !url.is_empty()),
            life_cycle,
            result: result_state,
            message,
            progress,
        }
    }
}

/// The meaning of a state. "Additional states might be introduced" (Jobs API): an unknown
/// state of life counts as running, and an unknown result as a failure.
fn progress(
    life_cycle: &str,
    result: Option<&str>,
    code: &Option<String>,
    message: &str,
) -> Progress {
    match (life_cycle, result) {
        ("TERMINATED", Some("SUCCESS")) => Progress::Succeeded,
        ("TERMINATED", Some("SUCCESS_WITH_FAILURES")) => Progress::SucceededWithFailures,
        ("TERMINATED" | "SKIPPED" | "INTERNAL_ERROR", _) => {
            let result = result.unwrap_or("no result");
            let state = match life_cycle {
                "TERMINATED" => format!("the run ended with {result}"),
                other => format!("the run is {other}"),
            };
            let code = code.as_deref().filter(|code| *code != result);
            let code = code.map_or(String::new(), |code| format!(" ({code})"));
            let message = match message {
                "" => String::new(),
                message => format!(": {message}"),
            };
            let reason = format!("{state}{code}{message}");
            Progress::Failed { reason }
        }
        _ => Progress::Running,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(body: serde_json::Value) -> Run {
        let run: RunBody = serde_json::from_value(body).unwrap();
        run.read(RunId(7))
    }

    fn of(life_cycle: &str, result: Option<&str>) -> Progress {
        let state = json!({"life_cycle_state": life_cycle, "result_state": result});
        read(json!({"state": state})).progress
    }

    #[test]
    fn what_waits_runs_or_ends_is_running_and_so_is_an_unknown_state() {
        for state in [
            "PENDING",
            "QUEUED",
            "BLOCKED",
            "WAITING_FOR_RETRY",
            "RUNNING",
            "TERMINATING",
            "HIBERNATING",
            "",
        ] {
            assert_eq!(of(state, None), Progress::Running, "{state}");
        }
        assert_eq!(read(json!({})).progress, Progress::Running);
        // An answer of the future may have a result before the end.
        assert_eq!(of("TERMINATING", Some("SUCCESS")), Progress::Running);
    }

    #[test]
    fn only_two_results_are_successes() {
        assert_eq!(of("TERMINATED", Some("SUCCESS")), Progress::Succeeded);
        assert_eq!(
            of("TERMINATED", Some("SUCCESS_WITH_FAILURES")),
            Progress::SucceededWithFailures
        );
        for (life_cycle, result) in [
            ("TERMINATED", Some("FAILED")),
            ("TERMINATED", Some("TIMEDOUT")),
            ("TERMINATED", Some("CANCELED")),
            ("TERMINATED", Some("MAXIMUM_CONCURRENT_RUNS_REACHED")),
            ("TERMINATED", Some("EXCLUDED")),
            ("TERMINATED", Some("UPSTREAM_FAILED")),
            ("TERMINATED", Some("UPSTREAM_CANCELED")),
            ("TERMINATED", Some("DISABLED")),
            ("TERMINATED", Some("A_NEW_RESULT")),
            ("TERMINATED", None),
            ("SKIPPED", None),
            ("SKIPPED", Some("SUCCESS")),
            ("INTERNAL_ERROR", None),
            ("INTERNAL_ERROR", Some("FAILED")),
        ] {
            let progress = of(life_cycle, result);
            assert!(
                matches!(progress, Progress::Failed { .. }),
                "{life_cycle} {result:?}: {progress:?}"
            );
        }
    }

    #[test]
    fn a_failure_says_what_databricks_says() {
        let run = read(json!({
            "run_id": 7, "run_page_url": "https://x/#job/1/run/7",
            "state": {"life_cycle_state": "INTERNAL_ERROR", "result_state": "FAILED",
                "state_message": "Task failed"},
            "status": {"state": "TERMINATED", "termination_details": {
                "code": "CLUSTER_ERROR", "type": "CLOUD_FAILURE", "message": "no capacity"}},
        }));
        let reason = "the run is INTERNAL_ERROR (CLUSTER_ERROR): no capacity".to_owned();
        assert_eq!(run.progress, Progress::Failed { reason });
        assert_eq!(run.page_url.as_deref(), Some("https://x/#job/1/run/7"));
    }

    #[test]
    fn the_new_form_alone_is_understood() {
        let ended = |code: &str| {
            let details = json!({"code": code, "type": "X", "message": ""});
            read(json!({"status": {"state": "TERMINATED", "termination_details": details}}))
        };
        assert_eq!(ended("SUCCESS").progress, Progress::Succeeded);
        let reason = "the run ended with USER_CANCELED".to_owned();
        assert_eq!(ended("USER_CANCELED").progress, Progress::Failed { reason });
        let waiting = read(json!({"status": {"state": "WAITING"}}));
        assert_eq!(
            (waiting.progress, &*waiting.life_cycle),
            (Progress::Running, "WAITING")
        );
    }
}
