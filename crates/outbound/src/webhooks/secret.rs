//! Secrets that sign webhooks.

use std::fmt;
use std::ops::RangeInclusive;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The start of every secret (Standard Webhooks).
const PREFIX: &str = "whsec_";

/// The length of a secret in bytes (Standard Webhooks).
const LENGTH: RangeInclusive<usize> = 24..=64;

/// The problem of a list of secrets, as a text that follows the name of the variable. It
/// contains no part of a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSecret {
    /// The list is empty.
    #[error("is not set: it has to be `whsec_` and the base64 of 24 to 64 random bytes")]
    Missing,
    /// A secret does not start with `whsec_`.
    #[error("(secret {position}) has to start with `whsec_`")]
    Prefix {
        /// The position of the secret, from 1.
        position: usize,
    },
    /// A secret is not base64.
    #[error("(secret {position}) is not base64 after `whsec_` (RFC 4648, 4, with padding)")]
    Encoding {
        /// The position of the secret, from 1.
        position: usize,
    },
    /// A secret is shorter or longer than Standard Webhooks allows.
    #[error("(secret {position}) has to have 24 to 64 bytes and has {length}")]
    Length {
        /// The position of the secret, from 1.
        position: usize,
        /// Its length in bytes.
        length: usize,
    },
}

/// A secret, ready to sign.
#[derive(Clone)]
pub(crate) struct Secret(Hmac<Sha256>);

impl Secret {
    pub(crate) fn parse(position: usize, text: &str) -> Result<Self, InvalidSecret> {
        let encoded = text
            .strip_prefix(PREFIX)
            .ok_or(InvalidSecret::Prefix { position })?;
        let bytes = BASE64_STANDARD
            .decode(encoded)
            .map_err(|_| InvalidSecret::Encoding { position })?;
        let length = bytes.len();
        let wrong_length = InvalidSecret::Length { position, length };
        if !LENGTH.contains(&length) {
            return Err(wrong_length);
        }
        let mac = Hmac::new_from_slice(&bytes).map_err(|_| wrong_length)?;
        Ok(Self(mac))
    }

    /// The signature of a webhook, after its version.
    pub(crate) fn sign(&self, id: &str, timestamp: u64, body: &[u8]) -> String {
        let mut mac = self.0.clone();
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        let signature = BASE64_STANDARD.encode(mac.finalize().into_bytes());
        format!("v1,{signature}")
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}
