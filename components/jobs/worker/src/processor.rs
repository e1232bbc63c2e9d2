//! The processor that `spin.toml` binds.

mod bindings {
    #![allow(missing_docs, clippy::all)]
    wit_bindgen::generate!({ world: "consumer", path: "../../../wit/jobs" });
}

pub(crate) use bindings::orilla::jobs::processor::{Failure, Toon, process};
