//! Labels by Amazon Rekognition: a provider of `orilla:labels/labeler`.
//!
//! The API is `DetectLabels` in AWS JSON 1.1, signed with Signature Version 4:
//! <https://docs.aws.amazon.com/rekognition/latest/APIReference/API_DetectLabels.html>.
//! [`Rekognition`] knows neither Spin nor a clock; the component around it does.

mod client;
mod config;
mod request;
mod response;
mod types;

#[cfg(target_family = "wasm")]
mod component;

pub use client::Rekognition;
pub use config::Config;
pub use types::{Failure, Image, Label, Options};

/// The name of the model. Rekognition returns its version only with labels, and AWS
/// changes it without notice, so the name does not include it.
pub const MODEL: &str = "rekognition-detect-labels";
