//! The application manifest, `spin.toml` (version 2).

mod check;
mod error;
mod loaded;
mod schema;

use std::path::Path;

pub use error::ManifestError;
pub use loaded::LoadedManifest;
pub use schema::{Component, Dependency, HttpRoute, Manifest, Source};

/// Reads and checks a manifest file.
///
/// # Errors
/// A [`ManifestError`] that names the file, the table and the key.
pub fn read(file: &Path) -> Result<LoadedManifest, ManifestError> {
    let text = std::fs::read_to_string(file).map_err(|source| ManifestError::Read {
        file: file.to_owned(),
        source,
    })?;
    let syntax = |message: String| ManifestError::Syntax {
        file: file.to_owned(),
        message,
    };
    let document = toml::Deserializer::parse(&text)
        .map_err(|error| syntax(error.to_string().trim_end().to_owned()))?;
    let mut manifest: Manifest = serde_path_to_error::deserialize(document)
        .map_err(|error| error::from_serde(file, error))?;
    check::name_inline_components(&mut manifest);
    let loaded = LoadedManifest {
        file: file.to_owned(),
        manifest,
    };
    check::check(&loaded)?;
    Ok(loaded)
}
