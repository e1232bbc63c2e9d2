//! Errors in a manifest.

use std::path::{Path, PathBuf};

/// Why a manifest is refused.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The file can't be read.
    #[error("{}: can't read the manifest: {source}", file.display())]
    Read {
        /// The manifest.
        file: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("{}: not valid TOML: {message}", file.display())]
    Syntax {
        /// The manifest.
        file: PathBuf,
        /// The fault, with line and column.
        message: String,
    },
    /// A key is missing or unknown, or its value is not allowed.
    #[error("{}: [{table}] `{key}`: {reason}", file.display())]
    Invalid {
        /// The manifest.
        file: PathBuf,
        /// The table that the key is in.
        table: String,
        /// The key.
        key: String,
        /// The fault of its value, and the remedy.
        reason: String,
    },
}

/// Turns an error of serde, which knows the path of the value, into one that
/// names table and key.
pub fn from_serde(
    file: &Path,
    error: serde_path_to_error::Error<toml::de::Error>,
) -> ManifestError {
    let mut path: Vec<String> = Vec::new();
    for segment in error.path() {
        match segment {
            serde_path_to_error::Segment::Seq { index } => match path.last_mut() {
                Some(last) => last.push_str(&format!("[{index}]")),
                None => path.push(format!("[{index}]")),
            },
            serde_path_to_error::Segment::Map { key } => path.push(key.clone()),
            serde_path_to_error::Segment::Enum { variant } => path.push(variant.clone()),
            serde_path_to_error::Segment::Unknown => {}
        }
    }
    let inner = error.into_inner();
    let reason = match inner.span() {
        Some(_) => inner.to_string().trim_end().to_owned(),
        None => inner.message().to_owned(),
    };
    // A missing field is an error of its table; the message names the field.
    let missing = inner.message().strip_prefix("missing field `");
    let key = match missing.and_then(|rest| rest.split('`').next()) {
        Some(field) => field.to_owned(),
        None => path.pop().unwrap_or_default(),
    };
    let table = if path.is_empty() {
        "top level".to_owned()
    } else {
        path.join(".")
    };
    ManifestError::Invalid {
        file: file.to_owned(),
        table,
        key,
        reason,
    }
}
