//! Objects of one bucket in an S3-compatible store (AWS S3, MinIO, R2, Ceph).
//!
//! [`StoreConfig`] has the address of the bucket and presigns URLs; it uses no network and
//! no clock. [`Objects`] reads and writes objects through an [`outbound::Transport`].

mod client;
mod config;
mod error;
mod link;
mod listing;
mod presign;
mod request;
mod response;

pub use client::{Object, ObjectInfo, Objects};
pub use config::{Addressing, StoreConfig};
pub use error::Error;
pub use link::{Link, link_seconds};
pub use listing::{Listed, Listing};
pub use presign::{Integrity, Presigned};
