//! The images system: uploads photos, and checks their labels, searches and
//! refusals.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use devstack::client::{
    Client, Photo, Post, User, eventually,
    routes::{self, Received, Record},
};
use http::{StatusCode, header};
use url::Url;

use crate::{
    OTHER, USER,
    checks::{Checks, heading, same, say},
    searches::Search,
};

/// The pause between two looks at a photo, and the limit for all of them: more than an
/// analysis takes on a busy machine.
const LOOKS: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(60));

/// An uploaded and analyzed photo.
pub struct Shown {
    pub photo: Photo,
    pub file: String,
    pub record: Record,
}

/// Runs the whole chapter.
///
/// # Errors
/// The chapter cannot go on.
pub async fn tell(client: &Client, photos: Vec<Photo>, checks: &mut Checks) -> Result<()> {
    let (user, other) = (client.user(USER)?, client.user(OTHER)?);
    heading("Photos: announced, uploaded, labelled");
    let mut shown = Vec::new();
    for (number, photo) in (0..).zip(photos) {
        let name = photo.name.clone();
        let what = format!("{name:<24}{:>8.1} kB", photo.bytes.len() as f64 / 1e3);
        let post = Post {
            trip_id: 1 + number / 3,
            location_id: 10 + number % 2,
            ..Post::of(100 + number)
        };
        match show(&user, photo, post).await {
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
    // The photo with the most labels.
    let richest = shown.iter().max_by_key(|shown| shown.record.labels.len());
    let richest = richest.context("there is no photo")?;

    heading("Labels and how sure they are, in percent");
    for Shown { photo, record, .. } in &shown {
        let (name, status, surest) = (&photo.name, &record.status, surest_labels(record));
        say(format_args!("    {name:<24}{status:<14}{surest}"));
    }

    heading("Searches, compared with what the records say");
    for search in Search::telling(&shown)? {
        checks.add(&search, search.run(&user, &shown).await);
    }

    heading("Photos got back, compared byte by byte");
    for shown in &shown {
        checks.add(&shown.photo.name, get_back(client, &user, shown).await);
    }

    heading("The same photo again");
    let name = &richest.photo.name;
    let posts = in_second_post(&user, richest).await;
    checks.add(format_args!("{name} in a second post"), posts);
    let labels = of_other_user(&other, richest).await;
    checks.add(format_args!("{name} from user {OTHER}"), labels);

    heading("Refusals");
    let (nobody, forger) = (client.nobody(), client.forger(USER)?);
    let obtain = routes::obtain(&richest.file);
    let varied = richest.photo.numbered(0);
    let unknown = routes::obtain(&varied.file_name(USER));
    let two_groups = routes::scan("post_id=1&trip_id=1");
    let announcement = varied.announcement(USER, &Post::of(902));
    let announced = routes::announce(&announcement).reading();
    for (what, session, call, status, code) in [
        ("no token", &nobody, &obtain, 401, "missing_token"),
        ("a forged token", &forger, &obtain, 401, "invalid_token"),
        (
            "someone else's photo",
            &other,
            &obtain,
            401,
            "not_your_image",
        ),
        (
            "someone else's that is not there",
            &other,
            &unknown,
            401,
            "not_your_image",
        ),
        (
            "one's own that is not there",
            &user,
            &unknown,
            404,
            "unknown_image",
        ),
        (
            "a search in two groups",
            &user,
            &two_groups,
            400,
            "invalid_query",
        ),
        (
            "a photo announced for someone else",
            &other,
            &announced,
            403,
            "not_your_user_id",
        ),
    ] {
        checks.add(what, session.is_refused(call, status, code).await);
    }
    let wrong = wrong_bytes(&user, richest, &varied).await;
    checks.add("the bytes of another photo", wrong);
    Ok(())
}

/// The surest labels, for people.
fn surest_labels(record: &Record) -> String {
    const SHOWN: usize = 4;
    let mut labels: Vec<_> = record.labels.iter().collect();
    labels.sort_by(|one, other| other.confidence.total_cmp(&one.confidence));
    let labels = labels.iter().take(SHOWN);
    let labels = labels.map(|label| format!("{} {:.1}", label.name, label.confidence));
    match labels.collect::<Vec<_>>().join(", ") {
        none if none.is_empty() => "nothing that is sure enough".to_owned(),
        labels => labels,
    }
}

/// Announces and uploads a photo, and waits for its labels. Also returns the
/// time from the beginning of the upload.
async fn show(user: &User<'_>, photo: Photo, post: Post) -> Result<(Shown, Duration)> {
    let received = announce(user, USER, &photo, &post).await?;
    same("already_uploaded", received.already_uploaded, false)?;
    let started = Instant::now();
    let record = upload(user, &received, &photo).await?;
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

async fn announce(user: &User<'_>, id: &str, photo: &Photo, post: &Post) -> Result<Received> {
    let announcement = photo.announcement(id, post);
    let received = user.ask(&routes::announce(&announcement)).await?;
    same("its name", &received.file_name, &photo.file_name(id))?;
    Ok(received)
}

/// Uploads a photo and waits until it has been analyzed.
async fn upload(user: &User<'_>, received: &Received, photo: &Photo) -> Result<Record> {
    user.upload(received, photo.bytes.clone()).await?;
    eventually("the photo is looked at", LOOKS, async || {
        let record = user.ask(&routes::record(&received.file_name)).await?;
        Ok((record.status != "waiting").then_some(record))
    })
    .await
}

/// Follows the redirect to a photo.
async fn get_back(client: &Client, user: &User<'_>, shown: &Shown) -> Result<String> {
    let call = routes::obtain(&shown.file);
    let answer = call.accept(user.answer(&call).await?)?;
    let caching = answer.header(&header::CACHE_CONTROL)?;
    same("Cache-Control", caching, "no-store")?;
    let location = answer.header(&header::LOCATION)?;
    let stored = client.nobody().answer(&routes::stored(location)).await?;
    same("the store's status", stored.status, StatusCode::OK)?;
    let (found, expected) = (stored.body.len(), shown.photo.bytes.len());
    same("the number of bytes", found, expected)?;
    ensure!(stored.body == shown.photo.bytes, "the bytes are others");
    let location: Url = location.parse()?;
    Ok(format!(
        "302 to {}, the same {found} bytes",
        location.path()
    ))
}

/// The photo is announced for a second post: there is no need to upload it.
async fn in_second_post(user: &User<'_>, shown: &Shown) -> Result<String> {
    let second = Post::of(901);
    let received = announce(user, USER, &shown.photo, &second).await?;
    same("already_uploaded", received.already_uploaded, true)?;
    let found = user.ask(&routes::record(&shown.file)).await?;
    let posts: Vec<_> = shown.record.posts.iter().copied().chain([second]).collect();
    same("its posts", &found.posts, &posts)?;
    same("its status", &found.status, &shown.record.status)?;
    for post in &posts {
        let search = Search::of_post(post.post_id);
        search.check(user, &[&shown.file]).await?;
    }
    Ok("already_uploaded, and found in both".to_owned())
}

/// Another user uploads the same bytes: a file of its own with the known labels.
async fn of_other_user(other: &User<'_>, shown: &Shown) -> Result<String> {
    let received = announce(other, OTHER, &shown.photo, &Post::of(100)).await?;
    same("already_uploaded", received.already_uploaded, false)?;
    let started = Instant::now();
    let found = upload(other, &received, &shown.photo).await?;
    let took = started.elapsed().as_millis();
    same("its status", &found.status, &shown.record.status)?;
    same("its labels", &found.labels, &shown.record.labels)?;
    let all = Search::default();
    all.check(other, &[&received.file_name]).await?;
    Ok(format!("a file of its own, the same labels, {took} ms"))
}

/// Bytes other than the announced ones are detected: the photo is gone from searches.
async fn wrong_bytes(user: &User<'_>, shown: &Shown, announced: &Photo) -> Result<String> {
    let received = announce(user, USER, announced, &Post::of(902)).await?;
    let file = received.file_name.as_str();
    let search = Search::of_post(902);
    let found = search.check(user, &[file]).await;
    found.context("when announced")?;
    let record = upload(user, &received, &shown.photo).await?;
    same("its status", record.status.as_str(), "corrupt")?;
    search.check(user, &[]).await.context("when corrupt")?;
    let obtain = routes::obtain(file);
    user.is_refused(&obtain, 404, "unknown_image").await?;
    Ok("corrupt, and gone from searches".to_owned())
}
