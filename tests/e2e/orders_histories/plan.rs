//! The plans of clients.

use proptest::option;
use proptest::prelude::{Just, Strategy, prop_oneof};
use proptest::sample::select;

pub(crate) const CLIENTS: usize = 5;
pub(crate) const ORDERS: usize = 2;

/// One action of a client.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    /// Reads an order.
    Read { order: usize },
    /// Creates or changes an order.
    Write { order: usize, write: Write },
    /// Sends its last write again, unchanged.
    Repeat,
    /// Sends an invalid order.
    Spoilt { order: usize, spoilt: Spoilt },
}

/// A request that may be accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Write {
    pub(crate) method: Method,
    pub(crate) content: Content,
    pub(crate) guard: Guard,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Post,
    Put,
}

/// The content that a client wants for an order. There are so few that they repeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) status: &'static str,
    pub(crate) description: &'static str,
    pub(crate) register_date: Option<&'static str>,
}

/// A client's value of `If-Match`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Guard {
    Nothing,
    /// `*`
    Any,
    /// The tag of the version that it reads just before.
    Seen,
    /// The tag of the version before that.
    Older,
}

/// The fault in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spoilt {
    NoJson,
    NoStatus,
    NoDescription,
    UnknownStatus,
    NoDate,
    OtherId,
    NoTag,
}

/// Any action; those that continue a history are more frequent.
pub(crate) fn action() -> impl Strategy<Value = Action> {
    let order = || 0..ORDERS;
    let spoilt = select(vec![
        Spoilt::NoJson,
        Spoilt::NoStatus,
        Spoilt::NoDescription,
        Spoilt::UnknownStatus,
        Spoilt::NoDate,
        Spoilt::OtherId,
        Spoilt::NoTag,
    ]);
    prop_oneof![
        10 => (order(), write()).prop_map(|(order, write)| Action::Write { order, write }),
        2 => order().prop_map(|order| Action::Read { order }),
        2 => Just(Action::Repeat),
        1 => (order(), spoilt).prop_map(|(order, spoilt)| Action::Spoilt { order, spoilt }),
    ]
}

fn write() -> impl Strategy<Value = Write> {
    let method = prop_oneof![1 => Just(Method::Post), 8 => Just(Method::Put)];
    // A final status leaves little to do, so it is rare.
    let status = prop_oneof![
        12 => Just("received"),
        4 => Just("inprocess"),
        1 => Just("completed"),
        1 => Just("canceled"),
    ];
    let description = select(vec!["a chair", "two chairs", "a table", "a shelf"]);
    let date = select(vec!["2026-11-22T10:30:45Z", "2026-11-23T00:00:00+01:00"]);
    let content =
        (status, description, option::of(date)).prop_map(|(status, description, date)| Content {
            status,
            description,
            register_date: date,
        });
    let guard = prop_oneof![
        6 => Just(Guard::Nothing),
        1 => Just(Guard::Any),
        6 => Just(Guard::Seen),
        1 => Just(Guard::Older),
    ];
    (method, content, guard).prop_map(|(method, content, guard)| Write {
        method,
        content,
        guard,
    })
}
