//! What wit-bindgen makes of `wit/auth`; nothing here is written by hand.
#![allow(unsafe_code, missing_docs, clippy::all, clippy::restriction)]

wit_bindgen::generate!({
    world: "consumer",
    path: "../../wit/auth",
});
