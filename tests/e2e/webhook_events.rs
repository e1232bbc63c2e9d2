//! Events of photos, jobs, purchases and jobs of ipp.

use std::collections::BTreeSet;
use std::time::Duration;

use devstack::WebhookReceiver;
use devstack::databricks::RunState;
use devstack::webhooks::SECRET;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tests::{App, Manifest, Photo, SamplePhoto, Service, USER, body, purchase};

use crate::jobs_control::{DAY, becomes, control, job, job_in, submit};
use crate::webhooks::{app, make, put_order, quiet, told};

fn types(events: &[Value]) -> Vec<&str> {
    let types = events.iter().map(|event| event["type"].as_str().unwrap());
    types.collect()
}

#[tokio::test]
async fn a_webhook_learns_what_became_of_photos() {
    let receiver = WebhookReceiver::start(SECRET).await.unwrap();
    let app = app(&[]).await;
    make(&app, &receiver, &["orilla.image.*"]).await;
    let approved = app.upload(USER, &Photo::of("coffee.jpg")).await;
    let censored = app.upload(USER, &Photo::of("chelsea.png")).await;
    for file in [&approved, &censored] {
        app.looked_at(USER, file).await;
    }
    let events = told(&receiver, 2).await;
    // Of the cat, the labeler is sure or nearly so.
    let [coffee, cat] = [0, 1].map(|nth| events[nth]["data"]["status"].as_str().unwrap());
    assert_eq!(coffee, "approved");
    assert!(["rejected", "under_review"].contains(&cat), "{cat}");
    for (event, file) in events.iter().zip([&approved, &censored]) {
        let status = event["data"]["status"].as_str().unwrap();
        assert_eq!(event["type"], format!("orilla.image.{status}"));
        assert_eq!(
            (&event["source"], &event["subject"]),
            (&json!("/images"), &json!(file))
        );
        let record = app.record(USER, file).await;
        assert_eq!(
            (&event["data"], &event["time"]),
            (&record, &record["updated_at"])
        );
    }
    // Another use of a photo is no news.
    let photo = Photo::of("coffee.jpg");
    body(
        app.post(USER, "/receiver", &photo.announcement(USER, 2))
            .await,
        200,
    )
    .await;
    quiet(&app).await;
    assert_eq!(receiver.received().len(), 2);
    app.stop().await;
}

#[tokio::test]
async fn a_webhook_learns_once_that_a_job_is_completed() {
    let receiver = WebhookReceiver::start(SECRET).await.unwrap();
    let processor = Service::start(Duration::ZERO).await;
    processor.poison_with(StatusCode::UNPROCESSABLE_ENTITY, ["T-7"]);
    let variables = [
        ("processor_url", &*processor.url()),
        ("notification_hosts", "http://127.0.0.1:*"),
        // Batches of several workers end at the same time.
        ("queue_batch", "8"),
    ];
    let app = App::of(Manifest::shipped().with_http_processor(), &variables).await;
    submit(&app, USER, &job("EARLY", 1)).await;
    becomes(&app, "EARLY", "COMPLETED").await;
    make(&app, &receiver, &["orilla.job.completed"]).await;

    submit(&app, USER, &job("A", 100)).await;
    let ended = becomes(&app, "A", "COMPLETED_WITH_ERRORS").await;
    let events = told(&receiver, 1).await;
    let mut data = ended.clone();
    data["userId"] = json!(USER);
    assert_eq!(events[0]["data"], data);
    assert_eq!(
        (&events[0]["source"], &events[0]["subject"]),
        (&json!("/jobs"), &json!("A"))
    );
    assert_eq!(events[0]["time"], ended["finishedAt"]);

    // Its end is news again when its failed toon was tried again.
    processor.poison([]);
    body(control(&app, USER, "A", "retry").await, 200).await;
    becomes(&app, "A", "COMPLETED").await;
    let events = told(&receiver, 2).await;
    let statuses: BTreeSet<_> = events
        .iter()
        .map(|event| event["data"]["status"].as_str().unwrap())
        .collect();
    let both = BTreeSet::from(["COMPLETED", "COMPLETED_WITH_ERRORS"]);
    assert_eq!(statuses, both);
    assert_ne!(events[0]["id"], events[1]["id"]);

    // A canceled job does not complete.
    submit(&app, USER, &job_in("B", 3, DAY)).await;
    body(control(&app, USER, "B", "cancel").await, 200).await;
    quiet(&app).await;
    assert_eq!(receiver.received().len(), 2);
    app.stop().await;
}

#[tokio::test]
async fn a_webhook_learns_of_purchases_of_every_tenant() {
    let receiver = WebhookReceiver::start(SECRET).await.unwrap();
    let app = app(&[]).await;
    let cafe = app.member("ana", "cafe", &[]);
    let bar = app.member("ben", "bar", &[]);
    // No webhook wants this one.
    body(cafe.post(&purchase("early", "X", "1", "1")).await, 201).await;
    app.drain("compras").await;
    make(&app, &receiver, &["orilla.purchase.*"]).await;

    let created = body(cafe.post(&purchase("C-1", "PAN", "1.50", "2")).await, 201).await;
    let changed = body(
        cafe.put("C-1", &purchase("C-1", "PAN", "1.50", "3")).await,
        200,
    )
    .await;
    assert_eq!(cafe.delete("C-1", "").await.status(), 204);
    let other = body(bar.post(&purchase("C-1", "VINO", "4.0", "1")).await, 201).await;
    let mut events = told(&receiver, 4).await;
    events.sort_by_key(|event| {
        let (subject, sequence) = (&event["subject"], &event["sequence"]);
        (subject.to_string(), sequence.to_string())
    });
    let kinds = ["inserted", "inserted", "modified", "removed"];
    assert_eq!(
        types(&events),
        kinds.map(|kind| format!("orilla.purchase.{kind}"))
    );
    assert_eq!(
        (&events[0]["subject"], &events[0]["data"]),
        (&json!("bar/C-1"), &other)
    );
    assert_eq!(events[1]["data"], created);
    assert_eq!(events[2]["data"], changed);
    assert_eq!(events[3]["data"]["version"], 3);
    assert_eq!(events[3]["data"]["tenant_id"], "cafe");
    let ids: BTreeSet<_> = events.iter().map(|event| event["id"].to_string()).collect();
    assert_eq!(ids.len(), 4);
    quiet(&app).await;
    assert_eq!(receiver.received().len(), 4);
    app.stop().await;
}

#[tokio::test]
async fn a_webhook_learns_how_jobs_of_ipp_end() {
    let receiver = WebhookReceiver::start(SECRET).await.unwrap();
    let app = app(&[]).await;
    make(&app, &receiver, &["orilla.ipp.*"]).await;
    let done = app.ipp_job("ana").await;
    let status = app.ipp_has_status("ana", &done, "COMPLETED").await;
    let events = told(&receiver, 1).await;
    assert_eq!(types(&events), ["orilla.ipp.completed"]);
    let mut data = status;
    data["user_id"] = json!("ana");
    assert_eq!(
        (&events[0]["data"], &events[0]["subject"]),
        (&data, &json!(done))
    );
    assert!(!events[0].to_string().contains("X-Amz-"), "{}", events[0]);

    app.stack
        .databricks()
        .script_run([RunState::new("SKIPPED")]);
    let failed = app.ipp_job("ana").await;
    app.ipp_has_status("ana", &failed, "FAILED").await;
    let events = told(&receiver, 2).await;
    assert_eq!(
        types(&events),
        ["orilla.ipp.completed", "orilla.ipp.failed"]
    );
    assert_eq!(events[1]["data"]["failed"]["step"], "JOB1");
    app.stop().await;
}

#[tokio::test]
async fn events_of_the_other_systems_are_not_for_those_who_know_orders_alone() {
    let configured = WebhookReceiver::start(SECRET).await.unwrap();
    let made = WebhookReceiver::start(SECRET).await.unwrap();
    let url = configured.url();
    let variables = [
        ("notification_urls", &*url),
        ("notification_secret", SECRET),
    ];
    let app = app(&variables).await;
    make(&app, &made, &[]).await;
    let file = app.upload(USER, &Photo::of("coffee.jpg")).await;
    app.looked_at(USER, &file).await;
    put_order(&app, "A", "received").await;
    let events = told(&made, 2).await;
    assert_eq!(
        types(&events),
        ["orilla.image.approved", "orilla.order.received"]
    );
    assert_eq!(
        types(&told(&configured, 1).await),
        ["orilla.order.received"]
    );
    quiet(&app).await;
    assert_eq!(configured.received().len(), 1);
    assert_eq!(
        app.ops_get("/webhooks").await["webhooks"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    app.stop().await;
}
