//! The objects of a day in the bucket.

use std::time::Instant;

use base::{Failure, Trace, log};
use futures::future::try_join_all;
use objects::{Error, Objects};
use purchases_domain::archive::{CONTENT_TYPE, Day};
use purchases_domain::compaction::{Content, DayFiles, Listed, Page};
use serde_json::json;
use stores::{Arg, Redis, SpinRedis, Value};
use worker::Leases;

use super::claim::Claim;
use super::stopped::Stopped;

/// The objects of a page; S3 gives no more.
const PAGE: u32 = 1_000;

/// The objects that are read or deleted at once.
const AT_ONCE: usize = 16;

/// Hash: by tenant and day, how many numbers parts have had.
const NUMBERS: &str = "{compras}:parts";

pub(super) struct Files<'a> {
    pub(super) redis: &'a SpinRedis,
    pub(super) objects: Objects,
    pub(super) day: &'a Day,
    pub(super) claim: &'a Claim<'a>,
    pub(super) leases: &'a Leases<'a>,
    /// When there is no time for another step.
    pub(super) until: Instant,
    pub(super) trace: &'a Trace,
}

impl DayFiles for Files<'_> {
    type Error = Stopped;

    fn keep(&self) -> Result<bool, Stopped> {
        self.leases.extend()?;
        self.claim.keep()?;
        Ok(Instant::now() < self.until)
    }

    async fn list(&self, folder: &str, after: Option<&str>) -> Result<Page, Stopped> {
        let listing = self.objects.list(folder, after, PAGE).await?;
        let objects = listing.objects.into_iter();
        let objects = objects.map(|object| Listed {
            key: object.key,
            size: object.size,
        });
        Ok(Page {
            objects: objects.collect(),
            next: listing.next,
        })
    }

    async fn read(&self, keys: &[&str], max: usize) -> Result<Vec<Content>, Stopped> {
        let max = u64::try_from(max).unwrap_or(u64::MAX);
        let read = |key| async move {
            match self.objects.get(key, max).await {
                Ok(Some(object)) => Ok(Content::Bytes(object.bytes)),
                Ok(None) => Ok(Content::Gone),
                Err(Error::TooLarge { .. }) => Ok(Content::TooLarge),
                Err(error) => Err(error),
            }
        };
        let mut contents = Vec::with_capacity(keys.len());
        for keys in keys.chunks(AT_ONCE) {
            self.keep()?;
            contents.extend(try_join_all(keys.iter().copied().map(read)).await?);
        }
        Ok(contents)
    }

    async fn write(&self, key: &str, bytes: Vec<u8>) -> Result<(), Stopped> {
        Ok(self.objects.put(key, bytes, CONTENT_TYPE).await?)
    }

    async fn delete(&self, keys: &[String]) -> Result<(), Stopped> {
        for keys in keys.chunks(AT_ONCE) {
            self.keep()?;
            self.objects.delete_all(keys).await?;
        }
        Ok(())
    }

    async fn number(&self, above: Option<u64>) -> Result<u64, Stopped> {
        let field = format!("{}/{}", self.day.tenant, self.day.date);
        let mut by = 1;
        loop {
            let args = [Arg::from(NUMBERS), Arg::from(&field), Arg::Int(by)];
            let reply = self.redis.call("HINCRBY", &args).map_err(Failure::from)?;
            let count = reply.first().and_then(Value::as_int);
            // The first number is 0.
            let number = count.and_then(|count| u64::try_from(count - 1).ok());
            let number = number
                .ok_or_else(|| Failure::unavailable("Redis", "HINCRBY answered something else"))?;
            match above {
                // Redis has lost the count.
                Some(above) if number <= above => {
                    by = i64::try_from(above - number)
                        .unwrap_or(i64::MAX)
                        .saturating_add(1);
                }
                _ => return Ok(number),
            }
        }
    }

    fn odd(&self, key: &str, problem: &str) {
        let fields = json!({"key": key, "error": problem});
        log::warn(self.trace, "an object of a day is left as it is", fields);
    }
}
