//! Users who have many photos already.

use anyhow::{Context, Result, ensure};
use images_domain::{ImageRecord, keys};
use queue::{Change, Outcome, Queue};
use records::index_changes;
use serde_json::json;
use stores::native::NativeRedis;

/// How many photos are in a post.
pub const GROUP: u32 = 20;

/// Gives a user photos with known labels: the records' commits as the
/// application makes them, without the messages that would follow. Searches
/// need no more.
///
/// # Errors
/// Redis fails, or the user has such photos already.
pub async fn photos(redis_url: &str, user: u64, count: u32) -> Result<()> {
    let url = redis_url.to_owned();
    tokio::task::spawn_blocking(move || commit(&url, user, count)).await?
}

fn commit(redis_url: &str, user: u64, count: u32) -> Result<()> {
    let redis = NativeRedis::open(redis_url)?;
    let queue = Queue::new(&redis, keys::QUEUE);
    for number in 0..count {
        let record = record(user, number)?;
        let file = record.file().context("the record has no name")?;
        let change = Change::new()
            .of_entity(keys::entity(&file).register, 0)
            .with_all(index_changes(None, &record));
        let outcome = queue.commit(&change)?;
        ensure!(
            outcome == Outcome::Committed,
            "photo {number} was not committed: {outcome:?}"
        );
    }
    Ok(())
}

/// An analyzed photo of as many labels as is usual. About every other one is a
/// cat with more than 75, in every post.
fn record(user: u64, number: u32) -> Result<ImageRecord> {
    let post = number / GROUP;
    let hash = format!("{number:064x}");
    let (cat, other) = (
        50.5 + f64::from(number * 7 % 50),
        75.0 + f64::from(number % 25),
    );
    Ok(serde_json::from_value(json!({
        "file_name": format!("{user}-{hash}.jpg"),
        "image_hash": hash,
        "content_type": "image/jpeg",
        "user_id": user,
        "posts": [{
            "post_id": post,
            "picture_id": number,
            "trip_id": post / 5,
            "location_id": post % 50,
            "content": "Día increíble en el desierto",
        }],
        "status": "approved",
        "rekognition_results": [
            {"Name": "Cat", "Confidence": cat, "Parents": [{"Name": "Mammal"}, {"Name": "Animal"}]},
            {"Name": format!("Thing {}", number % 40), "Confidence": other, "Parents": []},
        ],
        "created_at": "2026-11-22T10:00:00Z",
        "updated_at": "2026-11-22T10:00:00Z",
    }))?)
}
