//! Users whose ids are no integers: UUIDs of Cognito or Supabase, ids of Auth0.

use reqwest::Method;
use serde_json::json;
use tests::{App, Photo, SamplePhoto, USER, body, refusal};

const UUID: &str = "6f1c2a9e-7d1e-4c3a-b1d0-2f6a3c9e8b47";
const AUTH0: &str = "auth0|5f7c8ec7c33c6c004bbafe82";

#[tokio::test]
async fn a_user_of_any_id_has_photos_of_their_own() {
    let app = App::with(&[("image_user_ids", "text")]).await;
    let photo = Photo::of("coffee.jpg");
    let mut files = Vec::new();
    for (user, prefix) in [
        (UUID, UUID),
        (AUTH0, "auth0=7C5f7c8ec7c33c6c004bbafe82"),
        (USER, USER),
    ] {
        let file = app.upload(user, &photo).await;
        assert_eq!(file, photo.file_name(prefix));
        let record = app.looked_at(user, &file).await;
        let id = user
            .parse()
            .map_or_else(|_| json!(user), |id: u64| json!(id));
        assert_eq!(record["user_id"], id);
        assert_eq!(record["status"], "approved");

        let found = body(app.get(user, "/scan?label=espresso%3E80").await, 200).await;
        assert_eq!(found["images"], json!([file]));
        let obtained = app.get(user, &format!("/obtain/{file}")).await;
        assert_eq!(obtained.status(), 302);
        let location = obtained.headers()["location"].to_str().unwrap();
        let bytes = app.request(Method::GET, location).send().await.unwrap();
        assert_eq!(bytes.bytes().await.unwrap(), photo.bytes);
        files.push((user, file));
    }
    for (owner, file) in &files {
        for (other, _) in files.iter().filter(|(user, _)| user != owner) {
            let path = format!("/obtain/{file}");
            assert_eq!(
                refusal(app.get(other, &path).await, 401).await,
                "not_your_image"
            );
            let removed = app.request_of(other, Method::DELETE, &format!("/images/{file}"));
            let removed = removed.send().await.unwrap();
            assert_eq!(removed.status(), 404);
        }
    }
    let not_mine = app
        .post(AUTH0, "/receiver", &photo.announcement(UUID, 1))
        .await;
    assert_eq!(refusal(not_mine, 403).await, "not_your_user_id");
    let path = format!("/images/{}", files[1].1);
    let removed = app.request_of(AUTH0, Method::DELETE, &path);
    let removed = removed.send().await.unwrap();
    assert_eq!(removed.status(), 204);
    app.stop().await;
}

#[tokio::test]
async fn without_the_variable_only_integers_have_photos() {
    let app = App::start().await;
    let photo = Photo::of("coffee.jpg");
    let announced = app
        .post(UUID, "/receiver", &photo.announcement(UUID, 1))
        .await;
    assert_eq!(refusal(announced, 400).await, "invalid_field");
    let scanned = app.get(UUID, "/scan").await;
    assert_eq!(refusal(scanned, 403).await, "not_a_user");
    app.stop().await;
}

#[tokio::test]
async fn another_value_of_the_variable_is_named() {
    let app = App::with(&[("image_user_ids", "uuid")]).await;
    let announced = app
        .post(
            USER,
            "/receiver",
            &Photo::of("coffee.jpg").announcement(USER, 1),
        )
        .await;
    let answer = body(announced, 500).await;
    assert_eq!(answer["code"], "misconfigured");
    assert!(answer["error"].as_str().unwrap().contains("image_user_ids"));
    app.stop().await;
}
