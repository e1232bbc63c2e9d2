//! A manifest that has been read.

use std::path::{Path, PathBuf};

use super::error::ManifestError;
use super::schema::Manifest;

/// A manifest that was read and checked, with the folder that its paths start from.
#[derive(Clone, Debug)]
pub struct LoadedManifest {
    /// The file that it came from.
    pub file: PathBuf,
    /// Its content. Inline components have been moved to the table of components.
    pub manifest: Manifest,
}

impl LoadedManifest {
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
