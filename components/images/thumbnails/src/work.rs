//! From a photo to its thumbnails.

use base::{Failure, log};
use futures::future::try_join_all;
use images_domain::{FileName, ImageRecord, Size, Thumbnails, WantThumbnails};
use objects::Objects;
use queue::{Effect, Queue};
use records::Step;
use serde_json::{Value, json};
use stores::{SpinKeyValue, SpinRedis};
use worker::{Leases, Share, Trouble, Verdict, Work};

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
        let mut verdicts = Vec::with_capacity(tasks.len());
        for task in tasks {
            leases.extend()?;
            verdicts.push(self.make(task).await?);
        }
        Ok(verdicts)
    }

    /// Who asks for the thumbnails is told why there are none.
    async fn give_up(&self, task: &Task<'_>, trouble: &Trouble) -> Result<Vec<Effect>, Failure> {
        if let Ok(file) = task.message.file.parse() {
            let refused = Thumbnails::Refused(trouble.shown.clone());
            self.note(task, &file, &refused)?;
        }
        Ok(Vec::new())
    }
}

impl Maker<'_> {
    async fn make(&self, task: &Task<'_>) -> Result<Verdict, Failure> {
        let WantThumbnails { file: name, life } = &task.message;
        let file: FileName = match name.parse() {
            Ok(file) => file,
            Err(error) => return Ok(Verdict::Dead(format!("{name}: {error}").into())),
        };
        let record = images_storage::load(&self.store, &file)?.map(|record| record.document);
        let Some(place) = place(*life, record.as_ref()) else {
            return self.discard(task).await;
        };
        if record.is_some_and(|record| record.thumbnails.is_some()) {
            return Ok(Verdict::Drop(
                "its thumbnails were made by an earlier message",
            ));
        }
        let objects = self.objects.clone().with_headers(task.trace.headers());
        let Some(photo) = objects.get(&place, self.max_bytes).await? else {
            return self.discard(task).await;
        };
        let made = match picture::thumbnails(photo.bytes, &Size::ALL.map(Size::side)) {
            Ok(thumbnails) => {
                let keys = Size::ALL.map(|size| images_domain::keys::thumbnail(name, *life, size));
                let stored = keys.iter().zip(thumbnails);
                let stored = stored.map(|(key, bytes)| objects.put(key, bytes, CONTENT_TYPE));
                try_join_all(stored).await?;
                Thumbnails::Made
            }
            Err(unreadable) => Thumbnails::Refused(unreadable.to_string()),
        };
        let record = self.note(task, &file, &made)?;
        if record.is_none_or(|record| self::place(*life, Some(&record)).is_none()) {
            // The photo was removed meanwhile.
            return self.discard(task).await;
        }
        let fields = json!({"file": name, "thumbnails": made});
        log::info(&task.trace, "thumbnails were wanted", fields);
        Ok(Verdict::Done(Vec::new()))
    }

    /// Notes what became of the thumbnails, and returns the record.
    fn note(
        &self,
        task: &Task<'_>,
        file: &FileName,
        thumbnails: &Thumbnails,
    ) -> Result<Option<ImageRecord>, Failure> {
        images_storage::update(&self.images, &self.store, file, &task.trace, |record| {
            let next = record
                .and_then(|record| record.with_thumbnails(task.message.life, thumbnails.clone()));
            Ok(Step::from(next))
        })
    }

    /// Removes what an earlier attempt made of a photo that is gone.
    async fn discard(&self, task: &Task<'_>) -> Result<Verdict, Failure> {
        let WantThumbnails { file, life } = &task.message;
        images_storage::discard_thumbnails(&self.objects, file, *life).await?;
        Ok(Verdict::Done(Vec::new()))
    }
}

/// The key of the verified content of this life of a photo, if the photo still has it.
fn place(life: u32, record: Option<&ImageRecord>) -> Option<String> {
    record
        .filter(|record| record.life == life)
        .and_then(|record| record.object.clone())
}
