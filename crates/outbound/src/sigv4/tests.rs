//! The worked examples that AWS publishes, with the signatures that it gives:
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html> and
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html>.

use std::time::{Duration, SystemTime};

use super::{Credentials, Error, Payload, Signer};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use time::macros::datetime;

fn credentials() -> Credentials {
    Credentials {
        access_key_id: "AKIAIOSFODNN7EXAMPLE".into(),
        secret_access_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".into(),
        session_token: None,
    }
}

fn published_date() -> SystemTime {
    datetime!(2013-05-24 00:00 UTC).into()
}

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        })
        .collect()
}

fn authorization(method: Method, url: &str, sent: &HeaderMap, body: &[u8]) -> String {
    let credentials = credentials();
    let added = Signer::new(&credentials, "us-east-1", "s3")
        .sign_headers(&method, url, sent, &Payload::Bytes(body), published_date())
        .expect("signs");
    assert_eq!(added["x-amz-date"], "20130524T000000Z");
    added["authorization"]
        .to_str()
        .expect("is text")
        .replace(", ", ",")
}

fn expected(signed_headers: &str, signature: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,\
         SignedHeaders={signed_headers},Signature={signature}"
    )
}

#[test]
fn get_object_with_a_range() {
    assert_eq!(
        authorization(
            Method::GET,
            "https://examplebucket.s3.amazonaws.com/test.txt",
            &headers(&[("range", "bytes=0-9")]),
            b"",
        ),
        expected(
            "host;range;x-amz-content-sha256;x-amz-date",
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        )
    );
}

#[test]
fn put_object_whose_key_needs_encoding() {
    assert_eq!(
        authorization(
            Method::PUT,
            "https://examplebucket.s3.amazonaws.com/test%24file.text",
            &headers(&[
                ("date", "Fri, 24 May 2013 00:00:00 GMT"),
                ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
            ]),
            b"Welcome to Amazon S3.",
        ),
        expected(
            "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
        )
    );
}

#[test]
fn get_with_a_valueless_query_parameter() {
    assert_eq!(
        authorization(
            Method::GET,
            "https://examplebucket.s3.amazonaws.com/?lifecycle",
            &HeaderMap::new(),
            b"",
        ),
        expected(
            "host;x-amz-content-sha256;x-amz-date",
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
        )
    );
}

#[test]
fn list_objects_with_query_parameters() {
    assert_eq!(
        authorization(
            Method::GET,
            "https://examplebucket.s3.amazonaws.com/?max-keys=2&prefix=J",
            &HeaderMap::new(),
            b"",
        ),
        expected(
            "host;x-amz-content-sha256;x-amz-date",
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        )
    );
}

#[test]
fn presigned_get() {
    let credentials = credentials();
    let url = Signer::new(&credentials, "us-east-1", "s3")
        .presign(
            &Method::GET,
            "https://examplebucket.s3.amazonaws.com/test.txt",
            &HeaderMap::new(),
            Duration::from_secs(86_400),
            published_date(),
        )
        .expect("presigns");
    assert_eq!(
        url,
        "https://examplebucket.s3.amazonaws.com/test.txt\
         ?X-Amz-Algorithm=AWS4-HMAC-SHA256\
         &X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request\
         &X-Amz-Date=20130524T000000Z\
         &X-Amz-Expires=86400\
         &X-Amz-SignedHeaders=host\
         &X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
    );
}

#[test]
fn temporary_credentials_bring_their_token() {
    let credentials = Credentials {
        session_token: Some("AQoDYXdz/EJr+=".into()),
        ..credentials()
    };
    let signer = Signer::new(&credentials, "eu-west-1", "rekognition");

    let added = signer
        .sign_headers(
            &Method::POST,
            "https://rekognition.eu-west-1.amazonaws.com/",
            &headers(&[("x-amz-target", "RekognitionService.DetectLabels")]),
            &Payload::Bytes(b"{}"),
            published_date(),
        )
        .expect("signs");
    assert_eq!(added["x-amz-security-token"], "AQoDYXdz/EJr+=");
    assert!(added["x-amz-security-token"].is_sensitive());
    let authorization = added["authorization"].to_str().expect("is text");
    assert!(
        authorization.contains("SignedHeaders=host;x-amz-date;x-amz-security-token;x-amz-target"),
        "{authorization}"
    );
    assert!(!added.contains_key("x-amz-content-sha256"));

    let url = Signer::new(&credentials, "eu-west-1", "s3")
        .presign(
            &Method::PUT,
            "http://127.0.0.1:9000/images/a.jpg",
            &headers(&[("content-type", "image/jpeg")]),
            Duration::from_secs(60),
            published_date(),
        )
        .expect("presigns");
    assert!(
        url.contains("&X-Amz-Security-Token=AQoDYXdz%2FEJr%2B%3D"),
        "{url}"
    );
    assert!(
        url.contains("&X-Amz-SignedHeaders=content-type%3Bhost&"),
        "{url}"
    );
}

#[test]
fn a_lifetime_outside_of_what_aws_honours_is_refused() {
    let credentials = credentials();
    let presign = |seconds| {
        Signer::new(&credentials, "us-east-1", "s3").presign(
            &Method::GET,
            "https://examplebucket.s3.amazonaws.com/test.txt",
            &HeaderMap::new(),
            Duration::from_secs(seconds),
            published_date(),
        )
    };
    assert_eq!(presign(0), Err(Error::Expiry(0)));
    assert_eq!(presign(604_801), Err(Error::Expiry(604_801)));
    assert!(presign(604_800).is_ok());
}

#[test]
fn a_url_that_can_not_be_sent_is_an_error() {
    let credentials = credentials();
    let error = Signer::new(&credentials, "us-east-1", "s3")
        .sign_headers(
            &Method::GET,
            "https://example bucket/",
            &HeaderMap::new(),
            &Payload::Unsigned,
            published_date(),
        )
        .expect_err("has a space");
    assert_eq!(error, Error::Request("no valid URL".into()));
}
