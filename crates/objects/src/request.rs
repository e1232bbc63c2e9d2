use std::time::SystemTime;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, Request};
use outbound::sigv4::{Payload, Signer};

use crate::presign::header_value;
use crate::{Error, StoreConfig};

impl StoreConfig {
    pub(crate) fn signer(&self) -> Signer<'_> {
        Signer::new(&self.credentials, &self.region, "s3")
    }

    /// A request without a body for the object `key`.
    pub(crate) fn bare_request(
        &self,
        method: Method,
        key: &str,
        now: SystemTime,
    ) -> Result<Request<Vec<u8>>, Error> {
        let url = self.endpoint.object_url(key)?;
        self.request(method, url, HeaderMap::new(), Vec::new(), now)
    }

    /// A request for at most `max` keys with `prefix`, from the first one after `after`
    /// (`ListObjectsV2`).
    pub(crate) fn list_request(
        &self,
        prefix: &str,
        after: Option<&str>,
        max: u32,
        now: SystemTime,
    ) -> Result<Request<Vec<u8>>, Error> {
        let max = max.to_string();
        let mut parameters = vec![
            // XML cannot carry every character of a key.
            ("encoding-type", "url"),
            ("list-type", "2"),
            ("max-keys", max.as_str()),
            ("prefix", prefix),
        ];
        parameters.extend(after.map(|after| ("start-after", after)));
        let url = self.endpoint.bucket_url(&parameters);
        self.request(Method::GET, url, HeaderMap::new(), Vec::new(), now)
    }

    /// A request that stores `bytes` as the object `key`.
    pub(crate) fn put_request(
        &self,
        key: &str,
        bytes: Vec<u8>,
        content_type: &str,
        now: SystemTime,
    ) -> Result<Request<Vec<u8>>, Error> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, header_value(content_type)?);
        let url = self.endpoint.object_url(key)?;
        self.request(Method::PUT, url, headers, bytes, now)
    }

    fn request(
        &self,
        method: Method,
        url: String,
        headers: HeaderMap,
        body: Vec<u8>,
        now: SystemTime,
    ) -> Result<Request<Vec<u8>>, Error> {
        let signature =
            self.signer()
                .sign_headers(&method, &url, &headers, &Payload::Bytes(&body), now)?;
        let mut request = Request::builder()
            .method(method)
            .uri(url)
            .body(body)
            .map_err(|error| Error::InvalidKey(error.to_string()))?;
        *request.headers_mut() = headers;
        request.headers_mut().extend(signature);
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::config::tests::config;

    #[test]
    fn reads_are_signed_in_headers_on_the_private_endpoint() {
        let config = config(&[("s3_public_endpoint", "https://photos.example")]).unwrap();
        let request = config
            .bare_request(
                Method::HEAD,
                "año.jpg",
                datetime!(2026-11-22 07:00 UTC).into(),
            )
            .unwrap();
        assert_eq!(request.uri(), "http://127.0.0.1:9000/images/a%C3%B1o.jpg");
        assert_eq!(request.headers()["x-amz-date"], "20261122T070000Z");
        assert_eq!(
            request.headers()["x-amz-content-sha256"],
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        let authorization = request.headers()["authorization"].to_str().unwrap();
        assert!(
            authorization.starts_with(
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261122/us-east-1/s3/aws4_request"
            ),
            "{authorization}"
        );
        assert!(!format!("{request:?}").contains("Signature="));
    }

    #[test]
    fn writes_sign_their_type_and_digest() {
        let request = config(&[])
            .unwrap()
            .put_request(
                "a.txt",
                b"Welcome to Amazon S3.".to_vec(),
                "text/plain",
                datetime!(2026-11-22 07:00 UTC).into(),
            )
            .unwrap();
        assert_eq!(request.method(), Method::PUT);
        assert_eq!(request.headers()["content-type"], "text/plain");
        assert_eq!(
            request.headers()["x-amz-content-sha256"],
            "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"
        );
        let authorization = request.headers()["authorization"].to_str().unwrap();
        assert!(
            authorization
                .contains("SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date"),
            "{authorization}"
        );
        assert_eq!(request.body(), b"Welcome to Amazon S3.");
    }

    #[test]
    fn a_listing_asks_the_bucket_for_encoded_keys_after_the_last_one() {
        let now = datetime!(2026-11-22 07:00 UTC).into();
        let local = config(&[]).unwrap();
        let request = local
            .list_request("compras/a b/", Some("compras/a b/c+d%2F"), 1000, now)
            .unwrap();
        assert_eq!(
            request.uri(),
            "http://127.0.0.1:9000/images/?encoding-type=url&list-type=2&max-keys=1000\
             &prefix=compras%2Fa%20b%2F&start-after=compras%2Fa%20b%2Fc%2Bd%252F"
        );
        let aws = [
            ("s3_endpoint", "https://s3.eu-west-1.amazonaws.com"),
            ("s3_addressing", "virtual"),
        ];
        let request = config(&aws)
            .unwrap()
            .list_request("", None, 1, now)
            .unwrap();
        assert_eq!(
            request.uri(),
            "https://images.s3.eu-west-1.amazonaws.com/?encoding-type=url&list-type=2&max-keys=1&prefix="
        );
    }

    #[test]
    fn the_signature_of_a_listing_is_that_of_another_implementation() {
        let request = config(&[])
            .unwrap()
            .list_request(
                "compras/a b/",
                Some("compras/a b/c+d%2F"),
                1000,
                datetime!(2026-11-22 07:00 UTC).into(),
            )
            .unwrap();
        let authorization = request.headers()["authorization"].to_str().unwrap();
        // From botocore (`S3SigV4Auth`) for the same request.
        assert!(
            authorization.ends_with(
                "Signature=1ced621d8078e12c6690430f0d3cb7a3ddb554da0ca3a7041c9659e47d697db6"
            ),
            "{authorization}"
        );
    }

    #[test]
    fn temporary_credentials_send_their_token() {
        let config = config(&[("s3_session_token", "temporary")]).unwrap();
        let request = config
            .bare_request(Method::GET, "a", datetime!(2026-11-22 07:00 UTC).into())
            .unwrap();
        assert_eq!(request.headers()["x-amz-security-token"], "temporary");
    }
}
