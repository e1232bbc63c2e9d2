//! The images system: photos go in, their labels come out, and searches and
//! refusals are what they should be.

mod photo;
mod record;
mod refusals;
mod searches;
mod sharing;
mod steps;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use http::{StatusCode, header};
use url::Url;

use crate::{
    checks::{Checks, heading, same, say},
    client::{Client, Session},
};
pub use photo::Photo;
use photo::Post;
use record::Record;
use steps::{Shown, USER, announce, looked_at, upload};

/// Tells the whole chapter.
///
/// # Errors
/// It cannot go on.
pub async fn tell(client: &Client, photos: Vec<Photo>, checks: &mut Checks) -> Result<()> {
    let user = client.user(USER)?;
    heading("Photos: announced, uploaded, labelled");
    let mut shown = Vec::new();
    for (number, photo) in (0..).zip(photos) {
        let name = photo.name.clone();
        let what = format!("{name:<24}{:>8.1} kB", photo.bytes.len() as f64 / 1e3);
        let post = Post {
            post_id: 100 + number,
            picture_id: 1_000 + number,
            trip_id: 1 + number / 3,
            location_id: 10 + number % 2,
        };
        match show(client, &user, photo, post).await {
            Ok((new, took)) => {
                let outcome = format!("{:<14}{:>5} ms", new.record.status, took.as_millis());
                checks.add(what, Ok(outcome));
                shown.push(new);
            }
            Err(error) => checks.add(name, Err(error)),
        }
        if shown.is_empty() {
            bail!("the first photo was not labelled, so the others are not tried");
        }
    }
    // The one that there is most to say about.
    let richest = shown
        .iter()
        .max_by_key(|shown| shown.record.labels.len())
        .context("there is no photo")?;

    heading("Labels and how sure they are, in percent");
    for Shown { photo, record, .. } in &shown {
        let Record { status, .. } = record;
        say(format_args!(
            "    {:<24}{status:<14}{}",
            photo.name,
            record.summary()
        ));
    }

    heading("Searches, compared with what the records say");
    searches::tell(&user, &shown, checks).await?;

    heading("Photos got back, compared byte by byte");
    for shown in &shown {
        checks.add(&shown.photo.name, get_back(client, &user, shown).await);
    }

    heading("The same photo again");
    sharing::tell(client, &user, richest, checks).await?;

    heading("Refusals");
    refusals::tell(client, &user, richest, checks).await
}

/// Announces and uploads a photo, and waits for its labels. Also returns how
/// long that took from the beginning of the upload.
async fn show(
    client: &Client,
    user: &Session<'_>,
    photo: Photo,
    post: Post,
) -> Result<(Shown, Duration)> {
    let received = announce(user, USER, &photo, post).await?;
    same("already_uploaded", received.already_uploaded, false)?;
    let started = Instant::now();
    upload(client, &received, photo.bytes.clone()).await?;
    let record = looked_at(user, &received.file_name).await?;
    let took = started.elapsed();
    ensure!(record.is_analyzed(), "its status is {}", record.status);
    same("its posts", &*record.posts, &[post])?;
    let file = received.file_name;
    let shown = Shown {
        photo,
        file,
        record,
    };
    Ok((shown, took))
}

/// Follows the redirect to a photo.
async fn get_back(client: &Client, user: &Session<'_>, shown: &Shown) -> Result<String> {
    let answer = user.get(&format!("/obtain/{}", shown.file)).await?;
    let answer = answer.expect(StatusCode::FOUND)?;
    same(
        "Cache-Control",
        answer.header(&header::CACHE_CONTROL)?,
        "no-store",
    )?;
    let location = answer.header(&header::LOCATION)?;
    let stored = client.get(location).await?.expect(StatusCode::OK)?;
    let (found, expected) = (stored.body.len(), shown.photo.bytes.len());
    same("the number of bytes", found, expected)?;
    ensure!(stored.body == shown.photo.bytes, "the bytes are others");
    let location: Url = location.parse()?;
    Ok(format!(
        "302 to {}, the same {found} bytes",
        location.path()
    ))
}
