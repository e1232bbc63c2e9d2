//! The rules of the ipp system (Inventario de Precisión Predictiva): jobs that follow runs
//! of Databricks to their results. No Spin, no clock and no I/O.

mod document;
mod effects;
mod id;
mod job;
pub mod keys;
mod message;
mod mostradores;
mod pipeline;
mod request;
mod run;
mod status;
mod view;

pub use effects::follow_later;
pub use id::{JobId, UNKNOWN};
pub use job::{Failed, File, FileState, Job, Mode, Origin, RunRecord, UserInfo};
pub use message::{Automatic, Expire, Follow, ForFile, Incoming, WorkOnFile};
pub use mostradores::{Mostrador, NoMostrador};
pub use pipeline::{MAX_FILES, Timeout, processed_name};
pub use request::{StartRequest, ValidateRequest, ids};
pub use run::{Jobs, TooMany, first_run, second_run};
pub use status::{Status, Step};
pub use view::{
    EndedView, ListView, Location, Locations, ResultsView, StartView, StatusView, ValidationView,
};
