//! Announcing photos, and the URLs to upload them to.

use std::time::Duration;

use devstack::sigv4_verify::{Presigned, Refusal, verify_presigned};
use futures::future::join_all;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::{Value, json};
use tests::{App, Photo, SamplePhoto, USER, body, eventually, refusal};
use time::OffsetDateTime;

/// Checks an upload URL with another implementation than the signing one.
fn verify(app: &App, received: &Value, headers: bool) -> Result<Presigned, Refusal> {
    let url = received["upload_url"].as_str().unwrap().parse().unwrap();
    let mut sent = HeaderMap::new();
    if headers {
        for (name, value) in received["upload_headers"].as_object().unwrap() {
            let name: HeaderName = name.parse().unwrap();
            sent.insert(
                name,
                HeaderValue::from_str(value.as_str().unwrap()).unwrap(),
            );
        }
    }
    let secret = app.stack.s3().secret_key();
    verify_presigned(&Method::PUT, &url, &sent, secret, OffsetDateTime::now_utc())
}

#[tokio::test]
async fn an_announced_photo_gets_a_url_to_upload_it_to() {
    let app = App::start().await;
    let photo = Photo::of("chelsea.png");
    let received = app.announce(USER, &photo).await;
    assert_eq!(received["file_name"], photo.file_name(USER));
    assert_eq!(received["expires_in"], 60);
    assert_eq!(received["already_uploaded"], false);
    assert_eq!(
        received["upload_headers"],
        json!({"content-type": "image/png"})
    );
    let url = received["upload_url"].as_str().unwrap();
    assert!(
        url.starts_with(&format!(
            "{}/images/{}?",
            app.stack.s3().url(),
            photo.file_name(USER)
        )),
        "{url}"
    );

    let presigned = verify(&app, &received, false).unwrap();
    assert_eq!(presigned.expires_in, time::Duration::seconds(60));
    assert_eq!(
        presigned.signed_headers,
        ["host"],
        "any HTTP client can upload"
    );
    assert_eq!(presigned.region, "us-east-1");

    let record = app.record(USER, &photo.file_name(USER)).await;
    assert_eq!(record["status"], "waiting");
    assert_eq!(record["rekognition_results"], json!([]));
    assert_eq!(record["user_id"], 456);
    assert_eq!(
        record["posts"],
        json!([{"post_id": 1, "picture_id": 789, "trip_id": 3, "location_id": 5,
            "content": "Día increíble en el desierto"}])
    );
    app.stop().await;
}

#[tokio::test]
async fn an_upper_case_hash_is_the_same_photo() {
    let app = App::start().await;
    let photo = Photo::of("camera.png");
    let mut announcement = photo.announcement(USER, 1);
    announcement["image_hash"] = photo.hash().to_uppercase().into();
    let received = body(app.post(USER, "/receiver", &announcement).await, 200).await;
    assert_eq!(received["file_name"], photo.file_name(USER));
    app.stop().await;
}

#[tokio::test]
async fn a_type_of_several_names_is_answered_by_its_own_name() {
    let app = App::start().await;
    for (number, (sent, own, extension)) in (1..).zip([
        ("image/jpg", "image/jpeg", "jpg"),
        ("image/pjpeg", "image/jpeg", "jpg"),
        ("image/jpeg; charset=binary", "image/jpeg", "jpg"),
        ("image/x-png", "image/png", "png"),
    ]) {
        let photo = Photo::distinct(number);
        let mut announcement = photo.announcement(USER, 1);
        announcement["content_type"] = sent.into();
        let received = body(app.post(USER, "/receiver", &announcement).await, 200).await;
        let headers = json!({"content-type": own});
        assert_eq!(received["upload_headers"], headers, "{sent}");
        let file = format!("{USER}-{}.{extension}", photo.hash());
        assert_eq!(received["file_name"], file, "{sent}");
    }
    app.stop().await;
}

#[tokio::test]
async fn the_same_photo_in_a_second_post_is_one_file_in_both() {
    let app = App::start().await;
    let photo = Photo::of("coffee.jpg");
    let file = app.upload(USER, &photo).await;
    app.looked_at(USER, &file).await;

    let mut second = photo.announcement(USER, 2);
    second["post"]["trip_id"] = 4.into();
    let received = body(app.post(USER, "/receiver", &second).await, 200).await;
    assert_eq!(received["file_name"], file.as_str());
    assert_eq!(received["already_uploaded"], true);
    for query in [
        "post_id=1",
        "post_id=2",
        "trip_id=3",
        "trip_id=4",
        "location_id=5",
        "",
    ] {
        let found = app.scan(USER, query).await;
        assert_eq!(
            (&found["total_count"], &found["images"]),
            (&json!(1), &json!([file])),
            "{query}"
        );
    }
    let record = app.record(USER, &file).await;
    assert_eq!(record["posts"].as_array().unwrap().len(), 2);
    assert_eq!(
        record["status"], "approved",
        "what is known of the photo stays known"
    );

    // The repeated request changes neither the photo nor its posts.
    body(app.post(USER, "/receiver", &second).await, 200).await;
    assert_eq!(app.record(USER, &file).await, record);
    app.stop().await;
}

#[tokio::test]
async fn many_announcements_of_one_photo_at_once_are_all_kept() {
    let app = App::start().await;
    let photo = Photo::of("camera.png");
    let announcements: Vec<_> = (1..=8).map(|post| photo.announcement(USER, post)).collect();
    let answers = announcements
        .iter()
        .map(|body| app.post(USER, "/receiver", body));
    for response in join_all(answers).await {
        body(response, 200).await;
    }
    let record = app.record(USER, &photo.file_name(USER)).await;
    assert_eq!(record["posts"].as_array().unwrap().len(), 8, "{record}");
    assert_eq!(app.scan(USER, "").await["total_count"], 1);
    app.stop().await;
}

#[tokio::test]
async fn a_bad_request_says_which_field_is_wrong_and_stores_nothing() {
    let app = App::start().await;
    let photo = Photo::of("camera.png");
    for (field, value) in [
        ("image_hash", json!("a1b2c3")),
        ("content_type", json!("image/gif")),
        ("post_id", json!("123")),
        ("user_id", json!(4.5)),
        ("picture_id", json!(null)),
        ("post", json!("none")),
    ] {
        let mut announcement = photo.announcement(USER, 1);
        announcement[field] = value;
        let answer = body(app.post(USER, "/receiver", &announcement).await, 400).await;
        assert_eq!(answer["code"], "invalid_field");
        assert!(
            answer["error"].as_str().unwrap().starts_with(field),
            "{answer}"
        );
    }
    let broken = app
        .request_of(USER, Method::POST, "/receiver")
        .body("{")
        .send();
    assert_eq!(refusal(broken.await.unwrap(), 400).await, "invalid_json");
    assert_eq!(
        app.get(USER, &format!("/images/{}", photo.file_name(USER)))
            .await
            .status(),
        404
    );
    assert_eq!(app.scan(USER, "").await["total_count"], 0);
    app.stop().await;
}

#[tokio::test]
async fn a_signed_upload_holds_its_sender_to_type_and_bytes() {
    let app = App::with(&[("upload_integrity", "signed")]).await;
    let photo = Photo::of("rocket.jpg");
    let received = app.announce(USER, &photo).await;
    let presigned = verify(&app, &received, true).unwrap();
    assert_eq!(
        presigned.signed_headers,
        ["content-type", "host", "x-amz-checksum-sha256"]
    );
    assert!(
        verify(&app, &received, false).is_err(),
        "the headers are part of the signature"
    );

    let bare = app.request(Method::PUT, received["upload_url"].as_str().unwrap());
    assert_eq!(
        bare.body(photo.bytes.clone())
            .send()
            .await
            .unwrap()
            .status(),
        403
    );
    let wrong = app.put(&received, b"other bytes").await;
    assert!(wrong.status.is_client_error(), "{}", wrong.status);
    assert_eq!(app.put(&received, &photo.bytes).await.status, 200);
    app.has_status(USER, &photo.file_name(USER), |status| status == "approved")
        .await;
    app.stop().await;
}

#[tokio::test]
async fn urls_are_made_for_the_store_that_clients_reach() {
    let app = App::with(&[
        ("s3_addressing", "virtual"),
        ("s3_endpoint", "http://minio.internal:9000"),
        ("s3_public_endpoint", "https://s3.eu-south-2.amazonaws.com"),
        ("s3_region", "eu-south-2"),
        ("s3_session_token", "a temporary/token+=="),
        ("signed_url_write_expiration", "900"),
    ])
    .await;
    let received = app.announce(USER, &Photo::of("camera.png")).await;
    let url = received["upload_url"].as_str().unwrap();
    assert!(
        url.starts_with("https://images.s3.eu-south-2.amazonaws.com/456-"),
        "{url}"
    );
    let presigned = verify(&app, &received, false).unwrap();
    assert_eq!(
        presigned.session_token.as_deref(),
        Some("a temporary/token+==")
    );
    assert_eq!(presigned.region, "eu-south-2");
    assert_eq!(received["expires_in"], 900);
    app.stop().await;
}

#[tokio::test]
async fn an_upload_url_is_of_no_use_when_its_time_is_over() {
    let app = App::with(&[("signed_url_write_expiration", "1")]).await;
    let photo = Photo::of("camera.png");
    let received = app.announce(USER, &photo).await;
    let received = &received;
    let refused = eventually("the upload URL expires", || async {
        let response = app.put(received, b"late").await;
        (response.status == 403).then_some(response)
    });
    assert!(
        tokio::time::timeout(Duration::from_secs(60), refused)
            .await
            .is_ok()
    );
    app.stop().await;
}

#[tokio::test]
async fn a_deployment_that_cannot_sign_takes_no_records() {
    let app = App::with(&[("s3_secret_access_key", "")]).await;
    let photo = Photo::of("camera.png");
    let answer = body(
        app.post(USER, "/receiver", &photo.announcement(USER, 1))
            .await,
        500,
    )
    .await;
    assert_eq!(answer["code"], "misconfigured");
    assert!(
        answer["error"]
            .as_str()
            .unwrap()
            .contains("s3_secret_access_key"),
        "{answer}"
    );
    assert_eq!(app.scan(USER, "").await["total_count"], 0);
    app.stop().await;
}

#[tokio::test]
async fn a_size_that_was_announced_is_all_that_the_store_takes() {
    let app = App::start().await;
    let photo = Photo::of("coffee.jpg");
    let mut announcement = photo.announcement(USER, 1);
    announcement["size"] = json!(photo.bytes.len());
    let received = body(app.post(USER, "/receiver", &announcement).await, 200).await;
    let headers = &received["upload_headers"];
    assert_eq!(headers["content-length"], photo.bytes.len().to_string());

    let url = received["upload_url"].as_str().unwrap();
    let upload = |bytes: &[u8]| {
        let request = app.request(Method::PUT, url).body(bytes.to_vec());
        request.header("content-type", photo.content_type).send()
    };
    for other in [&photo.bytes[1..], &[&*photo.bytes, b"!"].concat(), b""] {
        assert_eq!(upload(other).await.unwrap().status(), 403);
    }
    assert_eq!(upload(&photo.bytes).await.unwrap().status(), 200);
    let file = photo.file_name(USER);
    assert_eq!(app.looked_at(USER, &file).await["status"], "approved");

    announcement["size"] = json!(15 * 1024 * 1024 + 1);
    let refused = app.post(USER, "/receiver", &announcement).await;
    assert_eq!(refusal(refused, 400).await, "invalid_field");
    app.stop().await;
}
