//! Another labeler, by an edit of the manifest.

use devstack::rekognition::{Failure, Label, Rekognition};
use futures::future::join_all;
use serde_json::json;
use tests::{App, Manifest, Photo, SamplePhoto, USER, body, notification};

async fn start(variables: &[(&str, &str)]) -> App {
    App::of(Manifest::shipped().with_rekognition(), variables).await
}

fn rekognition(app: &App) -> &Rekognition {
    app.stack.rekognition().unwrap()
}

#[tokio::test]
async fn rekognition_labels_photos_when_the_manifest_says_so() {
    let app = start(&[]).await;
    let photo = Photo::of("camera.png");
    rekognition(&app).set_labels(
        &photo.bytes,
        vec![
            Label::new("Golden Retriever", 98.5, &["Dog", "Animal"]),
            Label::new("Dog", 99.25, &["Animal"]),
        ],
    );
    let file = app.upload(USER, &photo).await;
    let record = app.looked_at(USER, &file).await;
    assert_eq!(record["status"], "approved");
    assert_eq!(
        record["rekognition_results"][0],
        json!({"Name": "Dog", "Confidence": 99.25, "Parents": [{"Name": "Animal"}]})
    );
    assert_eq!(
        app.scan(USER, "label=golden%20retriever%3E98").await["total_count"],
        1
    );
    assert_eq!(app.scan(USER, "label=animal%3E99").await["total_count"], 1);
    let seen = rekognition(&app).requests();
    assert_eq!(
        seen[0].min_confidence,
        Some(50.0),
        "as low as the censorship needs"
    );
    assert_eq!(
        rekognition(&app).refused(),
        0,
        "every request was signed as AWS asks"
    );
    app.stop().await;
}

#[tokio::test]
async fn the_same_image_of_another_user_is_not_labeled_again() {
    let app = start(&[]).await;
    let photo = Photo::of("camera.png");
    rekognition(&app).set_labels(&photo.bytes, vec![Label::new("Tripod", 95.0, &[])]);
    for user in [USER, "7"] {
        let file = app.upload(user, &photo).await;
        app.has_status(user, &file, |status| status == "approved")
            .await;
        assert_eq!(app.scan(user, "label=tripod%3E90").await["total_count"], 1);
    }
    assert_eq!(rekognition(&app).requests().len(), 1);
    app.stop().await;
}

#[tokio::test]
async fn throttling_and_outages_are_waited_out() {
    let app = start(&[]).await;
    let photo = Photo::of("camera.png");
    rekognition(&app).set_labels(&photo.bytes, vec![Label::new("Tripod", 95.0, &[])]);
    rekognition(&app).fail_next(2, Failure::Throttling);
    rekognition(&app).fail_next(1, Failure::InternalServerError);
    let file = app.upload(USER, &photo).await;
    app.has_status(USER, &file, |status| status == "approved")
        .await;
    assert_eq!(rekognition(&app).requests().len(), 4);
    app.stop().await;
}

#[tokio::test]
async fn after_the_last_attempt_the_record_says_why_it_failed() {
    let app = start(&[("queue_attempts", "3")]).await;
    let photo = Photo::of("camera.png");
    rekognition(&app).set_labels(&photo.bytes, vec![Label::new("Tripod", 95.0, &[])]);
    rekognition(&app).fail_next(3, Failure::Throttling);
    let file = app.upload(USER, &photo).await;
    let record = app.looked_at(USER, &file).await;
    assert_eq!(record["status"], "failed");
    assert!(
        record["reason"].as_str().unwrap().contains("busy"),
        "{record}"
    );
    assert_eq!(
        rekognition(&app).requests().len(),
        3,
        "exactly as many attempts as configured"
    );

    // The second announcement starts a second analysis.
    assert_eq!(app.announce(USER, &photo).await["already_uploaded"], true);
    app.has_status(USER, &file, |status| status == "approved")
        .await;
    app.stop().await;
}

#[tokio::test]
async fn several_images_are_in_flight_at_once() {
    let app = start(&[]).await;
    app.stack.s3().set_event_target(None);
    let photos: Vec<_> = (0..4).map(Photo::distinct).collect();
    for photo in &photos {
        rekognition(&app).set_labels(&photo.bytes, vec![Label::new("Tripod", 95.0, &[])]);
    }
    let files = join_all(photos.iter().map(|photo| app.upload(USER, photo))).await;
    // The double answers no request before all four have come.
    rekognition(&app).gather(4);
    let size = photos[0].bytes.len();
    let mut event = notification(&files[0], size, "");
    for file in &files[1..] {
        let record = notification(file, size, "")["Records"][0].clone();
        event["Records"].as_array_mut().unwrap().push(record);
    }
    body(app.notify(&event).await, 200).await;
    for file in &files {
        app.has_status(USER, file, |status| status == "approved")
            .await;
    }
    assert_eq!(rekognition(&app).max_in_flight(), 4);
    app.stop().await;
}
