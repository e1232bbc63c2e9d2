//! Photos under review, and the decisions of reviewers.

use reqwest::{Method, Response};
use serde_json::{Value, json};
use tests::{App, Photo, SamplePhoto, USER, body, refusal};

const OTHER: &str = "457";

/// An application that leaves every cat to reviewers.
async fn doubtful() -> App {
    App::with(&[
        ("censored_rejected_threshold", "100"),
        ("censored_under_review_threshold", "50"),
    ])
    .await
}

async fn cat(app: &App, user: &str, number: u32) -> String {
    let file = app
        .upload(user, &Photo::of("chelsea.png").numbered(number))
        .await;
    let record = app.looked_at(user, &file).await;
    assert_eq!(record["status"], "under_review", "{record}");
    file
}

async fn ask(
    app: &App,
    reviewer: &str,
    method: Method,
    path: &str,
    sent: Option<&Value>,
) -> Response {
    let token = app.stack.token(reviewer, &["reviewer"]).unwrap();
    let request = app.request(method, path).bearer_auth(token);
    let request = match sent {
        Some(sent) => request.json(sent),
        None => request,
    };
    request.send().await.unwrap()
}

async fn review(app: &App, reviewer: &str, file: &str, decision: &Value) -> Response {
    let path = format!("/images/{file}/review");
    ask(app, reviewer, Method::POST, &path, Some(decision)).await
}

async fn listed(app: &App, limit: usize) -> Vec<Value> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/images?status=under_review&limit={limit}{cursor}");
        let page = body(ask(app, "900", Method::GET, &path, None).await, 200).await;
        all.extend(page["images"].as_array().unwrap().iter().cloned());
        match page["cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

fn names(images: &[Value]) -> Vec<&str> {
    let names = images
        .iter()
        .map(|image| image["file_name"].as_str().unwrap());
    names.collect()
}

#[tokio::test]
async fn reviewers_see_the_doubtful_photos_of_all_users_and_decide() {
    let app = doubtful().await;
    let first = cat(&app, USER, 1).await;
    let second = cat(&app, OTHER, 2).await;
    let third = cat(&app, USER, 3).await;
    let clear = app.upload(USER, &Photo::of("coffee.jpg")).await;
    assert_eq!(app.looked_at(USER, &clear).await["status"], "approved");

    let all = listed(&app, 2).await;
    assert_eq!(names(&all), [&third, &second, &first]);
    let photo = app.request(Method::GET, all[2]["url"].as_str().unwrap());
    let photo = photo.send().await.unwrap().bytes().await.unwrap();
    assert_eq!(photo, Photo::of("chelsea.png").numbered(1).bytes);

    let reject = json!({"decision": "reject", "reason": "A cat after all"});
    let record = body(review(&app, "900", &first, &reject).await, 200).await;
    assert_eq!(record["status"], "rejected");
    let kept = &record["review"];
    assert_eq!(
        (&kept["decision"], &kept["reason"], &kept["reviewed_by"]),
        (&json!("reject"), &json!("A cat after all"), &json!("900"))
    );
    assert_eq!(kept["reviewed_at"], record["updated_at"]);
    // The owner is told the decision, but not the reviewer.
    let own = app.looked_at(USER, &first).await;
    assert_eq!(own["status"], "rejected");
    assert_eq!(own["review"]["reason"], "A cat after all");
    assert!(own["review"].get("reviewed_by").is_none(), "{own}");
    let approve = json!({"decision": "approve"});
    let record = body(review(&app, "901", &second, &approve).await, 200).await;
    assert_eq!(record["status"], "approved");
    assert_eq!(names(&listed(&app, 2).await), [&third]);

    // The same decision again is answered as before; another one is too late.
    let again = body(review(&app, "901", &second, &approve).await, 200).await;
    assert_eq!(again, record);
    for (reviewer, decision) in [("901", &reject), ("900", &approve)] {
        let late = review(&app, reviewer, &second, decision).await;
        assert_eq!(refusal(late, 409).await, "not_under_review");
    }
    let clear = review(&app, "900", &clear, &reject).await;
    assert_eq!(refusal(clear, 409).await, "not_under_review");

    // A new use of the photo changes nothing of it, and its removal ends the review.
    let announced = Photo::of("chelsea.png").numbered(1).announcement(USER, 2);
    body(app.post(USER, "/receiver", &announced).await, 200).await;
    assert_eq!(app.looked_at(USER, &first).await["review"], own["review"]);
    let removal = app.request_of(USER, Method::DELETE, &format!("/images/{third}"));
    assert_eq!(removal.send().await.unwrap().status(), 204);
    assert!(listed(&app, 2).await.is_empty());
    let gone = review(&app, "900", &third, &approve).await;
    assert_eq!(refusal(gone, 404).await, "unknown_image");
    app.stop().await;
}

#[tokio::test]
async fn of_reviewers_who_decide_at_once_one_wins() {
    let app = doubtful().await;
    let file = cat(&app, USER, 1).await;
    let reviewers = ["900", "901", "902", "903"];
    let decisions = reviewers.map(|reviewer| {
        let (app, file) = (&app, &file);
        async move {
            let is_even = reviewer.ends_with(['0', '2']);
            let decision = if is_even { "approve" } else { "reject" };
            let answer = review(app, reviewer, file, &json!({"decision": decision})).await;
            (reviewer, decision, answer)
        }
    });
    let mut winners = Vec::new();
    for (reviewer, decision, answer) in futures::future::join_all(decisions).await {
        match answer.status().as_u16() {
            200 => winners.push((reviewer, decision)),
            _ => assert_eq!(refusal(answer, 409).await, "not_under_review"),
        }
    }
    let [(_, decision)] = winners[..] else {
        panic!("{winners:?}");
    };
    let record = app.looked_at(USER, &file).await;
    assert_eq!(record["review"]["decision"], decision);
    let status = if decision == "approve" {
        "approved"
    } else {
        "rejected"
    };
    assert_eq!(record["status"], status);
    app.stop().await;
}

#[tokio::test]
async fn nobody_but_a_reviewer_reviews_and_mistakes_are_told() {
    let app = doubtful().await;
    let file = cat(&app, USER, 1).await;
    let approve = json!({"decision": "approve"});
    // Owners do not decide on their own photos, nor do admins.
    let admin = app.stack.token(USER, &["admin", "ops"]).unwrap();
    let path = format!("/images/{file}/review");
    let refused = app
        .request(Method::POST, &path)
        .bearer_auth(&admin)
        .json(&approve);
    assert_eq!(
        refusal(refused.send().await.unwrap(), 403).await,
        "missing_role"
    );
    let refused = app.get(USER, "/images?status=under_review").await;
    assert_eq!(refusal(refused, 403).await, "missing_role");

    for (wrong, code) in [
        (json!({}), "invalid_json"),
        (json!({"decision": "maybe"}), "invalid_json"),
        (json!(["approve"]), "invalid_json"),
        (json!({"decision": "approve", "reason": 7}), "invalid_json"),
        (
            json!({"decision": "reject", "reason": "x".repeat(1025)}),
            "invalid_field",
        ),
    ] {
        let refused = review(&app, "900", &file, &wrong).await;
        assert_eq!(refusal(refused, 400).await, code, "{wrong}");
    }
    let unknown = Photo::of("camera.png").file_name(USER);
    for name in [&*unknown, "x"] {
        let refused = review(&app, "900", name, &approve).await;
        assert_eq!(refusal(refused, 404).await, "unknown_image");
    }
    for query in [
        "",
        "?status=approved",
        "?status=under_review&limit=101",
        "?status=under_review&cursor=x",
    ] {
        let refused = ask(&app, "900", Method::GET, &format!("/images{query}"), None).await;
        assert_eq!(refusal(refused, 400).await, "invalid_query", "{query}");
    }
    assert_eq!(app.looked_at(USER, &file).await["status"], "under_review");
    app.stop().await;
}
