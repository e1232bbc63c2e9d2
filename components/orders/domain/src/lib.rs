//! The rules of the orders system: orders, their changes, and the events for receivers.
//! No Spin, no clock and no I/O.

mod batch;
mod content;
mod decision;
mod event;
mod id;
mod index;
pub mod keys;
mod message;
mod order;
mod patch;
mod processing;
mod query;
mod request;
mod status;
mod transitions;
mod view;

pub use base::{Caller, IdError, NoTimestamp, Timestamp};
pub use batch::{Batch, BatchItem, MAX_ORDERS};
pub use content::Content;
pub use decision::{Change, Refusal, Rules, UNKNOWN, patch, post, put};
pub use event::{event, event_data};
pub use id::OrderId;
pub use message::Changed;
pub use order::Order;
pub use patch::OrderPatch;
pub use processing::{
    Failure, GroupHead, MAX_RESULT_BYTES, Processing, ProcessingRecord, Unusable,
};
pub use query::{After, ListQuery};
pub use request::{MAX_TEXT_BYTES, OrderRequest};
pub use status::{Status, UnknownStatus};
pub use transitions::{NoTransitions, Transitions};
pub use view::{Answer, HistoryView, ListView, OrderView};
