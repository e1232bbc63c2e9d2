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

/// Why a request could not be signed. The texts hold neither secrets nor URLs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// URL or headers are not of a form that can be sent.
    #[error("the request can't be signed: {0}")]
    Request(String),
    /// A presigned URL would end at once, or later than AWS allows.
    #[error("a presigned URL is valid for 1 to {max} seconds, not for {0}", max = MAX_EXPIRY.as_secs())]
    Expiry(u64),
}

/// What the signature says about the body of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload<'a> {
    /// These are the bytes that will be sent.
    Bytes(&'a [u8]),
    /// The lower-case hex SHA-256 of what will be sent.
    Sha256Hex(&'a str),
    /// Nothing: any body fits. Only S3 takes this.
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
    /// A signer for `service` as AWS names it in credential scopes: `s3`, `rekognition`.
    ///
    /// For `s3` the path is signed as it is sent, neither normalized nor encoded
    /// again, and `x-amz-content-sha256` is part of every signed request.
    pub fn new(credentials: &'a Credentials, region: &'a str, service: &'a str) -> Self {
        Self {
            credentials,
            region,
            service,
        }
    }

    /// The headers to add to a request so that the service accepts it:
    /// `authorization`, `x-amz-date`, with temporary credentials
    /// `x-amz-security-token`, and for S3 `x-amz-content-sha256`.
    ///
    /// `url` is absolute and percent-encoded as it will be sent. Every header in
    /// `headers` is signed, and `host` always is.
    ///
    /// # Errors
    /// [`Error::Request`] if the URL or a header can't be part of a request.
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

    /// `url` with a signature in its query: whoever has it may send this one
    /// request until `expires_in` after `now`, with any body.
    ///
    /// Every header in `headers` has to be sent with just that value; `host`
    /// always is part of the signature.
    ///
    /// # Errors
    /// [`Error::Expiry`] unless `expires_in` is between a second and
    /// [`MAX_EXPIRY`]; [`Error::Request`] as [`Signer::sign_headers`] has it.
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
