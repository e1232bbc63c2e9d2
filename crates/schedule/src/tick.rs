//! Looks at schedules and runs those that are due.

use std::time::Duration;

use base::{Failure, Trace, log};
use queue::{Moved, Publication, Queue, QueueNames, Step, Stored};
use serde_json::json;
use stores::Redis;

use crate::lines::{Schedule, Schedules};
use crate::plan::Plan;
use crate::state::State;

/// The rounds after which a tick leaves the rest to the callers that move schedules
/// meanwhile.
const MAX_ROUNDS: usize = 3;

/// How much later than needed the timer may be set for before it is set anew.
const TIMER_TOLERANCE: Duration = Duration::from_secs(1);

/// A schedule as a tick left it.
#[derive(Clone, Debug)]
pub struct Seen<'s> {
    /// The schedule.
    pub schedule: &'s Schedule,
    /// Its state.
    pub state: State,
}

/// Looks at the schedules of the queue's hash tag at the time `now` (milliseconds since the
/// Unix epoch), publishes the messages of those that are due, and sets their timer. States
/// of schedules that no line names are removed.
///
/// The caller notifies the workers that [`Queue::to_notify`] names, also after an error.
/// Schedules that are armed or removed, runs, and times that are missed or skipped, are
/// logged. With nothing to do, it is one read of Redis.
///
/// # Errors
/// Redis cannot be reached or refuses. Some schedules may have run.
pub fn tick<'s, R: Redis>(
    queue: &Queue<'_, R>,
    schedules: &'s Schedules,
    now: u64,
    trace: &Trace,
) -> Result<Vec<Seen<'s>>, Failure> {
    let mut rounds = 1;
    loop {
        let (seen, raced) = round(queue, schedules, now, trace)?;
        if !raced || rounds == MAX_ROUNDS {
            return Ok(seen);
        }
        rounds += 1;
    }
}

/// One look. Returns also whether another caller moved a schedule meanwhile.
fn round<'s, R: Redis>(
    queue: &Queue<'_, R>,
    schedules: &'s Schedules,
    now: u64,
    trace: &Trace,
) -> Result<(Vec<Seen<'s>>, bool), Failure> {
    let stored = queue.schedules()?;
    forget(queue, schedules, &stored, trace)?;

    let tag = queue.names().tag();
    let looks: Vec<_> = schedules
        .iter()
        .filter(|schedule| schedule.queue().tag() == tag)
        .map(|schedule| {
            let bytes = stored.states.get(schedule.name());
            let state = bytes.and_then(|bytes| State::read(bytes));
            let plan = Plan::of(schedule, state.as_ref(), now, schedules.catch_up);
            (schedule, bytes, state, plan)
        })
        .collect();
    let due = looks
        .iter()
        .filter_map(|(.., state, plan)| plan.state().or(state.as_ref())?.next)
        .min()
        .map(|next| Duration::from_millis(next.saturating_sub(now)));

    let (mut seen, mut raced, mut moved) = (Vec::new(), false, false);
    for (schedule, bytes, state, plan) in looks {
        let (to, publication) = match &plan {
            Plan::Wait => {
                seen.extend(state.map(|state| Seen { schedule, state }));
                continue;
            }
            Plan::Arm(state) | Plan::Miss { state, .. } => (state, None),
            Plan::Run {
                at, state, skipped, ..
            } => (state, Some((schedule.message_at(*at), skipped.write()?))),
        };
        let step = Step {
            name: schedule.name(),
            queue: schedule.queue(),
            from: bytes.map(Vec::as_slice),
            to: &to.write()?,
            publication: publication
                .as_ref()
                .map(|(message, otherwise)| Publication {
                    message: message.as_bytes(),
                    otherwise,
                }),
            due,
        };
        let outcome = queue.move_schedule(&step)?;
        report(schedule, &plan, outcome, now, trace);
        let after = match (plan, outcome) {
            (_, Moved::Raced) => {
                raced = true;
                state
            }
            (Plan::Run { skipped, .. }, Moved::Busy) => Some(skipped),
            (plan, _) => plan.state().cloned(),
        };
        moved |= outcome != Moved::Raced;
        seen.extend(after.map(|state| Seen { schedule, state }));
    }
    if let Some(due) = due.filter(|_| !moved) {
        let is_set = |left| left <= due + TIMER_TOLERANCE;
        if !stored.alarm.is_some_and(is_set) {
            queue.set_schedules_timer(due)?;
        }
    }
    Ok((seen, raced))
}

/// Removes the states of schedules that no line names.
fn forget<R: Redis>(
    queue: &Queue<'_, R>,
    schedules: &Schedules,
    stored: &Stored,
    trace: &Trace,
) -> Result<(), Failure> {
    for (name, state) in &stored.states {
        if schedules.keeps(name, queue.names().tag()) {
            continue;
        }
        let of = State::read(state).map_or_else(
            || queue.names().clone(),
            |state| QueueNames::new(&state.queue),
        );
        queue.forget_schedule(name, &of)?;
        log::info(trace, "a schedule was removed", json!({"schedule": name}));
    }
    Ok(())
}

fn report(schedule: &Schedule, plan: &Plan, outcome: Moved, now: u64, trace: &Trace) {
    if outcome == Moved::Raced {
        return;
    }
    let name = schedule.name();
    let time = |millis: Option<u64>| millis.map(base::rfc3339);
    let missed = match plan {
        Plan::Wait => 0,
        Plan::Arm(state) => {
            let fields =
                json!({"schedule": name, "expression": state.expression, "next": time(state.next)});
            log::info(trace, "a schedule was armed", fields);
            0
        }
        Plan::Miss { missed, .. } => *missed,
        Plan::Run { at, missed, .. } => {
            let late = now.saturating_sub(*at);
            let fields = json!({"schedule": name, "scheduledFor": base::rfc3339(*at), "queue": schedule.queue().name(), "lateMs": late});
            if outcome == Moved::Busy {
                let what =
                    "a time of a schedule is skipped: its last message is still on the queue";
                log::warn(trace, what, fields);
            } else {
                log::info(trace, "a schedule ran", fields);
            }
            *missed
        }
    };
    if missed > 0 {
        let next = time(plan.state().and_then(|state| state.next));
        let fields = json!({"schedule": name, "count": missed, "next": next});
        log::warn(trace, "times of a schedule were missed", fields);
    }
}
