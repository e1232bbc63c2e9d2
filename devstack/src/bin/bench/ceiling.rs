//! The rate of Redis alone for a job's messages: published, claimed and acked
//! in batches by one native client, with nothing done to them.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use redis::{Connection, pipe};

const STREAM: &str = "bench:stream";
const GROUP: &str = "workers";

/// The number of messages in one round trip; the default of `queue_batch`.
const BATCH: usize = 32;

/// The answer of `XREADGROUP`: each stream's name and entries, each entry's id
/// and fields.
type Claimed = Vec<(String, Vec<(String, Vec<Vec<u8>>)>)>;

/// The time to publish messages and then to claim and ack all of them, one
/// batch after the other, as one worker does.
///
/// # Errors
/// Redis fails.
pub async fn measure(redis_url: &str, messages: Vec<Vec<u8>>) -> Result<Duration> {
    let client = redis::Client::open(redis_url)?;
    tokio::task::spawn_blocking(move || {
        let mut redis = client.get_connection()?;
        let () = redis::cmd("XGROUP")
            .arg(&["CREATE", STREAM, GROUP, "0", "MKSTREAM"])
            .query(&mut redis)?;
        let started = Instant::now();
        publish(&mut redis, &messages)?;
        let worked = work(&mut redis)?;
        let took = started.elapsed();
        let () = redis::cmd("DEL").arg(STREAM).query(&mut redis)?;
        ensure!(worked == messages.len(), "{worked} messages came back");
        Ok(took)
    })
    .await?
}

fn publish(redis: &mut Connection, messages: &[Vec<u8>]) -> Result<()> {
    for batch in messages.chunks(BATCH) {
        let mut pipe = pipe();
        for message in batch {
            let add = pipe.cmd("XADD").arg(STREAM).arg("*");
            add.arg("m").arg(message).arg("f").arg(0).ignore();
        }
        let () = pipe.query(redis)?;
    }
    Ok(())
}

fn work(redis: &mut Connection) -> Result<usize> {
    let mut worked = 0;
    loop {
        let claimed: Option<Claimed> = redis::cmd("XREADGROUP")
            .arg(&["GROUP", GROUP, "worker", "COUNT"])
            .arg(BATCH)
            .arg(&["STREAMS", STREAM, ">"])
            .query(redis)?;
        let entries = claimed
            .into_iter()
            .flatten()
            .flat_map(|(_, entries)| entries);
        let ids: Vec<_> = entries.map(|(id, _)| id).collect();
        if ids.is_empty() {
            return Ok(worked);
        }
        worked += ids.len();
        let mut pipe = pipe();
        pipe.cmd("XACK").arg(STREAM).arg(GROUP).arg(&ids).ignore();
        pipe.cmd("XDEL").arg(STREAM).arg(&ids).ignore();
        let () = pipe.query(redis)?;
    }
}
