//! Which subjects of tokens have photos.

use base::Failure;
use images_domain::UserIds;

/// The subjects that may have photos, by the variable `image_user_ids`.
///
/// # Errors
/// The variable is missing or has another value.
pub fn user_ids() -> Result<UserIds, Failure> {
    let ids = base::text("image_user_ids")?;
    ids.trim()
        .parse()
        .map_err(|problem| Failure::variable("image_user_ids", problem))
}
