//! Verifies AWS Signature Version 4, in headers and in presigned URLs: signs the
//! received request again with AWS's own crate, and compares the signatures.
//!
//! The sources of the other checks are "Signature Version 4 for API requests" in
//! the IAM user guide and "Authenticating requests using query parameters" in the
//! S3 API reference.

use std::collections::BTreeMap;

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{
        PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningSettings,
        UriPathNormalizationMode, sign,
    },
    sign::v4::SigningParams,
};
use http::{HeaderMap, Method, Uri, header::HeaderName};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use time::{
    Duration, OffsetDateTime, PrimitiveDateTime, format_description::FormatItem,
    macros::format_description,
};
use url::form_urlencoded;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const DATE: &[FormatItem<'_>] = format_description!("[year][month][day]T[hour][minute][second]Z");

/// The max distance of a signature's date from the verifier's clock.
const HEADER_SKEW: Duration = Duration::minutes(5);
/// The max time by which a presigned URL's date may be ahead of the verifier's clock.
const PRESIGNED_SKEW: Duration = Duration::minutes(15);
/// The maximum time that a presigned URL may be valid.
const MAX_EXPIRY: Duration = Duration::days(7);

/// Why a signature is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no signature.
    #[error("the request is not signed")]
    Missing,
    /// A part of the signature is missing, doubled or malformed.
    #[error("the signature is malformed: {0}")]
    Malformed(String),
    /// The request is signed with an unknown key.
    #[error("the access key or session token is not known")]
    UnknownKey,
    /// The request is signed for another region or service.
    #[error("the signature is scoped to {found} instead of {expected}")]
    Scope {
        /// The `region/service` in the signature.
        found: String,
        /// The `region/service` of the receiver.
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
    /// The body is not the signed one.
    #[error("the body does not have the SHA-256 that was signed")]
    Payload,
    /// The signature is of other data or made with another secret.
    #[error("the signature does not match the request")]
    Mismatch,
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

/// The contents of a valid presigned URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presigned {
    /// The access key id of the signer.
    pub access_key: String,
    /// The region that it is signed for.
    pub region: String,
    /// The date of the signature.
    pub signed_at: OffsetDateTime,
    /// The time for which it is valid from then on.
    pub expires_in: Duration,
    /// The lower-case names of the signed headers, which must be sent unchanged.
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
    let fields = authorization
        .strip_prefix(ALGORITHM)
        .and_then(|rest| rest.strip_prefix(' '))
        .ok_or_else(|| malformed("the scheme is not AWS4-HMAC-SHA256"))?;
    let pairs = fields.split(',').map(|field| {
        let (name, value) = field.trim().split_once('=').unwrap_or((field, ""));
        (name.to_owned(), value.to_owned())
    });
    let date = header_text(headers, "x-amz-date").map(|date| ("Date".to_owned(), date));
    let claim = Claim::read("", &unique(pairs.chain(date))?)?;
    if claim.access_key != keys.access_key
        || header_text(headers, "x-amz-security-token") != keys.session_token
    {
        return Err(Refusal::UnknownKey);
    }
    claim.is_scoped_to(region, service)?;
    claim.is_signed_by(now, HEADER_SKEW)?;
    if claim.signed_at < now - HEADER_SKEW {
        return Err(Refusal::Expired(claim.date));
    }
    let payload = hex::encode(Sha256::digest(body));
    if header_text(headers, "x-amz-content-sha256").is_some_and(|sent| sent != payload) {
        return Err(Refusal::Payload);
    }
    claim.check(
        (method, uri, headers),
        payload,
        (&keys.secret_key, keys.session_token.as_deref()),
        SigningSettings::default(),
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
    let (of_signature, others): (Vec<_>, Vec<_>) =
        query_pairs(url).partition(|(name, _)| name.starts_with("X-Amz-"));
    let parameters = unique(of_signature)?;
    if !parameters.contains_key("X-Amz-Signature") {
        return Err(Refusal::Missing);
    }
    if parameter(&parameters, "X-Amz-Algorithm")? != ALGORITHM {
        return Err(malformed("X-Amz-Algorithm is not AWS4-HMAC-SHA256"));
    }
    let claim = Claim::read("X-Amz-", &parameters)?;
    claim.is_scoped_to(&claim.region, "s3")?;
    let expires_in = parameter(&parameters, "X-Amz-Expires")?
        .parse()
        .ok()
        .map(Duration::seconds)
        .filter(|expires_in| (Duration::SECOND..=MAX_EXPIRY).contains(expires_in))
        .ok_or_else(|| malformed("X-Amz-Expires is not 1 to 604800 seconds"))?;
    claim.is_signed_by(now, PRESIGNED_SKEW)?;
    if claim.signed_at + expires_in < now {
        return Err(Refusal::Expired(claim.date));
    }
    // The signer adds the parameters of the signature itself.
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(others)
        .finish();
    let unsigned = format!("{}?{query}", url.path());
    let unsigned = unsigned.parse().map_err(|_| malformed("it is no URL"))?;
    let mut headers = headers.clone();
    if let (false, Some(authority)) = (headers.contains_key("host"), url.authority()) {
        let host = authority.as_str().parse();
        headers.insert("host", host.map_err(|_| malformed("it has no host"))?);
    }
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(expires_in.unsigned_abs());
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    let payload = header_text(&headers, "x-amz-content-sha256");
    let session_token = parameters.get("X-Amz-Security-Token").cloned();
    claim.check(
        (method, &unsigned, &headers),
        payload.unwrap_or_else(|| "UNSIGNED-PAYLOAD".to_owned()),
        (secret_key, session_token.as_deref()),
        settings,
    )?;
    Ok(Presigned {
        access_key: claim.access_key,
        region: claim.region,
        signed_at: claim.signed_at,
        expires_in,
        signed_headers: claim.signed_headers,
        session_token,
    })
}

/// The contents of a signature.
struct Claim {
    access_key: String,
    region: String,
    service: String,
    date: String,
    signed_at: OffsetDateTime,
    signed_headers: Vec<String>,
    signature: String,
}

impl Claim {
    /// Reads the claim from fields whose names begin with `prefix`.
    fn read(prefix: &str, fields: &BTreeMap<String, String>) -> Result<Self, Refusal> {
        let field = |name| parameter(fields, &format!("{prefix}{name}"));
        // `<access key>/<day>/<region>/<service>/aws4_request`. Only the access
        // key may have slashes in it.
        let credential: Vec<_> = field("Credential")?.rsplitn(5, '/').collect();
        let &["aws4_request", service, region, day, access_key] = credential.as_slice() else {
            return Err(malformed("the credential has no scope"));
        };
        let date = field("Date")?;
        if date.get(..8) != Some(day) {
            return Err(malformed("the credential is of another day"));
        }
        let signed_at = PrimitiveDateTime::parse(date, DATE)
            .map_err(|_| malformed("the date is not of the form 20260131T235959Z"))?;
        let list = field("SignedHeaders")?;
        let signed_headers: Vec<_> = list.split(';').map(str::to_owned).collect();
        if list != list.to_ascii_lowercase() || !signed_headers.is_sorted_by(|a, b| a < b) {
            return Err(malformed("SignedHeaders are not in lower case and sorted"));
        }
        Ok(Self {
            access_key: access_key.to_owned(),
            region: region.to_owned(),
            service: service.to_owned(),
            date: date.to_owned(),
            signed_at: signed_at.assume_utc(),
            signed_headers,
            signature: field("Signature")?.to_owned(),
        })
    }

    fn is_scoped_to(&self, region: &str, service: &str) -> Result<(), Refusal> {
        if (&*self.region, &*self.service) == (region, service) {
            return Ok(());
        }
        Err(Refusal::Scope {
            found: format!("{}/{}", self.region, self.service),
            expected: format!("{region}/{service}"),
        })
    }

    fn is_signed_by(&self, now: OffsetDateTime, skew: Duration) -> Result<(), Refusal> {
        match self.signed_at > now + skew {
            true => Err(Refusal::NotYet(self.date.clone())),
            false => Ok(()),
        }
    }

    /// Signs the request again, with the headers that the claim lists, and
    /// compares.
    fn check(
        &self,
        (method, uri, headers): (&Method, &Uri, &HeaderMap),
        payload_sha256: String,
        (secret_key, session_token): (&str, Option<&str>),
        mut settings: SigningSettings,
    ) -> Result<(), Refusal> {
        let sent = headers.keys().map(HeaderName::as_str);
        let needed = sent.filter(|name| name.starts_with("x-amz-"));
        for name in std::iter::once("host").chain(needed) {
            if !self.signed_headers.iter().any(|signed| signed == name) {
                return Err(Refusal::Unsigned(name.to_owned()));
            }
        }
        let mut signed = Vec::new();
        for name in &self.signed_headers {
            let value = header_text(headers, name)
                .ok_or_else(|| malformed(&format!("the signed header {name} was not sent")))?;
            signed.push((name.as_str(), value));
        }
        settings.excluded_headers = None;
        let unsignable = |_| malformed("the request is not one that can be signed");
        let request = SignableRequest::new(
            method.as_str(),
            uri.to_string(),
            signed.iter().map(|(name, value)| (*name, value.as_str())),
            SignableBody::Precomputed(payload_sha256),
        )
        .map_err(unsignable)?;
        let token = session_token.map(str::to_owned);
        let keys = Credentials::new(&self.access_key, secret_key, token, None, "verifier").into();
        let parameters = SigningParams::builder()
            .identity(&keys)
            .region(&self.region)
            .name(&self.service)
            .time(self.signed_at.into())
            .settings(settings)
            .build()
            .map_err(|error| malformed(&error.to_string()))?
            .into();
        let signature = sign(request, &parameters).map_err(unsignable)?;
        let expected = signature.signature().as_bytes();
        match bool::from(self.signature.as_bytes().ct_eq(expected)) {
            true => Ok(()),
            false => Err(Refusal::Mismatch),
        }
    }
}

fn malformed(reason: &str) -> Refusal {
    Refusal::Malformed(reason.to_owned())
}

/// The values of a header, separated by commas.
fn header_text(headers: &HeaderMap, name: &str) -> Option<String> {
    let values = headers.get_all(name).iter();
    let values: Vec<_> = values
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .collect();
    (!values.is_empty()).then(|| values.join(","))
}

/// Fields by their names. A doubled name is refused.
fn unique(
    pairs: impl IntoIterator<Item = (String, String)>,
) -> Result<BTreeMap<String, String>, Refusal> {
    let mut fields = BTreeMap::new();
    for (name, value) in pairs {
        if fields.insert(name.clone(), value).is_some() {
            return Err(malformed(&format!("{name} is there twice")));
        }
    }
    Ok(fields)
}

fn parameter<'a>(fields: &'a BTreeMap<String, String>, name: &str) -> Result<&'a str, Refusal> {
    let field = fields.get(name).map(String::as_str);
    field.ok_or_else(|| malformed(&format!("no {name}")))
}

/// The parameters of a URL. A plus sign is a plus sign here, not a space.
fn query_pairs(uri: &Uri) -> impl Iterator<Item = (String, String)> {
    let query = uri.query().unwrap_or_default().replace('+', "%2B");
    let pairs: Vec<_> = form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect();
    pairs.into_iter()
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
            assert!(matches!(changed, Err(Refusal::Mismatch)), "{to}");
        }
        let other_secret = verify(EXAMPLE, "another", SIGNED);
        assert!(matches!(other_secret, Err(Refusal::Mismatch)));
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
            HeaderName::from_static("x-amz-acl"),
            http::HeaderValue::from_static("public-read"),
        )]);
        let url = EXAMPLE.parse().unwrap();
        let refused = verify_presigned(&Method::GET, &url, &headers, SECRET, SIGNED);
        assert_eq!(refused, Err(Refusal::Unsigned("x-amz-acl".into())));
    }
}
