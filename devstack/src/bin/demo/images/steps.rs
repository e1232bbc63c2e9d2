//! What the parts of the chapter on photos have in common.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use super::{
    photo::{Photo, Post},
    record::Record,
};
use crate::{
    checks::same,
    client::{Client, Session},
};

/// Whose photos these are.
pub const USER: &str = "456";

/// Someone else.
pub const OTHER: &str = "7";

/// Longer than an analysis takes on a busy machine: reaching it is a failure.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often to look whether a photo was analyzed.
const PAUSE: Duration = Duration::from_millis(20);

/// A photo that has been uploaded and analyzed.
pub struct Shown {
    pub photo: Photo,
    pub file: String,
    pub record: Record,
}

/// What `POST /receiver` answers.
#[derive(Deserialize)]
pub struct Received {
    pub file_name: String,
    upload_url: String,
    upload_headers: HashMap<String, String>,
    pub already_uploaded: bool,
}

pub async fn announce(
    session: &Session<'_>,
    user: &str,
    photo: &Photo,
    post: Post,
) -> Result<Received> {
    let announcement = photo.announcement(user, post)?;
    let answer = session.post("/receiver", &announcement).await?;
    let received: Received = answer.expect(StatusCode::OK)?.json()?;
    same("its name", &received.file_name, &photo.file_name(user))?;
    Ok(received)
}

pub async fn upload(client: &Client, received: &Received, bytes: Vec<u8>) -> Result<()> {
    let headers = HeaderMap::try_from(&received.upload_headers)?;
    let answer = client.put(&received.upload_url, headers, bytes).await?;
    answer.expect(StatusCode::OK).map(drop)
}

pub async fn record(session: &Session<'_>, file: &str) -> Result<Record> {
    let answer = session.get(&format!("/images/{file}")).await?;
    answer.expect(StatusCode::OK)?.json()
}

/// Waits until a photo has been looked at.
pub async fn looked_at(session: &Session<'_>, file: &str) -> Result<Record> {
    let started = Instant::now();
    loop {
        let record = record(session, file).await?;
        if record.status != "waiting" {
            return Ok(record);
        }
        ensure!(
            started.elapsed() < PATIENCE,
            "its status is still waiting after {} s",
            PATIENCE.as_secs()
        );
        tokio::time::sleep(PAUSE).await;
    }
}
