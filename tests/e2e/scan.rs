//! Searches of a user's photos.

use futures::future::join_all;
use serde_json::{Value, json};
use tests::{App, Photo, SamplePhoto, USER, body, refusal};

/// Announces a photo without uploading it.
async fn announce(
    app: &App,
    user: &str,
    photo: &Photo,
    post: i64,
    trip: i64,
    location: i64,
) -> String {
    let mut announcement = photo.announcement(user, post);
    announcement["post"]["trip_id"] = trip.into();
    announcement["post"]["location_id"] = location.into();
    let received = body(app.post(user, "/receiver", &announcement).await, 200).await;
    received["file_name"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn photos_are_found_by_post_trip_and_location() {
    let app = App::start().await;
    let first = announce(&app, USER, &Photo::distinct(1), 1, 10, 100).await;
    let second = announce(&app, USER, &Photo::distinct(2), 2, 10, 101).await;
    announce(&app, "7", &Photo::distinct(1), 1, 10, 100).await;
    for stranger in ["456:post_id", "somebody", "0456"] {
        assert_eq!(
            refusal(app.get(stranger, "/scan").await, 403).await,
            "not_a_user",
            "{stranger}"
        );
    }

    let mut both = [first.clone(), second.clone()];
    both.sort();
    assert_eq!(
        app.scan(USER, "trip_id=10").await,
        json!({"grouping": "trip_id", "grouping_id": 10, "filters": [], "total_count": 2, "images": both})
    );
    assert_eq!(app.scan(USER, "post_id=1").await["images"], json!([first]));
    assert_eq!(
        app.scan(USER, "location_id=101").await["images"],
        json!([second])
    );
    assert_eq!(app.scan(USER, "location_id=999").await["total_count"], 0);
    let all = app.scan(USER, "").await;
    assert_eq!(
        all,
        json!({"grouping": null, "grouping_id": null, "filters": [], "total_count": 2, "images": both})
    );
    app.stop().await;
}

#[tokio::test]
async fn photos_that_are_not_analyzed_meet_no_label_filter() {
    let app = App::start().await;
    announce(&app, USER, &Photo::distinct(1), 1, 1, 1).await;
    for query in [
        "label=cat%3E0",
        "label=cat%3C100",
        "label=cat%3C100&trip_id=1",
    ] {
        assert_eq!(app.scan(USER, query).await["total_count"], 0, "{query}");
    }
    assert_eq!(app.scan(USER, "trip_id=1").await["total_count"], 1);
    app.stop().await;
}

#[tokio::test]
async fn filters_are_told_back_as_they_were_understood() {
    let app = App::start().await;
    let found = app
        .scan(
            USER,
            "post_id=3&label=Sports+Car%3E80&label=ocean%20%3C%2090.5",
        )
        .await;
    assert_eq!(
        found,
        json!({
            "grouping": "post_id", "grouping_id": 3,
            "filters": [
                {"name": "Sports Car", "operator": ">", "confidence_threshold": 80},
                {"name": "ocean", "operator": "<", "confidence_threshold": 90.5}],
            "total_count": 0, "images": []
        })
    );
    app.stop().await;
}

#[tokio::test]
async fn a_search_that_is_not_understood_says_why() {
    let app = App::start().await;
    for (query, told) in [
        ("post_id=1&trip_id=2", "only one of"),
        ("location_id=here", "location_id"),
        ("label=cat", "label=cat"),
        ("label=cat%3E", "number"),
        ("label=cat%3Emany", "number"),
        ("limit=5000", "limit"),
        ("cursor=x", "cursor"),
    ] {
        let answer = body(app.get(USER, &format!("/scan?{query}")).await, 400).await;
        assert_eq!(answer["code"], "invalid_query");
        assert!(answer["error"].as_str().unwrap().contains(told), "{answer}");
    }
    app.stop().await;
}

#[tokio::test]
async fn a_long_answer_comes_in_pages() {
    let app = App::start().await;
    let photos: Vec<_> = (0..5).map(Photo::distinct).collect();
    let mut files = join_all(
        photos
            .iter()
            .map(|photo| announce(&app, USER, photo, 1, 1, 1)),
    )
    .await;
    files.sort();
    let mut seen: Vec<Value> = Vec::new();
    let mut query = "limit=2".to_owned();
    loop {
        let page = app.scan(USER, &query).await;
        assert_eq!(page["total_count"], 5, "all are counted");
        seen.extend(page["images"].as_array().unwrap().iter().cloned());
        let Some(cursor) = page.get("next_cursor") else {
            break;
        };
        query = format!("limit=2&cursor={}", cursor.as_str().unwrap());
    }
    assert_eq!(seen, files);
    app.stop().await;
}
