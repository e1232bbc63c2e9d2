//! Verifies AWS Signature Version 4, in headers and in presigned URLs.
//!
//! It is written after AWS's documentation ("Signature Version 4 for API
//! requests" in the IAM user guide and "Authenticating requests using query
//! parameters" in the S3 API reference) and shares nothing with the signer
//! that the application uses: it is the second opinion.

use std::collections::BTreeMap;

use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, Method, Uri, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use sha2::{Digest, Sha256};
use time::{
    Duration, OffsetDateTime, PrimitiveDateTime, format_description::FormatItem,
    macros::format_description,
};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const DATE: &[FormatItem<'_>] = format_description!("[year][month][day]T[hour][minute][second]Z");
/// The characters that RFC 3986 never escapes stay; all others are escaped.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
const ESCAPED_IN_PATH: &AsciiSet = &ESCAPED.remove(b'/');

/// How far a signature's date may be from the verifier's clock.
const HEADER_SKEW: Duration = Duration::minutes(5);
/// How far a presigned URL's date may be ahead of the verifier's clock.
const PRESIGNED_SKEW: Duration = Duration::minutes(15);
/// The longest that a presigned URL may be valid.
const LONGEST: Duration = Duration::days(7);

/// Why a signature does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no signature.
    #[error("the request is not signed")]
    Missing,
    /// A part of the signature is missing, doubled or not of its form.
    #[error("the signature is malformed: {0}")]
    Malformed(String),
    /// Signed with another key than the one that is known.
    #[error("the access key or session token is not known")]
    UnknownKey,
    /// Signed for another region or service.
    #[error("the signature is scoped to {found} instead of {expected}")]
    Scope {
        /// The `region/service` that it is signed for.
        found: String,
        /// The `region/service` that it was sent to.
        expected: String,
    },
    /// A header that must be signed is not.
    #[error("the header {0} is not signed")]
    Unsigned(String),
    /// The date is too far in the past, or the presigned URL's time is over.
    #[error("the signature expired: its time was {0}")]
    Expired(String),
    /// The date is in the future.
    #[error("the signature is not valid yet: its time is {0}")]
    NotYet(String),
    /// The body is not the one that was signed.
    #[error("the body does not have the SHA-256 that was signed")]
    Payload,
    /// The signature is of other data or made with another secret.
    #[error("the signature does not match this canonical request:\n{canonical_request}")]
    Mismatch {
        /// What should have been signed.
        canonical_request: String,
    },
}

/// The keys that a request must be signed with.
#[derive(Clone)]
pub struct Keys {
    /// The access key id.
    pub access_key: String,
    /// Its secret.
    pub secret_key: String,
    /// The token that must come with temporary keys.
    pub session_token: Option<String>,
}

/// What a presigned URL that holds says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presigned {
    /// The access key id of the signer.
    pub access_key: String,
    /// The region that it is signed for.
    pub region: String,
    /// When it was signed.
    pub signed_at: OffsetDateTime,
    /// How long it is valid from then on.
    pub expires_in: Duration,
    /// The lower-case names of the headers that must be sent as they were signed.
    pub signed_headers: Vec<String>,
    /// The session token of temporary keys.
    pub session_token: Option<String>,
}

/// Verifies a request with an `Authorization` header, as services other than S3
/// do. Every `x-amz-*` header that is sent must be signed, and so must `host`.
///
/// # Errors
/// The first reason found to refuse the request.
pub fn verify_headers(
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &[u8],
    keys: &Keys,
    (region, service): (&str, &str),
    now: OffsetDateTime,
) -> Result<(), Refusal> {
    let authorization = header_text(headers, "authorization").ok_or(Refusal::Missing)?;
    let fields = authorization_fields(&authorization)?;
    let credential = Credential::parse(field(&fields, "Credential")?)?;
    let date = header_text(headers, "x-amz-date").ok_or_else(|| malformed("no x-amz-date"))?;
    let signed_at = credential.signed_at(&date)?;
    if credential.access_key != keys.access_key
        || header_text(headers, "x-amz-security-token") != keys.session_token
    {
        return Err(Refusal::UnknownKey);
    }
    if (credential.region, credential.service) != (region, service) {
        return Err(Refusal::Scope {
            found: format!("{}/{}", credential.region, credential.service),
            expected: format!("{region}/{service}"),
        });
    }
    if signed_at < now - HEADER_SKEW {
        return Err(Refusal::Expired(date));
    }
    if signed_at > now + HEADER_SKEW {
        return Err(Refusal::NotYet(date));
    }
    let signed_headers = signed_headers(field(&fields, "SignedHeaders")?, headers)?;
    let payload = hex::encode(Sha256::digest(body));
    if header_text(headers, "x-amz-content-sha256").is_some_and(|sent| sent != payload) {
        return Err(Refusal::Payload);
    }
    let canonical_request = [
        method.as_str(),
        // Other services than S3 escape what is escaped already once more.
        &percent_encode(uri.path().as_bytes(), ESCAPED_IN_PATH).to_string(),
        &canonical_query(uri)?,
        &canonical_headers(&signed_headers, uri, headers)?,
        &signed_headers.join(";"),
        &payload,
    ]
    .join("\n");
    credential.check(
        &date,
        canonical_request,
        &keys.secret_key,
        field(&fields, "Signature")?,
    )
}

/// Verifies a presigned URL of S3 and the headers sent with it, of which `host`
/// may be left out if the URL is absolute.
///
/// # Errors
/// The first reason found to refuse the request.
pub fn verify_presigned(
    method: &Method,
    url: &Uri,
    headers: &HeaderMap,
    secret_key: &str,
    now: OffsetDateTime,
) -> Result<Presigned, Refusal> {
    let mut parameters = BTreeMap::new();
    for (name, value) in query_pairs(url)? {
        if name.starts_with("X-Amz-") && parameters.insert(name.clone(), value).is_some() {
            return Err(malformed(&format!("{name} is there twice")));
        }
    }
    let parameter = |name: &str| {
        parameters
            .get(name)
            .map(String::as_str)
            .ok_or_else(|| malformed(&format!("no {name}")))
    };
    let signature = parameter("X-Amz-Signature").map_err(|_| Refusal::Missing)?;
    if parameter("X-Amz-Algorithm")? != ALGORITHM {
        return Err(malformed("X-Amz-Algorithm is not AWS4-HMAC-SHA256"));
    }
    let credential = Credential::parse(parameter("X-Amz-Credential")?)?;
    if credential.service != "s3" {
        return Err(Refusal::Scope {
            found: format!("{}/{}", credential.region, credential.service),
            expected: format!("{}/s3", credential.region),
        });
    }
    let date = parameter("X-Amz-Date")?;
    let signed_at = credential.signed_at(date)?;
    let expires_in = parameter("X-Amz-Expires")?
        .parse()
        .ok()
        .map(Duration::seconds)
        .filter(|expires_in| *expires_in >= Duration::SECOND && *expires_in <= LONGEST)
        .ok_or_else(|| malformed("X-Amz-Expires is not 1 to 604800 seconds"))?;
    if signed_at > now + PRESIGNED_SKEW {
        return Err(Refusal::NotYet(date.to_owned()));
    }
    if signed_at + expires_in < now {
        return Err(Refusal::Expired(date.to_owned()));
    }
    let signed_headers = signed_headers(parameter("X-Amz-SignedHeaders")?, headers)?;
    let path: Vec<u8> = percent_decode_str(url.path()).collect();
    let payload = header_text(headers, "x-amz-content-sha256");
    let canonical_request = [
        method.as_str(),
        &percent_encode(&path, ESCAPED_IN_PATH).to_string(),
        &canonical_query(url)?,
        &canonical_headers(&signed_headers, url, headers)?,
        &signed_headers.join(";"),
        payload.as_deref().unwrap_or("UNSIGNED-PAYLOAD"),
    ]
    .join("\n");
    credential.check(date, canonical_request, secret_key, signature)?;
    Ok(Presigned {
        access_key: credential.access_key.to_owned(),
        region: credential.region.to_owned(),
        signed_at,
        expires_in,
        signed_headers,
        session_token: parameters.get("X-Amz-Security-Token").cloned(),
    })
}

/// `<access key>/<date>/<region>/<service>/aws4_request`.
struct Credential<'a> {
    access_key: &'a str,
    date: &'a str,
    region: &'a str,
    service: &'a str,
}

impl<'a> Credential<'a> {
    fn parse(text: &'a str) -> Result<Self, Refusal> {
        // Only the access key may have slashes in it.
        let parts: Vec<_> = text.rsplitn(5, '/').collect();
        match parts.as_slice() {
            &["aws4_request", service, region, date, access_key] => Ok(Self {
                access_key,
                date,
                region,
                service,
            }),
            _ => Err(malformed("the credential has no scope")),
        }
    }

    fn signed_at(&self, date: &str) -> Result<OffsetDateTime, Refusal> {
        if date.get(..8) != Some(self.date) {
            return Err(malformed("the credential is of another day"));
        }
        PrimitiveDateTime::parse(date, DATE)
            .map(PrimitiveDateTime::assume_utc)
            .map_err(|_| malformed("the date is not of the form 20260131T235959Z"))
    }

    fn check(
        &self,
        date: &str,
        canonical_request: String,
        secret_key: &str,
        signature: &str,
    ) -> Result<(), Refusal> {
        let to_sign = [
            ALGORITHM,
            date,
            &[self.date, self.region, self.service, "aws4_request"].join("/"),
            &hex::encode(Sha256::digest(&canonical_request)),
        ]
        .join("\n");
        let mut key = format!("AWS4{secret_key}").into_bytes();
        for part in [self.date, self.region, self.service, "aws4_request"] {
            key = mac(&key, part)?.finalize().into_bytes().to_vec();
        }
        let signature =
            hex::decode(signature).map_err(|_| malformed("the signature is not hexadecimal"))?;
        mac(&key, &to_sign)?
            .verify_slice(&signature)
            .map_err(|_| Refusal::Mismatch { canonical_request })
    }
}

fn mac(key: &[u8], data: &str) -> Result<Hmac<Sha256>, Refusal> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).map_err(|_| malformed("the key is empty"))?;
    mac.update(data.as_bytes());
    Ok(mac)
}

fn malformed(reason: &str) -> Refusal {
    Refusal::Malformed(reason.to_owned())
}

/// The values of a header, as they are signed: without outer spaces, with inner
/// ones made one, several values separated by commas.
fn header_text(headers: &HeaderMap, name: &str) -> Option<String> {
    let values: Vec<_> = headers
        .get_all(name)
        .iter()
        .map(|value| {
            String::from_utf8_lossy(value.as_bytes())
                .split_ascii_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect();
    (!values.is_empty()).then(|| values.join(","))
}

/// The fields of `AWS4-HMAC-SHA256 Credential=..., SignedHeaders=..., Signature=...`.
fn authorization_fields(authorization: &str) -> Result<BTreeMap<&str, &str>, Refusal> {
    let fields = authorization
        .strip_prefix(ALGORITHM)
        .and_then(|rest| rest.strip_prefix(' '))
        .ok_or_else(|| malformed("the scheme is not AWS4-HMAC-SHA256"))?;
    let mut found = BTreeMap::new();
    for part in fields.split(',') {
        let (name, value) = part
            .trim()
            .split_once('=')
            .ok_or_else(|| malformed("a field has no value"))?;
        if found.insert(name, value).is_some() {
            return Err(malformed(&format!("{name} is there twice")));
        }
    }
    Ok(found)
}

fn field<'a>(fields: &BTreeMap<&str, &'a str>, name: &str) -> Result<&'a str, Refusal> {
    fields
        .get(name)
        .copied()
        .ok_or_else(|| malformed(&format!("no {name}")))
}

/// The names in a `SignedHeaders`, which must be in order, have `host` and every
/// `x-amz-*` header that was sent.
fn signed_headers(list: &str, headers: &HeaderMap) -> Result<Vec<String>, Refusal> {
    let signed: Vec<_> = list.split(';').map(str::to_owned).collect();
    if list != list.to_ascii_lowercase() || !signed.is_sorted_by(|a, b| a < b) {
        return Err(malformed("SignedHeaders are not in lower case and sorted"));
    }
    let sent = headers.keys().map(header::HeaderName::as_str);
    let needed = sent.filter(|name| name.starts_with("x-amz-"));
    for name in std::iter::once("host").chain(needed) {
        if !signed.iter().any(|signed| signed == name) {
            return Err(Refusal::Unsigned(name.to_owned()));
        }
    }
    Ok(signed)
}

fn canonical_headers(signed: &[String], uri: &Uri, headers: &HeaderMap) -> Result<String, Refusal> {
    let mut lines = String::new();
    for name in signed {
        let value = header_text(headers, name)
            .or_else(|| {
                let authority = uri.authority()?;
                (name == "host").then(|| authority.to_string())
            })
            .ok_or_else(|| malformed(&format!("the signed header {name} was not sent")))?;
        lines.push_str(&format!("{name}:{value}\n"));
    }
    Ok(lines)
}

fn canonical_query(uri: &Uri) -> Result<String, Refusal> {
    let escape = |text: String| percent_encode(text.as_bytes(), ESCAPED).to_string();
    let mut pairs: Vec<_> = query_pairs(uri)?
        .into_iter()
        .filter(|(name, _)| name != "X-Amz-Signature")
        .map(|(name, value)| (escape(name), escape(value)))
        .collect();
    pairs.sort();
    let pairs: Vec<_> = pairs
        .into_iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    Ok(pairs.join("&"))
}

/// The parameters of a URL. A plus sign is a plus sign here, not a space.
fn query_pairs(uri: &Uri) -> Result<Vec<(String, String)>, Refusal> {
    let decode = |text: &str| {
        percent_decode_str(text)
            .decode_utf8()
            .map(|text| text.into_owned())
            .map_err(|_| malformed("the query is not UTF-8"))
    };
    uri.query()
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode(name)?, decode(value)?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    /// The example of "Authenticating requests using query parameters" in AWS's
    /// S3 API reference.
    const EXAMPLE: &str = "https://examplebucket.s3.amazonaws.com/test.txt\
        ?X-Amz-Algorithm=AWS4-HMAC-SHA256\
        &X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request\
        &X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host\
        &X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    const SIGNED: OffsetDateTime = datetime!(2013-05-24 00:00 UTC);

    fn verify(url: &str, secret: &str, now: OffsetDateTime) -> Result<Presigned, Refusal> {
        let url = url.parse().unwrap();
        verify_presigned(&Method::GET, &url, &HeaderMap::new(), secret, now)
    }

    #[test]
    fn the_example_of_the_documentation_holds() {
        let presigned = verify(EXAMPLE, SECRET, SIGNED).unwrap();
        assert_eq!(presigned.access_key, "AKIAIOSFODNN7EXAMPLE");
        assert_eq!(presigned.region, "us-east-1");
        assert_eq!(presigned.expires_in, Duration::DAY);
        assert_eq!(presigned.signed_headers, ["host"]);
    }

    #[test]
    fn time_runs_out_and_does_not_start_early() {
        let last = SIGNED + Duration::DAY;
        assert!(verify(EXAMPLE, SECRET, last).is_ok());
        let late = verify(EXAMPLE, SECRET, last + Duration::SECOND);
        assert!(matches!(late, Err(Refusal::Expired(_))), "{late:?}");
        let early = verify(EXAMPLE, SECRET, SIGNED - Duration::HOUR);
        assert!(matches!(early, Err(Refusal::NotYet(_))), "{early:?}");
    }

    #[test]
    fn whatever_is_changed_breaks_the_signature() {
        for (from, to) in [
            ("test.txt", "test.txt2"),
            ("examplebucket", "otherbucket"),
            ("Expires=86400", "Expires=86401"),
            ("us-east-1", "us-east-2"),
            ("&X-Amz-Signature", "&more=1&X-Amz-Signature"),
            ("aeeed9", "aeeed8"),
        ] {
            let changed = verify(&EXAMPLE.replace(from, to), SECRET, SIGNED);
            assert!(matches!(changed, Err(Refusal::Mismatch { .. })), "{to}");
        }
        let other_secret = verify(EXAMPLE, "another", SIGNED);
        assert!(matches!(other_secret, Err(Refusal::Mismatch { .. })));
    }

    #[test]
    fn what_is_missing_or_doubled_is_named() {
        let unsigned = verify("http://localhost/a", SECRET, SIGNED);
        assert_eq!(unsigned, Err(Refusal::Missing));
        for (from, to, named) in [
            ("&X-Amz-Expires=86400", "", "X-Amz-Expires"),
            ("Expires=86400", "Expires=604801", "604800"),
            ("Expires=86400", "Expires=1&X-Amz-Expires=2", "twice"),
            ("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1", "X-Amz-Algorithm"),
            ("20130524T000000Z", "20130525T000000Z", "another day"),
        ] {
            let refusal = verify(&EXAMPLE.replace(from, to), SECRET, SIGNED).unwrap_err();
            assert!(refusal.to_string().contains(named), "{refusal}");
        }
    }

    #[test]
    fn headers_of_aws_must_be_signed() {
        let headers = HeaderMap::from_iter([(
            header::HeaderName::from_static("x-amz-acl"),
            header::HeaderValue::from_static("public-read"),
        )]);
        let url = EXAMPLE.parse().unwrap();
        let refused = verify_presigned(&Method::GET, &url, &headers, SECRET, SIGNED);
        assert_eq!(refused, Err(Refusal::Unsigned("x-amz-acl".into())));
    }
}
