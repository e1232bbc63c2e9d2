//! The next action for a schedule: a decision from its state and the time.

use std::time::Duration;

use crate::lines::Schedule;
use crate::state::{Last, State};

/// The next action for a schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Plan {
    /// Nothing.
    Wait,
    /// It gets its first time: it is new, or has another expression or queue.
    Arm(State),
    /// Its last due time runs.
    Run {
        /// That time.
        at: u64,
        /// The number of times before it that are missed.
        missed: u64,
        /// The state after it.
        state: State,
        /// The state after it where it is skipped.
        skipped: State,
    },
    /// All due times are too old.
    Miss {
        /// Their number.
        missed: u64,
        /// The state after them.
        state: State,
    },
}

impl Plan {
    /// Decides at the time `now`. Times up to `catch_up` ago still run.
    pub(crate) fn of(
        schedule: &Schedule,
        stored: Option<&State>,
        now: u64,
        catch_up: Duration,
    ) -> Self {
        let expression = schedule.expression();
        let is_same = |state: &&State| {
            *expression == *state.expression && state.queue == schedule.queue().name()
        };
        let Some(state) = stored.filter(is_same) else {
            return Self::Arm(arm(schedule, stored, now));
        };
        let Some(first) = state.next.filter(|next| *next <= now) else {
            return Self::Wait;
        };
        let due = expression.due(first, now);
        let moved = State {
            next: due.next,
            ..state.clone()
        };
        let late = Duration::from_millis(now.saturating_sub(due.latest));
        if late > catch_up {
            let missed = due.count;
            let state = State {
                missed: moved.missed.saturating_add(missed),
                ..moved
            };
            return Self::Miss { missed, state };
        }
        let missed = due.count.saturating_sub(1);
        let moved = State {
            missed: moved.missed.saturating_add(missed),
            ..moved
        };
        Self::Run {
            at: due.latest,
            missed,
            skipped: State {
                skipped: moved.skipped.saturating_add(1),
                ..moved.clone()
            },
            state: State {
                last: Some(Last {
                    scheduled_for: due.latest,
                    ran_at: now,
                }),
                runs: moved.runs.saturating_add(1),
                ..moved
            },
        }
    }

    /// The state after it, if it is another one and the schedule's message is not skipped.
    pub(crate) fn state(&self) -> Option<&State> {
        match self {
            Self::Wait => None,
            Self::Arm(state) | Self::Run { state, .. } | Self::Miss { state, .. } => Some(state),
        }
    }
}

/// The first state of a schedule, with the counts of an earlier one of its name. A time that
/// ran does not run again, though the clock may have been set back.
fn arm(schedule: &Schedule, earlier: Option<&State>, now: u64) -> State {
    let last = earlier.and_then(|state| state.last);
    let after = last.map_or(now, |last| last.scheduled_for.max(now));
    let count = |count: fn(&State) -> u64| earlier.map_or(0, count);
    State {
        expression: schedule.expression().to_string(),
        queue: schedule.queue().name().to_owned(),
        next: schedule.expression().next(after),
        last,
        runs: count(|state| state.runs),
        missed: count(|state| state.missed),
        skipped: count(|state| state.skipped),
    }
}

#[cfg(test)]
mod tests {
    use crate::Schedules;

    use super::*;

    const HOUR: u64 = 3_600_000;
    const CATCH_UP: Duration = Duration::from_secs(3_600);
    /// 2026-11-25T08:00:00Z.
    const EIGHT: u64 = 1_795_593_600_000;

    fn schedule(expression: &str) -> Schedule {
        let line = format!(r#"a | {expression} | jobs | {{"type":"x","schema":1}}"#);
        let schedules = Schedules::parse(&line, &[], &["jobs".to_owned()]);
        schedules.iter().next().unwrap().clone()
    }

    fn plan(expression: &str, state: Option<&State>, now: u64) -> Plan {
        Plan::of(&schedule(expression), state, now, CATCH_UP)
    }

    /// The state of a schedule that was armed at `now`.
    fn armed(expression: &str, now: u64) -> State {
        match plan(expression, None, now) {
            Plan::Arm(state) => state,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_new_schedule_waits_for_its_first_time() {
        let state = armed("cron(0 8 * * ? *)", EIGHT - 1);
        assert_eq!((state.next, state.last, state.runs), (Some(EIGHT), None, 0));
        assert_eq!(
            plan("cron(0 8 * * ? *)", Some(&state), EIGHT - 1),
            Plan::Wait
        );
        assert_eq!(
            armed("cron(0 8 * * ? *)", EIGHT).next,
            Some(EIGHT + 24 * HOUR)
        );
        assert_eq!(armed("rate(5 minutes)", 7).next, Some(300_007));
        let never = armed("cron(0 8 * * ? 2025)", EIGHT);
        assert_eq!(never.next, None);
        assert_eq!(
            plan("cron(0 8 * * ? 2025)", Some(&never), u64::MAX),
            Plan::Wait
        );
    }

    #[test]
    fn a_time_runs_when_it_has_come_also_late() {
        let state = armed("cron(0 8 * * ? *)", EIGHT - 1);
        for late in [0, 1, HOUR] {
            let now = EIGHT + late;
            let Plan::Run {
                at,
                missed,
                state,
                skipped,
            } = plan("cron(0 8 * * ? *)", Some(&state), now)
            else {
                panic!("it does not run");
            };
            assert_eq!((at, missed), (EIGHT, 0));
            let last = Last {
                scheduled_for: EIGHT,
                ran_at: now,
            };
            assert_eq!(
                (
                    state.next,
                    state.last,
                    state.runs,
                    state.missed,
                    state.skipped
                ),
                (Some(EIGHT + 24 * HOUR), Some(last), 1, 0, 0)
            );
            assert_eq!(
                (
                    skipped.next,
                    skipped.last,
                    skipped.runs,
                    skipped.missed,
                    skipped.skipped
                ),
                (state.next, None, 0, 0, 1)
            );
            assert_eq!(plan("cron(0 8 * * ? *)", Some(&state), now), Plan::Wait);
        }
    }

    #[test]
    fn a_time_that_is_looked_at_too_late_is_missed() {
        let state = armed("cron(0 8 * * ? *)", EIGHT - 1);
        let Plan::Miss { missed, state } =
            plan("cron(0 8 * * ? *)", Some(&state), EIGHT + HOUR + 1)
        else {
            panic!("it runs");
        };
        assert_eq!(
            (missed, state.missed, state.runs, state.last),
            (1, 1, 0, None)
        );
        assert_eq!(state.next, Some(EIGHT + 24 * HOUR));
    }

    #[test]
    fn of_many_times_the_latest_runs_and_the_others_are_missed() {
        let state = armed("rate(10 minutes)", EIGHT);
        let Plan::Run {
            at,
            missed,
            state,
            skipped,
        } = plan("rate(10 minutes)", Some(&state), EIGHT + 24 * HOUR + 1)
        else {
            panic!("it does not run");
        };
        assert_eq!((at, missed), (EIGHT + 24 * HOUR, 143));
        assert_eq!(
            (state.missed, state.runs, state.next),
            (143, 1, Some(at + 600_000))
        );
        assert_eq!((skipped.missed, skipped.skipped), (143, 1));

        let daily = armed("cron(0 8 * * ? *)", EIGHT - 1);
        let Plan::Miss { missed, state } =
            plan("cron(0 8 * * ? *)", Some(&daily), EIGHT + 50 * HOUR)
        else {
            panic!("it runs");
        };
        assert_eq!((missed, state.next), (3, Some(EIGHT + 72 * HOUR)));
    }

    #[test]
    fn another_expression_or_queue_starts_from_now_and_keeps_the_counts() {
        let last = Last {
            scheduled_for: EIGHT,
            ran_at: EIGHT + 5,
        };
        let state = State {
            last: Some(last),
            runs: 7,
            missed: 2,
            skipped: 1,
            ..armed("cron(0 8 * * ? *)", EIGHT)
        };
        let now = EIGHT + 2 * HOUR;
        let Plan::Arm(other) = plan("cron(0 11 * * ? *)", Some(&state), now) else {
            panic!("it is the same");
        };
        assert_eq!(other.next, Some(EIGHT + 3 * HOUR));
        assert_eq!(
            (other.last, other.runs, other.missed, other.skipped),
            (Some(last), 7, 2, 1)
        );
        assert_eq!(plan("CRON(0 8 * * ? *)", Some(&state), now), Plan::Wait);
        let moved = State {
            queue: "images".to_owned(),
            ..state
        };
        assert!(matches!(
            plan("cron(0 8 * * ? *)", Some(&moved), now),
            Plan::Arm(_)
        ));
    }

    #[test]
    fn a_clock_that_is_set_back_repeats_no_time() {
        let ran = Last {
            scheduled_for: EIGHT,
            ran_at: EIGHT,
        };
        let state = State {
            last: Some(ran),
            ..armed("cron(0 8 * * ? *)", EIGHT)
        };
        assert_eq!(
            plan("cron(0 8 * * ? *)", Some(&state), EIGHT - HOUR),
            Plan::Wait
        );
        let Plan::Arm(other) = plan("cron(0 7-9 * * ? *)", Some(&state), EIGHT - 2 * HOUR) else {
            panic!("it is the same");
        };
        assert_eq!(other.next, Some(EIGHT + HOUR), "eight o'clock has been");
    }
}
