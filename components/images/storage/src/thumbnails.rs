//! Thumbnails that are wanted.

use std::time::Duration;

use base::{Failure, Trace};
use images_domain::{ImageRecord, WantThumbnails, keys};
use queue::{Change, Message, Once};
use stores::SpinRedis;

/// The time for which a photo's thumbnails are wanted by one message.
const WANTED: Duration = Duration::from_secs(60);

/// Lets a worker make the thumbnails of a photo, unless one was asked a moment ago.
///
/// # Errors
/// Redis is out of reach.
pub async fn want_thumbnails(
    redis: &SpinRedis,
    record: &ImageRecord,
    trace: &Trace,
) -> Result<(), Failure> {
    let queue = worker::open(redis, keys::THUMBNAILS)?;
    let (file, life) = (record.file_name.clone(), record.life);
    let once = Once {
        key: keys::wanted(&file, life),
        keep: WANTED,
    };
    let message = WantThumbnails { file, life }.encode(trace)?;
    let send = queue.names().send_once(None, once, message);
    queue.commit(&Change::new().with(send))?;
    worker::notify(&queue, trace).await;
    Ok(())
}
