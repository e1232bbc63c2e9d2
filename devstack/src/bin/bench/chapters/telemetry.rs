//! The cost of counting requests and of sending traces.

use std::convert::Infallible;

use ::http::Response;
use anyhow::Result;
use devstack::{Server, client::routes};

use super::http::{Outcome, put_order, run};
use crate::{app::App, load::Endpoint, numbers::median, plan::Plan, report::Table};

/// The owner of the order that is read.
const USER: u64 = 456;

pub async fn measure(mut app: App, plan: &Plan) -> Result<(App, String)> {
    let token = app.token(USER)?;
    app.connect().await?.send(&put_order(0, &token)).await?;
    let order = routes::order("changed-0");
    let endpoint = Endpoint::constant("`GET /orders/{id}`", &order.with_token(&token));
    let service = tower::service_fn(async |_| Ok::<_, Infallible>(Response::new(String::new())));
    let collector = Server::start(([127, 0, 0, 1], 0).into(), service).await?;
    let collector = collector.url();
    let settings: [(&str, &[(&str, &str)]); 3] = [
        ("neither", &[]),
        ("`request_metrics` = `true`", &[("request_metrics", "true")]),
        ("`otlp_host`, every trace", &[("otlp_host", &collector)]),
    ];
    let mut outcomes = settings.map(|_| Outcome::default());
    let mut ratios = settings.map(|_| Vec::new());
    for _ in 0..plan.rounds {
        for ((_, variables), outcome) in settings.iter().zip(&mut outcomes) {
            app = app.with_variables(variables).await?;
            run(&app, &endpoint, outcome, plan).await?;
        }
        let rates = outcomes
            .each_ref()
            .map(|outcome| outcome.rates.last().copied());
        for (ratio, rate) in ratios.iter_mut().zip(rates) {
            ratio.extend(rate.zip(rates[0]).map(|(rate, plain)| rate / plain));
        }
    }
    let mut table = Table::new([
        "`GET /orders/{id}` with",
        "requests/s",
        "p50 / p99, ms",
        "CPU of host, µs",
        "of Redis",
        "of client",
        "of neither",
    ]);
    for (((name, _), outcome), ratios) in settings.iter().zip(&outcomes).zip(ratios) {
        let ratio = format!("{:.2}", median(ratios));
        table.row(outcome.cells(name).into_iter().chain([ratio]));
    }
    Ok((app, table.to_string()))
}
