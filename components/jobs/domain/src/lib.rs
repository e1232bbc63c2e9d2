//! The rules of the jobs system: jobs, their toons, progress and outcomes. No Spin, no
//! clock and no I/O.

pub mod effects;
mod ends;
mod id;
mod job;
mod json;
pub mod keys;
mod message;
mod progress;
mod query;
mod request;
mod result;
mod submission;
mod view;

pub use base::IdError;
pub use ends::{Ended, Ends};
pub use id::{JobId, ToonId};
pub use job::{Job, UNKNOWN, runs};
pub use message::{Batch, Begin, Completed, Message, Work};
pub use progress::{Progress, Status, UnknownStatus};
pub use query::{JobsQuery, ResultsQuery};
pub use request::Request;
pub use result::{MAX_RESULT_BYTES, Outcome, ToonResult, Unusable};
pub use submission::{MAX_AHEAD_DAYS, MAX_TOON_BYTES, MAX_TOONS, Submission, Toon};
pub use view::{CompletedView, JobView, JobsView, Times, results_view};
