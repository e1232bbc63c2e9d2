//! Processes toons by a service of one's own: a provider of
//! `orilla:jobs/processor` that sends each toon to the URL in `processor_url`.
//!
//! Toons go out as `POST` with the toon's JSON as the body and the headers
//! `x-job-id`, `x-toon-id` and `x-attempt`; the JSON that comes back is the
//! toon's result. What other answers mean is in [`outbound::service`]. A toon may be sent
//! again after a success, so the service has to expect the same ids twice.

mod client;

#[allow(unsafe_code, missing_docs)]
mod bindings {
    wit_bindgen::generate!({ path: "../../../wit/jobs", world: "provider" });

    // Names with a slash, as components export them, no native linker takes.
    #[cfg(target_arch = "wasm32")]
    mod exported {
        use crate::Component;

        super::export!(Component with_types_in super);
    }
}

use bindings::exports::orilla::jobs::processor::{Failure, Guest, Toon};
use outbound::Spin;

/// The processor as a component exports it.
pub struct Component;

impl Guest for Component {
    fn process(toons: Vec<Toon>) -> Vec<Result<String, Failure>> {
        let url = spin_sdk::variables::get("processor_url").unwrap_or_default();
        match client::processor(&url) {
            Ok(processor) => spin_sdk::http::run(client::process(&Spin, &processor, toons)),
            // That is not the toons' fault, and somebody may set it meanwhile.
            Err(problem) => {
                let failure = Failure::Retry(format!("the variable `processor_url` {problem}"));
                vec![Err(failure); toons.len()]
            }
        }
    }
}
