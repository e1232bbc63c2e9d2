use std::io;

use crate::Rejected;

/// Why there is no CSV.
#[derive(Debug, thiserror::Error)]
pub enum Error<E> {
    /// The workbook can't be converted.
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// The transformation failed.
    #[error("{0}")]
    Transform(E),
    /// The transformation's answer isn't a table that continues the one before; the text
    /// describes the answer. The fault is the provider's, not the workbook's.
    #[error("the transformation returned {0}")]
    Provider(String),
    /// The CSV can't be written.
    #[error(transparent)]
    Write(#[from] io::Error),
}
