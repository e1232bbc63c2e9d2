//! Getting photos back.

use devstack::sigv4_verify::verify_presigned;
use http::{HeaderMap, Method};
use reqwest::Response;
use stores::Redis;
use tests::{App, Photo, SamplePhoto, USER, refusal};
use time::OffsetDateTime;

async fn obtain(app: &App, user: &str, file: &str) -> Response {
    app.get(user, &format!("/obtain/{file}")).await
}

#[tokio::test]
async fn the_owner_gets_the_same_bytes_back() {
    let app = App::with(&[("signed_url_read_expiration", "120")]).await;
    let photo = Photo::of("coffee.jpg");
    let file = app.upload(USER, &photo).await;
    app.looked_at(USER, &file).await;

    let response = obtain(&app, USER, &file).await;
    assert_eq!(response.status(), 302);
    assert_eq!(response.headers()["cache-control"], "no-store");
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    let presigned = verify_presigned(
        &Method::GET,
        &location.parse().unwrap(),
        &HeaderMap::new(),
        app.stack.s3().secret_key(),
        OffsetDateTime::now_utc(),
    );
    assert_eq!(presigned.unwrap().expires_in, time::Duration::seconds(120));

    let image = app.request(Method::GET, &location).send().await.unwrap();
    assert_eq!(image.status(), 200);
    assert_eq!(image.bytes().await.unwrap(), photo.bytes);

    let head = app
        .request_of(USER, Method::HEAD, &format!("/obtain/{file}"))
        .send()
        .await
        .unwrap();
    assert_eq!(head.status(), 302);
    // A client that follows it sends the same method to the store.
    let location = head.headers()["location"].to_str().unwrap();
    let size = app.request(Method::HEAD, location).send().await.unwrap();
    assert_eq!(size.status(), 200);
    assert_eq!(
        size.headers()["content-length"],
        photo.bytes.len().to_string()
    );
    app.stop().await;
}

#[tokio::test]
async fn anothers_photo_is_401_whether_it_exists_or_not() {
    let app = App::start().await;
    let photo = Photo::of("camera.png");
    let file = app.upload(USER, &photo).await;
    app.looked_at(USER, &file).await;
    let missing = Photo::of("coffee.jpg").file_name(USER);
    let mut answers = Vec::new();
    for file in [file.as_str(), &missing, "456-nonsense", "nonsense", "456-"] {
        let response = obtain(&app, "7", file).await;
        assert!(response.headers().contains_key("www-authenticate"));
        let text = response.text().await.unwrap();
        assert!(text.contains("not_your_image"), "{file}: {text}");
        answers.push(text);
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "nothing is told apart: {answers:?}");
    // 45 is no prefix of 456.
    assert_eq!(
        refusal(obtain(&app, "45", &file).await, 401).await,
        "not_your_image"
    );
    app.stop().await;
}

#[tokio::test]
async fn ones_own_photo_that_is_not_there_is_404() {
    let app = App::start().await;
    let photo = Photo::of("camera.png");
    let file = photo.file_name(USER);
    assert_eq!(
        refusal(obtain(&app, USER, &file).await, 404).await,
        "unknown_image"
    );
    assert_eq!(
        refusal(obtain(&app, USER, "456-nonsense").await, 404).await,
        "unknown_image"
    );
    app.announce(USER, &photo).await;
    assert_eq!(
        refusal(obtain(&app, USER, &file).await, 404).await,
        "unknown_image"
    );
    app.stop().await;
}

#[tokio::test]
async fn a_photo_can_be_had_before_it_is_analyzed() {
    let app = App::start().await;
    app.stack.s3().set_event_target(None);
    let photo = Photo::of("camera.png");
    let file = app.upload(USER, &photo).await;
    assert_eq!(app.record(USER, &file).await["status"], "waiting");
    assert_eq!(obtain(&app, USER, &file).await.status(), 302);
    assert_eq!(app.stack.s3().faults().requests("HeadObject"), 1);
    app.stop().await;
}

/// A photo of a phone: EXIF with an orientation, and a place after it.
fn from_a_phone() -> Photo {
    const EXIF: &[u8] = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    let contents = [EXIF, PLACE].concat();
    let length = u16::try_from(contents.len() + 2).unwrap().to_be_bytes();
    let mut photo = Photo::of("coffee.jpg");
    let after_start = [&[0xff, 0xe1], &length[..], &contents].concat();
    photo.bytes.splice(2..2, after_start);
    photo
}

const PLACE: &[u8] = b"GPS 40.4168 N 3.7038 W";

#[tokio::test]
async fn photos_come_back_without_metadata_where_that_is_wanted() {
    let app = App::with(&[("strip_metadata", "true")]).await;
    let photo = from_a_phone();
    // Before it is analyzed, the photo is as it was uploaded.
    app.redis()
        .call("SET", &["{images}:queue:paused".into(), 1.into()])
        .unwrap();
    let file = app.upload(USER, &photo).await;
    let early = obtain(&app, USER, &file).await;
    assert_eq!(refusal(early, 409).await, "metadata_not_stripped");
    let resumed = app
        .ops(Method::POST, "/ops/queues/images/resume", None)
        .await;
    assert_eq!(resumed.status(), 200);
    app.looked_at(USER, &file).await;

    let response = obtain(&app, USER, &file).await;
    assert_eq!(response.status(), 302);
    let location = response.headers()["location"].to_str().unwrap();
    let stripped = app.request(Method::GET, location).send().await.unwrap();
    assert_eq!(stripped.headers()["content-type"], "image/jpeg");
    let stripped = stripped.bytes().await.unwrap();
    assert!(memchr::memmem::find(&photo.bytes, PLACE).is_some());
    assert!(memchr::memmem::find(&stripped, PLACE).is_none());
    assert!(
        memchr::memmem::find(&stripped, b"Exif\0\0").is_some(),
        "it stays upright"
    );
    app.stop().await;
}
