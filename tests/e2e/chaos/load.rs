//! Work for an application, and its expected results.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Instant;

use devstack::client::{Call, routes, routes::Job};
use queue::Counts;
use serde_json::json;
use stores::{Arg, Redis};
use tests::{App, Photo, SamplePhoto, USER, eventually};

use super::client::Client;

/// Pictures, and the statuses that the application gives them.
const PICTURES: [(&str, &str); 4] = [
    ("camera.png", "approved"),
    ("chelsea.png", "rejected"),
    ("coffee.jpg", "approved"),
    ("astronaut.jpg", "approved"),
];

/// The streams of all queues whose workers change something.
const STREAMS: [&str; 6] = [
    "{images}:queue:stream",
    "{jobs}:queue:stream",
    "{orders}.received:queue:stream",
    "{orders}.inprocess:queue:stream",
    "{orders}.completed:queue:stream",
    "{orders}.canceled:queue:stream",
];

/// The work given to an application.
#[derive(Default)]
pub(crate) struct Load {
    pub(crate) client: Client,
    /// Jobs, by their ids, with their numbers of toons.
    jobs: Mutex<BTreeMap<String, usize>>,
    /// Photos, with their expected statuses.
    photos: Mutex<BTreeMap<String, &'static str>>,
}

impl Load {
    /// Submits a job with a number of toons, and repeats the request until it succeeds. Without an
    /// id the job gets one, and an `Idempotency-Key` tells that it is the same.
    pub(crate) async fn submit(&self, app: &App, id: Option<&str>, toons: usize) -> String {
        let mut call = submission(id, toons);
        if id.is_none() {
            let key = format!("key-{}", fastrand::u64(..));
            call = call.with_idempotency_key(&key).unwrap();
        }
        let accepted = self.client.insist(app, &call).await;
        assert_eq!(accepted["totalToons"], toons);
        let id = accepted["jobId"].as_str().unwrap().to_owned();
        let before = self.jobs.lock().unwrap().insert(id.clone(), toons);
        assert_eq!(before, None, "a job's id is given once");
        id
    }

    /// Announces and uploads the photo of a number, and repeats the requests until they succeed.
    pub(crate) async fn upload(&self, app: &App, number: usize) {
        let (picture, status) = PICTURES[number % PICTURES.len()];
        let photo = Photo::of(picture).numbered(u32::try_from(number).unwrap());
        self.upload_photo(app, &photo, status).await;
    }

    /// Announces and uploads a photo with an expected status, and repeats the
    /// requests until they succeed.
    pub(crate) async fn upload_photo(&self, app: &App, photo: &Photo, status: &'static str) {
        let announcement = routes::announce(&photo.announcement(USER, 1));
        let received = self.client.insist(app, &announcement).await;
        let upload = routes::upload(&received, photo.bytes.clone()).unwrap();
        // The store may fail.
        eventually("a photo is uploaded", || async {
            let answer = app.client().nobody().answer(&upload).await.ok()?;
            (answer.status == 200).then_some(())
        })
        .await;
        let mut photos = self.photos.lock().unwrap();
        photos.insert(received.file_name, status);
    }

    /// Waits until all work is done, and checks that it was done once.
    pub(crate) async fn is_done_once(&self, app: &App) {
        // Before the first request for a job, which wakes its workers.
        for queue in ["jobs", "images"] {
            is_at_rest(app, queue).await;
        }
        let jobs = self.jobs.lock().unwrap().clone();
        for (id, toons) in &jobs {
            let job = finished(app, id).await;
            assert_eq!(job.status, "COMPLETED", "{job:?}");
            assert_eq!((job.processed_toons, job.failed_toons), (*toons, 0));
            let results = app.results(USER, id, 1000).await;
            let found = results.iter().map(|result| &result["toonId"]);
            assert!(found.eq((0..*toons).map(toon_id).collect::<Vec<_>>().iter()));
            assert!(results.iter().all(|result| result["status"] == "COMPLETED"));
        }
        let counts = is_at_rest(app, "jobs").await;
        let toons: usize = jobs.values().sum();
        assert_eq!(
            counts.processed,
            u64::try_from(toons).unwrap(),
            "the message of each toon was settled once"
        );
        assert_eq!(counts.delayed, 0);

        let photos = self.photos.lock().unwrap().clone();
        for (file, status) in &photos {
            app.has_status(USER, file, |found| found == *status).await;
        }
        is_at_rest(app, "images").await;
        let found = app.scan(USER, "").await;
        assert_eq!(found["total_count"], photos.len());
        for file in photos.keys() {
            let register = format!("{{images}}:version:{file}");
            let version = app.redis().call("GET", &[Arg::from(&register)]).unwrap();
            assert_eq!(
                version[0].as_int(),
                Some(2),
                "{file} was announced once and decided once"
            );
        }
    }
}

/// Whether there are unsettled messages that a worker has claimed since a
/// moment.
pub(crate) fn is_at_work(app: &App, since: Instant) -> bool {
    let redis = app.redis();
    let since = i64::try_from(since.elapsed().as_millis()).unwrap();
    STREAMS.into_iter().any(|stream| {
        let range = [stream, "workers", "-", "+", "1000"].map(Arg::from);
        // A stream has no consumer group before its first claim.
        let pending = redis.call("XPENDING", &range).unwrap_or_default();
        // Each entry has an id, a consumer, the time since it was claimed and a count.
        let mut idle = pending.chunks_exact(4).map(|entry| entry[2].as_int());
        idle.any(|idle| idle.unwrap() < since)
    })
}

/// Waits until a queue has no work, and checks that it has no dead letters.
async fn is_at_rest(app: &App, queue: &str) -> Counts {
    eventually(&format!("the queue {queue} is at rest"), || async {
        let counts = app.counts(queue);
        assert_eq!((counts.dead, counts.dead_lettered), (0, 0), "{counts:?}");
        (counts.depth + counts.in_flight + counts.due == 0).then_some(counts)
    })
    .await
}

/// The submission of a job with a number of toons.
pub(crate) fn submission(id: Option<&str>, toons: usize) -> Call {
    let toons: Vec<_> = (0..toons)
        .map(|number| json!({"toonId": toon_id(number), "title": format!("Strip {number}")}))
        .collect();
    let mut job = json!({ "toons": toons });
    if let Some(id) = id {
        job["jobId"] = id.into();
    }
    routes::submit_job(job.to_string())
}

/// The id of a job's toon.
pub(crate) fn toon_id(number: usize) -> String {
    format!("TOON-{number:05}")
}

/// Waits until a job is finished.
pub(crate) async fn finished(app: &App, id: &str) -> Job {
    eventually(&format!("job {id} is finished"), || async {
        let job = app.ask(USER, &routes::job(id, 0)).await;
        job.status.starts_with("COMPLETED").then_some(job)
    })
    .await
}
