//! Photos to upload.

use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};
use http::{HeaderMap, HeaderValue, Method};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{
    app::eventually,
    client::{Call, Connection},
};

/// A photo of a format that is analyzed.
#[derive(Clone)]
pub struct Photo {
    bytes: Vec<u8>,
    content_type: &'static str,
}

/// What `POST /receiver` answers.
#[derive(Deserialize)]
pub struct Received {
    pub file_name: String,
    upload_url: String,
    upload_headers: std::collections::HashMap<String, String>,
}

impl Photo {
    /// The photos in a folder, by name.
    ///
    /// # Errors
    /// There are none, or they can't be read.
    pub fn all(folder: &Path) -> Result<Vec<Self>> {
        let at = || folder.display().to_string();
        let entries = folder.read_dir().with_context(at)?;
        let paths: Result<Vec<_>, _> = entries
            .map(|entry| entry.map(|entry| entry.path()))
            .collect();
        let mut paths = paths.with_context(at)?;
        paths.sort();
        let mut photos = Vec::new();
        for path in paths {
            let content_type = match path.extension().and_then(|extension| extension.to_str()) {
                Some("jpg") => "image/jpeg",
                Some("png") => "image/png",
                Some("webp") => "image/webp",
                _ => continue,
            };
            let bytes = fs::read(&path).with_context(|| path.display().to_string())?;
            photos.push(Self {
                bytes,
                content_type,
            });
        }
        ensure!(!photos.is_empty(), "{} has no photos in it", at());
        Ok(photos)
    }

    /// The same picture in other bytes for each number: what follows the end of
    /// an image is not part of it.
    pub fn varied(&self, number: u32) -> Self {
        let mut photo = self.clone();
        photo.bytes.extend(number.to_le_bytes());
        photo
    }

    /// Announces it and uploads it; the store is at the address of `store`.
    ///
    /// # Errors
    /// Either is refused.
    pub async fn upload(
        &self,
        application: &mut Connection,
        store: &mut Connection,
        user: u64,
        token: &HeaderValue,
    ) -> Result<String> {
        let hash = hex::encode(Sha256::digest(&self.bytes));
        let announcement = announcement(user, &hash, self.content_type, 1);
        let call = Call::new(Method::POST, "/receiver")?;
        let call = call.with_token(token).with_json(&announcement)?;
        let received: Received = application.ask(&call).await?;
        let headers = HeaderMap::try_from(&received.upload_headers)?;
        let call = Call::new(Method::PUT, &received.upload_url)?;
        let call = call.with_headers(headers).with_body(self.bytes.clone());
        store.send(&call).await?;
        Ok(received.file_name)
    }
}

/// What `GET /images/{file}` answers, as far as it is needed.
#[derive(Deserialize)]
struct Record {
    status: String,
}

/// Waits until an uploaded photo is analyzed.
///
/// # Errors
/// It could not be, or it takes too long.
pub async fn analyzed(application: &mut Connection, file: &str, token: &HeaderValue) -> Result<()> {
    let call = Call::new(Method::GET, &format!("/images/{file}"))?.with_token(token);
    let status = eventually("the photo is analyzed", async || {
        let record: Record = application.ask(&call).await?;
        Ok(Some(record.status).filter(|status| status != "waiting"))
    })
    .await?;
    let is_analyzed = ["approved", "under_review", "rejected"].contains(&status.as_str());
    ensure!(is_analyzed, "the status of {file} is {status}");
    Ok(())
}

/// The body of `POST /receiver`.
pub fn announcement(user: u64, hash: &str, content_type: &str, post: u64) -> Value {
    json!({
        "image_hash": hash,
        "content_type": content_type,
        "user_id": user,
        "post_id": post,
        "picture_id": 789,
        "post": {"trip_id": post / 5, "location_id": post % 50, "content": "Día increíble en el desierto"},
    })
}
