//! The handler that `spin.toml` binds.

mod bindings {
    #![allow(missing_docs, clippy::all)]
    wit_bindgen::generate!({ world: "consumer", path: "../../../wit/orders" });
}

use orders_domain::Status;

pub(crate) use bindings::orilla::orders::handler::{Event, Failure, Order, Outcome, handle};

impl From<Status> for bindings::orilla::orders::handler::Status {
    fn from(status: Status) -> Self {
        match status {
            Status::Received => Self::Received,
            Status::Inprocess => Self::Inprocess,
            Status::Completed => Self::Completed,
            Status::Canceled => Self::Canceled,
        }
    }
}
