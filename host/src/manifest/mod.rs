//! The application manifest, `spin.toml` (version 2).

mod check;
mod error;
mod schema;

use std::path::{Path, PathBuf};

pub use error::ManifestError;
pub use schema::{Component, Dependency, HttpRoute, Manifest, Source};

/// A manifest that was read and checked, with the folder that its paths start from.
#[derive(Clone, Debug)]
pub struct LoadedManifest {
    /// The file that it came from.
    pub file: PathBuf,
    /// What it says. Inline components have been moved to the table of components.
    pub manifest: Manifest,
}

impl LoadedManifest {
    /// Reads and checks a manifest file.
    ///
    /// # Errors
    /// A [`ManifestError`] that names the file, the table and the key.
    pub fn read(file: &Path) -> Result<Self, ManifestError> {
        let text = std::fs::read_to_string(file).map_err(|source| ManifestError::Read {
            file: file.to_owned(),
            source,
        })?;
        Self::parse(file, &text)
    }

    /// Checks a manifest whose text is at hand; `file` is for messages and paths.
    ///
    /// # Errors
    /// As [`LoadedManifest::read`].
    pub fn parse(file: &Path, text: &str) -> Result<Self, ManifestError> {
        let syntax = |message: String| ManifestError::Syntax {
            file: file.to_owned(),
            message,
        };
        let document = toml::Deserializer::parse(text)
            .map_err(|error| syntax(error.to_string().trim_end().to_owned()))?;
        let mut manifest: Manifest = serde_path_to_error::deserialize(document)
            .map_err(|error| error::from_serde(file, error))?;
        check::name_inline_components(&mut manifest);
        let loaded = Self {
            file: file.to_owned(),
            manifest,
        };
        check::check(&loaded)?;
        Ok(loaded)
    }

    /// A path of the manifest, which is relative to the manifest's own folder.
    pub fn resolve(&self, path: &Path) -> PathBuf {
        match self.file.parent() {
            Some(folder) => folder.join(path),
            None => path.to_owned(),
        }
    }

    /// An error about one key of the manifest.
    pub fn invalid(
        &self,
        table: impl Into<String>,
        key: impl Into<String>,
        reason: impl Into<String>,
    ) -> ManifestError {
        ManifestError::Invalid {
            file: self.file.clone(),
            table: table.into(),
            key: key.into(),
            reason: reason.into(),
        }
    }
}
