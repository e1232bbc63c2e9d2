//! Purchases, from their creation to the archive and the report.

use reqwest::Method;
use serde_json::{Value, json};
use tests::{App, Member, body, eventually, purchase, refusal};

const ADMIN: &[&str] = &["admin"];

fn ana(app: &App) -> Member<'_> {
    app.member("ana", "cafe", &[])
}

fn admin(app: &App) -> Member<'_> {
    app.member("root", "cafe", ADMIN)
}

/// The lines of the archive under a prefix, by key.
fn lines(app: &App, prefix: &str) -> Vec<(String, Value)> {
    let objects = app.archive(prefix).into_iter();
    let line = |(key, content): (String, String)| {
        let line = content.strip_suffix('\n').unwrap();
        assert!(!line.contains('\n'), "{key} has one line: {content}");
        (key, serde_json::from_str(line).unwrap())
    };
    objects.map(line).collect()
}

#[tokio::test]
async fn each_change_of_a_purchase_is_one_line_in_the_archive() {
    let app = App::start().await;
    let (ana, id) = (ana(&app), "abc_123");
    let mut wanted = purchase(id, "PROD001", "99.99", "2");
    wanted["nota"] = json!({"mesa": 7});
    let response = ana.post(&wanted).await;
    assert_eq!(response.headers()["etag"], "\"1\"");
    assert_eq!(response.headers()["location"], "/compras/abc_123");
    let created = body(response, 201).await;
    assert_eq!(created["user_id"], "ana");
    assert_eq!(created["tenant_id"], "cafe");
    assert_eq!(created["nota"], json!({"mesa": 7}));
    assert_eq!(
        created["resumen"],
        json!({"total_productos": 1, "total_cantidad": 2, "total_precio": 199.98, "moneda": "USD"})
    );
    // Sent again, it is the same purchase.
    assert_eq!(body(ana.post(&wanted).await, 200).await, created);

    wanted["productos"][0]["cantidad"] = json!(3);
    assert_eq!(body(ana.put(id, &wanted).await, 200).await["version"], 2);
    assert_eq!(
        refusal(ana.post(&purchase(id, "X", "1", "1")).await, 409).await,
        "compra_exists"
    );
    let stale = ana
        .request(Method::PUT, "/compras/abc_123")
        .header("if-match", "\"1\"");
    let stale = stale
        .json(&purchase(id, "X", "1", "1"))
        .send()
        .await
        .unwrap();
    assert_eq!(refusal(stale, 412).await, "precondition_failed");

    let removed = ana.delete(id, "").await;
    assert_eq!(
        (removed.status().as_u16(), &removed.headers()["etag"]),
        (204, &"\"3\"".parse().unwrap())
    );
    assert_eq!(ana.delete(id, "").await.status(), 204, "again");
    assert_eq!(
        refusal(ana.get("/compras/abc_123").await, 404).await,
        "unknown_compra"
    );
    assert_eq!(
        refusal(ana.post(&wanted).await, 409).await,
        "compra_removed"
    );
    let again = body(ana.put(id, &wanted).await, 201).await;
    assert_eq!(again["version"], 4);

    let history = body(ana.get("/compras/abc_123?history=true").await, 200).await;
    let events = history["versions"].as_array().unwrap().iter();
    let events: Vec<_> = events
        .map(|version| version["event_name"].as_str().unwrap())
        .collect();
    assert_eq!(events, ["INSERT", "MODIFY", "REMOVE", "INSERT"]);

    app.archived().await;
    let mut lines = lines(&app, "");
    lines.sort_by_key(|(_, line)| line["metadata"]["version"].as_u64());
    assert_eq!(lines.len(), 4);
    let quantities = [2, 3, 3, 3];
    for (nth, ((key, line), quantity)) in lines.iter().zip(quantities).enumerate() {
        let version = nth + 1;
        let time = line["metadata"]["processed_at"].as_str().unwrap();
        assert_eq!(time, history["versions"][nth]["updated_at"]);
        let digits: String = time.chars().filter(char::is_ascii_digit).collect();
        let event = events[nth].to_lowercase();
        let expected = format!(
            "compras/cafe/2025/07/13/{event}_abc_123_{}_{}_00000{version}.json",
            &digits[..8],
            &digits[8..14]
        );
        assert_eq!(*key, expected);
        assert_eq!(line["productos"][0]["cantidad"], quantity);
        assert_eq!(line["metadata"]["event_name"], events[nth]);
        assert_eq!(line["metadata"]["version"], version);
        assert_eq!(line["otros"], json!({"nota": {"mesa": 7}}));
    }
    app.stop().await;
}

#[tokio::test]
async fn a_purchase_is_seen_by_its_user_and_by_the_admins_of_its_tenant_alone() {
    let app = App::start().await;
    let ana = ana(&app);
    for (day, id) in ["2025-07-13", "2025-07-14", "2025-07-15 12:00:00"]
        .iter()
        .zip(["a", "b", "c"])
    {
        let mut purchase = purchase(id, "P", "1", "1");
        purchase["fecha"] = json!(day);
        body(ana.post(&purchase).await, 201).await;
    }
    body(
        app.member("bob", "cafe", &[])
            .post(&purchase("d", "P", "1", "1"))
            .await,
        201,
    )
    .await;

    for other in [
        app.member("bob", "cafe", &[]),
        app.member("ana", "bar", &[]),
        app.member("root", "bar", ADMIN),
    ] {
        let (user, tenant) = (other.user, other.tenant);
        assert_eq!(
            refusal(other.get("/compras/a").await, 404).await,
            "unknown_compra",
            "{user} of {tenant}"
        );
        assert_eq!(
            refusal(other.delete("a", "").await, 404).await,
            "unknown_compra",
            "{user} of {tenant}"
        );
    }
    // The id is free in another tenant, and taken in this one.
    body(
        app.member("ana", "bar", &[])
            .post(&purchase("a", "P", "2", "1"))
            .await,
        201,
    )
    .await;
    let taken = app
        .member("bob", "cafe", &[])
        .put("a", &purchase("a", "P", "3", "1"))
        .await;
    assert_eq!(refusal(taken, 409).await, "compra_id_taken");
    assert_eq!(
        body(admin(&app).get("/compras/a").await, 200).await["user_id"],
        "ana"
    );

    let ids = async |member: Member<'_>, query: &str| {
        let list = body(member.get(&format!("/compras{query}")).await, 200).await;
        let ids = list["compras"].as_array().unwrap().iter();
        let ids: Vec<_> = ids
            .map(|one| one["compra_id"].as_str().unwrap().to_owned())
            .collect();
        (ids.join(""), list["cursor"].as_str().map(str::to_owned))
    };
    assert_eq!(ids(ana, "").await, ("cba".into(), None));
    assert_eq!(
        ids(admin(&app), "").await,
        ("cbda".into(), None),
        "newest first"
    );
    assert_eq!(ids(ana, "?desde=2025-07-14&hasta=2025-07-15").await.0, "cb");
    assert_eq!(ids(ana, "?hasta=2025-07-14").await.0, "ba");
    let (first, cursor) = ids(ana, "?limit=2").await;
    let next = format!("?limit=2&cursor={}", cursor.unwrap());
    assert_eq!((&*first, ids(ana, &next).await), ("cb", ("a".into(), None)));

    let without = app
        .request_of("ana", Method::GET, "/compras")
        .send()
        .await
        .unwrap();
    assert_eq!(refusal(without, 403).await, "missing_tenant");
    let up = app.member("ana", "..", &[]).get("/compras").await;
    assert_eq!(refusal(up, 403).await, "invalid_tenant");
    app.stop().await;
}

#[tokio::test]
async fn a_purchase_without_an_id_is_created_once_for_an_idempotency_key() {
    let app = App::start().await;
    let ana = ana(&app);
    let mut wanted = purchase("", "P", "1", "1");
    wanted.as_object_mut().unwrap().remove("compra_id");
    let send = async |key: &str| {
        let request = ana.request(Method::POST, "/compras").json(&wanted);
        let answer = request.header("idempotency-key", key).send().await.unwrap();
        let status = answer.status().as_u16();
        (
            status,
            body(answer, status).await["compra_id"]
                .as_str()
                .unwrap()
                .to_owned(),
        )
    };
    let (created, id) = send("k1").await;
    assert_eq!((created, send("k1").await), (201, (200, id.clone())));
    assert_ne!(send("k2").await.1, id);
    let [one, other] = [ana.post(&wanted).await, ana.post(&wanted).await];
    assert_ne!(
        body(one, 201).await["compra_id"],
        body(other, 201).await["compra_id"]
    );
    app.stop().await;
}

#[tokio::test]
async fn money_is_exact_from_the_request_to_the_report() {
    let app = App::start().await;
    let ana = ana(&app);
    let text = r#"{"compra_id": "m", "fecha": "2025-07-13", "productos": [
        {"codigo": "A", "nombre": "a", "precio_unitario": 0.1, "cantidad": 1},
        {"codigo": "A", "nombre": "a", "precio_unitario": 0.10, "cantidad": 1},
        {"codigo": "A", "nombre": "a", "precio_unitario": "0.100", "cantidad": 1},
        {"codigo": "B", "nombre": "b", "precio_unitario": 12345678901234567890123456789012345678, "cantidad": 1},
        {"codigo": "C", "nombre": "c", "precio_unitario": 0.005, "cantidad": 1}]}"#;
    let request = ana
        .request(Method::POST, "/compras")
        .header("content-type", "application/json");
    let answer = request
        .body(text)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let total = r#""total_precio":12345678901234567890123456789012345678.31"#;
    for digits in [
        total,
        r#""precio_unitario":0.10,"#,
        r#""precio_unitario":0.100,"#,
    ] {
        assert!(answer.contains(digits), "{answer}");
    }
    app.archived().await;
    let archive = app.archive("");
    let (_, line) = archive.iter().next().unwrap();
    assert!(
        line.contains(total) && line.contains("12345678901234567890123456789012345678,"),
        "{line}"
    );
    let days = "desde=2025-07-13&hasta=2025-07-13";
    let report = admin(&app)
        .get(&format!("/compras/report?{days}&por=producto"))
        .await;
    let report = report.text().await.unwrap();
    assert!(
        report.contains(r#""ingresos":12345678901234567890123456789012345678.31,"ticket"#),
        "{report}"
    );
    assert!(
        report.contains(r#""compras":1,"cantidad":3,"ingresos":0.30,"#),
        "{report}"
    );
    app.stop().await;
}

#[tokio::test]
async fn a_report_is_of_the_purchases_as_they_are() {
    let app = App::start().await;
    let ana = ana(&app);
    let bob = app.member("bob", "cafe", &[]);
    body(ana.post(&purchase("a", "PAN", "1.50", "2")).await, 201).await;
    body(ana.post(&purchase("b", "PAN", "1.50", "1")).await, 201).await;
    body(bob.post(&purchase("c", "TE", "10", "1")).await, 201).await;
    body(bob.post(&purchase("d", "TE", "10", "1")).await, 201).await;
    let mut moved = purchase("c", "TE", "10", "1.5");
    moved["fecha"] = json!("2025-07-14");
    body(bob.put("c", &moved).await, 200).await;
    assert_eq!(bob.delete("d", "").await.status(), 204);
    // Another tenant's purchases are its own.
    body(
        app.member("eva", "bar", &[])
            .post(&purchase("a", "PAN", "9", "9"))
            .await,
        201,
    )
    .await;
    app.archived().await;

    let days = "desde=2025-07-12&hasta=2025-07-15";
    let report = admin(&app).report(days).await;
    let row = |n, quantity: Value, revenue: Value, mean: Value| json!({"moneda": "USD", "compras": n, "cantidad": quantity, "ingresos": revenue, "ticket_promedio": mean});
    let with = |name: &str, value: &str, mut row: Value| {
        row[name] = json!(value);
        row
    };
    assert_eq!(
        report["filas"],
        json!([
            with(
                "dia",
                "2025-07-13",
                row(2, json!(3), json!(4.5), json!(2.25))
            ),
            with(
                "dia",
                "2025-07-14",
                row(1, json!(1.5), json!(15.0), json!(15.0))
            ),
        ])
    );
    assert_eq!(
        report["totales"],
        json!([row(3, json!(4.5), json!(19.5), json!(6.5))])
    );
    assert_eq!(report["pendientes"], 0);
    assert!(report["actualizado_al"].is_string());
    let best = &report["mejores_productos"];
    assert_eq!(
        (&best[0]["codigo"], &best[0]["nombre"]),
        (&json!("TE"), &json!("Producto TE"))
    );
    let users = admin(&app).report(&format!("{days}&por=usuario")).await;
    assert_eq!(users["filas"][0]["user_id"], "bob");
    assert_eq!(users["filas"][1]["ingresos"], 4.5);

    let csv = admin(&app).request(Method::GET, &format!("/compras/report?{days}&por=producto"));
    let csv = csv.header("accept", "text/csv").send().await.unwrap();
    assert!(
        csv.headers()["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/csv")
    );
    assert_eq!(
        csv.text().await.unwrap(),
        "codigo,nombre,moneda,compras,cantidad,ingresos,ticket_promedio\r\n\
         TE,Producto TE,USD,1,1.5,15.00,15.00\r\n\
         PAN,Producto PAN,USD,2,3,4.50,2.25\r\n"
    );
    assert_eq!(
        refusal(
            ana.get("/compras/report?desde=2025-07-13&hasta=2025-07-13")
                .await,
            403
        )
        .await,
        "missing_role"
    );
    let wrong = admin(&app)
        .get("/compras/report?desde=2025-07-13&hasta=2025-07-12")
        .await;
    assert_eq!(refusal(wrong, 400).await, "invalid_query");
    app.stop().await;
}

/// A record of a stream of the table `compras`.
fn record(event: &str, id: &str, sequence: u32, price: &str) -> Value {
    let image = json!({"compra_id": {"S": id}, "user_id": {"S": "ana"}, "tenant_id": {"S": "utec"},
        "fecha": {"S": "2025-07-13 10:30:00"}, "nota": {"SS": ["b", "a"]},
        "productos": {"L": [{"M": {"codigo": {"S": "P"}, "nombre": {"S": "Pan"},
            "precio_unitario": {"N": price}, "cantidad": {"N": "2.5"}}}]}});
    let image_name = if event == "REMOVE" {
        "OldImage"
    } else {
        "NewImage"
    };
    json!({"eventID": format!("{id}-{sequence}"), "eventName": event, "eventVersion": "1.1",
        "eventSource": "aws:dynamodb", "awsRegion": "us-west-2",
        "eventSourceARN": "arn:aws:dynamodb:us-west-2:123456789012:table/compras/stream/2025-07-13T00:00:00.000",
        "dynamodb": {"ApproximateCreationDateTime": 1752402600.0, "Keys": {"compra_id": {"S": id}},
            image_name: image, "SequenceNumber": format!("{:025}", sequence),
            "SizeBytes": 200, "StreamViewType": "NEW_AND_OLD_IMAGES"}})
}

#[tokio::test]
async fn records_of_a_stream_are_archived_once_and_counted_in_their_order() {
    let app = App::start().await;
    let ok = json!({"batchItemFailures": []});
    let all = [
        record("INSERT", "s/1", 1, "1.10"),
        record("MODIFY", "s/1", 2, "2.20"),
        record("MODIFY", "s/1", 13, "3.30"),
        record("INSERT", "s2", 4, "5"),
    ];
    let mut gone = record("REMOVE", "s2", 5, "5");
    gone["userIdentity"] = json!({"type": "Service", "principalId": "dynamodb.amazonaws.com"});
    // Out of order and doubled within a batch, and sent again.
    let batch = json!({"Records": [gone, all[2], all[1], all[0], all[3], all[1]]});
    assert_eq!(body(app.stream(&batch).await, 200).await, ok);
    assert_eq!(
        body(app.stream(&json!({"Records": [all[1], all[0]]})).await, 200).await,
        ok
    );
    app.archived().await;

    let lines = lines(&app, "compras/utec/2025/07/13/");
    let names: Vec<_> = lines
        .iter()
        .map(|(key, _)| key.rsplit_once('/').unwrap().1)
        .collect();
    assert_eq!(
        names,
        [
            "insert_s%2F1_20250713_103000_1.json",
            "insert_s2_20250713_103000_4.json",
            "modify_s%2F1_20250713_103000_13.json",
            "modify_s%2F1_20250713_103000_2.json",
            "remove_s2_20250713_103000_5.json",
        ]
    );
    let (_, last) = &lines[2];
    assert_eq!(last["resumen"]["total_precio"], 8.25);
    assert_eq!(last["otros"], json!({"nota": ["a", "b"]}));
    assert_eq!(last["metadata"]["event_source"], "aws:dynamodb");
    assert_eq!(last["metadata"]["aws_region"], "us-west-2");
    assert_eq!(last["metadata"]["event_id"], "s/1-13");
    assert_eq!(last["metadata"].get("version"), None);
    assert_eq!(lines[4].1["metadata"]["removed_by"], "ttl");

    let report = app
        .member("root", "utec", ADMIN)
        .report("desde=2025-07-13&hasta=2025-07-13")
        .await;
    assert_eq!(
        (
            &report["filas"][0]["compras"],
            &report["filas"][0]["ingresos"]
        ),
        (&json!(1), &json!(8.25))
    );

    // A record that comes late changes the archive, and not the sums.
    let late = json!({"Records": [record("MODIFY", "s/1", 7, "100")]});
    assert_eq!(body(app.stream(&late).await, 200).await, ok);
    app.archived().await;
    assert_eq!(app.archive("compras/").len(), 6);
    assert_eq!(
        app.member("root", "utec", ADMIN)
            .report("desde=2025-07-13&hasta=2025-07-13")
            .await["filas"],
        report["filas"]
    );
    app.stop().await;
}

#[tokio::test]
async fn a_record_that_cannot_be_read_or_placed_blocks_no_other() {
    let app = App::start().await;
    let mut broken = record("INSERT", "b", 1, "1");
    broken["dynamodb"]["NewImage"]["nota"] = json!({"N": "many"});
    let mut undated = record("INSERT", "u", 1, "1");
    undated["dynamodb"]["NewImage"]["fecha"] = json!({"S": "ayer"});
    let mut keys_only = record("REMOVE", "k", 1, "1");
    keys_only["dynamodb"]
        .as_object_mut()
        .unwrap()
        .remove("OldImage");
    let good = record("INSERT", "g", 1, "1");
    // The seed's own record has neither keys nor a sequence number.
    let seed = json!({"eventID": "unique-event-id", "eventName": "INSERT", "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1", "dynamodb": {"NewImage": {"compra_id": {"S": "uuid"}, "user_id": {"S": "user_id"},
        "tenant_id": {"S": "tenant_id"}, "fecha": {"S": "2025-07-13 10:30:00"}, "productos": {"L": []}}}});
    let batch = json!({"Records": [7, broken, undated, keys_only, good, seed]});
    assert_eq!(
        body(app.stream(&batch).await, 200).await,
        json!({"batchItemFailures": []})
    );

    let dead = eventually("two dead letters", || async {
        let dead = app.ops_get("/ops/queues/compras/dead").await;
        (dead["dead"].as_array().unwrap().len() == 2).then_some(dead)
    })
    .await;
    let errors = dead["dead"].to_string();
    assert!(
        errors.contains("must be a JSON object") && errors.contains("NewImage.nota"),
        "{errors}"
    );
    app.archived().await;
    assert_eq!(app.archive("compras/utec/").len(), 1);
    assert_eq!(app.archive("compras/tenant_id/").len(), 1);
    let unplaced: Vec<_> = lines(&app, "errors/2025/07/13/")
        .into_iter()
        .map(|(_, line)| line)
        .collect();
    assert_eq!(unplaced.len(), 2);
    let reasons = json!(unplaced).to_string();
    assert!(
        reasons.contains("fecha must be") && reasons.contains("tenant_id is missing"),
        "{reasons}"
    );

    let metrics = app.ops(Method::GET, "/metrics", None).await;
    let metrics = metrics.text().await.unwrap();
    for line in [
        "orilla_compras_archived_total 2",
        "orilla_compras_failed_total 4",
        "orilla_compras_object_bytes_count 2",
    ] {
        assert!(
            metrics.lines().any(|found| found == line),
            "{line}: {metrics}"
        );
    }
    app.stop().await;
}

#[tokio::test]
async fn a_stream_needs_its_token_and_a_body_of_records() {
    let app = App::start().await;
    let send = |token: &str, body: &'static str| {
        let request = app
            .request(Method::POST, "/compras/stream")
            .bearer_auth(token);
        request
            .header("content-type", "application/json")
            .body(body)
            .send()
    };
    let token = app.stack.stream_token().to_owned();
    assert_eq!(
        refusal(send("wrong", "{}").await.unwrap(), 401).await,
        "invalid_token"
    );
    let user = app.tenant_token("ana", "cafe", ADMIN);
    assert_eq!(
        refusal(send(&user, "{}").await.unwrap(), 401).await,
        "invalid_token"
    );
    for text in ["", "7", "{}", r#"{"Records": 7}"#] {
        let answer = send(&token, text).await.unwrap();
        assert_eq!(answer.status(), 400, "{text}");
    }
    assert_eq!(
        body(send(&token, r#"{"Records": []}"#).await.unwrap(), 200).await,
        json!({"batchItemFailures": []})
    );
    app.stop().await;
}

#[tokio::test]
async fn a_store_that_is_away_loses_no_change_and_their_order_stays() {
    let app = App::start().await;
    let ana = ana(&app);
    let faults = app.stack.s3().faults();
    faults.always(devstack::s3::Fault::SlowDown);
    body(ana.post(&purchase("a", "P", "0", "1")).await, 201).await;
    for price in ["1", "2", "3"] {
        body(ana.put("a", &purchase("a", "P", price, "1")).await, 200).await;
    }
    body(ana.post(&purchase("b", "P", "7", "1")).await, 201).await;
    eventually("the archive was tried", || async {
        (faults.requests("PutObject") > 8).then_some(())
    })
    .await;
    assert!(app.archive("").is_empty());
    faults.clear();
    app.archived().await;
    let versions: Vec<_> = lines(&app, "compras/cafe/")
        .into_iter()
        .map(|(_, line)| line["metadata"]["event_id"].clone())
        .collect();
    assert_eq!(versions.len(), 5, "{versions:?}");
    let report = admin(&app)
        .report("desde=2025-07-13&hasta=2025-07-13")
        .await;
    assert_eq!(
        (
            &report["totales"][0]["compras"],
            &report["totales"][0]["ingresos"]
        ),
        (&json!(2), &json!(10.0))
    );
    app.stop().await;
}

#[tokio::test]
async fn a_replay_brings_back_what_is_missing_and_changes_nothing_else() {
    let app = App::start().await;
    let ana = ana(&app);
    for nth in 0..60 {
        body(
            ana.post(&purchase(&format!("p{nth}"), "P", "1", "1")).await,
            201,
        )
        .await;
    }
    body(ana.put("p0", &purchase("p0", "P", "2", "1")).await, 200).await;
    assert_eq!(ana.delete("p1", "").await.status(), 204);
    body(
        app.member("eva", "bar", &[])
            .post(&purchase("x", "P", "1", "1"))
            .await,
        201,
    )
    .await;
    let records =
        json!({"Records": [record("INSERT", "s1", 1, "1.10"), record("MODIFY", "s1", 2, "1.20")]});
    body(app.stream(&records).await, 200).await;
    app.archived().await;
    let before = app.archive("");
    assert_eq!(before.len(), 65);

    let replay = async |request: Value| {
        let path = "/ops/compras/replay";
        let started = app.ops(Method::POST, path, Some(&request)).await;
        let location = started.headers()["location"].to_str().unwrap().to_owned();
        body(started, 202).await;
        eventually("the replay is done", || async {
            let progress = app.ops_get(&location).await;
            (progress["state"] == "done").then_some(progress)
        })
        .await
    };
    let done = replay(json!({})).await;
    assert_eq!(
        (&done["purchases"], &done["objects"]),
        (&json!(63), &json!(65))
    );
    assert_eq!(app.archive(""), before, "not one byte is another");

    let root = app.stack.data_dir().join("s3/buckets/compras/compras");
    std::fs::remove_dir_all(&root).unwrap();
    let done = replay(json!({"tenant": "cafe"})).await;
    assert_eq!(done["objects"], 62);
    assert_eq!(app.archive("compras/cafe/").len(), 62);
    replay(json!({"from": "2025-07-14"})).await;
    assert!(app.archive("compras/bar/").is_empty());
    replay(json!({"from": "2025-07-13", "to": "2025-07-13"})).await;
    assert_eq!(app.archive(""), before);
    let user = admin(&app)
        .request(Method::POST, "/ops/compras/replay")
        .json(&json!({}));
    assert_eq!(
        refusal(user.send().await.unwrap(), 403).await,
        "missing_role"
    );
    app.stop().await;
}

#[tokio::test]
async fn an_erased_purchase_leaves_neither_versions_nor_objects() {
    let app = App::start().await;
    let ana = ana(&app);
    body(ana.post(&purchase("e", "P", "1", "1")).await, 201).await;
    let mut moved = purchase("e", "P", "2", "1");
    moved["fecha"] = json!("2025-07-14");
    body(ana.put("e", &moved).await, 200).await;
    body(ana.post(&purchase("kept", "P", "1", "1")).await, 201).await;
    assert_eq!(
        refusal(ana.delete("e", "?purge=true").await, 403).await,
        "missing_role"
    );
    let answer = body(admin(&app).delete("e", "?purge=true").await, 202).await;
    assert!(
        answer["message"].as_str().unwrap().contains("versioning"),
        "{answer}"
    );
    app.archived().await;
    let left: Vec<_> = app.archive("").into_keys().collect();
    assert_eq!(left.len(), 1, "{left:?}");
    assert!(left[0].contains("_kept_"));
    for path in ["/compras/e", "/compras/e?history=true"] {
        assert_eq!(
            refusal(admin(&app).get(path).await, 404).await,
            "unknown_compra"
        );
    }
    let report = admin(&app)
        .report("desde=2025-07-13&hasta=2025-07-14")
        .await;
    assert_eq!(report["totales"][0]["compras"], 1);
    // Again, and the id is not free for others.
    body(admin(&app).delete("e", "?purge=true").await, 202).await;
    assert_eq!(
        refusal(ana.put("e", &purchase("e", "P", "1", "1")).await, 409).await,
        "compra_id_taken"
    );
    app.archived().await;
    app.stop().await;
}

/// The lines of a day's compacted files, sorted.
fn compacted(app: &App) -> Vec<String> {
    let parts = app.archive("compras_dia/cafe/2025/07/13/");
    let lines = parts.values().flat_map(|part| part.lines());
    let mut lines: Vec<_> = lines.map(str::to_owned).collect();
    lines.sort();
    lines
}

/// The lines of a day's originals, sorted.
fn originals(app: &App) -> Vec<String> {
    let objects = app.archive("compras/cafe/2025/07/13/").into_values();
    let mut lines: Vec<_> = objects.map(|line| line.trim_end().to_owned()).collect();
    lines.sort();
    lines
}

#[tokio::test]
async fn a_finished_day_becomes_one_file_that_follows_late_changes_and_erasures() {
    let app = App::with(&[("compras_compact_after_seconds", "1")]).await;
    let ana = ana(&app);
    for nth in 0..30 {
        let purchase = purchase(&format!("p{nth}"), "P", "1", "1");
        body(ana.post(&purchase).await, 201).await;
    }
    let record = json!({"Records": [record("INSERT", "s1", 1, "1.10")]});
    body(app.stream(&record).await, 200).await;
    eventually("the day is compacted", || async {
        (compacted(&app).len() == 30).then_some(())
    })
    .await;
    assert_eq!(compacted(&app), originals(&app));
    assert_eq!(app.archive("compras_dia/cafe/").len(), 1);

    body(ana.put("p0", &purchase("p0", "P", "2", "1")).await, 200).await;
    eventually("the late change is in", || async {
        (compacted(&app).len() == 31).then_some(())
    })
    .await;
    assert_eq!(compacted(&app), originals(&app));
    body(admin(&app).delete("p0", "?purge=true").await, 202).await;
    eventually("the erased purchase is gone", || async {
        let is_gone = compacted(&app).iter().all(|line| !line.contains("\"p0\""));
        (is_gone && compacted(&app).len() == 29).then_some(())
    })
    .await;
    assert_eq!(compacted(&app), originals(&app));
    app.stop().await;
}

#[tokio::test]
async fn originals_may_be_deleted_once_their_lines_are_in_a_file_of_the_day() {
    let variables = [
        ("compras_compact_after_seconds", "1"),
        ("compras_compact_delete", "true"),
    ];
    let app = App::with(&variables).await;
    let ana = ana(&app);
    for nth in 0..10 {
        let purchase = purchase(&format!("p{nth}"), "P", "1", "1");
        body(ana.post(&purchase).await, 201).await;
    }
    eventually("the originals are gone", || async {
        (compacted(&app).len() == 10 && originals(&app).is_empty()).then_some(())
    })
    .await;
    body(ana.put("p0", &purchase("p0", "P", "2", "1")).await, 200).await;
    eventually("the late change is in", || async {
        (compacted(&app).len() == 11 && originals(&app).is_empty()).then_some(())
    })
    .await;
    app.stop().await;
}
