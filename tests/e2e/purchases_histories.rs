//! For any requests of concurrent clients, and any order and repetition of a stream's
//! records, while the store fails now and then: the archive holds each version and each
//! record once, and the report is that of the state. Generated histories, on a running
//! application; and one long history while hosts are killed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use devstack::s3::Fault;
use futures::future::{join, join_all};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::Config;
use reqwest::Method;
use serde_json::{Value, json};
use tests::{App, Hosts, Manifest, Member, Seed, body, eventually};
use tokio::runtime::Runtime;

const HISTORIES: u32 = 12;
const CLIENTS: usize = 5;
const PURCHASES: usize = 4;
const ITEMS: usize = 3;
const DAYS: [&str; 3] = ["2025-07-12", "2025-07-13", "2025-07-14"];
const ADMIN: &[&str] = &["admin"];

/// An action of a client on a purchase, or a record of a stream about an item.
#[derive(Clone, Debug)]
enum Action {
    Put(Content),
    Remove,
}

#[derive(Clone, Debug)]
struct Content {
    day: &'static str,
    /// Code, price in cents, quantity in tenths.
    lines: Vec<(&'static str, u32, u32)>,
}

fn action() -> impl Strategy<Value = Action> {
    let line = (select(vec!["A", "B", "C"]), 0_u32..100_000, 0_u32..50);
    let content = (select(DAYS.to_vec()), prop::collection::vec(line, 1..4))
        .prop_map(|(day, lines)| Action::Put(Content { day, lines }));
    prop_oneof![4 => content, 1 => Just(Action::Remove)]
}

/// The batches of a stream: indexes of records, which come in any order and again.
type Batches = Vec<Vec<prop::sample::Index>>;

#[derive(Clone, Debug)]
struct Plan {
    clients: Vec<Vec<(usize, Action)>>,
    records: Vec<(usize, Action)>,
    batches: Batches,
}

fn plan(actions: usize) -> impl Strategy<Value = Plan> {
    let acts = prop::collection::vec((0..PURCHASES, action()), 1..actions);
    let records = prop::collection::vec((0..ITEMS, action()), 1..actions);
    let batch = prop::collection::vec(any::<prop::sample::Index>(), 1..9);
    let batches = prop::collection::vec(batch, 1..6);
    (prop::collection::vec(acts, CLIENTS), records, batches).prop_map(
        |(clients, records, batches)| Plan {
            clients,
            records,
            batches,
        },
    )
}

/// One history, in a tenant of its own.
struct History<'a> {
    app: &'a App,
    tenant: &'static str,
}

impl History<'_> {
    fn admin(&self) -> Member<'_> {
        self.app.member("root", self.tenant, ADMIN)
    }

    fn client(&self, nth: usize) -> Member<'_> {
        match nth {
            0 | 1 => self.app.member("ana", self.tenant, &[]),
            2 => self.app.member("bob", self.tenant, &[]),
            _ => self.admin(),
        }
    }

    async fn follow(&self, plan: &Plan) {
        let acknowledged = self.act_all(plan).await;
        self.settle(plan, &acknowledged).await;
    }

    /// Lets clients and stream do their part, in bad weather.
    async fn act_all(&self, plan: &Plan) -> Vec<(usize, u64, Value)> {
        let clients = plan
            .clients
            .iter()
            .enumerate()
            .map(|(nth, actions)| async move {
                let mut acknowledged = Vec::new();
                for (purchase, action) in actions {
                    acknowledged.extend(self.act(self.client(nth), *purchase, action).await);
                }
                acknowledged
            });
        let stream = async {
            let records: Vec<_> = (1..)
                .zip(&plan.records)
                .map(|(n, record)| self.record(n, record))
                .collect();
            for batch in &plan.batches {
                let batch: Vec<_> = batch.iter().map(|index| index.get(&records)).collect();
                self.post(&json!({"Records": batch})).await;
            }
            // And once whole, as AWS sends it after an error.
            self.post(&json!({"Records": records})).await;
        };
        let acting = join(join_all(clients), stream);
        let (acknowledged, ()) = in_bad_weather(self.app, acting).await;
        acknowledged.into_iter().flatten().collect()
    }

    /// Waits until all is archived, and checks it.
    async fn settle(&self, plan: &Plan, acknowledged: &[(usize, u64, Value)]) {
        self.app.stack.s3().faults().clear();
        self.app.archived().await;
        self.check(plan, acknowledged).await;
    }

    async fn post(&self, records: &Value) {
        eventually("the records are taken", || async {
            let request = self.app.request(Method::POST, "/compras/stream");
            let request = request
                .bearer_auth(self.app.stack.stream_token())
                .json(records);
            let answer = request.send().await.ok()?;
            if answer.status().is_server_error() {
                return None;
            }
            let answer = body(answer, 200).await;
            answer["batchItemFailures"]
                .as_array()
                .unwrap()
                .is_empty()
                .then_some(())
        })
        .await;
    }

    /// Sends a request until it is answered. Returns the version that it made, if one.
    async fn act(
        &self,
        member: Member<'_>,
        purchase: usize,
        action: &Action,
    ) -> Option<(usize, u64, Value)> {
        let path = format!("/compras/p{purchase}");
        eventually("a client is answered", || async {
            let request = match action {
                Action::Put(content) => member.request(Method::PUT, &path).json(&document(content)),
                Action::Remove => member.request(Method::DELETE, &path),
            };
            let answer = request.send().await.ok()?;
            let status = answer.status().as_u16();
            if status >= 500 {
                return None;
            }
            match (status, action) {
                (200 | 201, Action::Put(_)) => {
                    let answer = body(answer, status).await;
                    let version = answer["version"].as_u64().unwrap();
                    Some(Some((purchase, version, answer["productos"].clone())))
                }
                (204 | 404, Action::Remove) | (409, Action::Put(_)) => Some(None),
                _ => panic!("{status}: {}", answer.text().await.unwrap()),
            }
        })
        .await
    }

    fn record(&self, sequence: usize, (item, action): &(usize, Action)) -> Value {
        let (event, image, content) = match action {
            Action::Put(content) => ("MODIFY", "NewImage", content.clone()),
            Action::Remove => (
                "REMOVE",
                "OldImage",
                Content {
                    day: DAYS[0],
                    lines: Vec::new(),
                },
            ),
        };
        let lines = content.lines.iter().map(|(code, price, quantity)| {
            json!({"M": {"codigo": {"S": code}, "nombre": {"S": code}, "precio_unitario": {"N": cents(*price)}, "cantidad": {"N": tenths(*quantity)}}})
        });
        json!({"eventID": format!("{}-{sequence}", self.tenant), "eventName": event, "eventSource": "aws:dynamodb",
            "awsRegion": "us-east-1", "eventSourceARN": format!("arn:aws:dynamodb:us-east-1:1:table/{}/stream/1", self.tenant),
            "dynamodb": {"Keys": {"compra_id": {"S": format!("s{item}")}}, "SequenceNumber": sequence.to_string(),
                "ApproximateCreationDateTime": 1_752_402_600, image: {"compra_id": {"S": format!("s{item}")},
                    "tenant_id": {"S": self.tenant}, "user_id": {"S": "dyn"}, "fecha": {"S": content.day},
                    "productos": {"L": lines.collect::<Vec<_>>()}}}})
    }

    /// Compares archive and report with the versions and records.
    async fn check(&self, plan: &Plan, acknowledged: &[(usize, u64, Value)]) {
        let mut expected = BTreeSet::new();
        let mut state = Vec::new();
        for purchase in 0..PURCHASES {
            let path = format!("/compras/p{purchase}?history=true");
            let answer = self.admin().get(&path).await;
            if answer.status() == 404 {
                continue;
            }
            let history = body(answer, 200).await;
            let versions = history["versions"].as_array().unwrap();
            for (number, version) in (1..).zip(versions) {
                assert_eq!(version["version"], number);
                let event = version["event_name"].as_str().unwrap();
                expected.insert((
                    format!("p{purchase}"),
                    format!("{number:06}"),
                    event.to_owned(),
                    version["productos"].to_string(),
                ));
            }
            for (_, version, lines) in acknowledged.iter().filter(|(about, ..)| *about == purchase)
            {
                let index = usize::try_from(version - 1).unwrap();
                assert_eq!(
                    versions[index]["productos"], *lines,
                    "an acknowledged version is there"
                );
            }
            let latest = versions.last().unwrap();
            if latest["event_name"] != "REMOVE" {
                let day = latest["fecha"].as_str().unwrap()[..10].to_owned();
                state.push((day, latest["productos"].clone()));
            }
        }
        let mut items: BTreeMap<usize, &Action> = BTreeMap::new();
        for (sequence, (item, action)) in (1..).zip(&plan.records) {
            items.insert(*item, action);
            let (event, lines) = match action {
                Action::Put(content) => ("MODIFY", document(content)["productos"].clone()),
                Action::Remove => ("REMOVE", json!([])),
            };
            expected.insert((
                format!("s{item}"),
                format!("{sequence}"),
                event.to_owned(),
                lines.to_string(),
            ));
        }
        for action in items.into_values() {
            if let Action::Put(content) = action {
                state.push((
                    content.day.to_owned(),
                    document(content)["productos"].clone(),
                ));
            }
        }

        let archive = self.app.archive(&format!("compras/{}/", self.tenant));
        let found: BTreeSet<_> = archive
            .iter()
            .map(|(key, line)| {
                let line: Value = serde_json::from_str(line).unwrap();
                let name = key
                    .rsplit('/')
                    .next()
                    .unwrap()
                    .strip_suffix(".json")
                    .unwrap();
                let suffix = name.rsplit('_').next().unwrap().to_owned();
                let event = line["metadata"]["event_name"].as_str().unwrap().to_owned();
                (
                    line["compra_id"].as_str().unwrap().to_owned(),
                    suffix,
                    event,
                    line["productos"].to_string(),
                )
            })
            .collect();
        assert_eq!(found, expected);
        assert_eq!(archive.len(), expected.len(), "nothing is there twice");

        // Sums in thousandths of a cent, so that they are exact.
        let mut days: BTreeMap<String, (u64, i64)> = BTreeMap::new();
        for (day, lines) in &state {
            let total = days.entry(day.clone()).or_default();
            total.0 += 1;
            total.1 += total_cents(lines);
        }
        let report = self
            .admin()
            .report("desde=2025-07-12&hasta=2025-07-14")
            .await;
        let told: BTreeMap<String, (u64, i64)> = report["filas"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| {
                let revenue = (row["ingresos"].as_f64().unwrap() * 100.0).round() as i64;
                let count = row["compras"].as_u64().unwrap();
                (row["dia"].as_str().unwrap().to_owned(), (count, revenue))
            })
            .collect();
        assert_eq!(told, days);
    }
}

fn cents(price: u32) -> String {
    format!("{}.{:02}", price / 100, price % 100)
}

fn tenths(quantity: u32) -> String {
    format!("{}.{}", quantity / 10, quantity % 10)
}

fn document(content: &Content) -> Value {
    let lines = content.lines.iter().map(|(code, price, quantity)| {
        // Numbers as JSON writes them, for the comparison with the archive.
        let number = |text: String| serde_json::from_str::<Value>(&text).unwrap();
        json!({"codigo": code, "nombre": code, "precio_unitario": number(cents(*price)), "cantidad": number(tenths(*quantity))})
    });
    json!({"fecha": content.day, "productos": lines.collect::<Vec<_>>()})
}

/// The price of all lines in cents, rounded half up.
fn total_cents(lines: &Value) -> i64 {
    let thousandths: i64 = lines
        .as_array()
        .unwrap()
        .iter()
        .map(|line| {
            let whole = |name: &str, by: f64| (line[name].as_f64().unwrap() * by).round() as i64;
            whole("precio_unitario", 100.0) * whole("cantidad", 10.0)
        })
        .sum();
    (thousandths + 5) / 10
}

/// Lets the store fail now and then, until it is aborted.
async fn weather(app: &App, mut random: fastrand::Rng) {
    let faults = app.stack.s3().faults();
    loop {
        let fault = [Fault::SlowDown, Fault::InternalError, Fault::Reset][random.usize(..3)];
        faults.next_of("PutObject", random.usize(1..5), fault);
        tokio::time::sleep(Duration::from_millis(random.u64(10..100))).await;
    }
}

/// Does work while the store fails now and then.
async fn in_bad_weather<T>(app: &App, work: impl Future<Output = T>) -> T {
    tokio::select! {
        done = work => done,
        () = weather(app, fastrand::Rng::new()) => unreachable!("it has no end"),
    }
}

#[test]
fn the_archive_is_the_history_and_the_report_is_the_state() {
    let runtime = Runtime::new().unwrap();
    let app = runtime.block_on(App::start());
    let seed = Seed::new();
    let config = Config {
        cases: HISTORIES,
        max_shrink_time: 20_000,
        ..Config::default()
    };
    let mut runner = seed.runner(config);
    let outcome = runner.run(&plan(10), |plan| {
        let number = app
            .archive("compras/")
            .keys()
            .filter_map(|key| key.split('/').nth(1))
            .collect::<BTreeSet<_>>()
            .len();
        // A few bytes for each history.
        let tenant: &'static str = format!("t{number}-{}", fastrand::u32(..)).leak();
        let history = History { app: &app, tenant };
        runtime.block_on(history.follow(&plan));
        Ok(())
    });
    runtime.block_on(app.stop());
    outcome.unwrap();
}

#[test]
fn a_history_is_whole_though_hosts_are_killed() {
    let runtime = Runtime::new().unwrap();
    let seed = Seed::new();
    let mut app = runtime.block_on(App::of(
        Manifest::shipped(),
        &[("queue_lease_seconds", "1"), ("queue_attempts", "100")],
    ));
    let mut runner = seed.runner(Config::default());
    let plan = plan(60).new_tree(&mut runner).unwrap().current();
    runtime.block_on(async {
        let mut hosts = Hosts::take_over(&mut app, env!("CARGO_BIN_EXE_host"), 1).await;
        let history = History {
            app: &app,
            tenant: "killed",
        };
        let mut random = seed.fork(2);
        let kills = async {
            for _ in 0..8 {
                tokio::time::sleep(Duration::from_millis(random.u64(100..600))).await;
                hosts.kill(0);
                hosts.start(0).await;
            }
        };
        let (acknowledged, ()) = join(history.act_all(&plan), kills).await;
        history.settle(&plan, &acknowledged).await;
        drop(hosts);
        app.stop().await;
    });
}
