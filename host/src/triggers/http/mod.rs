//! The HTTP trigger.

mod headers;
mod router;
mod server;
mod service;

pub use router::Router;
pub use server::Server;
pub use service::HttpService;
