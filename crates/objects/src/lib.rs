//! Objects of one bucket in an S3-compatible store (AWS S3, MinIO, R2, Ceph).
//!
//! [`StoreConfig`] says where the bucket is and presigns URLs, without a network
//! and without a clock. [`Objects`] reads and writes objects through a
//! [`outbound::Transport`].

mod client;
mod config;
mod error;
mod presign;
mod request;
mod response;

pub use client::{Object, ObjectInfo, Objects};
pub use config::{Addressing, ConfigError, StoreConfig};
pub use error::Error;
pub use presign::{Integrity, Presigned};
