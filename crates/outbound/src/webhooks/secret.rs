//! Secrets that webhooks are signed with.

use std::fmt;
use std::ops::RangeInclusive;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// What a secret starts with, so that it is told from other tokens.
const PREFIX: &str = "whsec_";

/// How many bytes a secret has.
const LENGTH: RangeInclusive<usize> = 24..=64;

/// What is wrong with the secrets, to be read after the name of the variable.
/// It never has a secret or a part of one in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSecret {
    /// There is none.
    #[error("is not set: it has to be `whsec_` and the base64 of 24 to 64 random bytes")]
    Missing,
    /// One does not say that it is a secret of webhooks.
    #[error("(secret {position}) has to start with `whsec_`")]
    Prefix {
        /// Which secret, from 1.
        position: usize,
    },
    /// One cannot be decoded.
    #[error("(secret {position}) is not base64 after `whsec_` (RFC 4648, 4, with padding)")]
    Encoding {
        /// Which secret, from 1.
        position: usize,
    },
    /// One is too short to be safe, or longer than receivers take.
    #[error("(secret {position}) has to have 24 to 64 bytes and has {length}")]
    Length {
        /// Which secret, from 1.
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

    /// The signature of a webhook, with its version.
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
