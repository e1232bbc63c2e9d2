//! Why a file is not decoded.

/// The maximum number of bytes of memory for decoding one image. By measurement, a file
/// of 15 MiB and everything but decoding take 37 MiB: together they stay below the 128
/// MiB of a guest.
const BUDGET: u64 = 90 << 20;

/// Why a file cannot be decoded.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// The bytes are not a whole image of a known type.
    #[error("{0}")]
    Invalid(String),
    /// Decoding it would take too much memory or time.
    #[error("{0}")]
    TooLarge(String),
}

impl Unreadable {
    /// The error for a file of a type that has this name.
    pub fn invalid(format: &str, problem: impl std::fmt::Display) -> Self {
        Self::Invalid(format!("not a readable {format} image: {problem}"))
    }
}

/// Refuses a picture that would take more than the [`BUDGET`].
pub fn afford(width: u32, height: u32, bytes: u64) -> Result<(), Unreadable> {
    if bytes <= BUDGET {
        return Ok(());
    }
    Err(Unreadable::TooLarge(format!(
        "{width} x {height} pixels would take {} MiB to decode, at most {} MiB are allowed: \
         send a smaller image",
        bytes.div_ceil(1 << 20),
        BUDGET >> 20,
    )))
}

/// The names of the types in errors.
pub const JPEG: &str = "JPEG";
pub const PNG: &str = "PNG";
pub const WEBP: &str = "WebP";
