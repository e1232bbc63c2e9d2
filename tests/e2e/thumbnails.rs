//! Small copies of photos, made when they are first wanted.

use picture::Picture;
use reqwest::{Method, Response};
use tests::{App, Photo, SamplePhoto, USER, body, eventually, refusal};

use super::lifecycle::objects;

async fn obtain(app: &App, user: &str, file: &str, size: &str) -> Response {
    app.get(user, &format!("/obtain/{file}?size={size}")).await
}

/// The thumbnail that an answer leads to.
async fn picture(app: &App, response: Response) -> Picture {
    assert_eq!(response.status(), 302, "{:?}", response.text().await);
    let location = response.headers()["location"].to_str().unwrap();
    let got = app.request(Method::GET, location).send().await.unwrap();
    assert_eq!(got.headers()["content-type"], "image/jpeg");
    let bytes = got.bytes().await.unwrap();
    picture::decode(&bytes, 2000).unwrap()
}

/// The thumbnails in the bucket.
fn stored(app: &App) -> Vec<String> {
    let mut keys = objects(app);
    keys.retain(|key| key.contains("thumbnails/"));
    keys
}

#[tokio::test]
async fn a_photo_has_thumbnails_of_two_sizes_when_they_are_wanted() {
    let app = App::start().await;
    let photo = Photo::of("coffee.jpg");
    let file = app.upload(USER, &photo).await;
    app.looked_at(USER, &file).await;
    assert!(stored(&app).is_empty(), "none was wanted");
    let original = picture::decode(&photo.bytes, u16::MAX).unwrap();

    for size in ["256", "1024", "256"] {
        let thumbnail = picture(&app, obtain(&app, USER, &file, size).await).await;
        let longer = thumbnail.width.max(thumbnail.height);
        let side: usize = size.parse().unwrap();
        assert_eq!(longer, side.min(original.width.max(original.height)));
    }
    assert_eq!(stored(&app).len(), 2, "both were made at once");
    let record = app.record(USER, &file).await;
    assert_eq!(record["thumbnails"], serde_json::Value::Null, "{record}");

    assert_eq!(
        refusal(obtain(&app, "7", &file, "256").await, 401).await,
        "not_your_image"
    );
    for size in ["", "512", "0256", "large"] {
        let refused = obtain(&app, USER, &file, size).await;
        assert_eq!(refusal(refused, 400).await, "invalid_query", "{size}");
    }

    // They go with the photo.
    let removed = app.request_of(USER, Method::DELETE, &format!("/images/{file}"));
    assert_eq!(removed.send().await.unwrap().status(), 204);
    assert!(stored(&app).is_empty());
    assert_eq!(
        refusal(obtain(&app, USER, &file, "256").await, 404).await,
        "unknown_image"
    );
    app.stop().await;
}

#[tokio::test]
async fn the_largest_photo_that_is_analyzed_has_thumbnails_too() {
    let app = App::start().await;
    // Decoded, it takes 81 of the 90 MiB that a picture may take.
    let side: u16 = 9_200;
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, side.into(), side.into());
    encoder.set_color(png::ColorType::Grayscale);
    let mut writer = encoder.write_header().unwrap();
    let pixels = vec![90; usize::from(side) * usize::from(side)];
    writer.write_image_data(&pixels).unwrap();
    writer.finish().unwrap();
    let photo = Photo {
        name: "grey.png".into(),
        bytes,
        content_type: "image/png",
    };
    let file = app.upload(USER, &photo).await;
    assert_ne!(app.looked_at(USER, &file).await["status"], "failed");
    let thumbnail = eventually("the thumbnail is made", || async {
        let response = obtain(&app, USER, &file, "1024").await;
        (response.status() == 302).then_some(response)
    });
    let thumbnail = picture(&app, thumbnail.await).await;
    assert_eq!((thumbnail.width, thumbnail.height), (1024, 1024));
    app.stop().await;
}

#[tokio::test]
async fn a_thumbnail_that_is_not_made_yet_is_to_be_asked_for_again() {
    // No request may wait.
    let app = App::with(&[("max_waiting", "0")]).await;
    for queue in ["images", "images.thumbnails"] {
        operate(&app, &format!("/ops/queues/{queue}/pause")).await;
    }
    let photo = Photo::of("camera.png");
    let file = app.upload(USER, &photo).await;
    let early = obtain(&app, USER, &file, "256").await;
    assert!(early.headers().contains_key("retry-after"));
    assert_eq!(refusal(early, 409).await, "thumbnail_pending");

    operate(&app, "/ops/queues/images/resume").await;
    app.looked_at(USER, &file).await;
    for _ in 0..3 {
        let pending = obtain(&app, USER, &file, "256").await;
        assert_eq!(refusal(pending, 409).await, "thumbnail_pending");
    }
    let counts = operate(&app, "/ops/queues/images.thumbnails/pause").await;
    assert_eq!(counts["paused"], true);
    operate(&app, "/ops/queues/images.thumbnails/resume").await;
    let made = eventually("the thumbnail is made", || async {
        let response = obtain(&app, USER, &file, "256").await;
        (response.status() == 302).then_some(response)
    });
    let thumbnail = picture(&app, made.await).await;
    assert!(thumbnail.width.max(thumbnail.height) <= 256);
    let queue = app.queue("images.thumbnails").await;
    assert_eq!(queue["processed"], 1, "one message for all");
    app.stop().await;
}

async fn operate(app: &App, path: &str) -> serde_json::Value {
    body(app.ops(Method::POST, path, None).await, 200).await
}
