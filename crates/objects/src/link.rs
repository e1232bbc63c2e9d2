//! Links that clients read and write objects by.

use std::fmt;
use std::time::{Duration, SystemTime};

use base::Failure;
use http::Method;
use outbound::Transport;
use serde::Serialize;

use crate::{Integrity, Objects, Presigned};

/// A presigned URL of an object.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Link {
    /// The URL. It is a secret until it expires: never log it.
    pub url: String,
    /// The seconds for which it is good.
    pub expires_in: u64,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("url", &"(redacted)")
            .field("expires_in", &self.expires_in)
            .finish()
    }
}

/// The seconds for which links are good: the variable `signed_url_read_expiration`.
///
/// # Errors
/// [`Failure::Misconfigured`] where the variable is missing or no number of 1 or more.
pub fn link_seconds() -> Result<u64, Failure> {
    base::number("signed_url_read_expiration", 1)
}

impl<T: Transport> Objects<T> {
    /// The parameters for an upload of the object `key` of this media type: a presigned URL, its
    /// headers, and the seconds for which it is good, which the variable
    /// `signed_url_write_expiration` says. With `signed` in the variable `upload_integrity` the
    /// store accepts only the bytes of this SHA-256. With `size`, in bytes, it refuses a body of
    /// another length.
    ///
    /// # Errors
    /// [`Failure::Misconfigured`] where a variable is missing or wrong, and those of
    /// [`StoreConfig::presign_put`].
    ///
    /// [`StoreConfig::presign_put`]: crate::StoreConfig::presign_put
    pub fn upload(
        &self,
        key: &str,
        content_type: &str,
        sha256: &[u8; 32],
        size: Option<u64>,
    ) -> Result<(Presigned, u64), Failure> {
        let expires_in = base::number("signed_url_write_expiration", 1)?;
        let integrity = match base::text("upload_integrity")?.trim() {
            "plain" => Integrity::Plain { content_type },
            "signed" => Integrity::Signed {
                content_type,
                sha256,
            },
            _ => {
                return Err(Failure::misconfigured(
                    "the variable upload_integrity must be `plain` or `signed`",
                ));
            }
        };
        let (expires, now) = (Duration::from_secs(expires_in), SystemTime::now());
        let presigned = self
            .config()
            .presign_put(key, expires, integrity, size, now)?;
        Ok((presigned, expires_in))
    }

    /// A link that reads the object `key` by `method`, `GET` or `HEAD`: a signature is for one
    /// method. It is good for [`link_seconds`].
    ///
    /// # Errors
    /// Those of [`link_seconds`] and of [`StoreConfig::presign_read`].
    ///
    /// [`StoreConfig::presign_read`]: crate::StoreConfig::presign_read
    pub fn link(&self, method: &Method, key: &str) -> Result<Link, Failure> {
        let expires_in = link_seconds()?;
        let (expires, now) = (Duration::from_secs(expires_in), SystemTime::now());
        let presigned = self.config().presign_read(method, key, expires, now)?;
        let url = presigned.url;
        Ok(Link { url, expires_in })
    }
}
