use std::{
    collections::{HashMap, VecDeque, hash_map::Entry},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use time::OffsetDateTime;
use tokio::{
    fs,
    io::AsyncWriteExt,
    sync::{Semaphore, watch},
};
use tokio_util::sync::CancellationToken;

use super::event::{Event, EventShape};
use crate::{Error, Result, error::At};

const FIRST_RETRY: Duration = Duration::from_millis(100);
const LAST_RETRY: Duration = Duration::from_secs(10);
/// The max time for a receiver to answer.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The max number of notifications in flight.
const IN_FLIGHT: usize = 8;

/// The receiver of events about new objects.
#[derive(Clone)]
pub struct EventTarget {
    /// The URL that notifications are posted to.
    pub url: String,
    /// Sent as `Authorization: Bearer <bearer>`.
    pub bearer: String,
    /// The dialect of the notifications.
    pub shape: EventShape,
}

impl EventTarget {
    /// A target for AWS's shape.
    pub fn new(url: impl Into<String>, bearer: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            bearer: bearer.into(),
            shape: EventShape::Aws,
        }
    }
}

impl std::fmt::Debug for EventTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventTarget")
            .field("url", &self.url)
            .field("shape", &self.shape)
            .finish_non_exhaustive()
    }
}

/// Events on their way: each is a file until its receiver has accepted it, and
/// those of one object are sent one after the other, in order.
#[derive(Clone, Debug)]
pub(super) struct Outbox(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    dir: PathBuf,
    client: reqwest::Client,
    target: watch::Sender<Option<EventTarget>>,
    pending: watch::Sender<usize>,
    lanes: Mutex<HashMap<Lane, VecDeque<Event>>>,
    last_sequencer: tokio::sync::Mutex<u64>,
    in_flight: Semaphore,
    stopping: CancellationToken,
}

/// Bucket and key.
type Lane = (String, String);

impl Outbox {
    /// Opens the folder and starts to send the notifications that it holds.
    pub(super) async fn open(dir: PathBuf, target: Option<EventTarget>) -> Result<Self> {
        fs::create_dir_all(&dir).await.at(&dir)?;
        let waiting = load(&dir).await?;
        let client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| Error::Option(format!("no HTTP client can be made: {error}")))?;
        let outbox = Self(Arc::new(Inner {
            dir,
            client,
            target: watch::Sender::new(target),
            pending: watch::Sender::new(0),
            lanes: Mutex::default(),
            last_sequencer: tokio::sync::Mutex::new(
                waiting.last().map_or(0, |event| event.sequencer),
            ),
            in_flight: Semaphore::new(IN_FLIGHT),
            stopping: CancellationToken::new(),
        }));
        for event in waiting {
            outbox.enqueue(event);
        }
        Ok(outbox)
    }

    pub(super) fn set_target(&self, target: Option<EventTarget>) {
        self.0.target.send_replace(target);
    }

    pub(super) fn pending(&self) -> usize {
        *self.0.pending.borrow()
    }

    pub(super) async fn drained(&self) {
        let mut pending = self.0.pending.subscribe();
        // The sender is alive as long as `self` is.
        let _ = pending.wait_for(|pending| *pending == 0).await;
    }

    pub(super) fn stop(&self) {
        self.0.stopping.cancel();
    }

    /// Numbers an event, keeps it on disk and sends it in its turn.
    pub(super) async fn push(&self, event: impl FnOnce(u64) -> Event) -> Result<()> {
        // Locked to the end, so that lanes follow the order of the numbers.
        let mut last = self.0.last_sequencer.lock().await;
        let now = u64::try_from(OffsetDateTime::now_utc().unix_timestamp_nanos()).unwrap_or(0);
        // The clock may have gone backwards.
        *last = now.max(*last + 1);
        let event = event(*last);
        save(&self.0.dir, &event).await?;
        self.enqueue(event);
        Ok(())
    }

    fn enqueue(&self, event: Event) {
        self.0.pending.send_modify(|pending| *pending += 1);
        let lane = (event.bucket.clone(), event.key.clone());
        match self.lanes().entry(lane.clone()) {
            Entry::Occupied(mut events) => events.get_mut().push_back(event),
            Entry::Vacant(empty) => {
                empty.insert(VecDeque::from([event]));
                let outbox = self.clone();
                tokio::spawn(async move {
                    let stopping = outbox.0.stopping.clone();
                    stopping.run_until_cancelled(outbox.send_lane(lane)).await;
                });
            }
        }
    }

    fn lanes(&self) -> MutexGuard<'_, HashMap<Lane, VecDeque<Event>>> {
        self.0.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn send_lane(&self, lane: Lane) {
        while let Some(event) = self.head(&lane) {
            self.send(&event).await;
            let path = path(&self.0.dir, &event);
            if let Err(error) = fs::remove_file(&path).await {
                tracing::warn!(
                    %error, path = %path.display(),
                    "a notification that was accepted will be sent again",
                );
            }
            if let Some(events) = self.lanes().get_mut(&lane) {
                events.pop_front();
            }
            self.0.pending.send_modify(|pending| *pending -= 1);
        }
    }

    /// The next event of a lane; an empty lane is removed.
    fn head(&self, lane: &Lane) -> Option<Event> {
        let mut lanes = self.lanes();
        let head = lanes.get(lane)?.front().cloned();
        if head.is_none() {
            lanes.remove(lane);
        }
        head
    }

    /// Returns when the event has been accepted.
    async fn send(&self, event: &Event) {
        let mut target = self.0.target.subscribe();
        let mut delay = FIRST_RETRY;
        loop {
            let Some(to) = target.borrow_and_update().clone() else {
                // The sender is alive as long as `self` is.
                let _ = target.changed().await;
                continue;
            };
            let Err(reason) = self.post(event, &to).await else {
                return;
            };
            tracing::warn!(
                bucket = event.bucket, key = event.key, url = to.url, reason,
                retry_in = ?delay, "a notification was not accepted",
            );
            tokio::select! {
                () = tokio::time::sleep(delay) => delay = (delay * 2).min(LAST_RETRY),
                _ = target.changed() => {
                    delay = FIRST_RETRY;
                    target.mark_changed();
                }
            }
        }
    }

    async fn post(&self, event: &Event, target: &EventTarget) -> Result<(), String> {
        let _permit = self.0.in_flight.acquire().await;
        let answer = self
            .0
            .client
            .post(&target.url)
            .bearer_auth(&target.bearer)
            .json(&event.notification(target.shape))
            .send()
            .await
            .map_err(|error| error.without_url().to_string())?;
        match answer.status() {
            status if status.is_success() => Ok(()),
            status => Err(format!("the answer was {status}")),
        }
    }
}

fn path(dir: &Path, event: &Event) -> PathBuf {
    dir.join(format!("{:016X}.json", event.sequencer))
}

/// Writes the whole file or none.
async fn save(dir: &Path, event: &Event) -> Result<()> {
    let path = path(dir, event);
    let unfinished = path.with_extension("tmp");
    let bytes = serde_json::to_vec(event).map_err(|error| Error::Damaged {
        path: path.clone(),
        reason: error.to_string(),
    })?;
    let written = async {
        let mut file = fs::File::create(&unfinished).await?;
        file.write_all(&bytes).await?;
        file.sync_all().await?;
        fs::rename(&unfinished, &path).await
    };
    written.await.at(&path)
}

/// The events in a folder, the oldest first.
async fn load(dir: &Path) -> Result<Vec<Event>> {
    let mut events = Vec::new();
    let mut entries = fs::read_dir(dir).await.at(dir)?;
    while let Some(entry) = entries.next_entry().await.at(dir)? {
        let path = entry.path();
        if path.extension().is_some_and(|extension| extension == "tmp") {
            // The client never got a success for its request.
            fs::remove_file(&path).await.at(&path)?;
            continue;
        }
        let bytes = fs::read(&path).await.at(&path)?;
        let event: Event = serde_json::from_slice(&bytes).map_err(|error| Error::Damaged {
            path,
            reason: error.to_string(),
        })?;
        events.push(event);
    }
    events.sort_by_key(|event| event.sequencer);
    Ok(events)
}
