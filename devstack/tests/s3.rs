//! A client's view of the S3 store: presigned URLs, CORS, faults.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

mod common;

use std::time::{Duration, SystemTime};

use common::{Presign, presigned, put};
use devstack::{S3, S3Options, s3::Fault};
use reqwest::{Client, Method, StatusCode};
use tempfile::TempDir;

async fn store() -> (TempDir, S3) {
    let dir = tempfile::tempdir().unwrap();
    let s3 = S3::start(S3Options {
        buckets: vec!["images".into()],
        ..S3Options::new(dir.path())
    })
    .await
    .unwrap();
    (dir, s3)
}

async fn get(url: String) -> (StatusCode, String) {
    let answer = Client::new().get(url).send().await.unwrap();
    (answer.status(), answer.text().await.unwrap())
}

#[tokio::test]
async fn what_was_put_on_a_presigned_url_comes_back_from_another() {
    let (_dir, s3) = store().await;
    let answer = put(&s3, "images/a%20folder/foto%201%2B2.jpg", "some bytes").await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(
        answer.headers()["etag"],
        "\"9d0568469d206c1aedf1b71f12f474bc\""
    );
    let (status, body) = get(presigned(&s3, "GET", "images/a%20folder/foto%201%2B2.jpg")).await;
    assert_eq!((status, body.as_str()), (StatusCode::OK, "some bytes"));
}

#[tokio::test]
async fn objects_outlive_the_store() {
    let (dir, s3) = store().await;
    put(&s3, "images/kept.jpg", "kept").await;
    s3.shutdown().await;
    let s3 = S3::start(S3Options::new(dir.path())).await.unwrap();
    let (status, body) = get(presigned(&s3, "GET", "images/kept.jpg")).await;
    assert_eq!((status, body.as_str()), (StatusCode::OK, "kept"));
}

#[tokio::test]
async fn keys_are_as_long_as_those_of_s3_but_for_the_names_of_files() {
    let (_dir, s3) = store().await;
    let long = format!("{0}/{0}/{0}/{0}.json", "x".repeat(250));
    let answer = put(&s3, &format!("images/{long}"), "first").await;
    assert_eq!(answer.status(), StatusCode::OK);
    let tag = answer.headers()["etag"].to_str().unwrap().to_owned();
    put(&s3, &format!("images/{long}"), "second").await;
    let answer = Client::new()
        .get(presigned(&s3, "GET", &format!("images/{long}")))
        .send()
        .await
        .unwrap();
    assert_ne!(answer.headers()["etag"], tag.as_str());
    assert_eq!(answer.text().await.unwrap(), "second");
    let (_, listing) = get(presigned(&s3, "GET", "images/?list-type=2")).await;
    assert!(listing.contains(&format!("<Key>{long}</Key>")), "{listing}");

    let longer = put(&s3, &format!("images/{}", "x".repeat(256)), "bytes").await;
    assert_eq!(longer.status(), StatusCode::BAD_REQUEST);
    assert!(longer.text().await.unwrap().contains("KeyTooLongError"));
}

#[tokio::test]
async fn a_listing_encodes_keys_where_it_says_so() {
    let (_dir, s3) = store().await;
    let answer = put(&s3, "images/a%252Fb%20c.jpg", "bytes").await;
    assert_eq!(answer.status(), StatusCode::OK);
    let plain = presigned(&s3, "GET", "images/?list-type=2");
    assert!(get(plain).await.1.contains("<Key>a%2Fb c.jpg</Key>"));
    let encoded = presigned(
        &s3,
        "GET",
        "images/?encoding-type=url&list-type=2&prefix=a%25",
    );
    let (_, body) = get(encoded).await;
    assert!(body.contains("<Key>a%252Fb+c.jpg</Key>"), "{body}");
    assert!(body.contains("<Prefix>a%25</Prefix>"), "{body}");
}

#[tokio::test]
async fn urls_that_do_not_hold_are_refused() {
    let (_dir, s3) = store().await;
    put(&s3, "images/a.jpg", "bytes").await;
    let object = format!("{}/images/a.jpg", s3.url());
    let good = Presign {
        method: "GET",
        url: &object,
        access_key: s3.access_key(),
        secret_key: s3.secret_key(),
        session_token: None,
        time: SystemTime::now(),
        expires_in: Duration::from_secs(60),
        headers: &[],
    };
    assert_eq!(get(good.sign()).await.0, StatusCode::OK);

    let expired = Presign {
        time: SystemTime::now() - Duration::from_secs(120),
        ..good
    };
    let (status, body) = get(expired.sign()).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(body.contains("Request has expired"), "{body}");

    let forged = Presign {
        secret_key: "another-secret",
        ..good
    };
    let (status, body) = get(forged.sign()).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(body.contains("SignatureDoesNotMatch"), "{body}");

    let stranger = Presign {
        access_key: "stranger",
        ..good
    };
    assert_eq!(get(stranger.sign()).await.0, StatusCode::FORBIDDEN);
    let other_object = good.sign().replace("a.jpg", "b.jpg");
    assert_eq!(get(other_object).await.0, StatusCode::FORBIDDEN);
    assert_eq!(get(object.clone()).await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_bucket_can_be_named_by_the_host() {
    let (_dir, s3) = store().await;
    put(&s3, "images/a.jpg", "bytes").await;
    let url = Presign {
        method: "GET",
        url: &format!("http://images.localhost:{}/a.jpg", s3.address().port()),
        access_key: s3.access_key(),
        secret_key: s3.secret_key(),
        session_token: None,
        time: SystemTime::now(),
        expires_in: Duration::from_secs(60),
        headers: &[],
    }
    .sign();
    let client = Client::builder()
        .resolve("images.localhost", s3.address())
        .build()
        .unwrap();
    let answer = client.get(url).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.text().await.unwrap(), "bytes");
}

#[tokio::test]
async fn a_browser_may_upload_from_any_page() {
    let (_dir, s3) = store().await;
    let url = presigned(&s3, "PUT", "images/a.jpg");
    let preflight = Client::new()
        .request(Method::OPTIONS, &url)
        .header("origin", "https://example.com")
        .header("access-control-request-method", "PUT")
        .header("access-control-request-headers", "content-type")
        .send()
        .await
        .unwrap();
    assert_eq!(preflight.status(), StatusCode::OK);
    let headers = preflight.headers();
    assert_eq!(headers["access-control-allow-origin"], "*");
    assert_eq!(headers["access-control-allow-headers"], "content-type");
    assert!(
        headers["access-control-allow-methods"]
            .to_str()
            .unwrap()
            .contains("PUT")
    );

    let upload = Client::new()
        .put(&url)
        .header("origin", "https://example.com")
        .body("bytes")
        .send()
        .await
        .unwrap();
    assert_eq!(upload.status(), StatusCode::OK);
    assert_eq!(upload.headers()["access-control-allow-origin"], "*");
    let exposed = upload.headers()["access-control-expose-headers"]
        .to_str()
        .unwrap();
    assert!(exposed.contains("etag"), "{exposed}");
}

#[tokio::test]
async fn only_the_listed_origins_are_let_in_when_there_is_a_list() {
    let dir = tempfile::tempdir().unwrap();
    let s3 = S3::start(S3Options {
        buckets: vec!["images".into()],
        allowed_origins: Some(vec!["https://ours.example".into()]),
        ..S3Options::new(dir.path())
    })
    .await
    .unwrap();
    let allowed = async |origin: &str| {
        let answer = Client::new()
            .put(presigned(&s3, "PUT", "images/a.jpg"))
            .header("origin", origin)
            .send()
            .await
            .unwrap();
        answer.headers().contains_key("access-control-allow-origin")
    };
    assert!(allowed("https://ours.example").await);
    assert!(!allowed("https://other.example").await);
}

#[tokio::test]
async fn a_store_in_trouble_says_so_as_aws_does() {
    let (_dir, s3) = store().await;
    s3.faults().next(1, Fault::SlowDown);
    s3.faults().next_of("GetObject", 1, Fault::InternalError);

    let refused = put(&s3, "images/a.jpg", "bytes").await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.text().await.unwrap().contains("SlowDown"));
    assert_eq!(
        put(&s3, "images/a.jpg", "bytes").await.status(),
        StatusCode::OK
    );
    let url = presigned(&s3, "GET", "images/a.jpg");
    assert_eq!(get(url.clone()).await.0, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(get(url.clone()).await.0, StatusCode::OK);

    s3.faults().always(Fault::Reset);
    assert!(Client::new().get(&url).send().await.is_err());
    s3.faults().clear();
    assert_eq!(get(url.clone()).await.0, StatusCode::OK);

    s3.faults().next(1, Fault::Stall(Duration::from_secs(600)));
    let impatient = Client::builder()
        .timeout(Duration::from_millis(50))
        .build()
        .unwrap();
    assert!(impatient.get(&url).send().await.unwrap_err().is_timeout());
    assert_eq!(s3.faults().requests("PutObject"), 2);
    assert_eq!(s3.faults().requests("GetObject"), 5);
}
