use std::fmt;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::{Error, StoreConfig};

/// The checksum header of S3: the base64 of the object's SHA-256.
const CHECKSUM_SHA256: HeaderName = HeaderName::from_static("x-amz-checksum-sha256");

/// The properties of an upload that its presigned URL enforces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Integrity<'a> {
    /// None: any HTTP client can upload any bytes.
    Plain {
        /// The media type that the client should send.
        content_type: &'a str,
    },
    /// Media type and content: the store refuses others.
    Signed {
        /// The media type that the client must send.
        content_type: &'a str,
        /// The SHA-256 of the bytes that the client must send.
        sha256: &'a [u8; 32],
    },
}

/// A URL that contains its own permission, and the headers to send with it.
#[derive(Clone, PartialEq, Eq)]
pub struct Presigned {
    /// The URL. It is a secret until it expires: never log it.
    pub url: String,
    /// Headers to send. The store answers 403 without those of [`Integrity::Signed`]; others
    /// are advice.
    pub headers: Vec<(String, String)>,
}

impl fmt::Debug for Presigned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presigned")
            .field("url", &"(redacted)")
            .field("headers", &self.headers)
            .finish()
    }
}

impl StoreConfig {
    /// A URL that PUTs the object `key`, valid until `expires_in` after `now`. It is on the
    /// public endpoint, if there is one. With `size`, in bytes, the store refuses a body of
    /// another length.
    ///
    /// # Errors
    /// [`Error::InvalidKey`] for a key that no object can have; [`Error::Misconfigured`] if
    /// `expires_in` is not 1 second to 7 days, or the media type is no value of a header.
    pub fn presign_put(
        &self,
        key: &str,
        expires_in: Duration,
        integrity: Integrity<'_>,
        size: Option<u64>,
        now: SystemTime,
    ) -> Result<Presigned, Error> {
        let mut headers = HeaderMap::new();
        let (Integrity::Plain { content_type } | Integrity::Signed { content_type, .. }) =
            integrity;
        headers.insert(CONTENT_TYPE, header_value(content_type)?);
        let mut signed = HeaderMap::new();
        if let Integrity::Signed { sha256, .. } = integrity {
            let checksum = header_value(&BASE64_STANDARD.encode(sha256))?;
            headers.insert(CHECKSUM_SHA256, checksum);
            signed.clone_from(&headers);
        }
        if let Some(size) = size {
            signed.insert(CONTENT_LENGTH, size.into());
            headers.insert(CONTENT_LENGTH, size.into());
        }
        Ok(Presigned {
            url: self.presign(&Method::PUT, key, &signed, expires_in, now)?,
            headers: headers
                .iter()
                .filter_map(|(name, value)| {
                    Some((name.to_string(), value.to_str().ok()?.to_owned()))
                })
                .collect(),
        })
    }

    /// A URL that reads the object `key`, valid until `expires_in` after `now`. It is on the
    /// public endpoint, if there is one. `method` is `GET` or `HEAD`: a signature is for one
    /// method.
    ///
    /// # Errors
    /// Those of [`StoreConfig::presign_put`].
    pub fn presign_read(
        &self,
        method: &Method,
        key: &str,
        expires_in: Duration,
        now: SystemTime,
    ) -> Result<Presigned, Error> {
        Ok(Presigned {
            url: self.presign(method, key, &HeaderMap::new(), expires_in, now)?,
            headers: Vec::new(),
        })
    }

    fn presign(
        &self,
        method: &Method,
        key: &str,
        signed: &HeaderMap,
        expires_in: Duration,
        now: SystemTime,
    ) -> Result<String, Error> {
        let endpoint = self.public_endpoint.as_ref().unwrap_or(&self.endpoint);
        let url = endpoint.object_url(key)?;
        Ok(self
            .signer()
            .presign(method, &url, signed, expires_in, now)?)
    }
}

pub(crate) fn header_value(text: &str) -> Result<HeaderValue, Error> {
    HeaderValue::from_str(text)
        .map_err(|_| Error::Misconfigured(format!("{text:?} can't be the value of a header")))
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::config::tests::config;

    const MINUTE: Duration = Duration::from_secs(60);

    fn now() -> SystemTime {
        datetime!(2026-11-22 07:00 UTC).into()
    }

    #[test]
    fn a_plain_upload_signs_the_host_and_suggests_the_type() {
        let put = config(&[])
            .unwrap()
            .presign_put(
                "1-a.png",
                MINUTE,
                Integrity::Plain {
                    content_type: "image/png",
                },
                None,
                now(),
            )
            .unwrap();
        let (address, query) = put.url.split_once('?').unwrap();
        assert_eq!(address, "http://127.0.0.1:9000/images/1-a.png");
        assert!(query.contains("X-Amz-SignedHeaders=host&"), "{query}");
        assert!(query.contains("X-Amz-Expires=60&"), "{query}");
        assert!(query.contains("X-Amz-Date=20261122T070000Z&"), "{query}");
        assert_eq!(put.headers, [("content-type".into(), "image/png".into())]);
    }

    #[test]
    fn a_signed_upload_binds_type_and_digest() {
        let put = config(&[])
            .unwrap()
            .presign_put(
                "1-a.png",
                MINUTE,
                Integrity::Signed {
                    content_type: "image/png",
                    sha256: &[0xff; 32],
                },
                None,
                now(),
            )
            .unwrap();
        assert!(
            put.url
                .contains("X-Amz-SignedHeaders=content-type%3Bhost%3Bx-amz-checksum-sha256&"),
            "{}",
            put.url
        );
        assert_eq!(
            put.headers,
            [
                ("content-type".into(), "image/png".into()),
                (
                    "x-amz-checksum-sha256".into(),
                    "//////////////////////////////////////////8=".into()
                ),
            ]
        );
    }

    #[test]
    fn signatures_are_those_of_another_implementation() {
        // From botocore 1.43 (`S3SigV4QueryAuth`) for the same requests.
        const PLAIN: [&str; 2] = [
            "ab1379cd1904921e3a1f30c70859070435dbe89d6463227a6e29af64f0604330",
            "1a487b50fc934b732170306bbda12cd6a2ff8d4795c5bec13e2c06dad4c215cd",
        ];
        const SIGNED: [&str; 2] = [
            "d472328f816e327527634cfbfb7bab430940e2455583a55a899e212df82d19e2",
            "81500ef8b83d41b34bb9010bdc6b1f817df5ebf4bd5df6c50222701ad4a19ced",
        ];
        let content_type = "image/png";
        for (n, token) in ["", "AQoDYXdz/EJr+="].into_iter().enumerate() {
            let config = config(&[("s3_session_token", token)]).unwrap();
            let signature = |key, integrity| {
                let url = config
                    .presign_put(key, MINUTE, integrity, None, now())
                    .unwrap()
                    .url;
                let start = url.find("X-Amz-Signature=").unwrap() + "X-Amz-Signature=".len();
                url[start..start + 64].to_owned()
            };
            assert_eq!(
                signature("año 1/a+b%20c~h_i-j.jpg", Integrity::Plain { content_type }),
                PLAIN[n]
            );
            let sha256 = &[0xff; 32];
            assert_eq!(
                signature(
                    "1-a.png",
                    Integrity::Signed {
                        content_type,
                        sha256
                    }
                ),
                SIGNED[n]
            );
        }
    }

    #[test]
    fn clients_get_the_public_endpoint() {
        let config = config(&[("s3_public_endpoint", "https://photos.example")]).unwrap();
        let get = config
            .presign_read(&Method::GET, "1-a.png", MINUTE, now())
            .unwrap();
        assert!(
            get.url
                .starts_with("https://photos.example/images/1-a.png?"),
            "{}",
            get.url
        );
        assert_eq!(get.headers, []);
    }

    #[test]
    fn the_same_question_gives_the_same_url_and_another_key_another_signature() {
        let config = config(&[]).unwrap();
        let url = |key| {
            config
                .presign_read(&Method::GET, key, MINUTE, now())
                .unwrap()
                .url
        };
        assert_eq!(url("a"), url("a"));
        let signature = |url: &str| url.split("X-Amz-Signature=").nth(1).map(str::to_owned);
        assert_ne!(signature(&url("a")), signature(&url("b")));
    }

    #[test]
    fn a_lifetime_that_no_store_honours_is_a_misconfiguration() {
        let config = config(&[]).unwrap();
        for seconds in [0, 604_801] {
            let error = config
                .presign_read(&Method::GET, "a", Duration::from_secs(seconds), now())
                .unwrap_err();
            assert!(matches!(error, Error::Misconfigured(_)), "{error}");
        }
    }

    #[test]
    fn debug_output_keeps_the_url() {
        let get = config(&[])
            .unwrap()
            .presign_read(&Method::GET, "1-a.png", MINUTE, now())
            .unwrap();
        assert!(!format!("{get:?}").contains("X-Amz-Signature"));
    }
}
