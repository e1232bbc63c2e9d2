//! The purchases system: purchases change, each change becomes a file of an archive in S3, and
//! reports and SQL tell of the same purchases.

use std::{
    env,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use catalog::{Https, Table, download, verify};
use devstack::{
    Stack,
    client::{
        Client, User, eventually,
        routes::{self, PurchaseReport},
    },
};
use objects::Objects;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::{
    OTHER, USER,
    checks::{Checks, heading, same, say, shows, text},
};

/// The tenant of the purchases.
const TENANT: &str = "cafe-azul";

/// The purchase that is not removed.
const KEPT: &str = "COMPRA-002";

/// The days of the purchases.
const DAYS: (&str, &str) = ("2025-07-01", "2025-07-31");

/// The pause between two looks at the report, and the limit for all of them.
const LOOKS: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(30));

/// The max bytes of an object that is read.
const MAX_BYTES: u64 = 1 << 20;

/// The columns of the query Q2 that are shown.
const COLUMNS: [&str; 5] = [
    "puesto",
    "codigo",
    "nombre",
    "total_compras",
    "total_ingresos",
];

/// Runs the whole chapter.
///
/// # Errors
/// The chapter cannot go on.
pub async fn tell(client: &Client, stack: &Stack, checks: &mut Checks) -> Result<()> {
    let user = client.member(USER, TENANT, &[])?;
    let other = client.member(OTHER, TENANT, &[])?;
    let admin = client.member("boss", TENANT, &["admin"])?;
    heading("Purchases: each change a file in S3, and reports");
    checks.add("COMPRA-001, through its life", life(&user).await);
    let coffee = json!([
        line("PROD001", "Café de Jaén", "99.99", 2),
        line("PROD002", "Taza", "0.10", 3)
    ]);
    let kept = routes::create_purchase(&purchase(KEPT, "2025-07-14", &coffee));
    let kept = user.ask(&kept).await;
    let kept = kept.and_then(|kept| total(&kept));
    checks.add(format_args!("{KEPT}, which stays"), kept);
    let read = routes::purchase(KEPT);
    let others = other.is_refused(&read, 404, "unknown_compra").await;
    checks.add("another user asks for it", others);
    let machine = client.holder_of(stack.stream_token())?;
    let sent = machine.ask(&routes::stream(&[record()])).await;
    let all = json!({"batchItemFailures": []});
    let sent = sent.and_then(|answer| same("the answer", answer, all));
    checks.add(
        "a record of a DynamoDB stream",
        sent.map(|()| "queued".to_owned()),
    );

    let call = routes::purchase_report(DAYS.0, DAYS.1, "producto");
    let report = eventually("all changes are archived", LOOKS, async || {
        let report = admin.ask(&call).await?;
        Ok((report.pendientes == 0).then_some(report))
    })
    .await?;
    let archive = stack.s3().bucket("compras")?;
    checks.add("a file for each change", files(&archive).await);
    let verified = verified(&archive).await;
    checks.add("the archive is as the catalog has it", verified);
    checks.add("the report", reported(&report));

    heading("Q2, a query for Athena, run by DuckDB on the same files");
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    let python = target.join("venv/bin/python3");
    if !python.exists() {
        say("    not run: `scripts/setup` installs DuckDB, if there is Python");
        return Ok(());
    }
    let queried = queried(&python, &archive, &report).await;
    checks.add("the same products and sums as the report", queried);
    Ok(())
}

/// Creates, changes and removes a purchase.
async fn life(user: &User<'_>) -> Result<String> {
    let id = "COMPRA-001";
    let [one, two] = [1, 2].map(|quantity| {
        let lines = json!([line("PROD001", "Café de Jaén", "99.99", quantity)]);
        purchase(id, "2025-07-13 10:30:00", &lines)
    });
    let created = user.ask(&routes::create_purchase(&one)).await?;
    let changed = user.ask(&routes::change_purchase(id, &two)).await?;
    let remove = routes::remove_purchase(id);
    remove.accept(user.answer(&remove).await?)?;
    user.is_refused(&routes::purchase(id), 404, "unknown_compra")
        .await?;
    let history = user.ask(&routes::purchase_history(id)).await?;
    let events = ["INSERT", "MODIFY", "REMOVE"];
    let expected = events.map(|event| json!({"event_name": event}));
    shows(&history, &json!({"versions": expected}))?;
    Ok(format!(
        "{}, then {}, then removed",
        total(&created)?,
        total(&changed)?
    ))
}

/// The total of a purchase, with its currency.
fn total(purchase: &Value) -> Result<String> {
    let total = purchase
        .pointer("/resumen/total_precio")
        .context("there is no total")?;
    Ok(format!("{total} {}", text(purchase, "/resumen/moneda")?))
}

fn purchase(id: &str, date: &str, lines: &Value) -> Value {
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
    let (mut last, mut events) = ("", Vec::new());
    for key in listed.objects.iter().map(|object| &object.key) {
        let (folder, name) = key.rsplit_once('/').context("a key without a folder")?;
        if folder != last {
            say(format_args!("    {folder}/"));
            last = folder;
        }
        say(format_args!("      {name}"));
        if name.contains(KEPT) {
            let object = archive.get(key, MAX_BYTES).await?;
            let line = String::from_utf8(object.context("it is gone")?.bytes)?;
            say(format_args!("        {}", line.trim_end()));
        }
        events.extend(name.split('_').next());
    }
    let expected = ["insert", "modify", "remove", "insert", "insert"];
    same("the events of the files", &*events, &expected)?;
    Ok(format!("{} files", events.len()))
}

/// The check of the catalog, class by class.
async fn verified(archive: &Objects<Https>) -> Result<String> {
    let report = verify(archive, None).await?;
    ensure!(report.failed().is_none(), "\n{report}");
    let classes = report.rows.iter();
    let classes = classes.map(|(class, row)| format!("{} {}", row.checked, class.name()));
    Ok(classes.collect::<Vec<_>>().join(", "))
}

/// Prints the report. The removed purchase counts nowhere, and four times 0.10 is 0.40.
fn reported(report: &PurchaseReport) -> Result<String> {
    let mut found = Vec::new();
    for row in &report.filas {
        let code = row.codigo.as_deref().unwrap_or_default();
        let name = row.nombre.as_deref().unwrap_or_default();
        let (quantity, revenue) = (row.cantidad.get(), row.ingresos.get());
        say(format_args!(
            "    {code:<10}{name:<16}{:>3} purchases{quantity:>4} sold{revenue:>10} {}",
            row.compras, row.moneda
        ));
        found.push((code, row.compras, quantity, revenue));
    }
    same(
        "its rows",
        found,
        vec![("PROD001", 1, "2", "199.98"), ("PROD002", 2, "4", "0.40")],
    )?;
    let total = report.totales.first().context("it has no total")?;
    same(
        "the total",
        (total.compras, total.ingresos.get()),
        (2, "200.38"),
    )?;
    Ok("2 purchases, 200.38 USD".to_owned())
}

/// Runs the query on a copy of the archive, prints its answer and compares it with the report.
async fn queried(
    python: &Path,
    archive: &Objects<Https>,
    report: &PurchaseReport,
) -> Result<String> {
    let folder = tempfile::tempdir()?;
    download(archive, Table::Changes, Some(TENANT), folder.path()).await?;
    let mut query = Command::new(python);
    query.args(["scripts/catalog.py", "q2", "--json", "--tenant", TENANT]);
    query.args(["--desde", DAYS.0, "--hasta", DAYS.1, "--folder"]);
    let output = query.arg(folder.path()).output().await?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}", complaint.trim_end());
    let rows: Vec<Value> = serde_json::from_slice(&output.stdout)?;
    let cell = |row: &Value, name: &str| match row.get(name) {
        Some(Value::String(text)) => text.clone(),
        value => value.map(Value::to_string).unwrap_or_default(),
    };
    let cells = rows.iter().map(|row| COLUMNS.map(|name| cell(row, name)));
    for row in [COLUMNS.map(str::to_owned)].into_iter().chain(cells) {
        let row = row.map(|cell| format!("{cell:<16}")).concat();
        say(format_args!("    {}", row.trim_end()));
    }
    let found = rows.iter().map(|row| {
        let revenue: f64 = cell(row, "total_ingresos").parse()?;
        Ok((cell(row, "codigo"), revenue))
    });
    let expected = report.mejores_productos.iter().map(|row| {
        let revenue: f64 = row.ingresos.get().parse()?;
        Ok((row.codigo.clone().unwrap_or_default(), revenue))
    });
    let found = found.collect::<Result<Vec<_>>>()?;
    same(
        "products and revenue",
        found,
        expected.collect::<Result<Vec<_>>>()?,
    )?;
    Ok(format!("{} products", rows.len()))
}
