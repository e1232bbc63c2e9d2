//! Code that wit-bindgen generates from `wit/auth`.
#![allow(unsafe_code, missing_docs, clippy::all, clippy::restriction)]

wit_bindgen::generate!({
    world: "consumer",
    path: "../../wit/auth",
});
