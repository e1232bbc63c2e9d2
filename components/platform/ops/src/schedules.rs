//! The state of the schedules.

use base::Timestamp;
use schedule::{Seen, Wrong};
use serde::Serialize;

/// The body of `GET /ops/schedules`.
#[derive(Debug, Serialize)]
pub struct Overview<'s> {
    schedules: Vec<Entry<'s>>,
    wrong: Vec<Mistake<'s>>,
}

/// A schedule in the overview.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'s> {
    name: &'s str,
    expression: String,
    queue: &'s str,
    next: Option<Timestamp>,
    last: Option<Run>,
    runs: u64,
    missed: u64,
    skipped: u64,
}

/// The last time that ran.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    scheduled_for: Timestamp,
    ran_at: Timestamp,
}

/// A line that is no schedule.
#[derive(Debug, Serialize)]
struct Mistake<'s> {
    name: &'s str,
    problem: &'s str,
}

impl<'s> Overview<'s> {
    /// The overview of the schedules as a tick left them, and of the wrong lines.
    pub fn of(seen: &'s [Seen<'s>], wrong: &'s [Wrong]) -> Self {
        let schedules = seen.iter().map(|seen| Entry {
            name: seen.schedule.name(),
            expression: seen.schedule.expression().to_string(),
            queue: seen.schedule.queue().name(),
            next: seen.state.next.map(Timestamp::from_millis),
            last: seen.state.last.map(|last| Run {
                scheduled_for: Timestamp::from_millis(last.scheduled_for),
                ran_at: Timestamp::from_millis(last.ran_at),
            }),
            runs: seen.state.runs,
            missed: seen.state.missed,
            skipped: seen.state.skipped,
        });
        let wrong = wrong.iter().map(|wrong| Mistake {
            name: &wrong.name,
            problem: &wrong.problem,
        });
        Self {
            schedules: schedules.collect(),
            wrong: wrong.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use schedule::{Last, Schedules, State};
    use serde_json::json;

    use super::*;

    #[test]
    fn the_overview_tells_of_each_schedule_and_of_wrong_lines() {
        let lines = r#"a | cron(0  8 * * ? *) | jobs | {"type":"x","schema":1}
            b | daily | jobs | {"type":"x","schema":1}"#;
        let schedules = Schedules::parse(lines, &[], &["jobs".to_owned()]);
        let state = State {
            expression: "cron(0 8 * * ? *)".to_owned(),
            queue: "jobs".to_owned(),
            next: Some(1_795_680_000_000),
            last: Some(Last {
                scheduled_for: 1_795_593_600_000,
                ran_at: 1_795_593_600_093,
            }),
            runs: 3,
            missed: 2,
            skipped: 1,
        };
        let seen: Vec<_> = schedules
            .iter()
            .map(|schedule| Seen {
                schedule,
                state: state.clone(),
            })
            .collect();
        assert_eq!(
            serde_json::to_value(Overview::of(&seen, schedules.wrong())).unwrap(),
            json!({
                "schedules": [{
                    "name": "a", "expression": "cron(0 8 * * ? *)", "queue": "jobs",
                    "next": "2026-11-26T08:00:00.000Z",
                    "last": {"scheduledFor": "2026-11-25T08:00:00.000Z", "ranAt": "2026-11-25T08:00:00.093Z"},
                    "runs": 3, "missed": 2, "skipped": 1,
                }],
                "wrong": [{"name": "b", "problem": "an expression is cron(...) or rate(...)"}],
            })
        );
    }
}
