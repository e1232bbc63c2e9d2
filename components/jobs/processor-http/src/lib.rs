//! Processes toons by a user's own service: a provider of `orilla:jobs/processor` that
//! sends each toon to the URL in `processor_url`.
//!
//! Toons go out as `POST` with the toon's JSON as the body and the headers `x-job-id`,
//! `x-toon-id` and `x-attempt`. The JSON of the answer is the toon's result.
//! [`outbound::service`] defines the other answers. A toon may be sent again after a
//! success, so the service must expect the same ids twice.

mod bindings;
mod client;

use bindings::exports::orilla::jobs::processor::{Failure, Guest, Toon};
use outbound::service;

/// The processor as a component exports it.
pub struct Component;

impl Guest for Component {
    fn process(toons: Vec<Toon>) -> Vec<Result<String, Failure>> {
        let pieces = toons.into_iter().map(client::piece).collect();
        let answers = service::work("processor", client::MAX_RESULT_BYTES, pieces);
        answers.into_iter().map(client::result).collect()
    }
}

// Native linkers reject the names of exports, which have a slash.
#[cfg(target_arch = "wasm32")]
#[allow(unsafe_code)]
mod exported {
    use crate::{Component, bindings};

    bindings::export!(Component with_types_in bindings);
}
