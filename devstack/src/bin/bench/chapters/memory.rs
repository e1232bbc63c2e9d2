//! The memory of the host while mixed load goes on: it must not grow with the requests.

use std::time::Duration;

use ::http::Method;
use anyhow::Result;
use devstack::client::{Call, routes};
use serde_json::Value;

use super::{
    http::{create_order, put_order, submit_job},
    jobs::Job,
};
use crate::{
    app::App,
    load::{self, Endpoint},
    numbers::thousands,
    plan::Plan,
    report::Table,
};

/// The user who owns the orders and the jobs.
const USER: u64 = 456;

pub async fn measure(app: &App, plan: &Plan) -> Result<String> {
    let token = app.token(USER)?;
    app.connect().await?.send(&put_order(0, &token)).await?;
    let endpoints = [
        Endpoint::constant("read", &routes::order("changed-0").with_token(&token)),
        Endpoint::constant("health", &Call::<Value>::new(Method::GET, "/healthz")),
        create_order(token.clone()),
        submit_job(token.clone()),
    ];
    let mut table = Table::new([
        "requests so far",
        "large jobs so far",
        "memory, MiB",
        "allocated, MiB",
    ]);
    for look in 1..=plan.memory_looks {
        for endpoint in &endpoints {
            load::run(app.host.address, endpoint, Duration::ZERO, plan.run).await?;
            app.drained().await?;
        }
        let job = Job::of(plan.large_job, &format!("memory-{look}"))?;
        // The host closes connections that are idle for as long as a look takes.
        job.run(&mut app.connect().await?, &token).await?;
        app.drained().await?;
        let requests: u64 = endpoints.iter().map(|endpoint| endpoint.made()).sum();
        table.row([
            thousands(requests as f64),
            look.to_string(),
            format!("{:.0}", app.host.memory()?),
            format!("{:.0}", app.host.allocated_memory()?),
        ]);
    }
    Ok(table.to_string())
}
