//! Notifications of new objects: their content, and that none is lost.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

mod common;

use common::{Notification, Receiver, presigned, put};
use devstack::{
    S3, S3Options,
    s3::{EventShape, EventTarget},
};
use reqwest::{Client, StatusCode};
use serde_json::json;

fn target(receiver: &Receiver) -> EventTarget {
    EventTarget::new(receiver.server.url() + "/events/s3", "events-token")
}

async fn store(dir: &std::path::Path, events: Option<EventTarget>) -> S3 {
    S3::start(S3Options {
        buckets: vec!["images".into()],
        events,
        ..S3Options::new(dir)
    })
    .await
    .unwrap()
}

fn keys(seen: &[Notification]) -> Vec<&str> {
    seen.iter()
        .map(|notification| notification.object()["key"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn an_upload_is_announced_as_aws_announces_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut receiver = Receiver::start(&[]).await;
    let s3 = store(dir.path(), Some(target(&receiver))).await;

    let answer = put(&s3, "images/a%20folder/foto%201%2B2.jpg", "some bytes").await;
    let seen = receiver.wait_for(1).await;
    assert_eq!(seen[0].authorization, "Bearer events-token");
    assert_eq!(seen[0].content_type, "application/json");
    let record = &seen[0].body["Records"][0];
    assert_eq!(record["eventName"], "ObjectCreated:Put");
    assert_eq!(record["eventSource"], "aws:s3");
    assert_eq!(record["requestParameters"]["sourceIPAddress"], "127.0.0.1");
    assert_eq!(
        record["responseElements"]["x-amz-request-id"],
        answer.headers()["x-amz-request-id"].to_str().unwrap()
    );
    assert_eq!(record["s3"]["bucket"]["name"], "images");
    assert_eq!(seen[0].object()["key"], "a+folder/foto+1%2B2.jpg");
    assert_eq!(seen[0].object()["size"], 10);
    let e_tag = seen[0].object()["eTag"].as_str().unwrap();
    assert_eq!(answer.headers()["etag"], format!("\"{e_tag}\""));
    s3.events_delivered().await;
    assert_eq!(receiver.wait_for(1).await.len(), 1, "and only once");
}

#[tokio::test]
async fn a_notification_is_repeated_until_it_is_accepted() {
    let dir = tempfile::tempdir().unwrap();
    let mut receiver = Receiver::start(&[500, 401, 503]).await;
    let s3 = store(dir.path(), Some(target(&receiver))).await;
    put(&s3, "images/a.jpg", "bytes").await;
    s3.events_delivered().await;
    let seen = receiver.wait_for(4).await;
    let answers: Vec<_> = seen.iter().map(|seen| seen.answered.as_u16()).collect();
    assert_eq!(answers, [500, 401, 503, 200]);
    assert!(seen.iter().all(|again| again.body == seen[0].body));
}

#[tokio::test]
async fn versions_of_one_object_are_announced_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let mut receiver = Receiver::start(&[500, 500]).await;
    let s3 = store(dir.path(), Some(target(&receiver))).await;
    for body in ["1", "22", "333"] {
        put(&s3, "images/a.jpg", body).await;
    }
    s3.events_delivered().await;
    let accepted: Vec<_> = receiver
        .wait_for(5)
        .await
        .into_iter()
        .filter(|seen| seen.answered == StatusCode::OK)
        .collect();
    let sizes: Vec<_> = accepted.iter().map(|seen| &seen.object()["size"]).collect();
    assert_eq!(sizes, [&json!(1), &json!(2), &json!(3)]);
    let sequencers: Vec<_> = accepted
        .iter()
        .map(|seen| seen.object()["sequencer"].as_str().unwrap())
        .collect();
    assert!(sequencers.is_sorted_by(|a, b| a < b), "{sequencers:?}");
}

#[tokio::test]
async fn what_was_not_accepted_is_sent_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let s3 = store(dir.path(), None).await;
    put(&s3, "images/early.jpg", "bytes").await;
    assert_eq!(s3.pending_events(), 1);
    s3.shutdown().await;

    let s3 = store(dir.path(), None).await;
    assert_eq!(s3.pending_events(), 1);
    let mut receiver = Receiver::start(&[]).await;
    s3.set_event_target(target(&receiver));
    s3.events_delivered().await;
    assert_eq!(keys(&receiver.wait_for(1).await), ["early.jpg"]);
    s3.shutdown().await;

    let s3 = store(dir.path(), Some(target(&receiver))).await;
    assert_eq!(
        s3.pending_events(),
        0,
        "what was accepted is not sent again"
    );
}

#[tokio::test]
async fn a_refused_upload_is_not_announced() {
    let dir = tempfile::tempdir().unwrap();
    let mut receiver = Receiver::start(&[]).await;
    let s3 = store(dir.path(), Some(target(&receiver))).await;
    // The SHA-256 of other bytes.
    let refused = Client::new()
        .put(presigned(&s3, "PUT", "images/refused.jpg"))
        .header(
            "x-amz-checksum-sha256",
            "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
        )
        .body("bytes")
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    assert!(refused.text().await.unwrap().contains("BadDigest"));
    assert_eq!(put(&s3, "other-bucket/a.jpg", "bytes").await.status(), 404);
    put(&s3, "images/accepted.jpg", "bytes").await;
    s3.events_delivered().await;
    assert_eq!(keys(&receiver.wait_for(1).await), ["accepted.jpg"]);
}

#[tokio::test]
async fn copies_and_multipart_uploads_are_announced_too() {
    let dir = tempfile::tempdir().unwrap();
    let mut receiver = Receiver::start(&[]).await;
    let s3 = store(dir.path(), Some(target(&receiver))).await;
    put(&s3, "images/a.jpg", "bytes").await;

    let client = Client::new();
    let copied = client
        .put(presigned(&s3, "PUT", "images/b.jpg"))
        .header("x-amz-copy-source", "images/a.jpg")
        .send()
        .await
        .unwrap();
    assert_eq!(copied.status(), StatusCode::OK);

    let started = client
        .post(presigned(&s3, "POST", "images/c.jpg?uploads="))
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let upload = started
        .split_once("<UploadId>")
        .and_then(|(_, rest)| rest.split_once("</UploadId>"))
        .unwrap()
        .0;
    let part = format!("images/c.jpg?partNumber=1&uploadId={upload}");
    let part = put(&s3, &part, "parts").await;
    let complete = format!(
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{}</ETag></Part></CompleteMultipartUpload>",
        part.headers()["etag"].to_str().unwrap()
    );
    let url = presigned(&s3, "POST", &format!("images/c.jpg?uploadId={upload}"));
    let completed = client.post(url).body(complete).send().await.unwrap();
    assert_eq!(completed.status(), StatusCode::OK);

    s3.events_delivered().await;
    let seen = receiver.wait_for(3).await;
    let mut names: Vec<_> = seen
        .iter()
        .map(|seen| seen.body["Records"][0]["eventName"].as_str().unwrap())
        .collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "ObjectCreated:CompleteMultipartUpload",
            "ObjectCreated:Copy",
            "ObjectCreated:Put"
        ]
    );
    assert!(seen.iter().all(|seen| seen.object()["size"] == 5));
}

#[tokio::test]
async fn a_minio_user_gets_minios_shape() {
    let dir = tempfile::tempdir().unwrap();
    let mut receiver = Receiver::start(&[]).await;
    let target = EventTarget {
        shape: EventShape::MinIo,
        ..target(&receiver)
    };
    let s3 = store(dir.path(), Some(target)).await;
    put(&s3, "images/a/b.jpg", "bytes").await;
    let seen = receiver.wait_for(1).await;
    assert_eq!(seen[0].body["EventName"], "s3:ObjectCreated:Put");
    assert_eq!(seen[0].body["Key"], "images/a/b.jpg");
    assert_eq!(seen[0].object()["key"], "a%2Fb.jpg");
}
