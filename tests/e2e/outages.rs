//! Outages of the dependencies.

use devstack::s3::Fault;
use reqwest::Method;
use serde_json::json;
use stores::{Redis as _, Value};
use tests::{
    App, Manifest, OwnRedis, Photo, SamplePhoto, USER, body, documents_in, eventually,
    notification, refusal,
};

#[tokio::test]
async fn redis_down_is_503_and_nothing_is_lost_when_it_is_back() {
    let app = App::start().await;
    let file = app.upload(USER, &Photo::of("camera.png")).await;
    app.looked_at(USER, &file).await;
    app.queue_is_empty().await;
    app.stack.redis().stop().await.unwrap();

    let coffee = Photo::of("coffee.jpg");
    let response = app
        .post(USER, "/receiver", &coffee.announcement(USER, 1))
        .await;
    assert_eq!(response.headers()["retry-after"], "2");
    assert_eq!(refusal(response, 503).await, "unavailable");
    assert_eq!(
        refusal(app.get(USER, "/scan").await, 503).await,
        "unavailable"
    );
    // Requests without Redis continue.
    assert_eq!(
        app.get(USER, &format!("/obtain/{file}")).await.status(),
        302
    );

    app.stack.redis().restart().await.unwrap();
    let (app, announcement) = (&app, coffee.announcement(USER, 1));
    let announcement = &announcement;
    let received = eventually("Redis is back", || async move {
        let response = app.post(USER, "/receiver", announcement).await;
        (response.status() == 200).then_some(response)
    })
    .await;
    assert_eq!(
        app.scan(USER, "").await["total_count"],
        2,
        "the index outlived the restart"
    );
    let received = body(received, 200).await;
    assert_eq!(app.put(&received, &coffee.bytes).await.status, 200);
    app.has_status(USER, &coffee.file_name(USER), |status| status == "approved")
        .await;
}

#[tokio::test]
async fn an_object_store_that_fails_for_a_while_is_tried_again() {
    let app = App::start().await;
    app.stack
        .s3()
        .faults()
        .next_of("GetObject", 1, Fault::InternalError);
    app.stack
        .s3()
        .faults()
        .next_of("GetObject", 1, Fault::SlowDown);
    app.stack
        .s3()
        .faults()
        .next_of("GetObject", 1, Fault::Reset);
    let file = app.upload(USER, &Photo::of("coffee.jpg")).await;
    assert_eq!(app.looked_at(USER, &file).await["status"], "approved");
    assert_eq!(app.stack.s3().faults().requests("GetObject"), 4);
    app.stop().await;
}

#[tokio::test]
async fn a_photo_that_cannot_be_put_in_its_place_for_a_while_gets_there() {
    let app = App::start().await;
    app.stack.s3().set_event_target(None);
    let photo = Photo::of("coffee.jpg");
    let file = app.upload(USER, &photo).await;
    let faults = app.stack.s3().faults();
    for fault in [Fault::InternalError, Fault::SlowDown, Fault::Reset] {
        faults.next_of("PutObject", 1, fault);
    }
    let event = notification(&file, photo.bytes.len(), "e");
    body(app.notify(&event).await, 200).await;
    assert_eq!(app.looked_at(USER, &file).await["status"], "approved");
    assert_eq!(faults.requests("PutObject"), 1 + 4);
    app.stop().await;
}

#[tokio::test]
async fn an_object_store_that_stays_down_fails_the_record_with_the_reason() {
    let app = App::with(&[("queue_attempts", "2")]).await;
    let photo = Photo::of("camera.png");
    let received = app.announce(USER, &photo).await;
    app.stack
        .s3()
        .faults()
        .next_of("GetObject", 2, Fault::SlowDown);
    assert_eq!(app.put(&received, &photo.bytes).await.status, 200);
    let record = app.looked_at(USER, &photo.file_name(USER)).await;
    assert_eq!(record["status"], "failed");
    assert!(
        record["reason"].as_str().unwrap().contains("object store"),
        "{record}"
    );
    app.stop().await;
}

#[tokio::test]
async fn asking_the_store_for_a_waiting_photo_is_503_when_it_is_down() {
    let app = App::start().await;
    let photo = Photo::of("camera.png");
    app.announce(USER, &photo).await;
    app.stack
        .s3()
        .faults()
        .next_of("HeadObject", 1, Fault::SlowDown);
    let response = app
        .get(USER, &format!("/obtain/{}", photo.file_name(USER)))
        .await;
    assert_eq!(refusal(response, 503).await, "unavailable");
    app.stop().await;
}

#[tokio::test]
async fn where_no_notification_comes_a_drain_does_the_work() {
    let app = App::of(Manifest::shipped().without_redis_triggers(), &[]).await;
    let file = app.upload(USER, &Photo::of("coffee.jpg")).await;
    app.stack.s3().events_delivered().await;
    assert_eq!(app.record(USER, &file).await["status"], "waiting");
    let drained = app.drain("images").await;
    assert!(drained["handled"].as_u64().unwrap() >= 2);
    assert_eq!(app.record(USER, &file).await["status"], "approved");
    app.stop().await;
}

#[tokio::test]
async fn where_redis_wakes_nobody_the_work_is_called_for_over_http() {
    let settings = [
        ("bell", "http"),
        ("drain_token", "a token for notifications alone"),
    ];
    let app = App::of(Manifest::shipped().without_redis_triggers(), &settings).await;
    let photo = Photo::of("coffee.jpg");
    let file = app.upload(USER, &photo).await;
    assert_eq!(app.looked_at(USER, &file).await["status"], "approved");
    // The same for a client that reports an upload itself.
    app.stack.s3().set_event_target(None);
    let file = app.upload("7", &photo).await;
    let complete = json!({"file_name": file});
    body(app.post("7", "/receiver/complete", &complete).await, 202).await;
    assert_eq!(app.looked_at("7", &file).await["status"], "approved");
    app.stop().await;
}

#[tokio::test]
async fn work_goes_on_where_it_was_after_the_application_is_stopped() {
    let mut app = App::start().await;
    let photo = Photo::of("coffee.jpg");
    let received = app.announce(USER, &photo).await;
    app.stack.stop_app().await;
    // The store keeps its notification until a receiver takes it.
    assert_eq!(app.put(&received, &photo.bytes).await.status, 200);
    app.stack.restart_app().await.unwrap();
    assert_eq!(
        app.looked_at(USER, &photo.file_name(USER)).await["status"],
        "approved"
    );
    app.stop().await;
}

#[tokio::test]
async fn an_object_that_grew_since_its_event_is_still_looked_at() {
    let app = App::start().await;
    app.stack.s3().set_event_target(None);
    let photo = Photo::of("coffee.jpg");
    let file = app.upload(USER, &photo).await;
    // The object was smaller when the event was made.
    body(app.notify(&notification(&file, 10, "earlier")).await, 200).await;
    assert_eq!(app.looked_at(USER, &file).await["status"], "approved");
    app.stop().await;
}

#[tokio::test]
async fn documents_may_be_kept_in_redis_and_outlive_the_application() {
    let documents = OwnRedis::start().await;
    let config = documents_in(documents.server.url());
    let mut app = App::configured(Manifest::shipped(), &[], &config).await;
    let file = app.upload(USER, &Photo::of("camera.png")).await;
    let record = app.looked_at(USER, &file).await;
    assert_eq!(record["status"], "approved");
    app.queue_is_empty().await;
    app.stack.restart_app().await.unwrap();
    assert_eq!(app.record(USER, &file).await, record);

    documents.server.stop().await.unwrap();
    let path = format!("/images/{file}");
    assert_eq!(
        refusal(app.get(USER, &path).await, 503).await,
        "unavailable"
    );
    app.stop().await;
}

#[tokio::test]
async fn a_processed_order_is_read_while_the_redis_of_queues_is_down() {
    let documents = OwnRedis::start().await;
    let config = documents_in(documents.server.url());
    let app = App::configured(Manifest::shipped(), &[], &config).await;
    app.put_order("ORD-1", "received", "a chair").await;
    let processed = app.order_is("ORD-1", "processed").await;
    let before = app.get(USER, "/orders/ORD-1").await;
    let tag = before.headers()["etag"].clone();

    // The first reader leaves the outcome with the order, after its answer.
    let redis = documents.connect();
    eventually("the outcome is kept", || async {
        let stored = redis.call("GET", &["orders:ORD-1".into()]).unwrap();
        let stored = stored.first().and_then(Value::as_str);
        stored
            .is_some_and(|stored| stored.contains("processed"))
            .then_some(())
    })
    .await;
    app.stack.redis().stop().await.unwrap();
    let read = app.get(USER, "/orders/ORD-1").await;
    assert_eq!(read.headers()["etag"], tag);
    assert_eq!(body(read, 200).await, processed);
    let history = app.get(USER, "/orders/ORD-1?history=true").await;
    assert_eq!(refusal(history, 503).await, "unavailable");
    let other = app.get("7", "/orders/ORD-1").await;
    assert_eq!(refusal(other, 404).await, "unknown_order");

    app.stack.redis().restart().await.unwrap();
    let app = &app;
    eventually("Redis is back", || async move {
        let change = json!({"status": "inprocess", "description": "a chair"});
        let changed = app
            .request_of(USER, Method::PUT, "/orders/ORD-1")
            .json(&change)
            .send()
            .await;
        (changed.unwrap().status() == 200).then_some(())
    })
    .await;
    let latest = app.order_is("ORD-1", "processed").await;
    assert_eq!(
        (&latest["version"], &latest["status"]),
        (&json!(2), &json!("inprocess"))
    );
}
