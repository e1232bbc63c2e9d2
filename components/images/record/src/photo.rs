//! The photo that a request is about.

use images_domain::{FileName, UNKNOWN};
use web::{ApiError, Call};

/// The photo that the path names, if it is the caller's own. A photo of another user is
/// answered like one that does not exist.
pub(crate) fn file(call: &Call) -> Result<FileName, ApiError> {
    let file: FileName = call.path("file").parse().map_err(|_| UNKNOWN)?;
    let is_own = file.belongs_to(&call.principal()?.subject);
    Ok(is_own.then_some(file).ok_or(UNKNOWN)?)
}
