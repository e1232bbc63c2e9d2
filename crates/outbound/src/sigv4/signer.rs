use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials as AwsCredentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation,
    SigningInstructions, SigningSettings, UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use http::{HeaderMap, HeaderValue, Method};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::Credentials;

/// The max life of a presigned URL on AWS: seven days.
pub const MAX_EXPIRY: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Everything but the unreserved characters of RFC 3986, 2.3.
const ENCODED_IN_QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The reason why a request was not signed. The texts contain no secrets and no URLs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The URL or a header is invalid.
    #[error("the request can't be signed: {0}")]
    Request(String),
    /// The life of a presigned URL is not 1 s to [`MAX_EXPIRY`].
    #[error("a presigned URL is valid for 1 to {max} seconds, not for {0}", max = MAX_EXPIRY.as_secs())]
    Expiry(u64),
}

/// The part of a signature that covers the body of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload<'a> {
    /// The body itself.
    Bytes(&'a [u8]),
    /// The SHA-256 of the body, in lower-case hex.
    Sha256Hex(&'a str),
    /// No part: any body fits. Only S3 accepts this.
    Unsigned,
}

/// Signs requests to one service in one region.
#[derive(Debug, Clone)]
pub struct Signer<'a> {
    credentials: &'a Credentials,
    region: &'a str,
    service: &'a str,
}

impl<'a> Signer<'a> {
    /// A signer for `service`, by its name in credential scopes: `s3`, `rekognition`.
    ///
    /// For `s3` the path is signed as it is sent, without normalization or a second
    /// encoding, and every signed request has `x-amz-content-sha256`.
    pub fn new(credentials: &'a Credentials, region: &'a str, service: &'a str) -> Self {
        Self {
            credentials,
            region,
            service,
        }
    }

    /// The headers to add to a request, which sign it:
    /// `authorization`, `x-amz-date`, with temporary credentials
    /// `x-amz-security-token`, and for S3 `x-amz-content-sha256`.
    ///
    /// `url` is absolute and percent-encoded as it will be sent. Every header in
    /// `headers` is signed, and `host` always is.
    ///
    /// # Errors
    /// [`Error::Request`] if the URL or a header is invalid.
    pub fn sign_headers(
        &self,
        method: &Method,
        url: &str,
        headers: &HeaderMap,
        payload: &Payload<'_>,
        now: SystemTime,
    ) -> Result<HeaderMap, Error> {
        let settings = self.settings(SignatureLocation::Headers);
        let instructions = self.sign(settings, method, url, headers, payload, now)?;
        let mut added = HeaderMap::new();
        for header in instructions.into_parts().0 {
            let mut value = HeaderValue::from_str(header.value())
                .map_err(|_| Error::Request(format!("no valid `{}` header", header.name())))?;
            value.set_sensitive(header.sensitive() || header.name() == "authorization");
            added.insert(header.name(), value);
        }
        Ok(added)
    }

    /// `url` with a signature in its query. A client that has it may send this one request,
    /// with any body, until `expires_in` after `now`.
    ///
    /// The client has to send every header of `headers` with the same value. The signature
    /// always covers `host`.
    ///
    /// # Errors
    /// [`Error::Expiry`] unless `expires_in` is 1 s to [`MAX_EXPIRY`]; [`Error::Request`] if
    /// the URL or a header is invalid.
    pub fn presign(
        &self,
        method: &Method,
        url: &str,
        headers: &HeaderMap,
        expires_in: Duration,
        now: SystemTime,
    ) -> Result<String, Error> {
        if expires_in < Duration::from_secs(1) || expires_in > MAX_EXPIRY {
            return Err(Error::Expiry(expires_in.as_secs()));
        }
        let mut settings = self.settings(SignatureLocation::QueryParams);
        settings.expires_in = Some(expires_in);
        let instructions = self.sign(settings, method, url, headers, &Payload::Unsigned, now)?;

        let mut signed = url.to_owned();
        for (name, value) in instructions.params() {
            signed.push(if signed.contains('?') { '&' } else { '?' });
            signed.push_str(name);
            signed.push('=');
            signed.extend(utf8_percent_encode(value, ENCODED_IN_QUERY));
        }
        Ok(signed)
    }

    fn settings(&self, location: SignatureLocation) -> SigningSettings {
        let mut settings = SigningSettings::default();
        settings.signature_location = location;
        if self.service == "s3" {
            settings.percent_encoding_mode = PercentEncodingMode::Single;
            settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        }
        settings
    }

    fn sign(
        &self,
        settings: SigningSettings,
        method: &Method,
        url: &str,
        headers: &HeaderMap,
        payload: &Payload<'_>,
        now: SystemTime,
    ) -> Result<SigningInstructions, Error> {
        let headers = headers
            .iter()
            .map(|(name, value)| {
                let value = value
                    .to_str()
                    .map_err(|_| Error::Request(format!("`{name}` is not ASCII")))?;
                Ok((name.as_str(), value))
            })
            .collect::<Result<Vec<_>, Error>>()?;
        let body = match *payload {
            Payload::Bytes(bytes) => SignableBody::Bytes(bytes),
            Payload::Sha256Hex(digest) => SignableBody::Precomputed(digest.to_owned()),
            Payload::Unsigned => SignableBody::UnsignedPayload,
        };
        let request = SignableRequest::new(method.as_str(), url, headers.into_iter(), body)
            .map_err(|_| Error::Request("no valid URL".into()))?;

        let identity = AwsCredentials::new(
            self.credentials.access_key_id.clone(),
            self.credentials.secret_access_key.clone(),
            self.credentials.session_token.clone(),
            None,
            "orilla",
        )
        .into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.region)
            .name(self.service)
            .time(now)
            .settings(settings)
            .build()
            .map_err(|error| Error::Request(error.to_string()))?
            .into();
        let (instructions, _signature) = sign(request, &params)
            .map_err(|_| Error::Request("a header can't be part of a signature".into()))?
            .into_parts();
        Ok(instructions)
    }
}
