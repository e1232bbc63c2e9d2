//! The steps of a history.

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::select;

pub(crate) const WORKERS: usize = 3;
pub(crate) const ENTITIES: usize = 2;
pub(crate) const GROUPS: usize = 2;

/// One step of a history.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Publishes a number of messages.
    Publish(usize),
    /// Publishes messages in a group.
    PublishInGroup { group: usize, count: usize },
    /// Publishes messages that are staged first, once for an idempotency key.
    Submit { key: usize, count: usize },
    /// Raises an entity and publishes its new version. A stale writer knows only an
    /// older version.
    Raise { entity: usize, stale: bool },
    /// A worker claims messages.
    Claim { worker: usize, batch: usize },
    /// A worker claims messages when all leases have just run out.
    TakeOver { worker: usize, batch: usize },
    /// A worker settles the messages that it claimed first.
    Settle { worker: usize, ends: Vec<End> },
    /// A worker raises an entity by the message that it claimed first.
    SettleByRaise {
        worker: usize,
        entity: usize,
        stale: bool,
    },
    /// A worker extends its leases.
    Extend { worker: usize },
    /// A worker dies, and a new one without its state takes its place.
    Die { worker: usize },
    /// All delayed messages become due.
    TimeComes,
    /// The timer goes off.
    Wake,
    /// Sends back a number of the oldest dead letters.
    Redrive(usize),
    /// Discards a number of the oldest dead letters.
    Discard(usize),
}

/// How a worker ends its work on a message.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    Done,
    Retry,
    Postpone,
    Dead,
}

/// Any step; those that continue a history are more frequent.
pub(crate) fn step() -> impl Strategy<Value = Step> {
    let worker = || 0..WORKERS;
    let batch = || 1..6_usize;
    let end = select(vec![End::Done, End::Retry, End::Postpone, End::Dead]);
    prop_oneof![
        3 => batch().prop_map(Step::Publish),
        3 => (0..GROUPS, 1..4_usize)
            .prop_map(|(group, count)| Step::PublishInGroup { group, count }),
        2 => (0..3_usize, batch()).prop_map(|(key, count)| Step::Submit { key, count }),
        2 => (0..ENTITIES, any::<bool>()).prop_map(|(entity, stale)| Step::Raise { entity, stale }),
        4 => (worker(), batch()).prop_map(|(worker, batch)| Step::Claim { worker, batch }),
        3 => (worker(), batch()).prop_map(|(worker, batch)| Step::TakeOver { worker, batch }),
        6 => (worker(), vec(end, 1..6)).prop_map(|(worker, ends)| Step::Settle { worker, ends }),
        2 => (worker(), 0..ENTITIES, any::<bool>())
            .prop_map(|(worker, entity, stale)| Step::SettleByRaise { worker, entity, stale }),
        1 => worker().prop_map(|worker| Step::Extend { worker }),
        1 => worker().prop_map(|worker| Step::Die { worker }),
        2 => Just(Step::TimeComes),
        1 => Just(Step::Wake),
        1 => batch().prop_map(Step::Redrive),
        1 => (1..3_usize).prop_map(Step::Discard),
    ]
}
