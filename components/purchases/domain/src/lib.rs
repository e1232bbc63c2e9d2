//! The rules of the purchases system: purchases, the changes that the archive holds, and
//! the sums that reports show. No Spin, no clock and no I/O.

pub mod archive;
mod change;
pub mod compaction;
mod content;
mod counted;
mod decimal;
mod decision;
mod fecha;
mod id;
mod import;
mod index;
pub mod keys;
mod message;
pub mod metrics;
mod occurred;
mod purchase;
mod query;
mod replay;
mod report;
mod request;
mod view;

pub use change::{Change, Event, Origin, Sequence};
pub use content::{Content, Product, Settings, Summary, minor_digits};
pub use counted::{Counted, Entry, Totals, deltas};
pub use decimal::Decimal;
pub use decision::{Intent, UNKNOWN, Wish, decide_post, decide_put};
pub use fecha::{Fecha, NoFecha};
pub use id::PurchaseId;
pub use import::{Imported, Reading, Unplaced, item};
pub use message::{Changed, Compact, ImportedMessage, Incoming, Maintenance, Purge, ReplayPage};
pub use occurred::{KINDS, occurred};
pub use purchase::Purchase;
pub use query::{Days, ListQuery};
pub use replay::{Replay, ReplayRequest};
pub use report::{By, Report, ReportQuery, Sheet};
pub use request::PurchaseRequest;
pub use view::{HistoryView, ListView, PurchaseView};
