//! The console: `GET /console`, a page for operators on the API.
//!
//! The component has no permissions. The page calls the other routes with the token of the
//! person in front of it, and its files are part of the component (see `build.rs`).

#[cfg(target_family = "wasm")]
mod component;
mod policy;

pub use policy::policy;
