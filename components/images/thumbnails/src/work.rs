//! From a photo to its thumbnails.

use base::{Failure, log};
use futures::future::try_join_all;
use images_domain::{ImageRecord, Size, Thumbnails, WantThumbnails, keys};
use objects::Objects;
use queue::{Effect, Queue};
use serde_json::{Value, json};
use stores::{SpinKeyValue, SpinRedis};
use worker::{Leases, Share, Trouble, Verdict, Work, one_by_one};

type Task<'m> = worker::Task<'m, WantThumbnails>;

/// The media type of thumbnails.
const CONTENT_TYPE: &str = "image/jpeg";

pub(crate) struct Maker<'a> {
    /// The queue of records.
    pub(crate) images: Queue<'a, SpinRedis>,
    pub(crate) store: SpinKeyValue,
    pub(crate) objects: Objects,
    /// The max bytes of a photo.
    pub(crate) max_bytes: u64,
}

impl Work for Maker<'_> {
    type Message<'m> = WantThumbnails;

    const ABANDONED: &'static str = "every worker died while it made the thumbnails";

    /// One photo at a time: it takes much of a component's memory.
    fn share(&self, _: usize) -> Share {
        Share::ONE
    }

    fn fields(&self, task: &Task<'_>) -> Value {
        json!({"file": task.message.file})
    }

    async fn work(&self, tasks: &[Task<'_>], leases: &Leases<'_>) -> Result<Vec<Verdict>, Failure> {
        one_by_one(tasks, async |task| {
            leases.extend()?;
            self.make(task).await
        })
        .await
    }

    /// Notes the reason, which is the answer to clients that ask for the thumbnails.
    async fn give_up(&self, task: &Task<'_>, trouble: &Trouble) -> Result<Vec<Effect>, Failure> {
        self.note(task, &Thumbnails::Refused(trouble.shown.clone()))?;
        Ok(Vec::new())
    }
}

impl Maker<'_> {
    async fn make(&self, task: &Task<'_>) -> Result<Verdict, Failure> {
        let WantThumbnails { file, life } = &task.message;
        let record = images_storage::load(&self.store, file)?;
        let Some((record, place)) = record
            .as_ref()
            .and_then(|record| Some((record, record.content_of(*life)?)))
        else {
            return self.discard(task).await;
        };
        if record.thumbnails.is_some() {
            return Ok(Verdict::Drop(
                "its thumbnails were made by an earlier message",
            ));
        }
        let objects = self.objects.traced(&task.trace);
        let Some(photo) = objects.get(place, self.max_bytes).await? else {
            return self.discard(task).await;
        };
        let made = match picture::thumbnails(photo.bytes, &Size::ALL.map(Size::side)) {
            Ok(thumbnails) => {
                let keys = keys::thumbnails(file, *life);
                let stored = keys.iter().zip(thumbnails);
                let stored = stored.map(|(key, bytes)| objects.put(key, bytes, CONTENT_TYPE));
                try_join_all(stored).await?;
                Thumbnails::Made
            }
            Err(unreadable) => Thumbnails::Refused(unreadable.to_string()),
        };
        let record = self.note(task, &made)?;
        if record.is_none_or(|record| record.content_of(*life).is_none()) {
            // The photo was removed meanwhile.
            return self.discard(task).await;
        }
        let fields = json!({"file": file, "thumbnails": made});
        log::info(&task.trace, "thumbnails were wanted", fields);
        Ok(Verdict::Done(Vec::new()))
    }

    /// Notes the outcome for the thumbnails, and returns the record.
    fn note(
        &self,
        task: &Task<'_>,
        thumbnails: &Thumbnails,
    ) -> Result<Option<ImageRecord>, Failure> {
        let WantThumbnails { file, life } = &task.message;
        images_storage::edit(&self.images, &self.store, file, &task.trace, |record| {
            Ok(record.with_thumbnails(*life, thumbnails.clone()))
        })
    }

    /// Removes the thumbnails that an earlier attempt made of a photo that is gone.
    async fn discard(&self, task: &Task<'_>) -> Result<Verdict, Failure> {
        let WantThumbnails { file, life } = &task.message;
        let thumbnails = keys::thumbnails(file, *life);
        self.objects.delete_all(thumbnails).await?;
        Ok(Verdict::Done(Vec::new()))
    }
}
