//! The messages of the jobs queue.

use std::borrow::Cow;

use base::{Failure, Trace};
use queue::{Incoming, Message as _};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{JobId, Toon, ToonId};

/// `job.toon`: a toon to process.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Message<'a> {
    /// The job.
    pub job: Cow<'a, JobId>,
    /// The run of the job: its id may be used again once the job has expired.
    #[serde(borrow)]
    pub run: Cow<'a, str>,
    /// The toon's place in the job, from 0.
    pub index: u32,
    /// The toon's id.
    pub toon_id: Cow<'a, ToonId>,
    /// The toon as it was submitted.
    #[serde(borrow)]
    pub toon: &'a RawValue,
}

impl<'a> Message<'a> {
    /// The message of the toon at `index` of `job`.
    pub fn new(job: &'a JobId, run: &'a str, index: u32, toon: &'a Toon<'_>) -> Self {
        Self {
            job: Cow::Borrowed(job),
            run: Cow::Borrowed(run),
            index,
            toon_id: Cow::Borrowed(&toon.id),
            toon: toon.content,
        }
    }
}

/// `job.toons`: neighbouring toons of a job. Each that is retried, or that may have killed a
/// worker, goes on as a [`Message`] of its own.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Batch<'a> {
    /// The job.
    pub job: Cow<'a, JobId>,
    /// The run of the job.
    #[serde(borrow)]
    pub run: Cow<'a, str>,
    /// The place of the first toon in the job, from 0.
    pub index: u32,
    /// The toons' ids.
    pub ids: Vec<Cow<'a, ToonId>>,
    /// As many toons, as they were submitted.
    #[serde(borrow)]
    pub toons: Vec<&'a RawValue>,
}

impl<'a> Batch<'a> {
    /// The max toons of a batch.
    pub const MAX_TOONS: usize = 32;

    /// The max bytes of the toons of a batch of several.
    pub const MAX_BYTES: usize = 64 * 1024;

    fn of(first: &'a Message<'a>, all: impl Iterator<Item = &'a Message<'a>>) -> Self {
        let (ids, toons) = all
            .map(|message| (Cow::Borrowed(&*message.toon_id), message.toon))
            .unzip();
        Self {
            job: Cow::Borrowed(&first.job),
            run: Cow::Borrowed(&first.run),
            index: first.index,
            ids,
            toons,
        }
    }

    /// The message of toons that are neighbours of one job: a batch, or the [`Message`] of a
    /// single one.
    ///
    /// # Errors
    /// There is no toon.
    pub fn encoded(
        toons: impl IntoIterator<Item = &'a Message<'a>>,
        trace: &Trace,
    ) -> Result<Vec<u8>, Failure> {
        let mut toons = toons.into_iter().peekable();
        let first = *toons
            .peek()
            .ok_or_else(|| Failure::internal("a batch has toons"))?;
        let batch = Self::of(first, toons);
        match batch.toons.len() {
            1 => first.encode(trace),
            _ => batch.encode(trace),
        }
    }

    /// The messages of toons of one job, up to `max` neighbours together.
    ///
    /// # Errors
    /// [`Failure::Internal`] where a message cannot be written.
    pub fn all(
        toons: &'a [Message<'a>],
        max: usize,
        trace: &Trace,
    ) -> Result<Vec<Vec<u8>>, Failure> {
        let size = |toon: &Message<'_>| toon.toon.get().len();
        let batches = base::groups(toons, max, Self::MAX_BYTES, size);
        batches.map(|batch| Self::encoded(batch, trace)).collect()
    }

    /// The batch, if it has as many ids as toons, and one at least.
    fn checked(self) -> serde_json::Result<Self> {
        match self.ids.len() == self.toons.len() && !self.toons.is_empty() {
            true => Ok(self),
            false => Err(serde::de::Error::custom("as many ids as toons are needed")),
        }
    }

    /// Its toons, each by itself.
    pub fn messages(self) -> impl Iterator<Item = Message<'a>> {
        let Self {
            job,
            run,
            index,
            ids,
            toons,
        } = self;
        let toons = (index..).zip(ids.into_iter().zip(toons));
        toons.map(move |(index, (toon_id, toon))| Message {
            job: job.clone(),
            run: run.clone(),
            index,
            toon_id,
            toon,
        })
    }
}

/// `job.begin`: the time has come to process the toons of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begin<'a> {
    /// The job.
    pub job: Cow<'a, JobId>,
    /// The run of the job.
    #[serde(borrow)]
    pub run: Cow<'a, str>,
}

impl<'a> Begin<'a> {
    /// The message that lets `job` begin.
    pub fn new(job: &'a JobId, run: &'a str) -> Self {
        Self {
            job: Cow::Borrowed(job),
            run: Cow::Borrowed(run),
        }
    }

    /// The id under which the message is scheduled.
    pub fn id(&self) -> String {
        format!("begin:{}:{}", self.job, self.run)
    }
}

/// `job.completed`: all toons of a job are finished, which webhooks want to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Completed<'a> {
    /// The job.
    pub job: Cow<'a, JobId>,
    /// The run of the job.
    #[serde(borrow)]
    pub run: Cow<'a, str>,
}

impl queue::Message for Completed<'_> {
    const KIND: &'static str = "job.completed";
    // Workers that know earlier schemas alone leave it to others.
    const SCHEMA: u32 = 3;
}

impl queue::Message for Begin<'_> {
    const KIND: &'static str = "job.begin";
    // Workers that know the first schema alone leave it to others.
    const SCHEMA: u32 = 2;
}

impl queue::Message for Batch<'_> {
    const KIND: &'static str = "job.toons";
    // Workers that know earlier schemas alone leave it to others.
    const SCHEMA: u32 = 4;
}

impl queue::Message for Message<'_> {
    const KIND: &'static str = "job.toon";
    const SCHEMA: u32 = 1;
}

/// The messages of the queue.
#[derive(Clone, Debug)]
pub enum Work<'a> {
    /// A toon is to be processed.
    Toon(Message<'a>),
    /// Several are.
    Toons(Batch<'a>),
    /// A job begins.
    Begin(Begin<'a>),
    /// A job is completed.
    Completed(Completed<'a>),
}

impl Work<'_> {
    /// The job.
    pub fn job(&self) -> &JobId {
        match self {
            Self::Toon(toon) => &toon.job,
            Self::Toons(batch) => &batch.job,
            Self::Begin(begin) => &begin.job,
            Self::Completed(completed) => &completed.job,
        }
    }

    /// The run of the job.
    pub fn run(&self) -> &str {
        match self {
            Self::Toon(toon) => &toon.run,
            Self::Toons(batch) => &batch.run,
            Self::Begin(begin) => &begin.run,
            Self::Completed(completed) => &completed.run,
        }
    }
}

impl<'m> Incoming<'m> for Work<'m> {
    const SCHEMA: u32 = <Batch<'_> as queue::Message>::SCHEMA;

    fn read(kind: &str, message: &'m [u8]) -> Option<serde_json::Result<Self>> {
        match kind {
            <Message<'_> as queue::Message>::KIND => {
                Some(serde_json::from_slice(message).map(Self::Toon))
            }
            <Batch<'_> as queue::Message>::KIND => Some(
                serde_json::from_slice(message)
                    .and_then(Batch::checked)
                    .map(Self::Toons),
            ),
            <Begin<'_> as queue::Message>::KIND => {
                Some(serde_json::from_slice(message).map(Self::Begin))
            }
            <Completed<'_> as queue::Message>::KIND => {
                Some(serde_json::from_slice(message).map(Self::Completed))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TOON: &str = r#"{"toonId": "T-1", "seed": 9007199254740993, "a": 1.50}"#;

    fn read(message: &[u8]) -> Message<'_> {
        match queue::read("job.toon", message).unwrap() {
            Work::Toon(toon) => toon,
            other => unreachable!("{other:?} is no toon"),
        }
    }

    fn toon() -> Toon<'static> {
        Toon {
            id: "T-1".parse().unwrap(),
            content: serde_json::from_str(TOON).unwrap(),
        }
    }

    #[test]
    fn a_toon_arrives_to_the_letter() {
        let job: JobId = "JOB-001".parse().unwrap();
        let toon = toon();
        let message = Message::new(&job, "r1", 17, &toon);
        let encoded = message.encode(&Trace::new()).unwrap();
        let message = read(&encoded);
        assert_eq!(message.toon.get(), TOON);
        assert_eq!(*message.job, job);
        assert_eq!(message.index, 17);
        assert_eq!(message.toon_id.as_str(), "T-1");
    }

    #[test]
    fn messages_of_the_first_schema_stay_readable() {
        let first = r#"{"type":"job.toon","schema":1,"trace":{"request_id":"r"},
            "job":"JOB-001","run":"r1","index":0,"toon_id":"T-1","toon":{"toonId":"T-1"}}"#;
        let message = read(first.as_bytes());
        assert_eq!(message.toon.get(), r#"{"toonId":"T-1"}"#);
    }

    #[test]
    fn the_toons_of_a_batch_arrive_to_the_letter_and_go_on_by_themselves() {
        let job: JobId = "JOB-001".parse().unwrap();
        let toon = toon();
        let messages = [16, 17].map(|index| Message::new(&job, "r1", index, &toon));
        let encoded = Batch::encoded(&messages, &Trace::new()).unwrap();
        let Work::Toons(batch) = queue::read("job.toons", &encoded).unwrap() else {
            unreachable!("it is a batch");
        };
        let all: Vec<_> = batch.messages().collect();
        assert_eq!(all.iter().map(|it| it.index).collect::<Vec<_>>(), [16, 17]);
        for message in &all {
            assert_eq!(message.toon.get(), TOON);
            assert_eq!((&*message.job, &*message.run), (&job, "r1"));
            assert_eq!(message.toon_id.as_str(), "T-1");
        }
        assert_eq!(
            read(&Batch::encoded(&messages[..1], &Trace::new()).unwrap()).index,
            16
        );
        assert!(Batch::encoded(&[], &Trace::new()).is_err());
        for broken in [
            r#"{"job":"J","run":"r","index":0,"ids":["a"],"toons":[]}"#,
            r#"{"job":"J","run":"r","index":0,"ids":[],"toons":[]}"#,
        ] {
            assert!(queue::read::<Work<'_>>("job.toons", broken.as_bytes()).is_err());
        }
        let earlier = queue::open(&encoded, <Completed<'_> as queue::Message>::SCHEMA);
        assert!(matches!(earlier, queue::Opened::Newer { schema: 4 }));
    }

    #[test]
    fn what_is_no_message_is_told() {
        let job = "JOB-001".parse().unwrap();
        let message = serde_json::to_value(Message::new(&job, "r1", 0, &toon())).unwrap();
        for (field, value, told) in [
            ("job", json!("a b"), "1 to 128"),
            ("toon_id", json!(""), "1 to 128"),
            ("index", json!(-1), "-1"),
        ] {
            let mut message = message.clone();
            message[field] = value;
            let message = message.to_string();
            let error = queue::read::<Work<'_>>("job.toon", message.as_bytes()).unwrap_err();
            assert!(error.contains(told), "{message}: {error}");
        }
        assert!(queue::read::<Work<'_>>("job.other", b"{}").is_err());
    }

    #[test]
    fn the_beginning_of_a_job_has_always_the_same_bytes_and_waits_for_a_worker_that_knows_it() {
        let job: JobId = "JOB:1".parse().unwrap();
        let begin = Begin::new(&job, "r1");
        let encoded = begin.encode_untraced().unwrap();
        assert_eq!(encoded, begin.encode_untraced().unwrap());
        assert!(!begin.id().contains('|'));
        let Work::Begin(read) = queue::read("job.begin", &encoded).unwrap() else {
            unreachable!("it is no toon");
        };
        assert_eq!(read, begin);
        let earlier = queue::open(&encoded, <Message<'_> as queue::Message>::SCHEMA);
        assert!(matches!(earlier, queue::Opened::Newer { schema: 2 }));
    }
}
