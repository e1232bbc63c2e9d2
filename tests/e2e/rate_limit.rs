//! `rate_limit`: how many requests of a user are served in a minute.

use reqwest::{Method, StatusCode};
use tests::{App, refusal};

const LIMIT: usize = 3;

#[tokio::test]
async fn a_user_who_sends_too_many_requests_is_told_when_to_come_again_and_others_are_served() {
    let app = App::with(&[("rate_limit", &LIMIT.to_string())]).await;
    // The minute of the clock may end once meanwhile. All routes count together.
    let mut served = 0;
    let refused = loop {
        assert!(served <= 2 * LIMIT, "{served} requests were served");
        let path = ["/scan", "/orders", "/obtain/none.jpg"][served % 3];
        let answer = app.get("1", path).await;
        if answer.status() == StatusCode::TOO_MANY_REQUESTS {
            break answer;
        }
        served += 1;
    };
    assert!(served >= LIMIT);
    let seconds = refused.headers()["retry-after"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(
        (1..=60).contains(&seconds.parse::<u64>().unwrap()),
        "{seconds}"
    );
    assert_eq!(refusal(refused, 429).await, "too_many_requests");

    assert_eq!(app.get("2", "/scan").await.status(), StatusCode::OK);
    // No user's request.
    for _ in 0..2 * LIMIT {
        let health = app.request(Method::GET, "/healthz").send().await.unwrap();
        assert_eq!(health.status(), StatusCode::OK);
    }
    // Documents are still served while nothing is counted.
    app.stack.redis().stop().await.unwrap();
    for _ in 0..2 * LIMIT {
        assert_eq!(
            app.get("1", "/images/none.jpg").await.status(),
            StatusCode::NOT_FOUND
        );
    }
    app.stop().await;
}
