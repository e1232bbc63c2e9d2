//! The application's surroundings in development and in tests: an S3
//! store that sends event notifications, Redis, and doubles of cloud APIs.
//!
//! Nothing here is meant for production.

pub mod client;
pub mod databricks;
mod error;
pub mod queries;
mod redis;
pub mod rekognition;
pub mod s3;
mod secrets;
mod server;
pub mod sigv4_verify;
mod stack;
pub mod sts;
mod token;
pub mod webhooks;
mod workbook;

pub use databricks::{Databricks, DatabricksOptions};
pub use error::{Error, Result};
pub use redis::{Redis, RedisOptions};
pub use rekognition::{Rekognition, RekognitionOptions};
pub use s3::{S3, S3Options};
pub use secrets::Secrets;
pub use server::{Peer, Server};
pub use stack::{Stack, StackOptions};
pub use sts::Sts;
pub use token::{tenant_token, token};
pub use webhooks::WebhookReceiver;
pub use workbook::{Workbooks, workbook};
