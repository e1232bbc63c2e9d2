//! Photos a second, and how long one photo takes.

use std::{ops::Range, path::Path, time::Instant};

use anyhow::{Context, Result};
use devstack::client::{
    Photo, eventually,
    routes::{Found, scan},
};
use http::HeaderValue;

use crate::{
    app::App, client::Connection, looks::LOOKS, numbers::Latencies, plan::Plan, report::Table,
};

/// The user whose photos are analyzed one by one.
const PATIENT: u64 = 1;

/// The user whose photos are analyzed in one go.
const IMPATIENT: u64 = 2;

/// A user who uploads.
struct Uploader {
    user: u64,
    token: HeaderValue,
    application: Connection,
    store: Connection,
    photos: Vec<Photo>,
}

pub async fn measure(app: &App, photos: &Path, plan: &Plan) -> Result<String> {
    let photos = Photo::all(photos)?;
    let mut one = Uploader::new(app, PATIENT, photos.clone()).await?;
    // The first photo finds the worker cold.
    one.one_by_one(0..1).await?;
    let first = 1 + plan.single_photos;
    let single = one.one_by_one(1..first).await?;
    app.drained().await?;
    let mut many = Uploader::new(app, IMPATIENT, photos).await?;
    // Other photos than before: labels of the same bytes are not made twice.
    let rate = many.all_at_once(app, first..first + plan.photos).await?;
    app.drained().await?;

    let mut table = Table::new(["", ""]);
    table.row([
        format!("{} photos that wait, photos/s", plan.photos),
        format!("{rate:.1}"),
    ]);
    let name = "one photo, from the end of its upload until it is analyzed, p50 / p99 in ms";
    table.row([name.to_owned(), single.summary()]);
    Ok(table.to_string())
}

impl Uploader {
    async fn new(app: &App, user: u64, photos: Vec<Photo>) -> Result<Self> {
        Ok(Self {
            user,
            token: app.token(user)?,
            application: app.connect().await?,
            store: Connection::open(app.stage.stack.s3().address()).await?,
            photos,
        })
    }

    /// Uploads one of the photos, in bytes that no other number has.
    async fn upload(&mut self, number: u32) -> Result<String> {
        let at = number as usize % self.photos.len();
        let photo = self.photos.get(at).context("no photos")?.numbered(number);
        self.application
            .upload(&mut self.store, &photo, self.user, &self.token)
            .await
    }

    /// Uploads photos, each when the one before is analyzed.
    async fn one_by_one(&mut self, numbers: Range<u32>) -> Result<Latencies> {
        let mut latencies = Latencies::default();
        for number in numbers {
            let file = self.upload(number).await?;
            let uploaded = Instant::now();
            self.application.analyzed(&file, &self.token).await?;
            latencies.add(uploaded.elapsed());
        }
        Ok(latencies)
    }

    /// Uploads photos without notifications, and then notifies the application of
    /// all. Returns how many photos it analyzes in a second.
    async fn all_at_once(&mut self, app: &App, numbers: Range<u32>) -> Result<f64> {
        let count = numbers.end - numbers.start;
        app.tell_events(false);
        for number in numbers {
            self.upload(number).await?;
        }
        app.drained().await?;
        let told = Instant::now();
        app.tell_events(true);
        // The search finds all photos with known labels, for none has this label.
        let call = scan::<Found>("limit=1&label=unheard-of%3C100").with_token(&self.token);
        eventually("all photos are analyzed", LOOKS, async || {
            let found = self.application.ask(&call).await?;
            Ok((found.total_count == count).then_some(()))
        })
        .await?;
        Ok(f64::from(count) / told.elapsed().as_secs_f64())
    }
}
