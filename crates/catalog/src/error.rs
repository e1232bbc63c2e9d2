use std::io;
use std::path::PathBuf;

/// The reason why the catalog's work was not done. A fault in the archive is no error but a
/// result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The archive was not read.
    #[error("{0}")]
    Store(#[from] objects::Error),
    /// The store of the archive is not known.
    #[error("{0}")]
    Connection(String),
    /// There is no definition to write: no tenant and no year is known.
    #[error("the archive has no purchases yet, so there is no tenant to write into the DDL")]
    Empty,
    /// An object is not one of the archive.
    #[error("{key}: {reason}")]
    Object {
        /// Its key.
        key: String,
        /// The reason.
        reason: String,
    },
    /// A file on this machine was not read or written.
    #[error("{}: {error}", path.display())]
    File {
        /// Its path.
        path: PathBuf,
        /// The reason.
        error: io::Error,
    },
}

impl Error {
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        |error| Self::File { path, error }
    }
}
