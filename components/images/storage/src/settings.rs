//! Settings of the images system, from the component's variables.

use base::{Failure, Trace};
use images_domain::UserIds;
use objects::Objects;

/// The object store; requests carry these ids.
///
/// # Errors
/// Those of [`Objects::from_variables`].
pub async fn objects(trace: &Trace) -> Result<Objects, Failure> {
    let objects = Objects::from_variables("images_bucket_name").await?;
    Ok(objects.traced(trace))
}

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
