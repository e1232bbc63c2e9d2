//! The images system: photos are labelled, searched and got back, and what is refused.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use devstack::client::{
    Client, Photo, Post, User, eventually,
    routes::{self, Found, Record},
};
use http::header;
use serde_json::{Value, json};

use crate::{
    checks::{Checks, say},
    shared::{LOOKS, OTHER, USER},
};

/// Searches, and the photos that they find.
const SEARCHES: [(&str, &str); 7] = [
    ("label=espresso>90", "coffee.jpg"),
    ("label=animal>50", "chelsea.png, eagle.webp, raccoon.webp"),
    ("label=animal>50&label=bird<50", "chelsea.png, raccoon.webp"),
    ("trip_id=1", "astronaut.jpg, camera.png, chelsea.png"),
    ("trip_id=1&label=animal<50", "astronaut.jpg, camera.png"),
    ("location_id=11&label=rocket>50", "rocket.jpg"),
    ("post_id=100", "astronaut.jpg"),
];

/// An uploaded and analyzed photo.
struct Shown {
    photo: Photo,
    file: String,
    record: Record,
}

/// Runs the whole chapter.
pub async fn tell(client: &Client, checks: &Checks) -> Result<()> {
    let (user, other) = (client.user(USER)?, client.user(OTHER)?);
    say("\nPhotos: announced, uploaded, labelled");
    let mut shown = Vec::new();
    for (number, photo) in (0..).zip(Photo::all("data/photos".as_ref())?) {
        let post = Post {
            trip_id: 1 + number / 3,
            location_id: 10 + number % 2,
            ..Post::from(100 + number)
        };
        let started = Instant::now();
        let (file, record) = send(&user, &photo.announcement(USER, post), &photo.bytes).await?;
        let took = started.elapsed().as_millis();
        let (name, size) = (&photo.name, photo.bytes.len() as f64 / 1e3);
        ensure!(record.is_analyzed(), "{name} is {}", record.status);
        let labels = surest_labels(&record);
        checks.add(
            format!("{name:<24}{size:>8.1} kB"),
            Ok(format!("{:<14}{took:>5} ms  {labels}", record.status)),
        );
        shown.push(Shown {
            photo,
            file,
            record,
        });
    }

    say("\nSearches");
    for (search, expected) in SEARCHES {
        let found: Found = user.ask(&routes::scan(search)).await?;
        let found = shown.iter().filter(|one| found.images.contains(&one.file));
        let names: Vec<_> = found.map(|one| &*one.photo.name).collect();
        checks.same(format!("/scan?{search}"), &*names.join(", "), expected);
    }

    say("\nPhotos got back, compared byte by byte");
    for Shown { photo, file, .. } in &shown {
        checks.add(&photo.name, get_back(client, &user, file, photo).await);
    }

    say("\nThe same photo again");
    let richest = shown.iter().max_by_key(|one| one.record.labels.len());
    let richest = richest.context("data/photos has no photo in it")?;
    let (photo, file) = (&richest.photo, &richest.file);
    let (name, bytes) = (&photo.name, &photo.bytes);
    let again = routes::announce(&photo.announcement(USER, 901)).reading();
    let (again, is_there) = (user.ask(&again).await?, json!({"already_uploaded": true}));
    checks.shows(format!("{name} in a second post"), &again, &is_there);
    let (_, of_other) = send(&other, &photo.announcement(OTHER, 100), bytes).await?;
    let [found, expected] = [&of_other, &richest.record].map(surest_labels);
    checks.same(format!("{name} of user {OTHER}"), found, expected);

    say("\nRefusals");
    let (nobody, forger) = (client.nobody(), client.forger(USER)?);
    let varied = photo.numbered(0);
    let (obtain, announced) = (routes::obtain(file), varied.announcement(USER, 902));
    let missing = routes::obtain(&varied.file_name(USER));
    let announce = routes::announce(&announced).reading();
    checks
        .refused(&[
            ("no token", &nobody, &obtain, 401, "missing_token"),
            ("a forged token", &forger, &obtain, 401, "invalid_token"),
            ("another's photo", &other, &obtain, 401, "not_your_image"),
            ("no such photo", &user, &missing, 404, "unknown_image"),
            ("another's id", &other, &announce, 403, "not_your_user_id"),
        ])
        .await;
    let (_, wrong) = send(&user, &announced, bytes).await?;
    checks.same("the bytes of another photo", &*wrong.status, "corrupt");
    let found: Found = user.ask(&routes::scan("post_id=902")).await?;
    checks.same("photos that a search finds then", found.total_count, 0);
    Ok(())
}

/// The surest labels, for people.
fn surest_labels(record: &Record) -> String {
    let mut labels: Vec<_> = record.labels.iter().collect();
    labels.sort_by(|one, other| other.confidence.total_cmp(&one.confidence));
    let labels = labels.iter().take(3);
    let labels = labels.map(|label| format!("{} {:.1} %", label.name, label.confidence));
    match labels.collect::<Vec<_>>().join(", ") {
        none if none.is_empty() => "sure of nothing".to_owned(),
        labels => labels,
    }
}

/// Announces a photo and uploads bytes, and waits until the application has looked at them.
/// Returns the name and the record.
async fn send(user: &User<'_>, announcement: &Value, bytes: &[u8]) -> Result<(String, Record)> {
    let received = user.ask(&routes::announce(announcement)).await?;
    ensure!(!received.already_uploaded, "the photo is already there");
    user.upload(&received, bytes.to_vec()).await?;
    let call = routes::record(&received.file_name);
    let record = eventually("the photo is looked at", LOOKS, async || {
        let record = user.ask(&call).await?;
        Ok((record.status != "waiting").then_some(record))
    });
    Ok((received.file_name, record.await?))
}

/// Follows the redirect to a photo.
async fn get_back(client: &Client, user: &User<'_>, file: &str, photo: &Photo) -> Result<String> {
    let call = routes::obtain(file);
    let answer = call.accept(user.answer(&call).await?)?;
    let stored = routes::stored(answer.header(&header::LOCATION)?);
    let stored = stored.accept(client.nobody().answer(&stored).await?)?;
    ensure!(stored.body == photo.bytes, "the bytes are others");
    Ok(format!("302, the same {} bytes", stored.body.len()))
}
