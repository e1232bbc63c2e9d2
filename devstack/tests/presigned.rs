//! Two implementations of presigned URLs agree: AWS's crate signs, ours verifies.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

mod common;

use std::time::{Duration, SystemTime};

use common::Presign;
use devstack::sigv4_verify::{Refusal, verify_presigned};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

const SIGNED: &[(&str, &str)] = &[
    ("content-type", "image/jpeg"),
    (
        "x-amz-checksum-sha256",
        "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
    ),
];

fn presign(url: &str, headers: &[(&str, &str)]) -> http::Uri {
    Presign {
        method: "PUT",
        url,
        access_key: "AKID",
        secret_key: "secret",
        session_token: Some("a/token+with=signs"),
        time: SystemTime::now(),
        expires_in: Duration::from_secs(60),
        headers,
    }
    .sign()
    .parse()
    .unwrap()
}

fn verify(url: &http::Uri, headers: &[(&'static str, &'static str)]) -> Result<(), Refusal> {
    let headers = HeaderMap::from_iter(headers.iter().map(|(name, value)| {
        (
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        )
    }));
    let now = SystemTime::now().into();
    let presigned = verify_presigned(&Method::PUT, url, &headers, "secret", now)?;
    assert_eq!(presigned.access_key, "AKID");
    assert_eq!(
        presigned.session_token.as_deref(),
        Some("a/token+with=signs")
    );
    Ok(())
}

#[test]
fn urls_of_every_kind_hold() {
    for url in [
        "http://127.0.0.1:9000/images/456-abc.jpg",
        "https://images.s3.us-east-1.amazonaws.com/456-abc.jpg",
        "http://localhost/images/a%20folder/foto%201%2B2~%C3%B1.jpg",
        "http://localhost/images/a.jpg?partNumber=1&uploadId=a%2Fb&uploads",
    ] {
        assert_eq!(verify(&presign(url, &[]), &[]), Ok(()), "{url}");
    }
}

#[test]
fn signed_headers_must_be_sent_as_they_were_signed() {
    let url = presign("http://localhost/images/a.jpg", SIGNED);
    assert_eq!(verify(&url, SIGNED), Ok(()));
    let missing = verify(&url, &SIGNED[..1]);
    assert!(matches!(missing, Err(Refusal::Malformed(_))), "{missing:?}");
    let other = verify(&url, &[("content-type", "image/png"), SIGNED[1]]);
    assert!(matches!(other, Err(Refusal::Mismatch)), "{other:?}");
}
