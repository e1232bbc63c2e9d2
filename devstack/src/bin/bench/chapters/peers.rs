//! Orilla beside what a team would write instead on Node: Fastify, ioredis and BullMQ.

use std::{
    fs,
    io::ErrorKind,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
    pin::pin,
    process::Stdio,
    sync::Arc,
};

use anyhow::{Context, Result, ensure};
use devstack::{
    Redis, RedisOptions,
    client::{eventually, routes},
};
use tokio::process::{Child, Command};
use url::Url;

use super::{
    http::{create_order, order},
    jobs::Job,
};
use crate::{
    app::App,
    client::Connection,
    load::{self, Endpoint},
    looks::LOOKS,
    numbers::{Latencies, median, thousands},
    plan::Plan,
    report::Table,
};

/// The user who owns the orders and the jobs.
const USER: u64 = 456;

/// The files of the peers.
const FILES: [(&str, &str); 3] = [
    ("package.json", include_str!("../peers/package.json")),
    ("orders.mjs", include_str!("../peers/orders.mjs")),
    ("jobs.mjs", include_str!("../peers/jobs.mjs")),
];

/// How many toons BullMQ works on at once, and how many jobs a process of it does: only the
/// last one counts, for the first ones find nothing compiled.
const AT_ONCE: usize = 32;
const PEER_JOBS: usize = 3;

pub async fn measure(app: &App, plan: &Plan) -> Result<String> {
    let reads = beside_a_job(app, plan).await?;
    let reads = format!(
        "`GET /orders/{{id}}` while a job of {} toons runs, p50 / p99: {} ms (target: p99 of 10 ms).\n",
        thousands(plan.large_job as f64),
        reads.summary()
    );
    let Some(peer) = Peer::start(app.stage.stack.jwt_secret()).await? else {
        return Ok(format!(
            "The peers are left out: `npm` is not installed.\n\n{reads}"
        ));
    };
    let token = app.token(USER)?;
    // Each of the two makes the order that is read, and other orders.
    let made = order("read", 0);
    let made = routes::create_order(&made).with_token(&token);
    app.connect().await?.send(&made).await?;
    Connection::open(peer.address).await?.send(&made).await?;
    let read = routes::order("read").with_token(&token);
    let pairs = [
        ("`GET /orders/{id}`, requests/s", 1.5, {
            let read = || Endpoint::constant("read", &read);
            [read(), read()]
        }),
        ("`POST /orders`, requests/s", 1.0, {
            let create = || create_order(token.clone());
            [create(), create()]
        }),
    ];
    let mut table = Table::new(["", "Orilla", "peer", "ratio", "target"]);
    for (name, target, [ours, theirs]) in &pairs {
        let mut rates = Vec::new();
        for _ in 0..plan.rounds {
            let ours = rate(app.host.address, ours, plan).await?;
            app.drained().await?;
            rates.push((ours, rate(peer.address, theirs, plan).await?));
        }
        table.row(cells(name, &rates, *target));
    }
    let mut rates = Vec::new();
    for round in 0..plan.rounds {
        // The host closes a connection that is idle for as long as the peer's turn may take.
        let mut connection = app.connect().await?;
        let mut took = Vec::new();
        for number in 0..PEER_JOBS {
            let job = Job::of(plan.large_job, &format!("peers-{round}-{number}"))?;
            let ran = job.run(&mut connection, &token).await?;
            took.push(ran.took.as_secs_f64());
            app.drained().await?;
        }
        let ours = plan.large_job as f64 / median(took);
        rates.push((ours, peer.job(plan.large_job).await?));
    }
    let name = format!(
        "a job of {} toons, toons/s",
        thousands(plan.large_job as f64)
    );
    table.row(cells(&name, &rates, 8.0));
    peer.stop().await;
    Ok(format!("{table}\n{reads}"))
}

/// The requests a second of an endpoint.
async fn rate(address: SocketAddr, endpoint: &Arc<Endpoint>, plan: &Plan) -> Result<f64> {
    let latencies = load::run(address, endpoint, plan.warm_up, plan.run).await?;
    Ok(latencies.count() as f64 / plan.run.as_secs_f64())
}

fn cells(name: &str, rates: &[(f64, f64)], target: f64) -> [String; 5] {
    let ratios = rates.iter().map(|(ours, theirs)| ours / theirs);
    let (ours, theirs): (Vec<_>, Vec<_>) = rates.iter().copied().unzip();
    [
        name.to_owned(),
        thousands(median(ours)),
        thousands(median(theirs)),
        format!("{:.2}", median(ratios)),
        target.to_string(),
    ]
}

/// The times of reads of an order while large jobs run.
async fn beside_a_job(app: &App, plan: &Plan) -> Result<Latencies> {
    let token = app.token(USER)?;
    let mut submitter = app.connect().await?;
    let made = order("beside", 0);
    submitter
        .send(&routes::create_order(&made).with_token(&token))
        .await?;
    let read = routes::order("beside").with_token(&token);
    let mut latencies = Latencies::default();
    for round in 0..plan.rounds * PEER_JOBS {
        app.drained().await?;
        let job = Job::of(plan.large_job, &format!("beside-{round}"))?;
        // The end of a job cuts a read off, and its connection with it.
        let mut reader = app.connect().await?;
        let running = job.run(&mut submitter, &token);
        let mut running = pin!(running);
        loop {
            tokio::select! {
                ran = &mut running => break drop(ran?),
                read = load::one_by_one(&mut reader, &read, 1) => latencies.extend(&read?),
            }
        }
    }
    Ok(latencies)
}

/// The peers, with a Redis of their own.
struct Peer {
    orders: Child,
    address: SocketAddr,
    redis: Redis,
    // Dropped last: its users are stopped before the folder goes.
    dir: tempfile::TempDir,
}

impl Peer {
    /// Installs them from the package registry and starts the one of orders; `None` if this
    /// machine has no npm.
    async fn start(jwt_secret: &str) -> Result<Option<Self>> {
        let dir = tempfile::Builder::new().prefix("orilla-peers-").tempdir()?;
        for (name, text) in FILES {
            fs::write(dir.path().join(name), text)?;
        }
        let installed = Command::new("npm")
            .args(["install", "--silent", "--no-audit", "--no-fund"])
            .current_dir(dir.path())
            .stdout(Stdio::null())
            .status()
            .await;
        match installed {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            installed => ensure!(installed?.success(), "npm can't install the peers"),
        }
        let redis = Redis::start(RedisOptions::new(dir.path().join("redis"))).await?;
        // Another program could take the port meanwhile; the peer fails then.
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let port = address.port().to_string();
        let arguments = ["orders.mjs", &port, &redis_port(&redis)?, jwt_secret];
        let orders = node(dir.path(), &arguments).spawn()?;
        eventually("the peer listens", LOOKS, async || {
            Ok(Connection::open(address).await.ok())
        })
        .await?;
        Ok(Some(Self {
            orders,
            address,
            redis,
            dir,
        }))
    }

    /// The toons a second of the last one of some jobs.
    async fn job(&self, size: usize) -> Result<f64> {
        let (size, at_once) = (size.to_string(), AT_ONCE.to_string());
        let (port, jobs) = (redis_port(&self.redis)?, PEER_JOBS.to_string());
        let arguments = ["jobs.mjs", &port, &size, &at_once, &jobs];
        let mut jobs = node(self.dir.path(), &arguments);
        let output = jobs.stdout(Stdio::piped()).output().await?;
        let text = String::from_utf8_lossy(&output.stdout);
        let rate = text.trim_end().strip_suffix(" a second");
        let rate = rate.and_then(|text| text.rsplit(' ').next()?.parse().ok());
        rate.with_context(|| format!("the peer's job failed: {text}"))
    }

    async fn stop(mut self) {
        // Fails only if it has ended.
        let _ = self.orders.kill().await;
    }
}

fn node(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("node");
    command.args(arguments).current_dir(folder);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command.kill_on_drop(true);
    command
}

fn redis_port(redis: &Redis) -> Result<String> {
    let port = Url::parse(redis.url())?.port();
    Ok(port.context("Redis has no port")?.to_string())
}
