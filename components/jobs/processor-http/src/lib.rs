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
use outbound::Spin;

/// The processor as a component exports it.
pub struct Component;

impl Guest for Component {
    fn process(toons: Vec<Toon>) -> Vec<Result<String, Failure>> {
        let url = spin_sdk::variables::get("processor_url").unwrap_or_default();
        match client::processor(&url) {
            Ok(processor) => spin_sdk::http::run(client::process(&Spin, &processor, toons)),
            // The toons are not at fault, and an operator may set the variable.
            Err(problem) => {
                let failure = Failure::Retry(format!("the variable `processor_url` {problem}"));
                vec![Err(failure); toons.len()]
            }
        }
    }
}

// Native linkers reject the names of exports, which have a slash.
#[cfg(target_arch = "wasm32")]
#[allow(unsafe_code)]
mod exported {
    use crate::{Component, bindings};

    bindings::export!(Component with_types_in bindings);
}
