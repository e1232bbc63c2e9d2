//! Notifications of the object store.

use reqwest::Method;
use serde_json::{Value, json};
use tests::{App, Photo, SamplePhoto, USER, body, eventually, notification, refusal};

#[tokio::test]
async fn only_the_store_may_notify() {
    let app = App::start().await;
    let event = notification("1-a.png", 1, "e");
    let post = |token: String| {
        app.request(Method::POST, "/events/s3")
            .bearer_auth(token)
            .json(&event)
            .send()
    };
    assert_eq!(
        refusal(post("wrong".into()).await.unwrap(), 401).await,
        "invalid_token"
    );
    // A user's JWT is no store's token.
    assert_eq!(
        refusal(post(app.token(USER)).await.unwrap(), 401).await,
        "invalid_token"
    );
    body(post(app.stack.events_token().into()).await.unwrap(), 200).await;
    app.stop().await;
}

#[tokio::test]
async fn without_a_configured_token_nobody_may_notify() {
    let app = App::with(&[("events_token", "")]).await;
    let response = app
        .request(Method::POST, "/events/s3")
        .bearer_auth("")
        .json(&json!({}))
        .send()
        .await;
    let answer = body(response.unwrap(), 500).await;
    assert_eq!(answer["code"], "misconfigured");
    assert!(
        answer["error"].as_str().unwrap().contains("events_token"),
        "{answer}"
    );
    app.stop().await;
}

#[tokio::test]
async fn the_same_event_again_does_no_harm() {
    let app = App::start().await;
    let photo = Photo::of("coffee.jpg");
    let file = app.upload(USER, &photo).await;
    let record = app.looked_at(USER, &file).await;
    for etag in ["one", "one", "another"] {
        body(
            app.notify(&notification(&file, photo.bytes.len(), etag))
                .await,
            200,
        )
        .await;
    }
    app.queue_is_empty().await;
    assert_eq!(app.record(USER, &file).await, record);
    assert_eq!(app.scan(USER, "").await["total_count"], 1);
    app.stop().await;
}

#[tokio::test]
async fn a_notification_may_have_several_records_of_which_some_are_not_ours() {
    let app = App::start().await;
    app.stack.s3().events_delivered().await;
    let mut several = notification("1-a.png", 1, "e");
    let (ours, mut other_bucket, mut removed) = (
        notification(&Photo::of("camera.png").file_name(USER), 1, "e")["Records"][0].clone(),
        notification(&Photo::of("coffee.jpg").file_name(USER), 1, "e")["Records"][0].clone(),
        notification(&Photo::of("rocket.jpg").file_name(USER), 1, "e")["Records"][0].clone(),
    );
    other_bucket["s3"]["bucket"]["name"] = "backups".into();
    removed["eventName"] = "ObjectRemoved:Delete".into();
    several["Records"]
        .as_array_mut()
        .unwrap()
        .extend([ours, other_bucket, removed]);
    assert_eq!(
        body(app.notify(&several).await, 200).await,
        json!({"accepted": 1})
    );
    app.queue_is_empty().await;
    app.stop().await;
}

#[tokio::test]
async fn what_the_application_stores_itself_is_no_news() {
    let app = App::start().await;
    let verified = format!("verified/{}", Photo::of("camera.png").file_name(USER));
    let event = notification(&verified, 1, "e");
    assert_eq!(body(app.notify(&event).await, 200).await["accepted"], 0);
    app.stop().await;
}

#[tokio::test]
async fn test_events_and_eventbridge_are_understood_and_nonsense_is_not() {
    let app = App::start().await;
    let test = json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "images"});
    assert_eq!(body(app.notify(&test).await, 200).await["accepted"], 0);
    let bridge = json!({
        "version": "0", "detail-type": "Object Created", "source": "aws.s3",
        "detail": {"bucket": {"name": "images"},
            "object": {"key": Photo::of("camera.png").file_name(USER), "size": 5, "etag": "e"}}
    });
    assert_eq!(body(app.notify(&bridge).await, 200).await["accepted"], 1);
    assert_eq!(
        refusal(app.notify(&json!({"hello": "world"})).await, 400).await,
        "invalid_event"
    );
    app.queue_is_empty().await;
    app.stop().await;
}

#[tokio::test]
async fn a_store_without_notifications_is_served_by_its_clients() {
    let app = App::start().await;
    app.stack.s3().set_event_target(None);
    let photo = Photo::of("coffee.jpg");
    let running = &app;
    let complete = |file: String| async move {
        let body = json!({"file_name": file});
        running.post(USER, "/receiver/complete", &body).await
    };
    assert_eq!(
        refusal(complete(photo.file_name(USER)).await, 404).await,
        "unknown_image"
    );
    let received = app.announce(USER, &photo).await;
    let file = photo.file_name(USER);
    assert_eq!(
        refusal(complete(file.clone()).await, 404).await,
        "not_uploaded"
    );
    assert_eq!(
        refusal(complete("nonsense".into()).await, 400).await,
        "invalid_field"
    );

    assert_eq!(app.put(&received, &photo.bytes).await.status, 200);
    app.queue_is_empty().await;
    assert_eq!(
        app.record(USER, &file).await["status"],
        "waiting",
        "nobody has told"
    );
    body(complete(file.clone()).await, 202).await;
    assert_eq!(app.looked_at(USER, &file).await["status"], "approved");
    app.queue_is_empty().await;
    // The client may have been late to say so.
    assert_eq!(
        body(complete(file.clone()).await, 200).await,
        json!({"file_name": file, "status": "approved"})
    );
    app.stop().await;
}

#[tokio::test]
async fn a_record_of_another_source_does_not_keep_a_photo_waiting() {
    let app = App::with(&[("upload_grace_seconds", "3600")]).await;
    app.stack.s3().set_event_target(None);
    let photo = Photo::of("coffee.jpg");
    let file = app.upload(USER, &photo).await;
    let mut event = notification(&file, photo.bytes.len(), "e");
    let records = event["Records"].as_array_mut().unwrap();
    records.insert(0, json!({"eventSource": "aws:ses", "ses": {"mail": {}}}));
    let answer = body(app.notify(&event).await, 200).await;
    assert_eq!(answer["accepted"], 1);
    app.looked_at(USER, &file).await;
    let log = app.stack.log_dir().join("images-events_stdout.txt");
    let log = &log;
    let line = eventually("the other record is logged", || async move {
        let text = std::fs::read_to_string(log).ok()?;
        let mut lines = text.lines();
        let line = lines.find(|line| line.contains("cannot be read"))?;
        serde_json::from_str::<Value>(line).ok()
    })
    .await;
    assert_eq!(line["level"], "WARN", "{line}");
    assert!(line["reason"].is_string(), "{line}");
    app.stop().await;
}
