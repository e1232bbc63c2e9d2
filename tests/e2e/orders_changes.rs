//! Orders: parts of them changed, many at once, and their changes followed.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::{Method, Response};
use serde_json::{Value, json};
use stores::{Arg, Redis};
use tests::{App, USER, body, refusal};

const OTHER: &str = "other";
const MERGE_PATCH: &str = "application/merge-patch+json";

fn order(id: &str) -> Value {
    json!({"orderId": id, "status": "received", "description": "Tune the harp",
        "deliveryDate": "2026-12-04T17:00:00Z"})
}

async fn create(app: &App, user: &str, id: &str) {
    body(app.post(user, "/orders", &order(id)).await, 200).await;
}

async fn patch(
    app: &App,
    user: &str,
    id: &str,
    patch: &Value,
    headers: &[(&str, &str)],
) -> Response {
    let request = app.request_of(user, Method::PATCH, &format!("/orders/{id}"));
    let request = request.body(patch.to_string());
    let headers = headers.iter();
    let request = headers.fold(request, |request, (name, value)| {
        request.header(*name, *value)
    });
    request.send().await.unwrap()
}

async fn batch(app: &App, user: &str, orders: Value) -> Vec<Value> {
    let sent = json!({ "orders": orders });
    let answer = body(app.post(user, "/orders/batch", &sent).await, 200).await;
    answer["results"].as_array().unwrap().clone()
}

/// All orders of a list, by as many requests as needed.
async fn pages(app: &App, token: &str, query: &str, limit: usize) -> Vec<Value> {
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/orders?limit={limit}&{query}{cursor}");
        let request = app.request(Method::GET, &path).bearer_auth(token);
        let page = body(request.send().await.unwrap(), 200).await;
        let orders = page["orders"].as_array().unwrap();
        assert!(orders.len() <= limit);
        found.extend(orders.iter().cloned());
        match page["cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return found,
        }
    }
}

fn ids(orders: &[Value]) -> Vec<&str> {
    let ids = orders
        .iter()
        .map(|order| order["orderId"].as_str().unwrap());
    ids.collect()
}

#[tokio::test]
async fn a_patch_changes_a_part_of_an_order_and_is_processed_as_any_change() {
    let app = App::start().await;
    create(&app, USER, "A").await;
    let next = json!({"status": "inprocess", "deliveryDate": null});
    let answer = patch(&app, USER, "A", &next, &[("content-type", MERGE_PATCH)]).await;
    assert_eq!(answer.headers()["etag"], "\"2\"");
    assert_eq!(
        body(answer, 200).await,
        json!({"message": "Order processed successfully", "orderId": "A", "status": "inprocess",
            "version": 2})
    );
    let now = app.order_is("A", "processed").await;
    assert_eq!(
        (
            &now["status"],
            &now["description"],
            &now["deliveryDate"],
            &now["version"]
        ),
        (
            &json!("inprocess"),
            &json!("Tune the harp"),
            &json!(""),
            &json!(2)
        )
    );

    // Sent again, also as plain JSON, it makes no new version.
    for kind in [MERGE_PATCH, "application/json"] {
        let again = patch(&app, USER, "A", &next, &[("content-type", kind)]).await;
        assert_eq!(body(again, 200).await["version"], 2);
    }
    let stale = patch(
        &app,
        USER,
        "A",
        &json!({"description": "x"}),
        &[("if-match", "\"1\"")],
    )
    .await;
    assert_eq!(refusal(stale, 412).await, "precondition_failed");
    let back = patch(&app, USER, "A", &json!({"status": "received"}), &[]).await;
    assert_eq!(refusal(back, 409).await, "illegal_transition");
    let seen = [("if-match", "\"2\"")];
    let answer = patch(&app, USER, "A", &json!({"description": "x"}), &seen).await;
    assert_eq!(body(answer, 200).await["version"], 3);
    app.stop().await;
}

#[tokio::test]
async fn a_patch_that_cannot_be_made_changes_nothing() {
    let app = App::start().await;
    create(&app, USER, "A").await;
    create(&app, OTHER, "theirs").await;
    for (wrong, code) in [
        (json!({"status": null}), "missing_field"),
        (json!({"description": null}), "missing_field"),
        (json!({"registerDate": null}), "missing_field"),
        (json!({"status": "lost"}), "unknown_status"),
        (json!({"deliveryDate": "soon"}), "invalid_field"),
        (json!({"orderId": "B"}), "order_id_mismatch"),
        (
            json!([{"op": "remove", "path": "/deliveryDate"}]),
            "invalid_json",
        ),
    ] {
        let answer = patch(&app, USER, "A", &wrong, &[]).await;
        assert_eq!(refusal(answer, 400).await, code, "{wrong}");
    }
    let change = json!({"description": "x"});
    for id in ["none", "theirs"] {
        let answer = patch(&app, USER, id, &change, &[]).await;
        assert_eq!(refusal(answer, 404).await, "unknown_order", "{id}");
    }
    let json_patch = [("content-type", "application/json-patch+json")];
    let answer = patch(&app, USER, "A", &change, &json_patch).await;
    let accepted = answer.headers()["accept-patch"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(accepted.contains(MERGE_PATCH), "{accepted}");
    assert_eq!(refusal(answer, 415).await, "unsupported_media_type");
    let options = app
        .request(Method::OPTIONS, "/orders/A")
        .send()
        .await
        .unwrap();
    assert_eq!(options.headers()["accept-patch"], accepted.as_str());

    assert_eq!(app.order("A").await["version"], 1);
    let theirs = body(app.get(OTHER, "/orders/theirs").await, 200).await;
    assert_eq!(theirs["version"], 1);
    app.stop().await;
}

#[tokio::test]
async fn where_it_is_required_nobody_changes_an_order_without_saying_which_version() {
    let app = App::with(&[("require_if_match", "true")]).await;
    create(&app, USER, "A").await;
    let next = json!({"status": "inprocess", "description": "x"});
    let put = |tag: Option<&'static str>| {
        let request = app.request_of(USER, Method::PUT, "/orders/A").json(&next);
        match tag {
            Some(tag) => request.header("if-match", tag),
            None => request,
        }
    };
    let told = body(put(None).send().await.unwrap(), 428).await;
    assert_eq!(told["code"], "precondition_required");
    assert!(told["error"].as_str().unwrap().contains("\"1\""), "{told}");
    let refused = patch(&app, USER, "A", &next, &[]).await;
    assert_eq!(refusal(refused, 428).await, "precondition_required");
    assert_eq!(put(Some("\"7\"")).send().await.unwrap().status(), 412);
    // A caller is not told of orders of other users.
    assert_eq!(
        refusal(patch(&app, OTHER, "A", &next, &[]).await, 404).await,
        "unknown_order"
    );

    // To create one, and to send a creation again, needs no version.
    let new = |id: &str| json!({"orderId": id, "status": "received", "description": "x"});
    for _ in 0..2 {
        let request = app
            .request_of(USER, Method::PUT, "/orders/B")
            .json(&new("B"));
        assert_eq!(body(request.send().await.unwrap(), 200).await["version"], 1);
    }
    let mut changed = new("A");
    changed["status"] = json!("inprocess");
    let mut careful = new("B");
    careful["status"] = json!("inprocess");
    careful["ifMatch"] = json!("\"1\"");
    let results = batch(&app, USER, json!([changed, careful, new("C")])).await;
    let told: Vec<_> = results
        .iter()
        .map(|it| (&it["status"], &it["body"]["code"]))
        .collect();
    let expected = [
        (&json!(428), &json!("precondition_required")),
        (&json!(200), &Value::Null),
        (&json!(200), &Value::Null),
    ];
    assert_eq!(told, expected);
    assert_eq!(
        body(put(Some("\"1\"")).send().await.unwrap(), 200).await["version"],
        2
    );
    app.stop().await;

    let app = App::with(&[("require_if_match", "yes")]).await;
    let refused = patch(&app, USER, "A", &next, &[]).await;
    assert_eq!(refusal(refused, 500).await, "misconfigured");
    app.stop().await;
}

#[tokio::test]
async fn a_batch_answers_each_order_as_if_it_had_come_alone() {
    let app = App::start().await;
    create(&app, USER, "done").await;
    create(&app, OTHER, "theirs").await;
    let of = |id: &str, status: &str| json!({"orderId": id, "status": status, "description": "x"});
    let done = of("done", "canceled");
    let request = app
        .request_of(USER, Method::PUT, "/orders/done")
        .json(&done);
    body(request.send().await.unwrap(), 200).await;

    let mut stale = of("done", "canceled");
    stale["description"] = json!("y");
    stale["ifMatch"] = json!("\"1\"");
    let mut fresh = of("fresh", "received");
    fresh["ifNoneMatch"] = json!("*");
    let sent = json!([of("new", "received"), of("theirs", "received"), stale, fresh,
        of("lost", "lost"), {"status": "received", "description": "x"}, "order", of("batch", "received")]);
    let results = batch(&app, USER, sent.clone()).await;
    let told: Vec<_> = results
        .iter()
        .map(|it| {
            (
                it["orderId"].as_str(),
                it["status"].as_u64().unwrap(),
                it["body"]["code"].as_str(),
            )
        })
        .collect();
    let expected = [
        (Some("new"), 200, None),
        (Some("theirs"), 409, Some("order_id_taken")),
        (Some("done"), 412, Some("precondition_failed")),
        (Some("fresh"), 200, None),
        (Some("lost"), 400, Some("unknown_status")),
        (None, 400, Some("missing_field")),
        (None, 400, Some("invalid_json")),
        (Some("batch"), 400, Some("invalid_field")),
    ];
    assert_eq!(told, expected);
    assert_eq!(results[0]["etag"], "\"1\"");
    assert_eq!(
        results[0]["body"],
        json!({"message": "Order processed successfully", "orderId": "new", "status": "received",
            "version": 1})
    );
    for id in ["new", "fresh"] {
        app.order_is(id, "processed").await;
    }
    assert_eq!(app.order("done").await["version"], 2);
    // Sent again, it is answered as before, and nothing is done twice.
    assert_eq!(batch(&app, USER, sent).await, results);
    app.stop().await;
}

#[tokio::test]
async fn a_batch_of_a_hundred_is_taken_and_one_that_cannot_be_read_changes_nothing() {
    let app = App::start().await;
    let many = |count: usize| {
        (0..count)
            .map(|n| order(&format!("O-{n}")))
            .collect::<Vec<_>>()
    };
    let mut twice = many(9);
    twice[8] = order("O-3");
    for (wrong, code) in [
        (json!({"orders": []}), "invalid_field"),
        (json!({"orders": many(101)}), "invalid_field"),
        (json!({"orders": twice}), "invalid_field"),
        (json!({"order": many(1)}), "invalid_field"),
        (json!([order("A")]), "invalid_json"),
    ] {
        let answer = app.post(USER, "/orders/batch", &wrong).await;
        assert_eq!(refusal(answer, 400).await, code);
    }
    let mut large = order("A");
    large["padding"] = json!("x".repeat(2 * 1024 * 1024));
    let answer = app
        .post(USER, "/orders/batch", &json!({"orders": [large]}))
        .await;
    assert_eq!(refusal(answer, 413).await, "body_too_large");
    let token = app.token(USER);
    assert!(pages(&app, &token, "", 100).await.is_empty());

    let results = batch(&app, USER, json!(many(100))).await;
    assert!(results.iter().all(|it| it["status"] == 200), "{results:?}");
    let sent: Vec<_> = results.iter().map(|it| it["orderId"].clone()).collect();
    let expected: Vec<_> = (0..100).map(|n| json!(format!("O-{n}"))).collect();
    assert_eq!(sent, expected);
    assert_eq!(pages(&app, &token, "", 100).await.len(), 100);
    // An order of this name cannot be made, so the route hides none.
    let answer = app.post(USER, "/orders", &order("batch")).await;
    assert_eq!(refusal(answer, 400).await, "invalid_field");
    app.stop().await;
}

#[tokio::test]
async fn a_poller_gets_every_change_and_those_of_other_users_never() {
    let app = App::start().await;
    let (token, theirs) = (app.token(USER), app.token(OTHER));
    for id in ["A", "B", "C", "D", "E"] {
        create(&app, USER, id).await;
    }
    create(&app, OTHER, "theirs").await;
    let begin = "updatedSince=1970-01-01T00:00:00Z";
    let all = pages(&app, &token, begin, 2).await;
    assert_eq!(ids(&all), ["E", "D", "C", "B", "A"]);
    let latest = all[0]["updatedAt"].as_str().unwrap();

    for (id, change) in [
        ("B", json!({"description": "another"})),
        ("D", json!({"status": "inprocess"})),
    ] {
        body(patch(&app, USER, id, &change, &[]).await, 200).await;
    }
    // The time itself is included, so E comes again.
    let since = format!("updatedSince={latest}");
    let changed = pages(&app, &token, &since, 1).await;
    assert_eq!(ids(&changed), ["D", "B", "E"]);
    let versions: Vec<_> = changed.iter().map(|order| &order["version"]).collect();
    assert_eq!(versions, [2, 2, 1]);
    let inprocess = pages(&app, &token, &format!("{since}&status=inprocess"), 2).await;
    assert_eq!(ids(&inprocess), ["D"]);
    let received = pages(&app, &token, &format!("{begin}&status=received"), 2).await;
    assert_eq!(ids(&received), ["B", "E", "C", "A"]);
    // By their creation, the order is as before.
    assert_eq!(
        ids(&pages(&app, &token, "", 2).await),
        ["E", "D", "C", "B", "A"]
    );

    assert_eq!(ids(&pages(&app, &theirs, begin, 2).await), ["theirs"]);
    let admin = app.stack.token("boss", &["admin"]).unwrap();
    let all = pages(&app, &admin, begin, 4).await;
    assert_eq!(ids(&all), ["D", "B", "theirs", "E", "C", "A"]);
    let later = pages(&app, &token, "updatedSince=2100-01-01T00:00:00Z", 2).await;
    assert!(later.is_empty());

    for query in [
        "updatedSince=today",
        "updatedSince=2026-11-22",
        &format!("{begin}&cursor=17:A"),
        "cursor=u17:A",
    ] {
        let refused = app.get(USER, &format!("/orders?{query}")).await;
        assert_eq!(refusal(refused, 400).await, "invalid_query", "{query}");
    }
    app.stop().await;
}

#[tokio::test]
async fn a_poller_misses_nothing_while_orders_change() {
    let app = App::start().await;
    let token = app.token(USER);
    let writers = (0..4).map(|writer| {
        let app = &app;
        async move {
            for nth in 0..12 {
                let id = format!("O-{}", (writer + nth) % 6);
                let mut order = order(&id);
                order["description"] = json!(format!("{writer}, {nth}"));
                let request = app.request_of(USER, Method::PUT, &format!("/orders/{id}"));
                body(request.json(&order).send().await.unwrap(), 200).await;
            }
        }
    });
    let mut seen: BTreeMap<String, u64> = BTreeMap::new();
    let mut since = "1970-01-01T00:00:00Z".to_owned();
    let mut poll = async || {
        let changed = pages(&app, &token, &format!("updatedSince={since}"), 2).await;
        for order in &changed {
            let id = order["orderId"].as_str().unwrap().to_owned();
            let version = seen.entry(id).or_default();
            *version = order["version"].as_u64().unwrap().max(*version);
        }
        if let Some(first) = changed.first() {
            let latest = base::parse_rfc3339(first["updatedAt"].as_str().unwrap()).unwrap();
            let latest = u64::try_from(latest / 1_000_000).unwrap();
            since = base::rfc3339(latest - 60_000);
        }
    };
    {
        let mut writing = std::pin::pin!(futures::future::join_all(writers));
        loop {
            tokio::select! {
                _ = &mut writing => break,
                () = poll() => {}
            }
        }
    }
    poll().await;
    assert_eq!(seen.len(), 6);
    for (id, version) in seen {
        assert_eq!(app.order(&id).await["version"], version, "{id}");
    }
    app.stop().await;
}

#[tokio::test]
async fn orders_of_an_earlier_version_are_among_the_changes() {
    let app = App::start().await;
    let token = app.token(USER);
    for id in ["A", "B", "C"] {
        create(&app, USER, id).await;
    }
    let before: BTreeMap<_, _> = {
        let orders = pages(&app, &token, "", 100).await;
        let times = orders
            .into_iter()
            .map(|it| (it["orderId"].to_string(), it["updatedAt"].clone()));
        times.collect()
    };
    // The earlier version had no indexes by changes.
    let redis = app.redis();
    let keys = redis.call("KEYS", &["{orders}:changed*".into()]).unwrap();
    assert!(!keys.is_empty());
    for key in keys {
        redis.call("DEL", &[key.as_str().unwrap().into()]).unwrap();
    }
    body(
        patch(&app, USER, "B", &json!({"description": "x"}), &[]).await,
        200,
    )
    .await;
    let begin = "updatedSince=1970-01-01T00:00:00Z";
    for _ in 0..2 {
        let all = pages(&app, &token, begin, 1).await;
        assert_eq!(all[0]["orderId"], "B", "the latest change is first");
        assert_eq!(
            ids(&all).into_iter().collect::<BTreeSet<_>>(),
            ["A", "B", "C"].into()
        );
    }
    let a = before["\"A\""].as_str().unwrap();
    let since_c = before["\"C\""].as_str().unwrap();
    assert!(a <= since_c);
    let some = pages(
        &app,
        &token,
        &format!("updatedSince={since_c}&status=received"),
        2,
    )
    .await;
    let expected: BTreeSet<_> = match a == since_c {
        true => ["A", "B", "C"].into(),
        false => ["B", "C"].into(),
    };
    assert_eq!(ids(&some).into_iter().collect::<BTreeSet<_>>(), expected);

    // Once that time is over, the orders of unknown time are not read any more.
    let long_ago = [
        Arg::from("{orders}:changed-until:user:456:all"),
        Arg::from("1"),
    ];
    redis.call("SET", &long_ago).unwrap();
    let later = pages(&app, &token, &format!("updatedSince={since_c}"), 2).await;
    assert_eq!(ids(&later), ["B"]);
    app.stop().await;
}
