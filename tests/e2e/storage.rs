//! Searches against a model, on a real Redis.

use std::collections::BTreeMap;

use base::Trace;
use images_domain::{
    Analysis, FileName, ImageRecord, Intake, Label, Operator, ScanQuery, Status, UserIds, keys,
};
use images_storage::search;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use queue::Queue;
use records::{Versioned, forget_before, latest, update};
use serde_json::{Value, json};
use stores::native::NativeRedis;
use stores::{KeyValue, MemoryKeyValue, Redis};
use tests::OwnRedis;

const NAMES: [&str; 3] = ["Cat", "Sports Car", "Ocean"];

/// A step in the life of a photo: it is used in a post, analyzed, found corrupt, never
/// uploaded, taken out of a post or removed.
#[derive(Clone, Debug)]
enum Step {
    Post {
        photo: u8,
        post: i64,
        trip: i64,
    },
    Analyze {
        photo: u8,
        confidences: [Option<u8>; 3],
    },
    Corrupt {
        photo: u8,
    },
    Expire {
        photo: u8,
    },
    Remove {
        photo: u8,
        post: Option<i64>,
    },
}

impl Step {
    fn photo(&self) -> u8 {
        match *self {
            Self::Post { photo, .. }
            | Self::Analyze { photo, .. }
            | Self::Corrupt { photo }
            | Self::Expire { photo }
            | Self::Remove { photo, .. } => photo,
        }
    }
}

fn step() -> impl Strategy<Value = Step> {
    let photo = 0..6_u8;
    prop_oneof![
        4 => (photo.clone(), 0..3_i64, 0..3_i64).prop_map(|(photo, post, trip)| Step::Post { photo, post, trip }),
        3 => (photo.clone(), prop::array::uniform3(prop::option::of(0..=100_u8)))
            .prop_map(|(photo, confidences)| Step::Analyze { photo, confidences }),
        1 => photo.clone().prop_map(|photo| Step::Corrupt { photo }),
        1 => photo.clone().prop_map(|photo| Step::Expire { photo }),
        2 => (photo, prop::option::weighted(0.7, 0..3_i64))
            .prop_map(|(photo, post)| Step::Remove { photo, post }),
    ]
}

fn intake(photo: u8, post: i64, trip: i64) -> Intake {
    Intake::parse(
        &json!({
            "image_hash": format!("{photo:064x}"), "content_type": "image/png",
            "user_id": 7, "post_id": post, "picture_id": 1,
            "post": {"trip_id": trip, "location_id": 1, "content": ""}
        }),
        UserIds::Integer,
    )
    .unwrap()
}

fn load(store: &MemoryKeyValue, file: &FileName) -> Option<Versioned<ImageRecord>> {
    latest(store, &keys::entity(file).key).unwrap()
}

fn apply(step: &Step, redis: &NativeRedis, store: &MemoryKeyValue) {
    let photo = step.photo();
    let file = intake(photo, 0, 0).file;
    let before = load(store, &file);
    let record = before.as_ref().map(|before| &before.document);
    let after = match step {
        Step::Post { post, trip, .. } => {
            ImageRecord::receive(record, &intake(photo, *post, *trip), "t").unwrap()
        }
        Step::Corrupt { .. } => record.and_then(|record| record.corrupt("x".into(), "t")),
        Step::Expire { .. } => record.and_then(|record| record.expired("t")),
        Step::Remove { post, .. } => record.and_then(|record| record.removed(*post, "t")),
        Step::Analyze { confidences, .. } => {
            let results = NAMES
                .iter()
                .zip(confidences)
                .filter_map(|(name, confidence)| {
                    let confidence = f64::from((*confidence)?);
                    Some(Label {
                        name: (*name).into(),
                        confidence,
                        parents: vec![],
                    })
                });
            let analysis = Analysis {
                status: Status::Approved,
                results: results.collect(),
            };
            record.and_then(|record| record.analyzed(&record.place(), analysis, "t"))
        }
    };
    if let Some(after) = after {
        let queue = Queue::new(redis, keys::QUEUE);
        let step =
            |_: Option<&Versioned<ImageRecord>>| Ok::<_, base::Failure>(Some(after.clone()).into());
        let saved = update(&queue, store, &keys::entity(&file), &Trace::new(), step);
        assert_eq!(saved.unwrap().map(|saved| saved.document), Some(after));
    }
}

/// The expected result of a search, by looking at every record.
fn expected(records: &BTreeMap<String, ImageRecord>, query: &ScanQuery) -> Vec<String> {
    let fits = |record: &ImageRecord| {
        ![Status::Corrupt, Status::Expired, Status::Deleted].contains(&record.status)
            && query.grouping.is_none_or(|grouping| {
                record.posts.iter().any(|post| match grouping.name() {
                    "post_id" => post.post_id == grouping.id(),
                    "trip_id" => post.trip_id == grouping.id(),
                    _ => post.location_id == grouping.id(),
                })
            })
            && query.filters.iter().all(|filter| {
                let label = record
                    .rekognition_results
                    .iter()
                    .find(|label| label.name.eq_ignore_ascii_case(&filter.name));
                record.status == Status::Approved
                    && match filter.operator {
                        Operator::Above => label
                            .is_some_and(|label| label.confidence > filter.confidence_threshold),
                        Operator::Below => {
                            label.is_none_or(|label| label.confidence < filter.confidence_threshold)
                        }
                    }
            })
    };
    records
        .iter()
        .filter(|(_, record)| fits(record))
        .map(|(name, _)| name.clone())
        .collect()
}

fn find(redis: &NativeRedis, query: &ScanQuery) -> Value {
    serde_json::to_value(search(redis, &7.into(), query.clone()).unwrap()).unwrap()
}

#[tokio::test]
async fn searches_find_what_looking_at_every_record_would_find() {
    let server = OwnRedis::start().await;
    let redis = server.connect();
    let filter = (
        prop::sample::select(&["cat", "SPORTS CAR", "ocean", "nothing"]),
        any::<bool>(),
        0..=100_u8,
    );
    let filters = prop::collection::vec(filter, 0..3);
    let grouping = prop::option::of((
        prop::sample::select(&["post_id", "trip_id", "location_id"]),
        0..3_i64,
    ));
    let queries = prop::collection::vec((grouping, filters, 1..4_usize), 8);
    let mut runner = TestRunner::new(Config {
        cases: 96,
        failure_persistence: None,
        ..Config::default()
    });
    let checked = runner.run(
        &(prop::collection::vec(step(), 1..40), queries),
        |(steps, queries)| {
            redis.call("FLUSHALL", &[]).unwrap();
            let store = MemoryKeyValue::default();
            for step in &steps {
                apply(step, &redis, &store);
            }
            let records: BTreeMap<_, _> = (0..6)
                .filter_map(|photo| load(&store, &intake(photo, 0, 0).file))
                .map(|record| (record.document.file_name.clone(), record.document))
                .collect();
            for (grouping, filters, limit) in queries {
                let mut pairs: Vec<(String, String)> = vec![("limit".into(), limit.to_string())];
                pairs.extend(grouping.map(|(name, id)| (name.into(), id.to_string())));
                pairs.extend(filters.iter().map(|(name, above, threshold)| {
                    (
                        "label".into(),
                        format!("{name}{}{threshold}", if *above { '>' } else { '<' }),
                    )
                }));
                let mut query = ScanQuery::parse(&pairs.into_iter().collect()).unwrap();
                let expected = expected(&records, &query);
                let mut found = Vec::new();
                loop {
                    let page = find(&redis, &query);
                    prop_assert_eq!(&page["total_count"], &json!(expected.len()));
                    let images = page["images"].as_array().unwrap();
                    prop_assert!(images.len() <= limit);
                    found.extend(images.iter().map(|name| name.as_str().unwrap().to_owned()));
                    match page.get("next_cursor") {
                        Some(cursor) => query.cursor = Some(cursor.as_str().unwrap().into()),
                        None => break,
                    }
                }
                prop_assert_eq!(found, expected);
            }
            Ok(())
        },
    );
    checked.unwrap();
}

#[tokio::test]
async fn a_group_larger_than_a_chunk_is_searched_to_its_end() {
    let server = OwnRedis::start().await;
    let redis = server.connect();
    for number in 0..1_203_u32 {
        let name = format!("7-{number:064x}.png");
        for (key, score) in [
            (keys::group(&7.into(), None), 0),
            (keys::analyzed(&7.into()), 0),
            (keys::label(&7.into(), "cat"), i64::from(number % 100)),
        ] {
            redis
                .call("ZADD", &[(&key).into(), score.into(), (&name).into()])
                .unwrap();
        }
    }
    let query = |text: &str| ScanQuery::parse(&[("label", text)].into_iter().collect()).unwrap();
    let found = find(&redis, &query("cat>49"));
    assert_eq!(found["total_count"], 600);
    let found = find(&redis, &query("cat<100"));
    assert_eq!(found["total_count"], 1_203);
    assert_eq!(found["images"].as_array().unwrap().len(), 1_000);
    let mut rest = query("cat<100");
    rest.cursor = Some(found["next_cursor"].as_str().unwrap().into());
    let rest = find(&redis, &rest);
    assert_eq!(rest["images"].as_array().unwrap().len(), 203);
    assert!(rest.get("next_cursor").is_none());
}

#[tokio::test]
async fn of_a_removed_photo_no_earlier_version_is_kept() {
    let server = OwnRedis::start().await;
    let redis = server.connect();
    let store = MemoryKeyValue::default();
    let file = intake(1, 0, 0).file;
    for post in 0..3 {
        let step = Step::Post {
            photo: 1,
            post,
            trip: 0,
        };
        apply(&step, &redis, &store);
    }
    let remove = Step::Remove {
        photo: 1,
        post: None,
    };
    apply(&remove, &redis, &store);
    let tombstone = load(&store, &file).unwrap();
    assert_eq!(
        (tombstone.version, tombstone.document.is_deleted()),
        (4, true)
    );

    let key = keys::entity(&file).key;
    let kept = || {
        (1..=4).filter(|version| {
            let stored = store.get(&format!("{key}:v:{version}")).unwrap().unwrap();
            String::from_utf8(stored).unwrap().contains("file_name")
        })
    };
    assert!(kept().count() > 1, "readers may be on their way");
    forget_before(&store, &key, &tombstone, 0).unwrap();
    assert_eq!(kept().collect::<Vec<_>>(), [4]);
    assert_eq!(load(&store, &file), Some(tombstone));

    // The photo returns as the next version.
    let again = Step::Post {
        photo: 1,
        post: 7,
        trip: 0,
    };
    apply(&again, &redis, &store);
    let back = load(&store, &file).unwrap();
    assert_eq!((back.version, back.document.posts[0].post_id), (5, 7));
}

fn load_committed(
    redis: &NativeRedis,
    store: &MemoryKeyValue,
    file: &FileName,
) -> Result<Option<Versioned<ImageRecord>>, base::Failure> {
    records::committed(redis, store, &keys::entity(file))
}

#[tokio::test]
async fn a_version_that_is_not_stored_yet_is_not_taken_for_none() {
    let server = OwnRedis::start().await;
    let redis = server.connect();
    let store = MemoryKeyValue::default();
    let file = intake(1, 0, 0).file;
    assert_eq!(load_committed(&redis, &store, &file).unwrap(), None);
    let post = |post| Step::Post {
        photo: 1,
        post,
        trip: 0,
    };
    apply(&post(1), &redis, &store);
    let first = load_committed(&redis, &store, &file).unwrap().unwrap();
    assert_eq!(first.version, 1);

    // A writer that dies between the commit and the store leaves this state behind.
    redis
        .call("INCR", &[(&keys::entity(&file).register).into()])
        .unwrap();
    let behind = load_committed(&redis, &store, &file);
    assert!(
        matches!(behind, Err(base::Failure::Unavailable { .. })),
        "{behind:?}"
    );
}
