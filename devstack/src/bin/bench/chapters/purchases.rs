//! The archive of purchases: changes a second, by requests and by the stream of a table; and
//! how long a report takes for few and for many purchases of the same days.

use std::{
    ops::Range,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use devstack::client::{Call, eventually, routes};
use http::HeaderValue;
use serde_json::{Value, json};

use crate::{
    app::App,
    client::Connection,
    load::{self, Endpoint},
    numbers::thousands,
    plan::Plan,
    processor::Times,
    report::Table,
};

/// The tenants: of purchases that are posted, of a stream, and of reports.
const POSTING: &str = "cafe-azul";
const STREAMING: &str = "cafe-rojo";
const REPORTING: &str = "cafe-verde";

/// The changes a second that should be archived on two cores.
const TARGET: f64 = 2_000.0;

/// The number of records in a request, which may have 10,000 and 6 MiB.
const RECORDS: usize = 5_000;

/// The number of requests for each report.
const REPORTS: usize = 50;

/// The days of the purchases, all in July 2025, and the numbers of products and users. The
/// first thousand purchases have all of them on each day.
const DAYS: u64 = 31;
const PRODUCTS: u64 = 10;
const USERS: u64 = 5;

/// The pause between two looks at the archive, and the limit for all of them.
const LOOKS: (Duration, Duration) = (Duration::from_millis(5), Duration::from_secs(900));

/// Changes that were archived: how many, in what time and with what processor time.
struct Archived {
    changes: u64,
    seconds: f64,
    used: Times,
}

pub async fn measure(app: &App, plan: &Plan) -> Result<String> {
    let mut rates = Table::new([
        "",
        "changes/s",
        "CPU of host, µs",
        "of Redis",
        "of client and S3",
        "target",
    ]);
    let posts = create_purchase("`POST /compras`", app.member(POSTING, &[])?);
    let count = plan.posted_purchases;
    let posted = archived(app, count, load::send(app.host.address, &posts, count)).await?;
    rates.row(posted.cells("by `POST /compras`", ""));
    let calls = stream(app, STREAMING, 0..plan.streamed_purchases)?;
    let sent = send(app, &calls);
    let streamed = archived(app, plan.streamed_purchases, sent).await?;
    rates.row(streamed.cells("by `POST /compras/stream`", &thousands(TARGET)));

    let mut reports = Table::new(["purchases", "by day", "by product", "by user"]);
    let token = app.member(REPORTING, &["admin"])?;
    let mut there = 0;
    for &size in plan.report_sizes {
        let calls = stream(app, REPORTING, there..size)?;
        let fed = archived(app, size - there, send(app, &calls)).await?;
        rates.row(fed.cells("the same, for the reports", ""));
        there = size;
        let mut connection = app.connect().await?;
        let mut cells = vec![thousands(size as f64)];
        for by in ["dia", "producto", "usuario"] {
            cells.push(report(&mut connection, by, &token, size).await?);
        }
        reports.row(cells);
    }
    Ok(format!(
        "{rates}\nA report of {DAYS} days, p50 / p99 in ms:\n\n{reports}"
    ))
}

impl Archived {
    fn cells(&self, how: &str, target: &str) -> [String; 6] {
        let (changes, rate) = (self.changes as f64, self.changes as f64 / self.seconds);
        let [host, redis, client] = self.used.micros_each(self.changes).map(thousands);
        let name = format!("{} {how}", thousands(changes));
        [
            name,
            thousands(rate),
            host,
            redis,
            client,
            target.to_owned(),
        ]
    }
}

/// Measures from the first request of `send`, which makes so many changes, until all of them
/// are archived, each as an object of its own.
async fn archived(
    app: &App,
    changes: u64,
    send: impl Future<Output = Result<()>>,
) -> Result<Archived> {
    let (objects, before) = (app.archived_objects()?, app.archived_changes().await?);
    let (used, started) = (app.times().await?, Instant::now());
    send.await?;
    eventually("all changes are archived", LOOKS, async || {
        let archived = app.archived_changes().await? - before;
        Ok((archived >= changes).then_some(()))
    })
    .await?;
    let seconds = started.elapsed().as_secs_f64();
    let used = app.times().await? - used;
    app.drained().await?;
    let objects = app.archived_objects()? - objects;
    ensure!(
        objects == changes,
        "the archive has {objects} objects more for {changes} changes"
    );
    Ok(Archived {
        changes,
        seconds,
        used,
    })
}

/// Median and 99th percentile of a report's time, after a check that it has all purchases.
async fn report(
    connection: &mut Connection,
    by: &str,
    token: &HeaderValue,
    purchases: u64,
) -> Result<String> {
    let call = routes::purchase_report("2025-07-01", "2025-07-31", by).with_token(token);
    let report = connection.ask(&call).await?;
    let found = report.totales.first().map_or(0, |total| total.compras);
    ensure!(
        found == purchases,
        "the report has {found} of {purchases} purchases"
    );
    let latencies = load::one_by_one(connection, &call, REPORTS).await?;
    Ok(latencies.summary())
}

/// Makes another purchase each time.
pub fn create_purchase(name: &'static str, token: HeaderValue) -> Arc<Endpoint> {
    Endpoint::numbered(name, move |number| {
        let lines = lines(number).map(|(code, price, quantity)| {
            json!({"codigo": code, "nombre": format!("Producto {code}"),
                "precio_unitario": price, "cantidad": quantity})
        });
        let purchase = json!({"compra_id": format!("posted-{number}"), "fecha": date(number),
            "productos": lines});
        Ok(routes::create_purchase(&purchase).with_token(&token))
    })
}

async fn send(app: &App, calls: &[Call]) -> Result<()> {
    let mut connection = app.connect().await?;
    for call in calls {
        let answer = connection.ask(call).await?;
        ensure!(
            answer == json!({"batchItemFailures": []}),
            "records were refused: {answer}"
        );
    }
    Ok(())
}

/// The requests with the records of new items.
fn stream(app: &App, tenant: &str, numbers: Range<u64>) -> Result<Vec<Call>> {
    let token = format!("Bearer {}", app.stage.stack.stream_token()).parse()?;
    let records: Vec<_> = numbers.map(|number| record(tenant, number)).collect();
    let calls = records.chunks(RECORDS).map(routes::stream);
    Ok(calls.map(|call| call.with_token(&token)).collect())
}

/// A new item, as the stream of its table has it.
fn record(tenant: &str, number: u64) -> Value {
    let id = format!("{tenant}-{number}");
    let user = number / DAYS % USERS;
    let lines = lines(number).map(|(code, price, quantity)| {
        json!({"M": {"codigo": {"S": code}, "nombre": {"S": format!("Producto {code}")},
            "precio_unitario": {"N": price}, "cantidad": {"N": quantity.to_string()}}})
    });
    json!({
        "eventID": id,
        "eventName": "INSERT",
        "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
        "dynamodb": {
            "ApproximateCreationDateTime": 1_752_580_800 + number,
            "Keys": {"compra_id": {"S": id}},
            "NewImage": {"compra_id": {"S": id}, "tenant_id": {"S": tenant},
                "user_id": {"S": format!("user-{user}")}, "fecha": {"S": date(number)},
                "productos": {"L": lines}},
            "SequenceNumber": format!("{:025}", number + 1),
        },
    })
}

/// A day of July; the next purchase is of the next day.
fn date(number: u64) -> String {
    format!("2025-07-{:02} 10:30:00", 1 + number % DAYS)
}

/// Two products with their prices and quantities.
fn lines(number: u64) -> [(String, String, u64); 2] {
    [0, 1].map(|nth| {
        let product = (number / DAYS + nth) % PRODUCTS;
        let price = format!("{}.{:02}", 1 + number % 90, number % 100);
        (format!("PROD{product:03}"), price, 1 + number % 3)
    })
}
