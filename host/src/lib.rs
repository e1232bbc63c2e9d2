//! The embedded host: runs a `spin.toml` as `spin up` does, where no Spin is
//! installed. Where it and Spin differ, Spin is right.
//!
//! ```no_run
//! # async fn example() -> Result<(), orilla::StartError> {
//! let mut options = orilla::Options::new("spin.toml");
//! options.listen = ([127, 0, 0, 1], 0).into();
//! let app = orilla::start(options).await?;
//! println!("{}", app.address());
//! app.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! The way of a request: [`triggers`] receive it, a `runtime` calls an instance of the
//! component, and `factors` implement the imports of the component.

mod allowed_hosts;
mod app;
mod bindings;
mod cache;
mod cli;
mod componentize;
mod compose;
mod context;
mod detachable;
mod engine;
mod error;
mod factors;
mod guest;
mod instances;
mod limits;
mod linker;
mod load;
mod logs;
mod manifest;
mod open_files;
mod per_runtime;
mod runtime;
mod runtime_config;
mod slots;
mod template;
mod triggers;
mod variables;

pub use app::{Options, RunningApp, start};
pub use cli::Cli;
pub use error::StartError;
pub use factors::key_value::{InvalidFault, KeyValueFault};
pub use limits::Limits;
pub use manifest::ManifestError;
