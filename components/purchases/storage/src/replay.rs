//! Replays and their progress.

use base::{Failure, Trace};
use purchases_domain::{Replay, ReplayPage, keys};
use queue::{Change, Effect, Message, Queue};
use serde_json::{Value as Json, json};
use stores::{Arg, Redis, Value};

/// The time that a replay can be looked at, from its start.
const KEPT: std::time::Duration = std::time::Duration::from_secs(30 * 24 * 60 * 60);

/// A replay and how far it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The replay; `None` where there is none of this id.
    pub replay: Option<Replay>,
    /// The purchases and records of streams that it has come past.
    pub purchases: u64,
    /// The objects that it has written.
    pub objects: u64,
    /// When it ended; `None` before.
    pub finished_at: Option<String>,
}

impl Progress {
    /// The progress as an answer.
    pub fn view(&self) -> Json {
        json!({
            "state": if self.finished_at.is_some() { "done" } else { "running" },
            "replay": self.replay,
            "purchases": self.purchases,
            "objects": self.objects,
            "finished_at": self.finished_at,
        })
    }
}

/// Queues a replay. `queue` is that of work on the archive.
///
/// # Errors
/// Redis is out of reach.
pub fn start(queue: &Queue<'_, impl Redis>, replay: &Replay, trace: &Trace) -> Result<(), Failure> {
    let key = keys::replay(&replay.id);
    let change = Change::new()
        .with(Effect::Set {
            key: key.clone(),
            fields: vec![("replay".to_owned(), serde_json::to_vec(replay)?)],
        })
        .with(Effect::Expire { key, after: KEPT });
    let tenant = match &replay.tenant {
        Some(tenant) => Some(tenant.clone()),
        None => next_tenant(queue.redis(), None)?,
    };
    let change = match tenant {
        Some(tenant) => change.publishing(
            ReplayPage {
                id: replay.id.clone(),
                tenant,
                is_stream: false,
                after: None,
            }
            .encode(trace)?,
        ),
        // No tenant has a change.
        None => change.with(Effect::Set {
            key: keys::replay(&replay.id),
            fields: vec![(
                "finished".to_owned(),
                replay.started_at.clone().into_bytes(),
            )],
        }),
    };
    queue.commit(&change)?;
    Ok(())
}

/// The replay of this id.
///
/// # Errors
/// Redis is out of reach.
pub fn find(redis: &impl Redis, id: &str) -> Result<Progress, Failure> {
    let key = keys::replay(id);
    let args = [&*key, "replay", "purchases", "objects", "finished"].map(Arg::from);
    let reply = redis.call("HMGET", &args)?;
    let text = |at: usize| reply.get(at).and_then(Value::as_str);
    let number = |at: usize| text(at).and_then(|text| text.parse().ok()).unwrap_or(0);
    Ok(Progress {
        replay: reply.first().unwrap_or(&Value::Nil).as_json()?,
        purchases: number(1),
        objects: number(2),
        finished_at: text(3).map(str::to_owned),
    })
}

/// The tenant after another one, in the order of their names; the first without one.
///
/// # Errors
/// Redis is out of reach.
pub fn next_tenant(redis: &impl Redis, after: Option<&str>) -> Result<Option<String>, Failure> {
    let from = after.map_or("-".to_owned(), |after| format!("({after}"));
    let args = [
        Arg::from(keys::TENANTS),
        Arg::from(&from),
        Arg::from("+"),
        Arg::from("LIMIT"),
        Arg::Int(0),
        Arg::Int(1),
    ];
    let reply = redis.call("ZRANGEBYLEX", &args)?;
    Ok(reply.first().and_then(Value::as_str).map(str::to_owned))
}
