//! The catalog of the archive of purchases: its check ([`verify`]), the definitions of its
//! tables for Athena ([`ddl`]) and its copy on this machine ([`download`]).
//!
//! The archive has one line of JSON for each change of a purchase, an object each under
//! `compras/`, and the same lines by day under `compras_dia/`. `docs/data-catalog.md` has its
//! layout.

mod amounts;
mod archive;
mod connection;
mod ddl;
mod document;
mod download;
mod error;
mod json;
mod key;
mod purchases;
mod report;
#[cfg(test)]
mod sample;
mod transport;
mod verify;

pub use archive::Table;
pub use connection::Connection;
pub use ddl::ddl;
pub use download::download;
pub use error::Error;
pub use report::{Class, Offender, Report, Row};
pub use transport::Https;
pub use verify::verify;
