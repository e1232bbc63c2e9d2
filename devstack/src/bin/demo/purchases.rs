//! The purchases system: purchases change, each change becomes a file of an archive in S3, and
//! reports and SQL tell of the same purchases.

use std::path::Path;

use anyhow::{Context, Result};
use catalog::{Class, Https, Table, download, verify};
use devstack::{
    Stack,
    client::{Client, User, eventually, routes},
    queries,
};
use objects::Objects;
use serde_json::{Value, json};

use crate::{
    checks::{Checks, say},
    shared::{LOOKS, OTHER, USER},
};

/// The tenant of the purchases.
const TENANT: &str = "cafe-azul";

/// The purchase that is removed, and the one that stays.
const REMOVED: &str = "COMPRA-001";
const KEPT: &str = "COMPRA-002";

/// The days of the purchases.
const DAYS: (&str, &str) = ("2025-07-01", "2025-07-31");

/// Runs the whole chapter.
pub async fn tell(client: &Client, stack: &Stack, checks: &Checks) -> Result<()> {
    let user = client.member(USER, TENANT, &[])?;
    let admin = client.member("boss", TENANT, &["admin"])?;
    say("\nPurchases: each change a file in S3, and reports");
    life(&user, checks).await?;
    let coffee = line("PROD001", "Café de Jaén", "99.99", 2);
    let lines = [coffee, line("PROD002", "Taza", "0.10", 3)];
    let kept = routes::create_purchase(&purchase(KEPT, "2025-07-14", &lines));
    let kept = user.ask(&kept).await?;
    checks.shows(format!("{KEPT}, which stays"), &kept, &total(200.28));
    let other = client.member(OTHER, TENANT, &[])?;
    let read = routes::purchase(KEPT);
    let refusal = ("another user asks", &other, &read, 404, "unknown_compra");
    checks.refused(&[refusal]).await;
    let machine = client.holder_of(stack.stream_token())?;
    let sent = machine.ask(&routes::stream(&[record()])).await?;
    let none_failed = json!({"batchItemFailures": []});
    checks.shows("a record of a DynamoDB stream", &sent, &none_failed);

    let call = routes::purchase_report(DAYS.0, DAYS.1, "producto");
    let report = eventually("all changes are archived", LOOKS, async || {
        let report = admin.ask(&call).await?;
        Ok((report.pendientes == 0).then_some(report))
    });
    let report = report.await?;
    let archive = stack.s3().bucket("compras")?;
    let (events, expected) = (
        files(&archive).await?,
        "insert, modify, remove, insert, insert",
    );
    checks.same("a file for each change", &*events, expected);
    let wrong = verify(&archive, None).await?.failed().map(Class::name);
    checks.same(
        "what the catalog finds wrong",
        wrong.unwrap_or("nothing"),
        "nothing",
    );
    // The removed purchase counts nowhere, and four times 0.10 is 0.40.
    let rows = report.filas.iter().chain(&report.totales).map(|row| {
        let name = row.nombre.as_deref().unwrap_or("total");
        format!("{name} {} {}", row.ingresos.get(), row.moneda)
    });
    let rows = rows.collect::<Vec<_>>().join(", ");
    let expected = "Café de Jaén 199.98 USD, Taza 0.40 USD, total 200.38 USD";
    checks.same("the report", &*rows, expected);

    say("\nQ2, a query for Athena, run by DuckDB on the same files");
    if queries::python(Path::new(".")).is_none() {
        say("    not run: `scripts/setup` installs DuckDB, if there is Python");
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    download(&archive, Table::Changes, Some(TENANT), folder.path()).await?;
    let options = ["--tenant", TENANT, "--desde", DAYS.0, "--hasta", DAYS.1];
    let rows = queries::rows(Path::new("."), "q2", folder.path(), &options).await?;
    let sums = [("Café de Jaén", "199.98"), ("Taza", "0.4")];
    let sums = sums.map(|(name, sum)| json!({"nombre": name, "total_ingresos": sum}));
    checks.shows("the same sums", &rows.into(), &json!(sums));
    Ok(())
}

/// Creates, changes and removes a purchase.
async fn life(user: &User<'_>, checks: &Checks) -> Result<()> {
    let [one, two] = [1, 2].map(|quantity| {
        let line = line("PROD001", "Café de Jaén", "99.99", quantity);
        purchase(REMOVED, "2025-07-13 10:30:00", &[line])
    });
    let created = user.ask(&routes::create_purchase(&one)).await?;
    checks.shows(format!("{REMOVED}, created"), &created, &total(99.99));
    let changed = user.ask(&routes::change_purchase(REMOVED, &two)).await?;
    checks.shows("changed", &changed, &total(199.98));
    let remove = routes::remove_purchase(REMOVED);
    remove.accept(user.answer(&remove).await?)?;
    let history = user.ask(&routes::purchase_history(REMOVED)).await?;
    let events = ["INSERT", "MODIFY", "REMOVE"].map(|event| json!({"event_name": event}));
    let expected = json!({ "versions": events });
    checks.shows("removed, its history", &history, &expected);
    Ok(())
}

/// The total of a purchase.
fn total(sum: f64) -> Value {
    json!({"resumen": {"total_precio": sum, "moneda": "USD"}})
}

fn purchase(id: &str, date: &str, lines: &[Value]) -> Value {
    json!({"compra_id": id, "fecha": date, "productos": lines})
}

fn line(code: &str, name: &str, price: &str, quantity: u32) -> Value {
    json!({"codigo": code, "nombre": name, "precio_unitario": price, "cantidad": quantity})
}

/// A new item of a table in DynamoDB, as its stream has it.
fn record() -> Value {
    let line = json!({"codigo": {"S": "PROD002"}, "nombre": {"S": "Taza"},
        "precio_unitario": {"N": "0.10"}, "cantidad": {"N": "1"}});
    json!({
        "eventID": "1",
        "eventName": "INSERT",
        "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
        "dynamodb": {
            "ApproximateCreationDateTime": 1_752_580_800,
            "Keys": {"compra_id": {"S": "tabla/7"}},
            "NewImage": {"compra_id": {"S": "tabla/7"}, "user_id": {"S": USER}, "tenant_id": {"S": TENANT},
                "fecha": {"S": "2025-07-15 12:00:00"}, "productos": {"L": [{"M": line}]}},
            "SequenceNumber": "4421584500000000017450439091",
        },
    })
}

/// Prints the files by folder, and the line in that of [`KEPT`].
async fn files(archive: &Objects<Https>) -> Result<String> {
    let listed = archive.list(Table::Changes.prefix(), None, 100).await?;
    let mut events: Vec<&str> = Vec::new();
    for key in listed.objects.iter().map(|object| &object.key) {
        say(format_args!("    {key}"));
        if key.contains(KEPT) {
            let object = archive.get(key, 1 << 20).await?;
            let line = object.context("the file is gone")?.bytes;
            say(format_args!("      {}", str::from_utf8(&line)?.trim_end()));
        }
        let name = key.rsplit('/').next().unwrap_or_default();
        events.extend(name.split('_').next());
    }
    Ok(events.join(", "))
}
