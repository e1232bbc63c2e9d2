//! Orders, from their creation to the result of each change.

use reqwest::{Method, Response};
use serde_json::{Value, json};
use tests::{App, RequestBuilder, USER, body, refusal};

const OTHER: &str = "other";

fn order(id: &str, status: &str) -> Value {
    json!({"orderId": id, "status": status, "description": "Mantenimiento básico",
        "registerDate": "2025-01-31T08:00:00Z"})
}

async fn put(app: &App, user: &str, id: &str, order: &Value) -> Response {
    change(app, user, id, order).send().await.unwrap()
}

fn change(app: &App, user: &str, id: &str, order: &Value) -> RequestBuilder {
    app.request_of(user, Method::PUT, &format!("/orders/{id}"))
        .json(order)
}

async fn ids(app: &App, user: &str, query: &str) -> Vec<String> {
    let page = body(app.get(user, &format!("/orders{query}")).await, 200).await;
    let orders = page["orders"].as_array().unwrap().iter();
    orders
        .map(|order| order["orderId"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn changes_of_one_order_that_come_at_once_queue_behind_each_other() {
    let app = App::start().await;
    let clients = (0..20).map(|client| {
        let app = &app;
        async move {
            for nth in 0..5 {
                let mut change = order("ORD-001", "received");
                change["description"] = json!(format!("{client}, {nth}"));
                body(put(app, USER, "ORD-001", &change).await, 200).await;
            }
        }
    });
    futures::future::join_all(clients).await;
    assert_eq!(app.order("ORD-001").await["version"], 100);
    app.stop().await;
}

#[tokio::test]
async fn an_order_goes_its_way_and_keeps_its_history() {
    let app = App::start().await;
    let response = app
        .post(USER, "/orders", &order("ORD-001", "received"))
        .await;
    assert_eq!(response.headers()["etag"], "\"1\"");
    assert_eq!(
        body(response, 200).await,
        json!({"message": "Order processed successfully", "orderId": "ORD-001",
            "status": "received", "version": 1})
    );
    // The seed's own example of a change: without registerDate, and with a reason.
    let canceled = json!({"orderId": "ORD-001", "status": "CANCELED",
        "description": "Cliente se retracta", "reasonForCancellation": "Motivo X"});
    let answer = body(put(&app, USER, "ORD-001", &canceled).await, 200).await;
    assert_eq!(
        (&answer["status"], &answer["version"]),
        (&json!("canceled"), &json!(2))
    );

    let now = app.order_is("ORD-001", "processed").await;
    assert_eq!(now["status"], "canceled");
    assert_eq!(now["registerDate"], "2025-01-31T08:00:00Z", "it stays");
    assert_eq!(now["deliveryDate"], "");
    assert_eq!(now["reasonForCancellation"], "Motivo X");
    assert_eq!(
        (&now["createdBy"], &now["updatedBy"], &now["version"]),
        (&json!(USER), &json!(USER), &json!(2))
    );
    assert_eq!(now["processing"]["attempts"], 1);
    assert!(now["processing"]["processedAt"].is_string());

    let history = body(app.get(USER, "/orders/ORD-001?history=true").await, 200).await;
    let versions = history["versions"].as_array().unwrap();
    let statuses: Vec<_> = versions.iter().map(|version| &version["status"]).collect();
    assert_eq!(statuses, ["received", "canceled"]);
    assert!(versions.iter().all(|version| {
        version["updatedBy"] == USER && version["processing"]["processedAt"].is_string()
    }));
    assert!(
        versions[0]["processing"]["processedAt"].as_str()
            <= versions[1]["processing"]["processedAt"].as_str()
    );
    let page = body(
        app.get(USER, "/orders/ORD-001?history=true&limit=1").await,
        200,
    )
    .await;
    assert_eq!(page["versions"].as_array().unwrap().len(), 1);
    let next = format!(
        "/orders/ORD-001?history=true&limit=1&cursor={}",
        page["cursor"].as_str().unwrap()
    );
    let page = body(app.get(USER, &next).await, 200).await;
    assert_eq!(page["versions"][0]["version"], 2);
    assert_eq!(page["cursor"], Value::Null);
    app.stop().await;
}

#[tokio::test]
async fn a_bad_order_is_refused_in_the_words_of_the_seed_and_leaves_nothing_behind() {
    let app = App::start().await;
    let send = async |text: &str| {
        let request = app.request(Method::POST, "/orders");
        let request = request.bearer_auth(app.token(USER)).body(text.to_owned());
        let answer = body(request.send().await.unwrap(), 400).await;
        (
            answer["error"].as_str().unwrap().to_owned(),
            answer["code"].as_str().unwrap().to_owned(),
        )
    };
    for (text, error, code) in [
        ("{", "Invalid JSON", "invalid_json"),
        ("", "Invalid JSON", "invalid_json"),
        ("[]", "Invalid JSON", "invalid_json"),
        ("{}", "Missing required field: orderId", "missing_field"),
        (
            r#"{"orderId": "A"}"#,
            "Missing required field: status",
            "missing_field",
        ),
        (
            r#"{"orderId": "A", "status": "received"}"#,
            "Missing required field: description",
            "missing_field",
        ),
        (
            r#"{"orderId": "A", "status": "Shipped", "description": ""}"#,
            "Unknown status 'Shipped'",
            "unknown_status",
        ),
    ] {
        assert_eq!(
            send(text).await,
            (error.to_owned(), code.to_owned()),
            "{text}"
        );
    }
    for (field, value) in [
        ("orderId", json!("no spaces")),
        ("orderId", json!(7)),
        ("description", json!("x".repeat(8 * 1024 + 1))),
        ("registerDate", json!("31/01/2025")),
        ("deliveryDate", json!("2025-02-30T00:00:00Z")),
    ] {
        let mut bad = order("A", "received");
        bad[field] = value;
        let (error, code) = send(&bad.to_string()).await;
        assert_eq!(code, "invalid_field");
        assert!(error.contains(field), "{error}");
    }
    let mismatch = put(&app, USER, "B", &order("A", "received")).await;
    assert_eq!(refusal(mismatch, 400).await, "order_id_mismatch");

    assert_eq!(ids(&app, USER, "").await, [""; 0]);
    assert_eq!(
        refusal(app.get(USER, "/orders/A").await, 404).await,
        "unknown_order"
    );
    let redis = app.redis();
    let keys = stores::Redis::call(&redis, "KEYS", &["{orders}*".into()]).unwrap();
    assert!(keys.is_empty(), "{keys:?}");
    app.stop().await;
}

#[tokio::test]
async fn a_repeated_post_is_answered_as_before_and_processed_once() {
    let app = App::start().await;
    let mut order = order("A", "received");
    order.as_object_mut().unwrap().remove("registerDate");
    let first = body(app.post(USER, "/orders", &order).await, 200).await;
    app.order_is("A", "processed").await;
    assert_eq!(
        body(app.post(USER, "/orders", &order).await, 200).await,
        first
    );

    let mut other = order.clone();
    other["description"] = json!("something else");
    let refused = app.post(USER, "/orders", &other).await;
    assert_eq!(refusal(refused, 409).await, "order_exists");

    // The same holds for a late repeat, after the order went on.
    let next = json!({"status": "inprocess", "description": "x"});
    assert_eq!(
        body(put(&app, USER, "A", &next).await, 200).await["version"],
        2
    );
    assert_eq!(
        body(app.post(USER, "/orders", &order).await, 200).await,
        first
    );
    let again = body(put(&app, USER, "A", &next).await, 200).await;
    assert_eq!(again["version"], 2, "nothing is different");
    assert_eq!(app.order_is("A", "processed").await["version"], 2);
    let processed =
        ["received", "inprocess"].map(|status| app.counts(&format!("orders.{status}")).processed);
    assert_eq!(processed, [1, 1], "each version once");
    app.stop().await;
}

#[tokio::test]
async fn an_order_changes_only_as_the_rules_say() {
    let app = App::start().await;
    let of = |status: &str, text: &str| json!({"status": status, "description": text});
    for (id, way) in [
        ("done", &["received", "inprocess", "completed"][..]),
        ("early", &["received", "canceled"]),
        ("late", &["received", "inprocess", "canceled"]),
        ("born", &["completed"]),
    ] {
        for (version, status) in (1..).zip(way) {
            let answer = body(put(&app, USER, id, &of(status, "x")).await, 200).await;
            assert_eq!(answer["version"], version, "{id} {status}");
        }
        // Other fields may always change.
        let last = way.last().unwrap();
        body(put(&app, USER, id, &of(last, "y")).await, 200).await;
    }
    for (id, status) in [
        ("done", "received"),
        ("done", "inprocess"),
        ("done", "canceled"),
        ("early", "received"),
        ("late", "completed"),
        ("born", "received"),
    ] {
        let version = app.order(id).await["version"].clone();
        let answer = body(put(&app, USER, id, &of(status, "x")).await, 409).await;
        assert_eq!(answer["code"], "illegal_transition");
        assert!(answer["error"].as_str().unwrap().contains("allowed"));
        assert_eq!(app.order(id).await["version"], version);
    }
    app.stop().await;

    let app = App::with(&[("order_transitions", "any")]).await;
    for status in ["completed", "received", "canceled", "inprocess"] {
        body(put(&app, USER, "A", &of(status, "x")).await, 200).await;
    }
    assert_eq!(app.order_is("A", "processed").await["version"], 4);
    app.stop().await;
}

#[tokio::test]
async fn nobody_overwrites_what_they_have_not_seen() {
    let app = App::start().await;
    let of = |text: &str| json!({"status": "received", "description": text});
    let if_match = async |tag: &str, id: &str, text: &str| {
        let request = change(&app, USER, id, &of(text)).header("if-match", tag);
        request.send().await.unwrap()
    };
    assert_eq!(
        refusal(if_match("*", "A", "1").await, 412).await,
        "precondition_failed"
    );
    body(put(&app, USER, "A", &of("1")).await, 200).await;
    let seen = app.get(USER, "/orders/A").await;
    let tag = seen.headers()["etag"].to_str().unwrap().to_owned();
    let answer = if_match(&tag, "A", "2").await;
    assert_eq!(answer.headers()["etag"], "\"2\"");
    // Sent again, as after a lost answer: the order has the requested content already.
    let again = if_match(&tag, "A", "2").await;
    assert_eq!(again.headers()["etag"], "\"2\"");
    assert_eq!(body(again, 200).await["version"], 2);
    let weak = body(if_match("W/\"2\"", "A", "3").await, 412).await;
    assert!(weak["error"].as_str().unwrap().contains("weak"), "{weak}");
    assert_eq!(
        refusal(if_match(&tag, "A", "3").await, 412).await,
        "precondition_failed"
    );
    for tag in ["\"1\"", "W/\"2\"", "\"other\""] {
        assert_eq!(if_match(tag, "A", "3").await.status(), 412, "{tag}");
    }
    assert_eq!(if_match("2", "A", "3").await.status(), 400);
    assert_eq!(app.order("A").await["description"], "2");
    body(if_match("\"7\", \"2\"", "A", "3").await, 200).await;

    // Created once, also where the answer was lost and the request is sent again.
    let create = async |text: &str| {
        let request = change(&app, USER, "B", &of(text)).header("if-none-match", "*");
        request.send().await.unwrap()
    };
    for _ in 0..2 {
        let answer = create("1").await;
        assert_eq!(answer.headers()["etag"], "\"1\"");
        assert_eq!(body(answer, 200).await["version"], 1);
    }
    assert_eq!(refusal(create("2").await, 412).await, "precondition_failed");

    app.order_is("A", "processed").await;
    let seen = app.get(USER, "/orders/A").await;
    let request = app
        .request_of(USER, Method::GET, "/orders/A")
        .header("if-none-match", &seen.headers()["etag"]);
    assert_eq!(request.send().await.unwrap().status(), 304);
    app.stop().await;
}

#[tokio::test]
async fn orders_are_listed_newest_first_to_those_they_belong_to() {
    let app = App::start().await;
    for n in 0..5 {
        let status = ["received", "inprocess"][n % 2];
        let order = order(&format!("O:{n}"), status);
        body(app.post(USER, "/orders", &order).await, 200).await;
    }
    body(
        app.post(OTHER, "/orders", &order("theirs", "received"))
            .await,
        200,
    )
    .await;
    let mine = ["O:4", "O:3", "O:2", "O:1", "O:0"];
    assert_eq!(ids(&app, USER, "").await, mine);
    assert_eq!(ids(&app, USER, "?status=Inprocess").await, ["O:3", "O:1"]);
    let done = json!({"status": "inprocess", "description": "x"});
    body(put(&app, USER, "O:0", &done).await, 200).await;
    assert_eq!(
        ids(&app, USER, "?status=inprocess").await,
        ["O:3", "O:1", "O:0"],
        "by their creation"
    );

    let mut found = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/orders?limit=2{cursor}");
        let page = body(app.get(USER, &path).await, 200).await;
        let orders = page["orders"].as_array().unwrap();
        found.extend(orders.iter().map(|order| order["orderId"].clone()));
        match page["cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(found, mine);

    // No user reaches another's order; an admin reaches all.
    assert_eq!(
        refusal(app.get(OTHER, "/orders/O:1").await, 404).await,
        "unknown_order"
    );
    let stolen = put(&app, OTHER, "O:1", &done).await;
    assert_eq!(refusal(stolen, 409).await, "order_id_taken");
    let stolen = app.post(OTHER, "/orders", &order("O:0", "received")).await;
    assert_eq!(refusal(stolen, 409).await, "order_id_taken");
    let admin = app.stack.token("boss", &["admin"]).unwrap();
    let all = app.request(Method::GET, "/orders?status=received");
    let all = body(all.bearer_auth(&admin).send().await.unwrap(), 200).await;
    assert_eq!(all["orders"][0]["orderId"], "theirs");
    let request = app
        .request(Method::PUT, "/orders/theirs")
        .bearer_auth(&admin);
    let answer = request.json(&done).send().await.unwrap();
    assert_eq!(body(answer, 200).await["version"], 2);
    let seen = body(app.get(OTHER, "/orders/theirs").await, 200).await;
    assert_eq!(
        (&seen["createdBy"], &seen["updatedBy"]),
        (&json!(OTHER), &json!("boss"))
    );

    for query in ["limit=0", "limit=101", "limit=x", "cursor=x"] {
        let refused = app.get(USER, &format!("/orders?{query}")).await;
        assert_eq!(refusal(refused, 400).await, "invalid_query", "{query}");
    }
    let refused = body(app.get(USER, "/orders?status=lost").await, 400).await;
    assert_eq!(refused["error"], "Unknown status 'lost'");
    app.stop().await;
}

#[tokio::test]
async fn an_order_cannot_be_deleted() {
    let app = App::start().await;
    body(
        app.post(USER, "/orders", &order("A", "received")).await,
        200,
    )
    .await;
    for (path, allowed) in [
        ("/orders/A", "GET, PUT, PATCH, HEAD, OPTIONS"),
        ("/orders", "GET, POST, HEAD, OPTIONS"),
    ] {
        let request = app.request_of(USER, Method::DELETE, path);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.headers()["allow"], allowed);
        assert_eq!(refusal(answer, 405).await, "method_not_allowed");
    }
    let nobody = app.request(Method::GET, "/orders/A").send().await.unwrap();
    assert_eq!(refusal(nobody, 401).await, "missing_token");
    app.stop().await;
}
