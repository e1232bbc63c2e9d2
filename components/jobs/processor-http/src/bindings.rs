//! The interface `orilla:jobs/processor`, as wit-bindgen generates it.
#![allow(unsafe_code, missing_docs)]

wit_bindgen::generate!({ path: "../../../wit/jobs", world: "provider" });
