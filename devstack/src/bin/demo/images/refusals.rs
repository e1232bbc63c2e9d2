//! What the application does not do.

use anyhow::{Context, Result};
use http::StatusCode;

use super::{
    photo::Post,
    searches::Search,
    steps::{OTHER, Shown, USER, announce, looked_at, upload},
};
use crate::{
    checks::{Checks, same},
    client::{Client, Session},
};

/// A use of a photo that is not to come about.
const POST: Post = Post {
    post_id: 902,
    picture_id: 1_902,
    trip_id: 92,
    location_id: 93,
};

pub async fn tell(
    client: &Client,
    user: &Session<'_>,
    shown: &Shown,
    checks: &mut Checks,
) -> Result<()> {
    let (nobody, other, forger) = (client.nobody(), client.user(OTHER)?, client.forger(USER)?);
    let obtain = format!("/obtain/{}", shown.file);
    let unknown = format!("/obtain/{}", shown.photo.varied().file_name(USER));
    let unauthorized = StatusCode::UNAUTHORIZED;
    for (what, session, path, status, code) in [
        ("no token", &nobody, &*obtain, unauthorized, "missing_token"),
        (
            "a forged token",
            &forger,
            &obtain,
            unauthorized,
            "invalid_token",
        ),
        (
            "someone else's photo",
            &other,
            &obtain,
            unauthorized,
            "not_your_image",
        ),
        (
            "someone else's that is not there",
            &other,
            &unknown,
            unauthorized,
            "not_your_image",
        ),
        (
            "one's own that is not there",
            user,
            &unknown,
            StatusCode::NOT_FOUND,
            "unknown_image",
        ),
        (
            "a search in two groups",
            user,
            "/scan?post_id=1&trip_id=1",
            StatusCode::BAD_REQUEST,
            "invalid_query",
        ),
    ] {
        let refused = async { session.get(path).await?.refused(status, code) };
        checks.add(what, refused.await);
    }
    let announced = announce_for_other(&other, shown).await;
    checks.add("a photo announced for someone else", announced);
    checks.add(
        "the bytes of another photo",
        wrong_bytes(client, user, shown).await,
    );
    Ok(())
}

async fn announce_for_other(other: &Session<'_>, shown: &Shown) -> Result<String> {
    let announcement = shown.photo.varied().announcement(USER, POST)?;
    let answer = other.post("/receiver", &announcement).await?;
    answer.refused(StatusCode::FORBIDDEN, "not_your_user_id")
}

/// Other bytes than those announced are found out: the photo is gone from searches.
async fn wrong_bytes(client: &Client, user: &Session<'_>, shown: &Shown) -> Result<String> {
    let received = announce(user, USER, &shown.photo.varied(), POST).await?;
    let file = received.file_name.as_str();
    let search = Search::of_post(POST.post_id);
    search
        .check(user, &[file])
        .await
        .context("when announced")?;
    upload(client, &received, shown.photo.bytes.clone()).await?;
    let record = looked_at(user, file).await?;
    same("its status", record.status.as_str(), "corrupt")?;
    search.check(user, &[]).await.context("when corrupt")?;
    let answer = user.get(&format!("/obtain/{file}")).await?;
    answer.refused(StatusCode::NOT_FOUND, "unknown_image")?;
    Ok("corrupt, and gone from searches".to_owned())
}
