//! One photo in two posts, and of two users.

use std::time::Instant;

use anyhow::{Result, ensure};

use super::{
    photo::Post,
    searches::Search,
    steps::{OTHER, Shown, USER, announce, looked_at, record, upload},
};
use crate::{
    checks::{Checks, same},
    client::{Client, Session},
};

pub async fn tell(
    client: &Client,
    user: &Session<'_>,
    shown: &Shown,
    checks: &mut Checks,
) -> Result<()> {
    let name = &shown.photo.name;
    let posts = in_second_post(user, shown).await;
    checks.add(format_args!("{name} in a second post"), posts);
    let labels = of_other_user(client, shown).await;
    checks.add(format_args!("{name} from user {OTHER}"), labels);
    Ok(())
}

/// The photo is announced for a second post: there is no need to upload it.
async fn in_second_post(user: &Session<'_>, shown: &Shown) -> Result<String> {
    let second = Post {
        post_id: 901,
        picture_id: 1_901,
        trip_id: 90,
        location_id: 91,
    };
    let received = announce(user, USER, &shown.photo, second).await?;
    same("already_uploaded", received.already_uploaded, true)?;
    let found = record(user, &shown.file).await?;
    let posts: Vec<_> = shown.record.posts.iter().copied().chain([second]).collect();
    same("its posts", &found.posts, &posts)?;
    same("its status", &found.status, &shown.record.status)?;
    for post in &posts {
        let search = Search::of_post(post.post_id);
        search.check(user, &[&shown.file]).await?;
    }
    Ok("already_uploaded, and found in both".to_owned())
}

/// Another user uploads the same bytes: a file of its own with the labels that are known.
async fn of_other_user(client: &Client, shown: &Shown) -> Result<String> {
    let other = client.user(OTHER)?;
    let post = Post {
        post_id: 100,
        picture_id: 1,
        trip_id: 1,
        location_id: 1,
    };
    let received = announce(&other, OTHER, &shown.photo, post).await?;
    same("already_uploaded", received.already_uploaded, false)?;
    let started = Instant::now();
    upload(client, &received, shown.photo.bytes.clone()).await?;
    let found = looked_at(&other, &received.file_name).await?;
    let took = started.elapsed().as_millis();
    same("its status", &found.status, &shown.record.status)?;
    ensure!(
        found.labels == shown.record.labels,
        "its labels should be {:?} and are {:?}",
        shown.record.labels,
        found.labels
    );
    let all = Search::default();
    all.check(&other, &[&received.file_name]).await?;
    Ok(format!("a file of its own, the same labels, {took} ms"))
}
