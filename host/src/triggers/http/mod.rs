//! The HTTP trigger.

mod body;
mod errors;
mod headers;
mod pace;
mod router;
mod server;
mod service;
mod threads;
mod transport;

pub use router::Router;
pub use server::Server;
pub use service::{About, HttpService};
