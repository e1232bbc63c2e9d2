//! Requests a second of each endpoint under load, beside the empty component.

use std::{path::Path, sync::Arc};

use ::http::{HeaderValue, Method};
use anyhow::{Context, Result, ensure};
use devstack::client::{Call, Photo, Post, routes};
use serde_json::{Value, json};

use super::{ipp, jobs::Job, purchases::create_purchase};
use crate::{
    app::App,
    client::Connection,
    load::{self, Endpoint},
    manifest::EMPTY,
    numbers::{Latencies, median, thousands},
    plan::Plan,
    report::Table,
    seed,
};

/// The owner of the photo, job and order that are read.
const USER: u64 = 456;

/// The user who searches photos.
const SEARCHER: u64 = 1;

/// The number of toons in the job that is read.
const ASKED_JOB: usize = 100;

/// The number of toons in each submitted job.
const SUBMITTED_JOB: usize = 10;

/// The number of orders that change in turn.
const ORDERS: u64 = 256;

/// An endpoint, and the processor time of the host that it should take at most, in
/// microseconds, if there is a target.
struct Subject {
    endpoint: Arc<Endpoint>,
    target: Option<u32>,
}

/// The target of reads of one document.
const READ: u32 = 100;

/// The measurements of an endpoint, over all rounds.
#[derive(Default)]
pub(super) struct Outcome {
    pub(super) rates: Vec<f64>,
    latencies: Latencies,
    /// The processor times of the host, of Redis and of the client, a request.
    micros: [Vec<f64>; 3],
}

pub async fn measure(app: &App, photos: &Path, plan: &Plan) -> Result<String> {
    let empty = Endpoint::constant("empty component", &Call::<Value>::new(Method::GET, EMPTY));
    let mut subjects = subjects(app, photos).await?;
    subjects.retain(|subject| subject.endpoint.name.contains(&plan.endpoint));
    ensure!(!subjects.is_empty(), "no endpoint is called so");
    let mut floor = Outcome::default();
    let mut outcomes: Vec<_> = subjects.iter().map(|_| Outcome::default()).collect();
    for _ in 0..plan.rounds {
        for (subject, outcome) in subjects.iter().zip(&mut outcomes) {
            run(app, &empty, &mut floor, plan).await?;
            run(app, &subject.endpoint, outcome, plan).await?;
        }
    }

    let mut table = Table::new([
        "",
        "requests/s",
        "p50 / p99, ms",
        "CPU of host, µs",
        "of Redis",
        "of client",
        "of empty",
        "target of the host, µs",
    ]);
    let cells = floor.cells(empty.name).into_iter();
    table.row(cells.chain(["1".to_owned(), String::new()]));
    for (at, (subject, outcome)) in subjects.iter().zip(&outcomes).enumerate() {
        // The floor of each round is the run of the empty component just before.
        let floors = floor.rates.iter().skip(at).step_by(subjects.len());
        let ratios = outcome.rates.iter().zip(floors);
        let ratio = median(ratios.map(|(rate, floor)| rate / floor));
        let cells = outcome.cells(subject.endpoint.name).into_iter();
        let target = subject.target.map(|target| target.to_string());
        table.row(cells.chain([format!("{ratio:.2}"), target.unwrap_or_default()]));
    }
    Ok(table.to_string())
}

/// Runs an endpoint, and lets the queues run empty before the next one.
pub(super) async fn run(
    app: &App,
    endpoint: &Arc<Endpoint>,
    outcome: &mut Outcome,
    plan: &Plan,
) -> Result<()> {
    let (made, used) = (endpoint.made(), app.times().await?);
    let latencies = load::run(app.host.address, endpoint, plan.warm_up, plan.run).await?;
    app.drained().await?;
    let (made, used) = (endpoint.made() - made, app.times().await? - used);
    outcome
        .rates
        .push(latencies.count() as f64 / plan.run.as_secs_f64());
    for (all, micros) in outcome.micros.iter_mut().zip(used.micros_each(made)) {
        all.push(micros);
    }
    outcome.latencies.extend(&latencies);
    Ok(())
}

impl Outcome {
    pub(super) fn cells(&self, name: &str) -> [String; 6] {
        let middle = |values: &[f64]| thousands(median(values.iter().copied()));
        let [host, redis, client] = &self.micros;
        [
            name.to_owned(),
            middle(&self.rates),
            self.latencies.summary(),
            middle(host),
            middle(redis),
            middle(client),
        ]
    }
}

/// Makes the photo, job and orders, and the endpoints that use them.
async fn subjects(app: &App, photos: &Path) -> Result<Vec<Subject>> {
    let token = app.token(USER)?;
    let mut connection = app.connect().await?;
    let file = a_photo(app, &mut connection, photos, &token).await?;
    seed::photos(app.redis_url(), SEARCHER, seed::GROUP).await?;
    let job = Job::of(ASKED_JOB, "asked-for")?;
    job.run(&mut connection, &token).await?;
    for number in 0..ORDERS {
        connection.send(&put_order(number, &token)).await?;
    }
    let followed = ipp::a_job(&mut connection, &token).await?;
    app.drained().await?;

    let without = |endpoint| Subject {
        endpoint,
        target: None,
    };
    let other = |name, call: Call| without(Endpoint::constant(name, &call.with_token(&token)));
    let read = |name, call| Subject {
        target: Some(READ),
        ..other(name, call)
    };
    let scan = routes::scan::<Value>("post_id=0").with_token(&app.token(SEARCHER)?);
    Ok(vec![
        without(Endpoint::constant(
            "`GET /healthz`, no token and no store",
            &Call::<Value>::new(Method::GET, "/healthz"),
        )),
        read("`GET /images/{file}`", routes::record(&file).reading()),
        read("`GET /obtain/{file}`", routes::obtain(&file)),
        without(Endpoint::constant("`GET /scan`, 20 photos", &scan)),
        read("`GET /jobs/{id}`", routes::job(&job.id, 0).reading()),
        other("`GET /results`, 100 toons", routes::results(&job.id, 100)),
        read("`GET /orders/{id}`", routes::order("changed-0")),
        other("`GET /ipp/status/{id}`", routes::ipp_status(&followed, 0)),
        without(receiver(token.clone())),
        without(submit_job(token.clone())),
        without(create_order(token.clone())),
        without(change_order(token)),
        without(create_purchase(
            "`POST /compras`",
            app.member("cafe-azul", &[])?,
        )),
    ])
}

/// An uploaded and analyzed photo.
async fn a_photo(
    app: &App,
    connection: &mut Connection,
    photos: &Path,
    token: &HeaderValue,
) -> Result<String> {
    let photo = Photo::all(photos)?.into_iter().next().context("no photo")?;
    let mut store = Connection::open(app.stage.stack.s3().address()).await?;
    let file = connection.upload(&mut store, &photo, USER, token).await?;
    connection.analyzed(&file, token).await?;
    Ok(file)
}

/// Announces another photo each time.
fn receiver(token: HeaderValue) -> Arc<Endpoint> {
    Endpoint::numbered("`POST /receiver`, new photos", move |number| {
        let (id, hash) = (i64::try_from(number / 20)?, format!("{number:064x}"));
        let post = Post {
            trip_id: id / 5,
            location_id: id % 50,
            ..id.into()
        };
        let announcement = post.announcement(&USER.to_string(), &hash, "image/jpeg");
        Ok(routes::announce(&announcement).reading().with_token(&token))
    })
}

/// Submits another job each time.
pub(super) fn submit_job(token: HeaderValue) -> Arc<Endpoint> {
    Endpoint::numbered("`POST /submit-job`, 10 toons", move |number| {
        let job = Job::of(SUBMITTED_JOB, &format!("submitted-{number}"))?;
        Ok(job.submission().with_token(&token))
    })
}

/// Makes another order each time.
pub(super) fn create_order(token: HeaderValue) -> Arc<Endpoint> {
    Endpoint::numbered("`POST /orders`", move |number| {
        let order = order(&format!("created-{number}"), number);
        Ok(routes::create_order(&order).with_token(&token))
    })
}

/// Changes one order after the other, each time to new content.
fn change_order(token: HeaderValue) -> Arc<Endpoint> {
    Endpoint::numbered("`PUT /orders/{id}`, a change", move |number| {
        Ok(put_order(ORDERS + number, &token))
    })
}

pub(super) fn put_order(number: u64, token: &HeaderValue) -> Call {
    let id = format!("changed-{}", number % ORDERS);
    routes::change_order(&id, &order(&id, number)).with_token(token)
}

/// An order whose content no other number has.
pub(super) fn order(id: &str, number: u64) -> Value {
    json!({
        "orderId": id,
        "status": "received",
        "description": format!("Restring the mandolin, and look after the bridge ({number})"),
        "registerDate": "2026-11-22T10:15:00+01:00",
        "deliveryDate": "2026-12-04T17:00:00+01:00",
    })
}
