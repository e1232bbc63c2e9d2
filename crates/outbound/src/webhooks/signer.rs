//! Signatures of webhooks.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::secret::{InvalidSecret, Secret};

const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// The error of an id that no webhook can have. An id is visible ASCII without a full stop,
/// which separates the signed parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the id of a webhook has to be visible ASCII without a full stop")]
pub struct InvalidId;

/// Signs webhooks with one or more secrets (HMAC-SHA256, version `v1` of the signature
/// scheme). Use several while one replaces another: a receiver accepts a webhook if one
/// signature is by the secret that it knows.
#[derive(Clone, Debug)]
pub struct Signer(Vec<Secret>);

impl Signer {
    /// Reads secrets, separated by commas or white space: each `whsec_` and the base64 of 24
    /// to 64 bytes.
    ///
    /// # Errors
    /// See [`InvalidSecret`].
    pub fn parse(secrets: &str) -> Result<Self, InvalidSecret> {
        let secrets = super::parts(secrets)
            .enumerate()
            .map(|(place, text)| Secret::parse(place + 1, text))
            .collect::<Result<Vec<_>, _>>()?;
        if secrets.is_empty() {
            return Err(InvalidSecret::Missing);
        }
        Ok(Self(secrets))
    }

    /// The headers `webhook-id`, `webhook-timestamp` and `webhook-signature` of a
    /// webhook. `timestamp` is the time of this attempt, in seconds since the Unix epoch;
    /// `id` is the same in all attempts. Send exactly the bytes of `body`.
    ///
    /// # Errors
    /// See [`InvalidId`].
    pub fn headers(&self, id: &str, timestamp: u64, body: &[u8]) -> Result<HeaderMap, InvalidId> {
        if id.is_empty() || !id.bytes().all(|b| b.is_ascii_graphic() && b != b'.') {
            return Err(InvalidId);
        }
        let signatures: Vec<_> = self
            .0
            .iter()
            .map(|secret| secret.sign(id, timestamp, body))
            .collect();
        let value = |text: &str| HeaderValue::from_str(text).map_err(|_| InvalidId);
        Ok(HeaderMap::from_iter([
            (ID, value(id)?),
            (TIMESTAMP, HeaderValue::from(timestamp)),
            (SIGNATURE, value(&signatures.join(" "))?),
        ]))
    }
}

#[cfg(test)]
mod tests {
    use std::time::{SystemTime, UNIX_EPOCH};

    use base64::Engine;
    use base64::prelude::BASE64_STANDARD;
    use standardwebhooks::Webhook;

    use super::*;

    /// The test vector of the libraries of Standard Webhooks.
    const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    const ID: &str = "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk";
    const TIMESTAMP: u64 = 1_649_367_553;
    const BODY: &[u8] = br#"{"email":"test@example.com","username":"test_user"}"#;
    const SIGNATURE: &str = "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=";

    const OTHER: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=";

    fn secret(length: usize) -> String {
        format!("whsec_{}", BASE64_STANDARD.encode(vec![7; length]))
    }

    #[test]
    fn a_webhook_is_signed_as_the_published_vector_is() {
        let headers = Signer::parse(SECRET).unwrap().headers(ID, TIMESTAMP, BODY);
        let headers = headers.unwrap();
        assert_eq!(headers.len(), 3);
        assert_eq!(headers["webhook-id"], ID);
        assert_eq!(headers["webhook-timestamp"], "1649367553");
        assert_eq!(headers["webhook-signature"], SIGNATURE);
    }

    #[test]
    fn while_a_secret_is_changed_receivers_of_both_are_content() {
        let signer = Signer::parse(&format!(" {SECRET},\n{OTHER} ")).unwrap();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let headers = signer.headers(ID, now.as_secs(), BODY).unwrap();
        let is_taken_by = |known: &str| {
            let receiver = Webhook::new(known).unwrap();
            receiver.verify(BODY, &headers).is_ok()
        };
        assert!(is_taken_by(SECRET) && is_taken_by(OTHER));
        assert!(!is_taken_by(&secret(32)));
    }

    #[test]
    fn an_id_cannot_pass_for_a_part_of_something_else() {
        let signer = Signer::parse(SECRET).unwrap();
        for id in ["", "msg.1649367553", "a b", "msg_1\r\nx: y", "é"] {
            assert_eq!(signer.headers(id, TIMESTAMP, BODY), Err(InvalidId), "{id}");
        }
    }

    #[test]
    fn secrets_have_24_to_64_bytes() {
        for length in [24, 32, 64] {
            assert!(Signer::parse(&secret(length)).is_ok(), "{length}");
        }
        for length in [0, 23, 65] {
            let expected = InvalidSecret::Length {
                position: 2,
                length,
            };
            let error = Signer::parse(&format!("{SECRET} {}", secret(length))).unwrap_err();
            assert_eq!(error, expected);
        }
    }

    #[test]
    fn what_is_no_secret_is_told_and_never_shown() {
        for (text, problem) in [
            ("", InvalidSecret::Missing),
            (" , ", InvalidSecret::Missing),
            (
                "C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
                InvalidSecret::Prefix { position: 1 },
            ),
            (
                "whsk_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
                InvalidSecret::Prefix { position: 1 },
            ),
            (
                "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7o!",
                InvalidSecret::Encoding { position: 1 },
            ),
        ] {
            let error = Signer::parse(text).unwrap_err();
            assert_eq!(error, problem);
            assert!(!error.to_string().contains("C2FV"), "{error}");
        }
        let shown = format!("{:?}", Signer::parse(SECRET).unwrap());
        assert_eq!(shown, "Signer([Secret])");
    }
}
