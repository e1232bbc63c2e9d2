//! Compaction: the objects of a finished day become few, and lines of erased purchases go.
//!
//! A part, `compras_dia/{tenant}/{YYYY}/{MM}/{DD}/part-{NNN}.json`, has the lines of many
//! changes. Its content never changes and its number is never given again, so numbers have
//! gaps. To add lines to a part, or to take some away, a part with a higher number is
//! written and read back; then the old one is deleted.
//!
//! An object is deleted only if each of its lines is in a part with a higher number, or is of
//! an erased purchase. A part that has a line and the highest number of those that do is thus
//! never deleted: no line is lost, wherever a worker stops, and if several are at work on one
//! day. Workers that stop may leave lines that are there twice, in two parts; the next
//! compaction keeps those of the higher one.

mod line;
mod part;
#[cfg(test)]
mod tests;

use std::collections::HashSet;

use crate::archive::{CHANGES, DAYS, Day, Key};
use line::{Line, one_line};
use part::{Digest, Known, digest, sift, whole_digest};

pub use line::Erased;
pub use part::{part_key, part_number};

/// The objects of one day.
#[allow(async_fn_in_trait, reason = "components have one thread")]
pub trait DayFiles {
    /// Why an operation failed.
    type Error: From<Broken>;

    /// Keeps the claim on the day. To be called between steps. Returns whether there is
    /// time for another one.
    ///
    /// # Errors
    /// The claim is lost.
    fn keep(&self) -> Result<bool, Self::Error>;

    /// A page of the objects in a folder, in the order of their keys, from the first key
    /// after `after`.
    async fn list(&self, folder: &str, after: Option<&str>) -> Result<Page, Self::Error>;

    /// Objects of at most `max` bytes each, in the order of `keys`.
    async fn read(&self, keys: &[&str], max: usize) -> Result<Vec<Content>, Self::Error>;

    /// Writes an object.
    async fn write(&self, key: &str, bytes: Vec<u8>) -> Result<(), Self::Error>;

    /// Deletes objects; a missing one is no error.
    async fn delete(&self, keys: &[String]) -> Result<(), Self::Error>;

    /// A number that no part of the day has, had or will have, greater than `above`.
    async fn number(&self, above: Option<u64>) -> Result<u64, Self::Error>;

    /// Tells an operator about an object that was left as it is.
    fn odd(&self, key: &str, problem: &str);
}

/// A page of a listing.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The objects.
    pub objects: Vec<Listed>,
    /// The key to ask for more after, if there is more.
    pub next: Option<String>,
}

/// An object in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The key.
    pub key: String,
    /// The length in bytes.
    pub size: u64,
}

/// The outcome of reading an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Its bytes.
    Bytes(Vec<u8>),
    /// It is larger than was asked for.
    TooLarge,
    /// There is no such object.
    Gone,
}

/// A part that is not as it must be. Nothing was deleted that it should replace.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key} {problem}")]
pub struct Broken {
    key: String,
    problem: &'static str,
}

/// How much is done at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The max bytes of a part, but for one with a single line.
    pub part: usize,
    /// The max bytes of a change's object. A larger one is left as it is.
    pub line: usize,
    /// The originals that are read at once, and about the max of their bytes.
    pub at_once: (usize, u64),
    /// The originals after which a run ends.
    pub originals: usize,
}

impl Default for Limits {
    /// For a component that may use some 24 MiB: parts of 8 MiB, of which at most two are in
    /// memory.
    fn default() -> Self {
        Self {
            part: 8 << 20,
            line: 4 << 20,
            at_once: (16, 4 << 20),
            originals: 2_000,
        }
    }
}

/// The task of a run.
#[derive(Clone, Copy, Debug)]
pub struct Compaction<'a> {
    /// The day.
    pub day: &'a Day,
    /// The original that the run before came to; `None` for the first run.
    pub after: Option<&'a str>,
    /// The erased purchases of the day.
    pub erased: &'a Erased,
    /// Whether originals go when their lines are in a part. Those of erased purchases go
    /// anyway.
    pub deletes_originals: bool,
    /// How much is done at once.
    pub limits: Limits,
}

/// The result of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compacted {
    /// The last original that it came to, if others follow: the next run goes on there.
    /// `None` if the day is done.
    pub next: Option<String>,
    /// The lines that it added to parts.
    pub added: u64,
    /// The lines and originals of erased purchases that it took away.
    pub erased: u64,
    /// The originals that it deleted since their lines are in a part.
    pub deleted: u64,
    /// The parts that the day has now.
    pub parts: usize,
}

impl Compaction<'_> {
    /// Does a run: takes the lines of erased purchases, and lines that are there twice, away
    /// from the parts, and adds the lines of originals that are not there yet, in the order
    /// of their keys. It does at least some originals, so repeated runs come to an end.
    ///
    /// An original is new if no line in a part tells its key. A record without a
    /// `SequenceNumber` has a key that its line does not tell; such an original is read,
    /// and is new if no part has its line, to the byte.
    ///
    /// # Errors
    /// Those of `files`. The run may be repeated.
    pub async fn run<F: DayFiles>(self, files: &F) -> Result<Compacted, F::Error> {
        let mut run = Run {
            files,
            task: self,
            known: Known::default(),
            parts: Vec::new(),
            highest: None,
            batch: Batch::default(),
            read: 0,
            done: Compacted::default(),
        };
        run.check_parts().await?;
        let next = run.add_originals().await?;
        run.flush().await?;
        Ok(Compacted {
            next,
            parts: run.parts.len(),
            ..run.done
        })
    }
}

/// A part that is there.
struct Part {
    number: u64,
    size: usize,
}

/// The part that is to be written next.
#[derive(Default)]
struct Batch {
    bytes: Vec<u8>,
    /// The part whose lines it begins with.
    replaces: Option<u64>,
    /// The lines that are new.
    lines: HashSet<Digest>,
    /// Their originals.
    originals: Vec<String>,
}

struct Run<'a, F> {
    files: &'a F,
    task: Compaction<'a>,
    known: Known,
    parts: Vec<Part>,
    /// The highest number that was seen.
    highest: Option<u64>,
    batch: Batch,
    /// The originals that were read.
    read: usize,
    done: Compacted,
}

impl<F: DayFiles> Run<'_, F> {
    /// Reads the parts, and takes away lines that are in a higher part or of an erased
    /// purchase.
    async fn check_parts(&mut self) -> Result<(), F::Error> {
        // The highest first: its lines stay.
        for number in self.numbers().await?.into_iter().rev() {
            self.files.keep()?;
            let key = part_key(self.task.day, number);
            let Some(bytes) = self.part(&key).await? else {
                continue;
            };
            let sifted = sift(&bytes, self.task.erased, &mut self.known);
            if sifted.unreadable > 0 {
                self.files.odd(&key, "has lines that cannot be read");
            }
            self.done.erased += sifted.erased;
            if !sifted.is_changed {
                self.parts.push(Part {
                    number,
                    size: bytes.len(),
                });
                continue;
            }
            drop(bytes);
            if !sifted.kept.is_empty() {
                self.write(sifted.kept).await?;
            }
            self.files.delete(&[key]).await?;
        }
        Ok(())
    }

    /// The numbers of the parts, in their order.
    async fn numbers(&mut self) -> Result<Vec<u64>, F::Error> {
        let folder = self.task.day.folder(DAYS);
        let mut numbers = Vec::new();
        let mut after = None;
        loop {
            self.files.keep()?;
            let page = self.files.list(&folder, after.as_deref()).await?;
            for Listed { key, .. } in page.objects {
                match part_number(self.task.day, &key) {
                    Some(number) => numbers.push(number),
                    None => self.files.odd(&key, "is not the key of a part"),
                }
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        // Keys are in the order of texts: 1000 comes before 999.
        numbers.sort_unstable();
        self.highest = numbers.last().copied();
        Ok(numbers)
    }

    /// The content of a part; `None` if another worker has replaced it.
    async fn part(&self, key: &str) -> Result<Option<Vec<u8>>, F::Error> {
        let Limits { part, line, .. } = self.task.limits;
        match self.files.read(&[key], part.max(line)).await?.pop() {
            Some(Content::Bytes(bytes)) => Ok(Some(bytes)),
            Some(Content::TooLarge) => Err(broken(key, "is larger than a part").into()),
            Some(Content::Gone) | None => Ok(None),
        }
    }

    /// Writes a part and makes sure that it is there.
    async fn write(&mut self, bytes: Vec<u8>) -> Result<(), F::Error> {
        self.files.keep()?;
        let number = self.files.number(self.highest).await?;
        self.highest = Some(number);
        let key = part_key(self.task.day, number);
        let (size, digest) = (bytes.len(), whole_digest(&bytes));
        self.files.write(&key, bytes).await?;
        let read = self.files.read(&[&key], size).await?.pop();
        let is_there = matches!(
            &read,
            // The same bytes, and so the same number of lines.
            Some(Content::Bytes(read)) if read.len() == size && whole_digest(read) == digest
        );
        if !is_there {
            return Err(broken(&key, "reads back other than it was written").into());
        }
        self.parts.push(Part { number, size });
        Ok(())
    }

    /// Adds the lines of originals that no part has. Returns the last one that it came to,
    /// if others follow.
    async fn add_originals(&mut self) -> Result<Option<String>, F::Error> {
        let folder = self.task.day.folder(CHANGES);
        let (max_count, max_bytes) = self.task.limits.at_once;
        let mut after = self.task.after.map(str::to_owned);
        loop {
            self.files.keep()?;
            let page = self.files.list(&folder, after.as_deref()).await?;
            let mut objects = page.objects.into_iter().peekable();
            loop {
                let (mut keys, mut bytes) = (Vec::new(), 0);
                while let Some(object) = objects.next_if(|object| {
                    keys.is_empty() || keys.len() < max_count && bytes + object.size <= max_bytes
                }) {
                    after = Some(object.key.clone());
                    if self.is_wanted(&object.key) {
                        bytes += object.size;
                        keys.push(object.key);
                    }
                }
                self.judge(keys).await?;
                let is_page_done = objects.peek().is_none();
                if is_page_done && page.next.is_none() {
                    return Ok(None);
                }
                if !self.files.keep()? || self.read >= self.task.limits.originals {
                    return Ok(after);
                }
                if is_page_done {
                    break;
                }
            }
            after = page.next;
        }
    }

    /// Whether an original has to be read.
    fn is_wanted(&self, key: &str) -> bool {
        match key.parse::<Key>() {
            Ok(parsed) if parsed.day == *self.task.day => {
                self.task.deletes_originals || !self.known.keys.contains(&digest(key.as_bytes()))
            }
            _ => {
                self.files.odd(key, "is not the key of a change of the day");
                false
            }
        }
    }

    /// Reads originals, adds the new ones and deletes those that are not needed any more.
    async fn judge(&mut self, keys: Vec<String>) -> Result<(), F::Error> {
        self.read += keys.len();
        let names: Vec<_> = keys.iter().map(String::as_str).collect();
        let contents = match names.is_empty() {
            true => Vec::new(),
            false => self.files.read(&names, self.task.limits.line).await?,
        };
        let (mut erased, mut deleted) = (Vec::new(), Vec::new());
        for (key, content) in keys.into_iter().zip(contents) {
            let bytes = match content {
                Content::Bytes(bytes) => bytes,
                Content::TooLarge => {
                    self.files.odd(&key, "is larger than a change may be");
                    continue;
                }
                Content::Gone => continue,
            };
            let text = match one_line(&bytes) {
                Ok(text) => text,
                Err(problem) => {
                    self.files.odd(&key, problem);
                    continue;
                }
            };
            let line = match Line::read(text.as_bytes()) {
                Some(line) if line.is_at(&key) => line,
                Some(_) => {
                    self.files.odd(&key, "has the line of another key");
                    continue;
                }
                None => {
                    self.files.odd(&key, "has no line of a change");
                    continue;
                }
            };
            let digest_of_line = digest(text.as_bytes());
            if self.task.erased.has(&line) {
                erased.push(key);
            } else if self.known.lines.contains(&digest_of_line) {
                deleted.push(key);
            } else if self.known.keys.contains(&digest(key.as_bytes())) {
                self.files.odd(&key, "is other than its line in a part");
            } else if !self.batch.lines.contains(&digest_of_line) {
                self.add(key, &bytes, digest_of_line).await?;
            }
        }
        self.done.erased += erased.len() as u64;
        self.delete(erased).await?;
        self.delete_originals(deleted).await
    }

    async fn delete(&self, keys: Vec<String>) -> Result<(), F::Error> {
        match keys.is_empty() {
            true => Ok(()),
            false => self.files.delete(&keys).await,
        }
    }

    /// Deletes originals whose lines are in a part, if that is wanted.
    async fn delete_originals(&mut self, keys: Vec<String>) -> Result<(), F::Error> {
        if !self.task.deletes_originals {
            return Ok(());
        }
        self.done.deleted += keys.len() as u64;
        self.delete(keys).await
    }

    /// Adds a line to the part that is to be written next.
    async fn add(&mut self, key: String, line: &[u8], digest: Digest) -> Result<(), F::Error> {
        if self.batch.bytes.len() + line.len() > self.task.limits.part {
            self.flush().await?;
        }
        if self.batch.originals.is_empty() {
            self.begin(line.len()).await?;
        }
        self.batch.bytes.extend_from_slice(line);
        self.batch.lines.insert(digest);
        self.batch.originals.push(key);
        Ok(())
    }

    /// Begins a part with the lines of the smallest one, if it has room for more.
    async fn begin(&mut self, more: usize) -> Result<(), F::Error> {
        let smallest = self
            .parts
            .iter()
            .enumerate()
            .min_by_key(|(_, part)| part.size);
        let Some((nth, part)) = smallest else {
            return Ok(());
        };
        if part.size + more > self.task.limits.part {
            return Ok(());
        }
        let Part { number, .. } = self.parts.swap_remove(nth);
        if let Some(bytes) = self.part(&part_key(self.task.day, number)).await? {
            self.batch.bytes = bytes;
            self.batch.replaces = Some(number);
        }
        Ok(())
    }

    /// Writes the part with the new lines. Then deletes the part that it replaces, and the
    /// originals if the task says so.
    async fn flush(&mut self) -> Result<(), F::Error> {
        let batch = std::mem::take(&mut self.batch);
        if batch.originals.is_empty() {
            return Ok(());
        }
        self.write(batch.bytes).await?;
        self.done.added += batch.originals.len() as u64;
        self.known.lines.extend(batch.lines);
        if let Some(number) = batch.replaces {
            self.files
                .delete(&[part_key(self.task.day, number)])
                .await?;
        }
        self.delete_originals(batch.originals).await
    }
}

fn broken(key: &str, problem: &'static str) -> Broken {
    let key = key.to_owned();
    Broken { key, problem }
}
