//! Processes toons by hashing them: a provider of `orilla:jobs/processor`.
//!
//! The result of a toon is the SHA-256 of its canonical JSON (RFC 8785) and the size of
//! that in bytes. All spellings of a toon have one hash.

mod hash;

#[allow(unsafe_code, missing_docs)]
mod bindings {
    wit_bindgen::generate!({ path: "../../../wit/jobs", world: "provider" });

    // Native linkers reject the names of exports, which have a slash.
    #[cfg(target_arch = "wasm32")]
    mod exported {
        use crate::Component;

        super::export!(Component with_types_in super);
    }
}

use bindings::exports::orilla::jobs::processor::{Failure, Guest, Toon};

/// The processor as a component exports it.
pub struct Component;

impl Guest for Component {
    fn process(toons: Vec<Toon>) -> Vec<Result<String, Failure>> {
        toons
            .iter()
            .map(|toon| hash::hash(&toon.content).map_err(Failure::Invalid))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn toon(content: &str) -> Toon {
        Toon {
            job_id: "JOB-001".into(),
            toon_id: "TOON-001".into(),
            content: content.into(),
            attempt: 1,
        }
    }

    #[test]
    fn one_bad_toon_does_not_fail_the_others() {
        let toons = [r#"{"a":1}"#, r#"{"a":1e400}"#, r#"{ "a": 1.0 }"#];
        let results = Component::process(toons.map(toon).into());
        assert_eq!(results.len(), 3);
        assert!(matches!(&results[1], Err(Failure::Invalid(_))));
        assert_eq!(results[0].as_ref().unwrap(), results[2].as_ref().unwrap());
    }
}
