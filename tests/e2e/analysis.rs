//! From an uploaded photo to its labels, and the handling of wrong uploads.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use devstack::s3::Fault;
use futures::future::join_all;
use images_domain::{Intake, UserIds, keys};
use queue::{Policy, Queue};
use serde_json::{Value, json};
use stores::{KeyValue, Redis};
use tests::{App, Manifest, Photo, SamplePhoto, USER, body, eventually};

fn confidence(record: &Value, name: &str) -> Option<f64> {
    let labels = record["rekognition_results"].as_array().unwrap();
    labels.iter().find(|label| label["Name"] == name)?["Confidence"].as_f64()
}

#[tokio::test]
async fn a_photo_goes_in_and_its_labels_come_out() {
    let app = App::start().await;
    let file = app.upload(USER, &Photo::of("coffee.jpg")).await;
    let record = app.looked_at(USER, &file).await;
    assert_eq!(record["status"], "approved");
    assert!(confidence(&record, "Espresso").unwrap() > 90.0, "{record}");
    for label in record["rekognition_results"].as_array().unwrap() {
        assert!(
            label["Confidence"].as_f64().unwrap() >= 75.0,
            "min_confidence: {label}"
        );
    }
    for (query, found) in [
        ("label=espresso%3E90", 1),
        ("label=ESPRESSO%3E90", 1),
        ("label=espresso%3E99.9", 0),
        ("label=espresso%3C90", 0),
        ("label=cat%3C50", 1),
        ("label=espresso%3E90&label=cat%3E50", 0),
    ] {
        assert_eq!(app.scan(USER, query).await["total_count"], found, "{query}");
    }
    app.stop().await;
}

#[tokio::test]
async fn a_cat_is_found_by_its_parents_and_censored() {
    let app = App::start().await;
    let file = app.upload(USER, &Photo::of("chelsea.png")).await;
    let record = app.looked_at(USER, &file).await;
    let cat = confidence(&record, "Cat").unwrap();
    // Three kinds of cat, none of them sure alone.
    assert!(cat > 85.0, "{record}");
    let expected = if cat >= 90.0 {
        "rejected"
    } else {
        "under_review"
    };
    assert_eq!(record["status"], expected);
    assert_eq!(app.scan(USER, "label=animal%3E85").await["total_count"], 1);
    app.stop().await;
}

#[tokio::test]
async fn thresholds_and_the_censored_label_are_configuration() {
    let app = App::with(&[
        ("censored_label", "Espresso"),
        ("censored_rejected_threshold", "60"),
        ("min_confidence", "99.9"),
    ])
    .await;
    let file = app.upload(USER, &Photo::of("coffee.jpg")).await;
    let record = app.looked_at(USER, &file).await;
    assert_eq!(record["status"], "rejected");
    assert_eq!(
        confidence(&record, "Espresso"),
        None,
        "what is not kept still counts"
    );
    app.stop().await;
}

#[tokio::test]
async fn all_three_formats_are_analyzed() {
    let app = App::start().await;
    let photos = std::fs::read_dir(tests::root().join("data/photos")).unwrap();
    let names: Vec<_> = photos
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.ends_with(".md"))
        .collect();
    for format in [".jpg", ".png", ".webp"] {
        assert!(
            names.iter().any(|name| name.ends_with(format)),
            "{format}: {names:?}"
        );
    }
    let running = &app;
    let looked_at = names.iter().map(|name| async move {
        let file = running.upload(USER, &Photo::of(name)).await;
        (name, running.looked_at(USER, &file).await)
    });
    let (mut cats, mut others) = (Vec::new(), Vec::new());
    for (name, record) in join_all(looked_at).await {
        assert!(
            ["approved", "under_review", "rejected"].contains(&record["status"].as_str().unwrap()),
            "{name}: {record}"
        );
        let file = record["file_name"].as_str().unwrap().to_owned();
        match confidence(&record, "Cat") {
            Some(_) => cats.push(file),
            None => others.push(file),
        }
    }
    assert_eq!(app.scan(USER, "").await["total_count"], names.len());
    // Without a post, a search is over all photos: also for those below a label.
    assert!(!cats.is_empty() && !others.is_empty());
    for (query, expected) in [("label=cat%3E50", cats), ("label=cat%3C50", others)] {
        let found = app.scan(USER, query).await;
        let found = found["images"].as_array().unwrap().iter();
        let found: BTreeSet<_> = found
            .map(|file| file.as_str().unwrap().to_owned())
            .collect();
        assert_eq!(found, expected.into_iter().collect(), "{query}");
    }
    app.stop().await;
}

#[tokio::test]
async fn wrong_bytes_are_found_out_and_can_be_made_good() {
    let app = App::start().await;
    let photo = Photo::of("rocket.jpg");
    let received = app.announce(USER, &photo).await;
    let file = photo.file_name(USER);
    assert_eq!(
        app.put(&received, &Photo::of("camera.png").bytes)
            .await
            .status,
        200
    );

    let record = app.looked_at(USER, &file).await;
    assert_eq!(record["status"], "corrupt");
    assert!(
        record["reason"].as_str().unwrap().contains("SHA-256"),
        "{record}"
    );
    assert_eq!(
        app.scan(USER, "").await["total_count"],
        0,
        "corrupt ones never appear"
    );
    assert_eq!(
        app.get(USER, &format!("/obtain/{file}")).await.status(),
        404
    );
    app.queue_is_empty().await;
    assert_eq!(
        app.stack.s3().faults().requests("DeleteObject"),
        1,
        "the object is deleted"
    );

    let again = app.announce(USER, &photo).await;
    assert_eq!(again["already_uploaded"], false);
    assert_eq!(app.put(&again, &photo.bytes).await.status, 200);
    let record = app
        .has_status(USER, &file, |status| status == "approved")
        .await;
    assert!(record.get("reason").is_none(), "{record}");
    assert_eq!(app.scan(USER, "").await["total_count"], 1);
    app.stop().await;
}

#[tokio::test]
async fn what_an_upload_claims_to_be_is_checked_by_its_content() {
    let app = App::with(&[("max_upload_bytes", "200000")]).await;
    let png_as_jpeg = Photo {
        content_type: "image/jpeg",
        ..Photo::of("camera.png")
    };
    let text = Photo {
        bytes: b"<svg onload=alert(1)>".to_vec(),
        ..Photo::of("camera.png")
    };
    let large = Photo::of("chelsea.png");
    for (photo, reason) in [
        (png_as_jpeg, "the content is image/png, not image/jpeg"),
        (text, "the content is not image/png"),
        (large, "larger than 200000 bytes"),
    ] {
        let file = app.upload(USER, &photo).await;
        let record = app.looked_at(USER, &file).await;
        assert_eq!(record["status"], "corrupt");
        assert!(
            record["reason"].as_str().unwrap().contains(reason),
            "{record}"
        );
    }
    app.stop().await;
}

#[tokio::test]
async fn a_photo_that_breaks_off_fails_and_harms_no_other() {
    let app = App::start().await;
    let mut torn = Photo::of("coffee.jpg");
    torn.bytes.truncate(40_000);
    let torn = app.upload(USER, &torn).await;
    let whole = app.upload(USER, &Photo::of("camera.png")).await;
    let record = app.looked_at(USER, &torn).await;
    assert_eq!(record["status"], "failed");
    assert!(
        record["reason"]
            .as_str()
            .unwrap()
            .contains("cannot be read"),
        "{record}"
    );
    assert_eq!(app.looked_at(USER, &whole).await["status"], "approved");
    assert_eq!(app.scan(USER, "label=tripod%3E90").await["total_count"], 1);
    app.stop().await;
}

#[tokio::test]
async fn a_record_whose_writer_died_is_stored_by_the_worker() {
    let app = App::start().await;
    let photo = Photo::of("camera.png");
    // A receiver that died between commit and write leaves this state behind.
    let intake = Intake::parse(&photo.announcement(USER, 1), UserIds::Integer).unwrap();
    let record = images_domain::ImageRecord::receive(None, &intake, "2026-11-22T10:00:00.000Z")
        .unwrap()
        .unwrap();
    let redis = app.redis();
    let queue = Queue::new(&redis, keys::QUEUE);
    let step = |_: Option<&records::Versioned<images_domain::ImageRecord>>| {
        Ok::<_, base::Failure>(Some(record.clone()).into())
    };
    let trace = base::Trace::new();
    let entity = keys::entity(&intake.file);
    let saved = records::update(&queue, &BrokenStore, &entity, &trace, step);
    assert!(saved.is_err());

    let file = photo.file_name(USER);
    let (app, file) = (&app, &file);
    let record = eventually("the record heals by itself", || async {
        let response = app.get(USER, &format!("/images/{file}")).await;
        (response.status() == 200).then_some(response)
    })
    .await;
    assert_eq!(body(record, 200).await["status"], "waiting");
    app.queue_is_empty().await;
    let register = redis.call("GET", &[entity.register.as_str().into()]);
    assert_eq!(register.unwrap(), [stores::Value::Bytes(b"1".to_vec())]);
}

/// An empty key-value store that goes down before anything is stored.
struct BrokenStore;

impl KeyValue for BrokenStore {
    fn get(&self, _: &str) -> Result<Option<Vec<u8>>, base::Failure> {
        Ok(None)
    }

    fn set(&self, _: &str, _: &[u8]) -> Result<(), base::Failure> {
        Err(base::Failure::unavailable("the key-value store", "down"))
    }

    fn exists(&self, _: &str) -> Result<bool, base::Failure> {
        Err(base::Failure::unavailable("the key-value store", "down"))
    }

    fn delete(&self, _: &str) -> Result<(), base::Failure> {
        Err(base::Failure::unavailable("the key-value store", "down"))
    }
}

#[tokio::test]
async fn a_message_that_cannot_be_read_is_put_away_and_holds_nothing_up() {
    let app = App::start().await;
    let redis = app.redis();
    let queue = Queue::new(&redis, keys::QUEUE);
    let broken = queue::Change::new()
        .publishing("{")
        .publishing(json!({"type": "unknown"}).to_string());
    queue.commit(&broken).unwrap();
    let file = app.upload(USER, &Photo::of("camera.png")).await;
    assert_eq!(app.looked_at(USER, &file).await["status"], "approved");
    app.queue_is_empty().await;
    let dead = redis.call("XLEN", &["{images}:queue:dead".into()]).unwrap();
    assert_eq!(dead, [stores::Value::Int(2)]);
    app.stop().await;
}

#[tokio::test]
async fn a_photo_that_kills_every_worker_is_given_up_and_takes_no_other_along() {
    let variables = [("queue_attempts", "2"), ("queue_lease_seconds", "1")];
    let app = App::of(Manifest::shipped().without_redis_triggers(), &variables).await;
    let killer = app.upload(USER, &Photo::of("camera.png")).await;
    app.stack.s3().events_delivered().await;
    let other = app.upload(USER, &Photo::of("coffee.jpg")).await;
    app.stack.s3().events_delivered().await;

    // Workers that claim messages and then vanish.
    let redis = app.redis();
    let queue = Queue::new(&redis, keys::QUEUE);
    let hasty = Policy {
        lease: Duration::from_millis(1),
        ..Policy::default()
    };
    for delivery in queue.claim(&hasty, 10).unwrap() {
        if String::from_utf8_lossy(&delivery.message).contains("image.record") {
            queue.ack(&delivery).unwrap();
        }
    }
    let (queue, hasty) = (&queue, &hasty);
    eventually(
        "workers die on the first photo until its attempts are used up",
        || async move {
            let claimed = queue.claim(hasty, 1).unwrap();
            claimed
                .iter()
                .any(|delivery| delivery.attempt >= 2)
                .then_some(())
        },
    )
    .await;

    let running = &app;
    let drain = || async move {
        running.drain("images").await;
    };
    for (file, status) in [(&killer, "failed"), (&other, "approved")] {
        let record = eventually("its lease runs out and it is looked at", || async move {
            drain().await;
            let record = running.record(USER, file).await;
            (record["status"] != "waiting").then_some(record)
        })
        .await;
        assert_eq!(record["status"], status, "{record}");
        if status == "failed" {
            assert!(
                record["reason"]
                    .as_str()
                    .unwrap()
                    .contains("every worker died"),
                "{record}"
            );
        }
    }
    app.stop().await;
}

#[tokio::test]
async fn a_corrupt_object_that_cannot_be_removed_stays_out_of_reach() {
    let app = App::with(&[("queue_attempts", "3")]).await;
    let photo = Photo::of("rocket.jpg");
    let received = app.announce(USER, &photo).await;
    app.stack
        .s3()
        .faults()
        .next_of("DeleteObject", 3, Fault::InternalError);
    assert_eq!(app.put(&received, b"something else").await.status, 200);
    let file = photo.file_name(USER);
    app.has_status(USER, &file, |status| status == "corrupt")
        .await;
    app.queue_is_empty().await;
    assert_eq!(app.stack.s3().faults().requests("DeleteObject"), 3);
    assert_eq!(app.record(USER, &file).await["status"], "corrupt");
    assert_eq!(
        app.get(USER, &format!("/obtain/{file}")).await.status(),
        404
    );
    assert_eq!(app.scan(USER, "").await["total_count"], 0);
    app.stop().await;
}

#[tokio::test]
async fn a_decompression_bomb_fails_and_harms_nobody() {
    let app = App::start().await;
    // A PNG that claims to be 50,000 pixels wide and high.
    let mut bomb = Photo::of("camera.png");
    bomb.bytes[16..24].copy_from_slice(&[0, 0, 0xc3, 0x50, 0, 0, 0xc3, 0x50]);
    let checksum = crc32fast::hash(&bomb.bytes[12..29]);
    bomb.bytes[29..33].copy_from_slice(&checksum.to_be_bytes());
    let bomb = app.upload(USER, &bomb).await;
    let record = app.looked_at(USER, &bomb).await;
    assert_eq!(record["status"], "failed");
    assert!(
        record["reason"].as_str().unwrap().contains("too large"),
        "{record}"
    );
    let file = app.upload(USER, &Photo::of("camera.png")).await;
    assert_eq!(app.looked_at(USER, &file).await["status"], "approved");
    app.stop().await;
}

/// A progressive JPEG of 1.2 MB and 4000 x 3600 pixels in 40,000 scans, as many as
/// the standard allows and each of a few bytes.
fn of_many_scans() -> Photo {
    let segment = |marker: u8, data: &[u8]| {
        let length = u16::try_from(data.len() + 2).unwrap().to_be_bytes();
        [&[0xff, marker][..], &length, data].concat()
    };
    // A Huffman table of one symbol, whose code is a zero bit.
    let table = |class: u8, symbol: u8| {
        let codes = [&[class, 1][..], &[0; 15], &[symbol]].concat();
        segment(0xc4, &codes)
    };
    let ones = [&[0][..], &[1; 64]].concat();
    let first = segment(0xda, &[1, 1, 0, 0, 0, 0]);
    let mut bytes = [
        vec![0xff, 0xd8],
        segment(0xdb, &ones),
        segment(0xc2, &[8, 14, 16, 15, 160, 1, 1, 0x11, 0]),
        table(0, 0),
        table(0x10, 0xe0),
        first,
        vec![0; 500 * 450 / 8],
    ]
    .concat();
    // Nothing in runs of 16,384 blocks: a zero bit and 14 more.
    let scan = [segment(0xda, &[1, 1, 0, 1, 63, 0]), vec![0; 27]].concat();
    bytes.extend(scan.repeat(40_000));
    bytes.extend([0xff, 0xd9]);
    Photo {
        name: "scans.jpg".into(),
        bytes,
        content_type: "image/jpeg",
    }
}

#[tokio::test]
async fn a_photo_of_forty_thousand_scans_fails_with_the_reason_while_others_are_labeled() {
    let app = App::start().await;
    // The first photo also starts the worker.
    let first = app.upload(USER, &Photo::of("camera.png")).await;
    app.looked_at(USER, &first).await;
    let hostile = app.upload(USER, &of_many_scans()).await;
    // Now the store tells of it.
    let told = Instant::now();
    let other = app.upload(USER, &Photo::of("coffee.jpg")).await;
    let (hostile, other) =
        futures::join!(app.looked_at(USER, &hostile), app.looked_at(USER, &other));
    // Less than a second where nothing else runs; all scans would keep a worker for half a minute.
    let took = told.elapsed();
    assert!(took < Duration::from_secs(20), "{took:?}");
    assert_eq!(hostile["status"], "failed", "{hostile}");
    let reason = hostile["reason"].as_str().unwrap();
    assert!(reason.contains("scans"), "{hostile}");
    assert_eq!(other["status"], "approved", "{other}");
    app.queue_is_empty().await;
    app.stop().await;
}

#[tokio::test]
async fn a_photo_without_the_marker_of_its_end_is_labeled() {
    let app = App::start().await;
    let mut photo = Photo::of("coffee.jpg");
    assert!(photo.bytes.ends_with(&[0xff, 0xd9]));
    photo.bytes.truncate(photo.bytes.len() - 2);
    let file = app.upload(USER, &photo).await;
    let record = app.looked_at(USER, &file).await;
    assert_eq!(record["status"], "approved", "{record}");
    assert!(confidence(&record, "Espresso").unwrap() > 90.0, "{record}");
    app.stop().await;
}
