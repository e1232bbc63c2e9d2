//! The secrets that sign for an endpoint.

use std::fmt;
use std::time::Duration;

use base::{Failure, Invalid};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use outbound::webhooks::{InvalidSecret, Signer};
use serde::{Deserialize, Serialize};

/// The time that a secret signs beside the one that replaced it.
const OVERLAP: Duration = Duration::from_secs(24 * 3600);

/// The max number of secrets of an endpoint. A signature of each is in a header.
const MAX_SECRETS: usize = 10;

/// The bytes of a secret that is made here.
const LENGTH: usize = 32;

/// The secrets of an endpoint, the newest first.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secrets(Vec<Secret>);

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Secret {
    /// As receivers know it: `whsec_` and base64.
    secret: String,
    /// When it ends, in ms since the Unix epoch; `None` for the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<u64>,
}

impl Secrets {
    /// The one secret of a new endpoint.
    pub fn new(secret: String) -> Self {
        Self(vec![Secret {
            secret,
            until: None,
        }])
    }

    /// The secrets after another one became the newest. Those before it sign for 24 more hours.
    /// `now` is in ms since the Unix epoch.
    pub fn rotated(&self, secret: String, now: u64) -> Self {
        let overlap = u64::try_from(OVERLAP.as_millis()).unwrap_or(u64::MAX);
        let end = now.saturating_add(overlap);
        let old = self.0.iter().filter(|old| old.is_valid(now));
        // A secret that is given again is the newest, and no old one.
        let old = old.filter(|old| old.secret != secret).map(|old| Secret {
            secret: old.secret.clone(),
            until: Some(old.until.unwrap_or(end)),
        });
        let Self(mut all) = Self::new(secret.clone());
        all.extend(old.take(MAX_SECRETS - 1));
        Self(all)
    }

    /// A signer with the secrets that are valid now.
    ///
    /// # Errors
    /// A stored secret is none.
    pub fn signer(&self, now: u64) -> Result<Signer, InvalidSecret> {
        let valid = self.0.iter().filter(|secret| secret.is_valid(now));
        let valid: Vec<_> = valid.map(|secret| secret.secret.as_str()).collect();
        Signer::parse(&valid.join(" "))
    }
}

impl Secret {
    fn is_valid(&self, now: u64) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets")
    }
}

/// A new secret.
///
/// # Errors
/// The platform has no random numbers.
pub fn generate_secret() -> Result<String, Failure> {
    let mut bytes = [0; LENGTH];
    getrandom::fill(&mut bytes)
        .map_err(|error| Failure::unavailable("the source of random numbers", error))?;
    Ok(format!("whsec_{}", BASE64_STANDARD.encode(bytes)))
}

/// Checks a secret that a caller chose.
///
/// # Errors
/// It is none. The text holds no part of it.
pub(crate) fn check_secret(text: &str) -> Result<String, Invalid> {
    let is_one = !text.contains(|c: char| c == ',' || c.is_whitespace());
    match Signer::parse(text) {
        Ok(_) if is_one => Ok(text.to_owned()),
        _ => Err(Invalid::field(
            "secret: must be whsec_ and the base64 of 24 to 64 random bytes (with padding); leave \
             it out to have one made",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 24 * 3_600_000;

    /// The number of secrets that sign at a time.
    fn signing(secrets: &Secrets, now: u64) -> usize {
        let signer = secrets.signer(now).unwrap();
        let headers = signer.headers("msg_1", 1, b"").unwrap();
        headers["webhook-signature"]
            .to_str()
            .unwrap()
            .split(' ')
            .count()
    }

    #[test]
    fn an_old_secret_signs_beside_the_new_one_for_a_day() {
        let first = Secrets::new(generate_secret().unwrap());
        assert_eq!(signing(&first, u64::MAX), 1);
        let second = first.rotated(generate_secret().unwrap(), 1_000);
        assert_eq!(signing(&second, 1_000 + DAY - 1), 2);
        assert_eq!(signing(&second, 1_000 + DAY), 1);

        // The first one ends when it was to end.
        let third = second.rotated(generate_secret().unwrap(), 1_000 + DAY / 2);
        assert_eq!(signing(&third, 1_000 + DAY - 1), 3);
        assert_eq!(signing(&third, 1_000 + DAY), 2);
        let later = second.rotated(generate_secret().unwrap(), 1_000 + DAY);
        assert_eq!(signing(&later, 1_000 + DAY), 2);
    }

    #[test]
    fn a_secret_that_is_given_again_signs_once() {
        let (one, two) = (generate_secret().unwrap(), generate_secret().unwrap());
        let secrets = Secrets::new(one.clone())
            .rotated(two, 0)
            .rotated(one.clone(), 0);
        assert_eq!(signing(&secrets, 0), 2);
        assert_eq!(signing(&secrets, DAY), 1);
        assert_eq!(secrets.0[0].secret, one);
        assert_eq!(Secrets::new(one.clone()).rotated(one, 0).0.len(), 1);
    }

    #[test]
    fn a_header_does_not_grow_without_end() {
        let mut secrets = Secrets::new(generate_secret().unwrap());
        for _ in 0..30 {
            secrets = secrets.rotated(generate_secret().unwrap(), 0);
        }
        assert_eq!(signing(&secrets, 0), MAX_SECRETS);
    }

    #[test]
    fn a_chosen_secret_is_checked_and_never_shown() {
        let good = generate_secret().unwrap();
        assert_eq!(check_secret(&good).as_ref(), Ok(&good));
        for wrong in [
            "",
            "hunter2",
            "whsec_hunter2",
            &format!("{good} {good}"),
            &format!(" {good}"),
        ] {
            let error = check_secret(wrong).unwrap_err();
            assert!(!error.message.contains("hunter2"), "{error}");
        }
        assert_ne!(generate_secret().unwrap(), good);
        assert_eq!(format!("{:?}", Secrets::new(good)), "Secrets");
    }
}
