//! The SQL that is shipped for Athena, run by DuckDB on the archive that the application
//! wrote: its results are those of the application itself, to the cent.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use devstack::queries;
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::{App, Member, body, eventually, root};

const ADMIN: &[&str] = &["admin"];

/// The tenants that users belong to.
const TENANTS: [&str; 2] = ["cafe", "bar_2.x"];

/// A tenant that only records of a stream have, and its name in the tables.
const FOREIGN: (&str, &str) = ("a b/ñ", "a%20b%2F%C3%B1");

/// The first and the last day of the history.
const DAYS: [&str; 4] = ["2025-07-12", "2025-07-13", "2025-07-14", "2025-07-15"];

/// The queries in `deploy/athena`.
const QUERIES: [(&str, &str); 3] = [
    ("q1", "q1-recientes.sql"),
    ("q2", "q2-productos.sql"),
    ("q3", "q3-tendencia.sql"),
];

/// Code, price and quantity of a line.
type Line<'a> = (&'a str, &'a str, &'a str);

fn document(day: &str, lines: &[Line<'_>]) -> Value {
    let lines = lines.iter().map(|(code, price, quantity)| {
        json!({"codigo": code, "nombre": format!("Producto {code}"), "precio_unitario": price,
            "cantidad": quantity, "nota": {"de": code}})
    });
    json!({"fecha": format!("{day} 10:30:00"), "productos": lines.collect::<Vec<_>>(), "mesa": 7})
}

async fn put(member: Member<'_>, id: &str, day: &str, lines: &[Line<'_>]) {
    let answer = member.put(id, &document(day, lines)).await;
    let status = answer.status().as_u16();
    assert!(matches!(status, 200 | 201), "{id}: {status}");
}

/// A record of a stream, of an item with the key `tenant_id` and `compra_id`.
fn record(
    event: &str,
    (tenant, id): (&str, &str),
    sequence: u32,
    day: &str,
    lines: &[Line<'_>],
) -> Value {
    let lines = lines.iter().map(|(code, price, quantity)| {
        json!({"M": {"codigo": {"S": code}, "nombre": {"S": format!("Producto {code}")},
            "precio_unitario": {"N": price}, "cantidad": {"N": quantity}}})
    });
    let keys = json!({"tenant_id": {"S": tenant}, "compra_id": {"S": id}});
    let mut image = keys.clone();
    image["user_id"] = json!({"S": "dyn"});
    image["fecha"] = json!({"S": format!("{day} 10:30:00")});
    image["productos"] = json!({"L": lines.collect::<Vec<_>>()});
    let image_name = match event {
        "REMOVE" => "OldImage",
        _ => "NewImage",
    };
    json!({"eventID": format!("e{sequence}"), "eventName": event, "eventSource": "aws:dynamodb",
        "awsRegion": "us-west-2",
        "eventSourceARN": "arn:aws:dynamodb:us-west-2:123456789012:table/compras/stream/2025-07-13T00:00:00.000",
        "dynamodb": {"ApproximateCreationDateTime": 1_752_402_600 + sequence, "Keys": keys,
            image_name: image, "SequenceNumber": sequence.to_string()}})
}

/// Writes a history in which each kind of change occurs.
async fn write_history(app: &App) {
    let [first, second, third, last] = DAYS;
    let ana = app.member("ana", "cafe", &[]);
    let bob = app.member("bob", "cafe", &[]);
    let root = app.member("root", "cafe", ADMIN);
    // Three tenths are no binary number, and half cents are rounded by purchase.
    put(ana, "three:tenths", first, &[("TENTH", "0.1", "1"); 3]).await;
    put(bob, "half.1", first, &[("TENTH", "0.005", "1")]).await;
    put(bob, "half.2", first, &[("TENTH", "0.005", "1")]).await;
    put(bob, "large", second, &[("LARGE", "123456789.99", "3")]).await;
    put(
        bob,
        "both",
        second,
        &[
            ("PAN", "1.50", "2.5"),
            ("TE", "3", "1"),
            ("PAN", "1.45", "1"),
        ],
    )
    .await;
    // Changed, moved to another day, removed, created again, erased.
    for quantity in ["1", "2", "3.5"] {
        put(ana, "a_changed_b", second, &[("PAN", "1.50", quantity)]).await;
    }
    put(ana, "moved", first, &[("TE", "10", "1")]).await;
    put(ana, "moved", third, &[("TE", "10", "1.25")]).await;
    put(ana, "removed", second, &[("GONE", "100", "1")]).await;
    assert_eq!(ana.delete("removed", "").await.status(), 204);
    put(ana, "again", second, &[("GONE", "100", "1")]).await;
    assert_eq!(ana.delete("again", "").await.status(), 204);
    put(ana, "again", third, &[("PAN", "2", "1")]).await;
    for id in ["erased", "erased:again"] {
        put(ana, id, second, &[("GONE", "100", "1")]).await;
        put(ana, id, third, &[("GONE", "100", "2")]).await;
        body(root.delete(id, "?purge=true").await, 202).await;
    }
    app.archived().await;
    put(root, "erased:again", third, &[("TE", "0.335", "1")]).await;
    // More purchases than Q1 shows, and more products than Q2 does, two of them equal.
    for nth in 0..9 {
        put(bob, &format!("n{nth}"), last, &[("TE", "0.07", "3")]).await;
    }
    let codes: Vec<String> = (10..32).map(|nth| format!("P{nth}")).collect();
    let prices: Vec<String> = (10..32).map(|nth| format!("{}.13", nth / 2)).collect();
    let many = codes.iter().zip(&prices);
    let many: Vec<_> = many.map(|(code, price)| (&**code, &**price, "1")).collect();
    put(bob, "many", last, &many).await;

    // The same ids in another tenant.
    let eva = app.member("eva", "bar_2.x", &[]);
    put(eva, "moved", first, &[("TE", "0.1", "3")]).await;
    put(eva, "both", first, &[("PAN", "7.77", "1")]).await;
    put(eva, "both", last, &[("PAN", "7.77", "2")]).await;

    let records: [(_, _, _, _, &[Line<'_>]); 8] = [
        ("INSERT", ("cafe", "moved"), 1, first, &[("TE", "4", "1")]),
        (
            "MODIFY",
            ("cafe", "moved"),
            9,
            second,
            &[("TE", "4.44", "1.5")],
        ),
        (
            "MODIFY",
            ("cafe", "moved"),
            10,
            second,
            &[("TE", "5.55", "1.5")],
        ),
        (
            "INSERT",
            ("cafe", "s/1 ñ~"),
            11,
            second,
            &[("TENTH", "0.1", "3")],
        ),
        (
            "INSERT",
            ("cafe", "gone"),
            12,
            second,
            &[("GONE", "9", "9")],
        ),
        (
            "REMOVE",
            ("cafe", "gone"),
            13,
            second,
            &[("GONE", "9", "9")],
        ),
        // Without lines it counts as a purchase of a day, and for no product.
        ("INSERT", ("cafe", "empty"), 14, third, &[]),
        (
            "INSERT",
            (FOREIGN.0, ".."),
            15,
            second,
            &[("TE", "0.25", "10")],
        ),
    ];
    let records = records
        .map(|(event, item, sequence, day, lines)| record(event, item, sequence, day, lines));
    let all = json!({"batchItemFailures": []});
    for batch in [[2, 4, 5, 7], [1, 0, 3, 6]] {
        let batch: Vec<_> = batch.iter().map(|nth| &records[*nth]).collect();
        let answer = app.stream(&json!({"Records": batch})).await;
        assert_eq!(body(answer, 200).await, all);
    }
    let answer = app.stream(&json!({"Records": records})).await;
    assert_eq!(body(answer, 200).await, all, "sent again");
    app.archived().await;
}

/// A copy of the archive.
struct Copy {
    folder: TempDir,
}

impl Copy {
    fn of(archive: &BTreeMap<String, String>) -> Self {
        let copy = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        for (key, content) in archive {
            copy.write(key, content);
        }
        copy
    }

    fn write(&self, key: &str, content: &str) -> PathBuf {
        let path = self.folder.path().join(key);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// Runs a query on all days.
    async fn run(&self, query: &str, options: &[&str]) -> anyhow::Result<Vec<Value>> {
        let days = ["--desde", DAYS[0], "--hasta", DAYS[3]];
        let options = [options, &days].concat();
        queries::rows(&root(), query, self.folder.path(), &options).await
    }

    /// The rows that a query gives.
    async fn rows(&self, query: &str, options: &[&str]) -> Vec<Value> {
        let rows = self.run(query, options).await;
        rows.unwrap_or_else(|error| panic!("{query} {options:?}: {error}"))
    }

    /// The rows of all queries: Q1 of each tenant, Q2 and Q3. `query` gives each query's name
    /// or file.
    async fn answers(&self, query: impl Fn(usize) -> String, options: &[&str]) -> Answers {
        let mut recent = BTreeMap::new();
        for tenant in [TENANTS[0], TENANTS[1], FOREIGN.0] {
            let options = [options, &["--tenant", tenant]].concat();
            recent.insert(tenant, self.rows(&query(0), &options).await);
        }
        Answers {
            recent,
            products: self.rows(&query(1), options).await,
            days: self.rows(&query(2), options).await,
        }
    }
}

/// The results of the three queries.
#[derive(Debug, PartialEq)]
struct Answers {
    recent: BTreeMap<&'static str, Vec<Value>>,
    products: Vec<Value>,
    days: Vec<Value>,
}

/// A cell as text: decimals are strings, others are JSON.
fn cell(row: &Value, name: &str) -> String {
    match &row[name] {
        Value::Null => panic!("{row} has no {name}"),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A decimal in units of 10⁻¹², which have all digits of a price times a quantity here.
fn exact(text: &str) -> i128 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    assert!(fraction.len() <= 12, "{text}");
    format!("{whole}{fraction:0<12}").parse().unwrap()
}

/// An amount in cents, rounded half up. None is below 0 here.
fn cents(text: &str) -> i128 {
    (exact(text) + 5_000_000_000) / 10_000_000_000
}

/// The rows of a report with all digits, by the names of their columns.
async fn report(admin: Member<'_>, days: [&str; 2], by: &str) -> Vec<BTreeMap<String, String>> {
    let [from, to] = days;
    let path = format!("/compras/report?desde={from}&hasta={to}&por={by}");
    let request = admin
        .request(Method::GET, &path)
        .header("accept", "text/csv");
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200, "{path}");
    let text = answer.text().await.unwrap();
    let mut rows = csv::Reader::from_reader(text.as_bytes());
    rows.deserialize().map(Result::unwrap).collect()
}

fn of<'a>(rows: &'a [Value], tenant: &str) -> Vec<&'a Value> {
    rows.iter()
        .filter(|row| row["tenant_id"] == tenant)
        .collect()
}

/// Q1 tells the purchases that the list has, the last changed ones first.
async fn recent_are_those_of_the_list(admin: Member<'_>, rows: &[Value]) {
    let list = format!("/compras?desde={}&hasta={}&limit=100", DAYS[0], DAYS[3]);
    let list = body(admin.get(&list).await, 200).await;
    assert_eq!(list["cursor"], Value::Null, "it is the whole list");
    let summary = |purchase: &Value, price: &str, time: &str| {
        let name = ["compra_id", "user_id", "fecha"].map(|name| cell(purchase, name));
        (time.to_owned(), name, cents(price))
    };
    let listed = list["compras"].as_array().unwrap().iter();
    let mut listed: Vec<_> = listed
        .map(|purchase| {
            let price = purchase["resumen"]["total_precio"].to_string();
            summary(purchase, &price, &cell(purchase, "updated_at"))
        })
        .collect();
    listed.sort_by(|one, other| other.0.cmp(&one.0).then_with(|| one.1.cmp(&other.1)));
    listed.truncate(10);
    let found: Vec<_> = rows
        .iter()
        .map(|row| summary(row, &cell(row, "total_precio"), &cell(row, "processed_at")))
        .collect();
    assert_eq!(found, listed, "Q1 of {}", admin.tenant);
}

/// Q2 tells the first twenty rows of the report by product.
async fn products_are_those_of_the_report(admin: Member<'_>, rows: &[Value]) {
    let report = report(admin, [DAYS[0], DAYS[3]], "producto").await;
    let reported: Vec<_> = report
        .iter()
        .take(20)
        .map(|row| {
            let name = ["codigo", "nombre", "moneda", "compras"].map(|name| row[name].clone());
            (name, exact(&row["cantidad"]), cents(&row["ingresos"]))
        })
        .collect();
    let found: Vec<_> = of(rows, admin.tenant)
        .into_iter()
        .map(|row| {
            let name = ["codigo", "nombre", "moneda", "total_compras"].map(|name| cell(row, name));
            let quantity = exact(&cell(row, "total_cantidad_vendida"));
            (name, quantity, cents(&cell(row, "total_ingresos")))
        })
        .collect();
    assert_eq!(found, reported, "Q2 of {}", admin.tenant);
    assert!(
        !found.iter().any(|(name, ..)| name[0] == "GONE"),
        "{found:?}"
    );
}

/// Q3 tells the report by day, the last day first, and as many users as the report by user.
async fn days_are_those_of_the_report(admin: Member<'_>, rows: &[Value]) {
    let mut reported = Vec::new();
    let mut means = Vec::new();
    for row in report(admin, [DAYS[0], DAYS[3]], "dia").await.iter().rev() {
        let users = report(admin, [&*row["dia"]; 2], "usuario").await.len();
        let name = ["dia", "moneda", "compras"].map(|name| row[name].clone());
        let sums = (exact(&row["cantidad"]), cents(&row["ingresos"]));
        reported.push((name, users.to_string(), sums));
        means.push(row["ticket_promedio"].parse::<f64>().unwrap());
    }
    let rows = of(rows, admin.tenant);
    let found: Vec<_> = rows
        .iter()
        .map(|row| {
            let name = ["dia", "moneda", "total_compras"].map(|name| cell(row, name));
            let quantity = exact(&cell(row, "total_productos_vendidos"));
            let sums = (quantity, cents(&cell(row, "ingresos")));
            (name, cell(row, "usuarios_unicos"), sums)
        })
        .collect();
    assert_eq!(found, reported, "Q3 of {}", admin.tenant);
    for (row, mean) in rows.into_iter().zip(means) {
        // DuckDB's mean is a double, and the report's is rounded.
        let found = row["ticket_promedio"].as_f64().unwrap();
        assert!((found - mean).abs() < 0.005_000_1, "{row}: {mean}");
    }
}

/// The lines of the objects under a prefix, sorted.
fn lines(archive: &BTreeMap<String, String>, prefix: &str) -> Vec<String> {
    let objects = archive.iter().filter(|(key, _)| key.starts_with(prefix));
    let lines = objects.flat_map(|(_, content)| content.lines());
    let mut lines: Vec<_> = lines.map(str::to_owned).collect();
    lines.sort();
    lines
}

#[tokio::test]
async fn the_shipped_queries_tell_what_the_application_tells() {
    let app = App::with(&[("compras_compact_after_seconds", "1")]).await;
    write_history(&app).await;
    let copy = Copy::of(&app.archive("compras/"));
    let name = |nth: usize| QUERIES[nth].0.to_owned();
    let answers = copy.answers(name, &[]).await;
    for tenant in TENANTS {
        let admin = app.member("root", tenant, ADMIN);
        recent_are_those_of_the_list(admin, &answers.recent[tenant]).await;
        products_are_those_of_the_report(admin, &answers.products).await;
        days_are_those_of_the_report(admin, &answers.days).await;
    }

    // Rows that the report does not have: a tenant without users, and a day by hand.
    let foreign = &answers.recent[FOREIGN.0];
    assert_eq!(foreign.len(), 1, "{foreign:?}");
    for (name, expected) in [
        ("compra_id", ".."),
        ("tenant_id", FOREIGN.1),
        ("total_precio", "2.5"),
    ] {
        assert_eq!(cell(&foreign[0], name), expected);
    }
    let days = of(&answers.days, "cafe");
    let first = days.last().unwrap();
    for (name, expected) in [
        ("dia", DAYS[0]),
        ("total_compras", "3"),
        ("usuarios_unicos", "2"),
        ("total_productos_vendidos", "5"),
        ("ingresos", "0.32"),
        ("compra_maxima", "0.3"),
        ("compra_minima", "0.01"),
    ] {
        assert_eq!(cell(first, name), expected, "{name}");
    }

    let archive = eventually("all days are compacted", || async {
        let archive = app.archive("compras");
        (lines(&archive, "compras_dia/") == lines(&archive, "compras/")).then_some(archive)
    })
    .await;
    app.stop().await;
    let copy = Copy::of(&archive);
    let days = copy.answers(name, &["--dia"]).await;
    assert_eq!(days, answers, "of the days");
    // Both tables at once, as the guide has it: a change that is in both counts once.
    let both = QUERIES.map(|(_, file)| {
        let sql = fs::read_to_string(root().join("deploy/athena").join(file)).unwrap();
        let (one, two) = (
            "FROM compras_json",
            "(SELECT * FROM compras_json UNION ALL SELECT * FROM compras_dia)",
        );
        assert_eq!(sql.matches(one).count(), 1, "{file}");
        copy.write(file, &sql.replace(one, &format!("FROM {two}")))
    });
    let both = |nth: usize| both[nth].to_str().unwrap().to_owned();
    let both = copy.answers(both, &[]).await;
    assert_eq!(both, answers, "of both tables");
}

#[tokio::test]
async fn a_file_that_athena_does_not_read_is_refused() {
    let line = json!({"compra_id": "a", "user_id": "u", "fecha": "2025-07-13 10:30:00", "productos": [],
        "resumen": {"total_productos": 0, "total_cantidad": 0, "total_precio": 0, "moneda": "USD"},
        "metadata": {"event_name": "INSERT", "event_source": "orilla:compras", "sequence": "1", "event_id": "e"}});
    let key = "compras/cafe/2025/07/13/insert_a_20250713_103000_000001.json";
    let good = Copy::of(&BTreeMap::from([(key.to_owned(), format!("{line}\n"))]));
    assert_eq!(good.rows("q3", &[]).await.len(), 1);
    let mut wrong = line.clone();
    wrong["productos"] = json!("none");
    for content in [
        format!("{line:#}\n"),
        format!("[{line}]\n"),
        format!("{wrong}\n"),
    ] {
        let bad = Copy::of(&BTreeMap::from([(key.to_owned(), content.clone())]));
        let complaint = bad.run("q2", &[]).await.unwrap_err().to_string();
        assert!(complaint.starts_with("catalog: "), "{complaint}");
    }
}
