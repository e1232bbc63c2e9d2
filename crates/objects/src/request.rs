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
        self.request(method, key, HeaderMap::new(), Vec::new(), now)
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
        self.request(Method::PUT, key, headers, bytes, now)
    }

    fn request(
        &self,
        method: Method,
        key: &str,
        headers: HeaderMap,
        body: Vec<u8>,
        now: SystemTime,
    ) -> Result<Request<Vec<u8>>, Error> {
        let url = self.endpoint.object_url(key)?;
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
    fn temporary_credentials_send_their_token() {
        let config = config(&[("s3_session_token", "temporary")]).unwrap();
        let request = config
            .bare_request(Method::GET, "a", datetime!(2026-11-22 07:00 UTC).into())
            .unwrap();
        assert_eq!(request.headers()["x-amz-security-token"], "temporary");
    }
}
