//! Photos that are never finished, that are removed, and that return.

use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use devstack::Server;
use devstack::s3::Fault;
use http::Request;
use reqwest::{Method, Response};
use serde_json::{Value, json};
use stores::Redis;
use tests::{App, Photo, SamplePhoto, USER, body, eventually, notification, refusal};

const NOTHING: [&str; 0] = [];

/// The keys of all objects in the bucket, in order.
pub(crate) fn objects(app: &App) -> Vec<String> {
    fn list(folder: &Path, prefix: &str, keys: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            if entry.file_type().unwrap().is_dir() {
                list(&entry.path(), &format!("{prefix}{name}/"), keys);
            } else if !name.starts_with('.') {
                // The store keeps metadata of an object in hidden files.
                keys.push(format!("{prefix}{name}"));
            }
        }
    }
    let mut keys = Vec::new();
    let bucket = app.stack.s3().data_dir().join("buckets/images");
    list(&bucket, "", &mut keys);
    keys.sort();
    keys
}

async fn bucket_is(app: &App, expected: &[String]) {
    eventually("the bucket has what it should have", || async {
        (objects(app) == expected).then_some(())
    })
    .await;
}

async fn announce_in(app: &App, photo: &Photo, post: i64) -> Value {
    let announcement = photo.announcement(USER, post);
    body(app.post(USER, "/receiver", &announcement).await, 200).await
}

async fn remove(app: &App, user: &str, path: &str) -> Response {
    app.request_of(user, Method::DELETE, &format!("/images/{path}"))
        .send()
        .await
        .unwrap()
}

async fn removed(app: &App, path: &str) {
    let response = remove(app, USER, path).await;
    assert_eq!(response.status(), 204, "{}", response.text().await.unwrap());
}

/// The bytes that the owner downloads.
async fn obtain(app: &App, file: &str) -> Vec<u8> {
    let response = app.get(USER, &format!("/obtain/{file}")).await;
    assert_eq!(response.status(), 302);
    let location = response.headers()["location"].to_str().unwrap();
    let image = app.request(Method::GET, location).send().await.unwrap();
    assert_eq!(image.status(), 200);
    image.bytes().await.unwrap().to_vec()
}

async fn is_unknown(app: &App, file: &str) {
    for path in [format!("/images/{file}"), format!("/obtain/{file}")] {
        let response = app.get(USER, &path).await;
        assert_eq!(refusal(response, 404).await, "unknown_image", "{path}");
    }
}

const DELAYED: &str = "{images}:queue:delayed";

/// The timers of uploads, and their due times in milliseconds since the epoch.
fn timers(app: &App) -> Vec<(String, i64)> {
    let range = [DELAYED, "0", "-1", "WITHSCORES"].map(Into::into);
    let entries = app.redis().call("ZRANGE", &range).unwrap();
    let entries = entries.chunks(2).map(|entry| {
        let timer = entry[0].as_str().unwrap().to_owned();
        (timer, entry[1].as_int().unwrap())
    });
    entries
        .filter(|(timer, _)| timer.starts_with("expiry:"))
        .collect()
}

/// Makes the timers of uploads due at once, and no others.
async fn urls_run_out(app: &App) {
    for (timer, _) in timers(app) {
        let args = [DELAYED.into(), 0.into(), (&timer).into()];
        app.redis().call("ZADD", &args).unwrap();
    }
    app.drain("images").await;
}

#[tokio::test]
async fn an_upload_that_never_comes_expires_by_itself() {
    let app = App::with(&[
        ("signed_url_write_expiration", "1"),
        ("upload_grace_seconds", "0"),
    ])
    .await;
    let photo = Photo::of("camera.png");
    let file = photo.file_name(USER);
    app.announce(USER, &photo).await;
    let record = app
        .has_status(USER, &file, |status| status == "expired")
        .await;
    assert!(record["reason"].is_string(), "{record}");
    assert_eq!(record["posts"].as_array().unwrap().len(), 1);
    for query in ["", "post_id=1", "trip_id=3", "location_id=5"] {
        assert_eq!(app.scan(USER, query).await["total_count"], 0, "{query}");
    }
    assert_eq!(
        app.get(USER, &format!("/obtain/{file}")).await.status(),
        404
    );
    app.stop().await;
}

#[tokio::test]
async fn what_expired_is_revived_by_a_late_upload_or_another_announcement() {
    let app = App::start().await;
    let (late, again) = (Photo::of("coffee.jpg"), Photo::of("camera.png"));
    let received = app.announce(USER, &late).await;
    app.announce(USER, &again).await;
    app.time_passes().await;
    for photo in [&late, &again] {
        let file = photo.file_name(USER);
        app.has_status(USER, &file, |status| status == "expired")
            .await;
    }

    assert_eq!(app.put(&received, &late.bytes).await.status, 200);
    let file = late.file_name(USER);
    let record = app
        .has_status(USER, &file, |status| status == "approved")
        .await;
    assert!(record.get("reason").is_none(), "{record}");
    assert_eq!(
        app.scan(USER, "label=espresso%3E90").await["total_count"],
        1
    );

    let received = app.announce(USER, &again).await;
    assert_eq!(received["already_uploaded"], false);
    let record = app.record(USER, &again.file_name(USER)).await;
    assert_eq!(record["status"], "waiting");
    assert!(record.get("reason").is_none(), "{record}");
    assert_eq!(app.scan(USER, "post_id=1").await["total_count"], 2);
    app.stop().await;
}

#[tokio::test]
async fn a_photo_is_waited_for_until_its_latest_url_runs_out() {
    let app = App::start().await;
    let photo = Photo::of("camera.png");
    app.announce(USER, &photo).await;
    let [(_, first)] = timers(&app)[..] else {
        panic!("one photo has one timer")
    };
    let (app, photo) = (&app, &photo);
    eventually("another announcement moves the timer", || async move {
        app.announce(USER, photo).await;
        let [(_, now)] = timers(app)[..] else {
            panic!("one photo has one timer")
        };
        (now > first).then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_upload_that_nobody_told_of_is_found_when_its_url_runs_out() {
    let app = App::start().await;
    app.stack.s3().set_event_target(None);
    let file = app.upload(USER, &Photo::of("coffee.jpg")).await;
    assert_eq!(app.record(USER, &file).await["status"], "waiting");
    // The store is down at first, which does not prove that the upload is missing.
    let faults = app.stack.s3().faults();
    faults.next_of("GetObject", 2, Fault::SlowDown);
    app.time_passes().await;
    let record = app.looked_at(USER, &file).await;
    assert_eq!(record["status"], "approved");
    // Two reads fail, one finds the upload, one gets it.
    assert_eq!(faults.requests("GetObject"), 4);
    app.stop().await;
}

#[tokio::test]
async fn a_photo_does_not_expire_just_after_it_was_announced_again() {
    let app = App::start().await;
    let photo = Photo::of("camera.png");
    let file = photo.file_name(USER);
    app.announce(USER, &photo).await;
    let faults = app.stack.s3().faults();
    faults.always(Fault::SlowDown);
    urls_run_out(&app).await;
    assert_eq!(timers(&app), [], "the timer waits for the store");
    app.announce(USER, &photo).await;
    faults.clear();
    app.queue_is_empty().await;
    assert_eq!(app.record(USER, &file).await["status"], "waiting");

    urls_run_out(&app).await;
    app.has_status(USER, &file, |status| status == "expired")
        .await;
    app.stop().await;
}

#[tokio::test]
async fn nothing_expires_while_the_bucket_is_missing() {
    let asked = Arc::new(AtomicU32::new(0));
    let counted = asked.clone();
    let store = tower::service_fn(move |_: Request<_>| {
        counted.fetch_add(1, Ordering::Relaxed);
        let body = "<Error><Code>NoSuchBucket</Code></Error>".to_owned();
        let answer = http::Response::builder().status(404).body(body);
        async { Ok::<_, Infallible>(answer.unwrap()) }
    });
    let any_port = ([127, 0, 0, 1], 0).into();
    let store = Server::start(any_port, store).await.unwrap();
    let app = App::with(&[("s3_endpoint", &store.url())]).await;
    let photo = Photo::of("camera.png");
    app.announce(USER, &photo).await;
    urls_run_out(&app).await;
    let asked = &asked;
    eventually("it is asked more often than a message has attempts", || {
        let requests = asked.load(Ordering::Relaxed);
        async move { (requests > 10).then_some(()) }
    })
    .await;
    let record = app.record(USER, &photo.file_name(USER)).await;
    assert_eq!(record["status"], "waiting");
    app.stop().await;
    store.shutdown().await;
}

#[tokio::test]
async fn an_upload_that_nobody_told_of_is_looked_at_again_when_an_operator_says_so() {
    let app = App::start().await;
    app.stack.s3().set_event_target(None);
    let file = app.upload(USER, &Photo::of("coffee.jpg")).await;
    // The store refuses the verified photo.
    let faults = app.stack.s3().faults();
    faults.next_of("PutObject", 5, Fault::SlowDown);
    urls_run_out(&app).await;
    app.has_status(USER, &file, |status| status == "failed")
        .await;
    app.queue_is_empty().await;

    assert_eq!(app.redrive_all("images").await, 1);
    app.has_status(USER, &file, |status| status == "approved")
        .await;
    bucket_is(&app, &[format!("verified/{file}")]).await;
    app.stop().await;
}

#[tokio::test]
async fn what_is_uploaded_in_vain_and_untold_is_gone_when_its_url_has_run_out() {
    let app = App::start().await;
    let (kept, gone) = (Photo::of("coffee.jpg"), Photo::of("camera.png"));
    let file = app.upload(USER, &kept).await;
    let record = app.looked_at(USER, &file).await;
    app.queue_is_empty().await;
    urls_run_out(&app).await;
    app.stack.s3().set_event_target(None);

    // A second post has another URL for the existing photo.
    let to_kept = announce_in(&app, &kept, 2).await;
    let to_gone = app.announce(USER, &gone).await;
    removed(&app, &gone.file_name(USER)).await;
    for received in [&to_kept, &to_gone] {
        let foreign = Photo::of("chelsea.png").bytes;
        assert_eq!(app.put(received, &foreign).await.status, 200);
    }
    assert_eq!(objects(&app).len(), 3);
    urls_run_out(&app).await;
    bucket_is(&app, &[format!("verified/{file}")]).await;
    assert_eq!(obtain(&app, &file).await, kept.bytes);
    assert_eq!(app.record(USER, &file).await["status"], record["status"]);
    is_unknown(&app, &gone.file_name(USER)).await;
    app.stop().await;
}

#[tokio::test]
async fn a_slow_store_does_not_have_the_same_timers_handled_twice() {
    let variables = [("queue_concurrency", "1"), ("queue_lease_seconds", "2")];
    let app = App::with(&variables).await;
    let photo = Photo::of("camera.png");
    for number in 0..4 {
        app.announce(USER, &photo.numbered(number)).await;
    }
    app.queue_is_empty().await;
    let faults = app.stack.s3().faults();
    faults.always(Fault::Stall(Duration::from_secs(1)));
    let others = eventually("others ask for work all the time until all is done", || {
        let app = &app;
        async move {
            app.drain("images").await;
            let expired = app.scan(USER, "").await["total_count"] == 0;
            expired.then_some(())
        }
    });
    futures::join!(urls_run_out(&app), others);
    assert_eq!(faults.requests("GetObject"), 4);
    app.stop().await;
}

#[tokio::test]
async fn the_first_verified_content_stays_whatever_is_uploaded_later() {
    let app = App::start().await;
    let photo = Photo::of("coffee.jpg");
    let received = app.announce(USER, &photo).await;
    assert_eq!(app.put(&received, &photo.bytes).await.status, 200);
    let file = photo.file_name(USER);
    let record = app.looked_at(USER, &file).await;
    let verified = [format!("verified/{file}")];
    bucket_is(&app, &verified).await;

    // The URL still works, for any client that has it.
    let other = Photo::of("chelsea.png");
    assert_eq!(app.put(&received, &other.bytes).await.status, 200);
    app.stack.s3().events_delivered().await;
    app.queue_is_empty().await;
    assert_eq!(objects(&app), verified);
    assert_eq!(app.record(USER, &file).await, record);
    assert_eq!(obtain(&app, &file).await, photo.bytes);

    // The size of the upload and the delay of its event don't matter.
    app.stack.s3().set_event_target(None);
    assert_eq!(app.put(&received, b"").await.status, 200);
    assert_eq!(obtain(&app, &file).await, photo.bytes);
    body(app.notify(&notification(&file, 1 << 30, "e")).await, 200).await;
    bucket_is(&app, &verified).await;
    assert_eq!(app.record(USER, &file).await, record);
    app.stop().await;
}

#[tokio::test]
async fn a_photo_in_two_posts_is_one_object_until_it_is_in_none() {
    let app = App::start().await;
    let photo = Photo::of("coffee.jpg");
    let file = app.upload(USER, &photo).await;
    app.looked_at(USER, &file).await;
    let received = announce_in(&app, &photo, 2).await;
    assert_eq!(received["already_uploaded"], true);
    // A second upload by the client does not double the photo.
    assert_eq!(app.put(&received, &photo.bytes).await.status, 200);
    app.stack.s3().events_delivered().await;
    app.queue_is_empty().await;
    assert_eq!(objects(&app), [format!("verified/{file}")]);
    for query in ["post_id=1", "post_id=2"] {
        assert_eq!(app.scan(USER, query).await["images"], json!([file]));
    }

    let unknown = remove(&app, USER, &format!("{file}?post_id=3")).await;
    assert_eq!(refusal(unknown, 404).await, "unknown_post");
    removed(&app, &format!("{file}?post_id=1")).await;
    assert_eq!(app.scan(USER, "post_id=1").await["total_count"], 0);
    assert_eq!(app.scan(USER, "post_id=2").await["total_count"], 1);
    assert_eq!(app.scan(USER, "trip_id=3").await["total_count"], 1);
    let record = app.record(USER, &file).await;
    assert_eq!(record["posts"].as_array().unwrap().len(), 1);
    assert_eq!(record["status"], "approved");
    assert_eq!(obtain(&app, &file).await, photo.bytes);

    removed(&app, &format!("{file}?post_id=2")).await;
    is_unknown(&app, &file).await;
    assert_eq!(objects(&app), NOTHING);
    app.stop().await;
}

#[tokio::test]
async fn a_removed_photo_is_gone_and_may_come_back_in_another_post() {
    let app = App::start().await;
    let photo = Photo::of("coffee.jpg");
    let file = app.upload(USER, &photo).await;
    app.looked_at(USER, &file).await;
    app.queue_is_empty().await;

    for stranger in ["7", "45", "somebody"] {
        let response = remove(&app, stranger, &file).await;
        assert_eq!(refusal(response, 404).await, "unknown_image");
    }
    for query in ["post_id=one", "postid=1", "post_id=1&post_id=2"] {
        let response = remove(&app, USER, &format!("{file}?{query}")).await;
        assert_eq!(refusal(response, 400).await, "invalid_query", "{query}");
    }
    let with_body = app
        .request_of(USER, Method::DELETE, &format!("/images/{file}"))
        .json(&json!({"post_id": 2}));
    let refused = with_body.send().await.unwrap();
    assert_eq!(refusal(refused, 400).await, "unexpected_body");
    assert_eq!(app.scan(USER, "").await["total_count"], 1);

    removed(&app, &file).await;
    assert_eq!(objects(&app), NOTHING, "gone when it is answered");
    is_unknown(&app, &file).await;
    for query in ["", "post_id=1", "label=espresso%3E90", "label=cat%3C50"] {
        assert_eq!(app.scan(USER, query).await["total_count"], 0, "{query}");
    }
    let again = remove(&app, USER, &file).await;
    assert_eq!(refusal(again, 404).await, "unknown_image");
    let complete = json!({"file_name": file});
    let complete = app.post(USER, "/receiver/complete", &complete).await;
    assert_eq!(refusal(complete, 404).await, "unknown_image");

    let received = announce_in(&app, &photo, 2).await;
    assert_eq!(received["already_uploaded"], false);
    assert_eq!(app.put(&received, &photo.bytes).await.status, 200);
    let record = app.looked_at(USER, &file).await;
    assert_eq!(record["status"], "approved");
    assert_eq!(record["posts"].as_array().unwrap().len(), 1);
    assert_eq!(app.scan(USER, "post_id=1").await["total_count"], 0);
    assert_eq!(app.scan(USER, "post_id=2").await["images"], json!([file]));
    // Work left over for the removed photo does not touch this one.
    app.time_passes().await;
    app.queue_is_empty().await;
    assert_eq!(app.record(USER, &file).await, record);
    assert_eq!(obtain(&app, &file).await, photo.bytes);
    assert_eq!(objects(&app).len(), 1);
    app.stop().await;
}

#[tokio::test]
async fn a_slow_removal_does_not_take_what_came_back_meanwhile() {
    let app = App::start().await;
    let photo = Photo::of("coffee.jpg");
    let file = app.upload(USER, &photo).await;
    app.looked_at(USER, &file).await;
    app.queue_is_empty().await;
    let faults = app.stack.s3().faults();
    let before = faults.requests("DeleteObject");
    faults.next_of("DeleteObject", 1, Fault::Stall(Duration::from_secs(4)));
    let come_back = async {
        eventually("the store is asked to remove the object", || async {
            (faults.requests("DeleteObject") > before).then_some(())
        })
        .await;
        assert_eq!(app.upload(USER, &photo).await, file);
        app.looked_at(USER, &file).await
    };
    let ((), record) = futures::join!(removed(&app, &file), come_back);
    assert_eq!(record["status"], "approved");
    app.time_passes().await;
    app.queue_is_empty().await;
    assert_eq!(app.record(USER, &file).await, record);
    assert_eq!(obtain(&app, &file).await, photo.bytes);
    assert_eq!(objects(&app).len(), 1);
    app.stop().await;
}

#[tokio::test]
async fn a_photo_is_removed_even_while_the_object_store_is_down() {
    let app = App::start().await;
    let file = app.upload(USER, &Photo::of("coffee.jpg")).await;
    app.looked_at(USER, &file).await;
    app.queue_is_empty().await;
    let faults = app.stack.s3().faults();
    faults.always(Fault::SlowDown);
    removed(&app, &file).await;
    is_unknown(&app, &file).await;
    app.time_passes().await;
    bucket_is(&app, &[format!("verified/{file}")]).await;

    let tried = faults.requests("DeleteObject");
    eventually("it is tried more often than a message has attempts", || {
        let requests = faults.requests("DeleteObject");
        async move { (requests > tried + 10).then_some(()) }
    })
    .await;
    faults.clear();
    bucket_is(&app, &[]).await;
    app.queue_is_empty().await;
    app.stop().await;
}

#[tokio::test]
async fn what_is_uploaded_after_a_removal_is_removed_too() {
    let app = App::start().await;
    let photo = Photo::of("coffee.jpg");
    let received = app.announce(USER, &photo).await;
    let file = photo.file_name(USER);
    removed(&app, &file).await;
    assert_eq!(app.put(&received, &photo.bytes).await.status, 200);
    app.stack.s3().events_delivered().await;
    app.queue_is_empty().await;
    assert_eq!(objects(&app), NOTHING);
    is_unknown(&app, &file).await;
    assert_eq!(app.scan(USER, "").await["total_count"], 0);
    app.stop().await;
}

#[tokio::test]
async fn a_photo_that_is_removed_while_it_is_looked_at_leaves_nothing_behind() {
    let app = App::start().await;
    app.stack.s3().set_event_target(None);
    let photo = Photo::of("coffee.jpg");
    let file = app.upload(USER, &photo).await;
    let faults = app.stack.s3().faults();
    faults.next_of("PutObject", 1, Fault::Stall(Duration::from_secs(2)));
    let event = notification(&file, photo.bytes.len(), "e");
    body(app.notify(&event).await, 200).await;
    eventually("the analyzer puts the photo in its place", || async {
        (faults.requests("PutObject") == 2).then_some(())
    })
    .await;
    removed(&app, &file).await;
    app.queue_is_empty().await;
    assert_eq!(objects(&app), NOTHING);
    is_unknown(&app, &file).await;
    assert_eq!(app.scan(USER, "").await["total_count"], 0);
    app.stop().await;
}
