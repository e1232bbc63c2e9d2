//! Telemetry of requests and queue work: counts and durations of requests for Prometheus, and
//! spans of traces for a collector of OpenTelemetry.
//!
//! A component cannot keep anything from one request to the next, so both are kept in
//! Redis: counts in a hash that `/metrics` reads, and spans in a list that the worker of the
//! queue [`QUEUE`] exports.

mod requests;
mod settings;
mod span;
mod spans;

pub use requests::{BUCKETS, Histogram, Request, count, histograms};
pub use settings::Settings;
pub use span::{Attribute, Kind, Span};
pub use spans::{Export, MAX_BATCH, MAX_KEPT, QUEUE, keep, keep_again, take};
