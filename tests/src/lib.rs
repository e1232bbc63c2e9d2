//! A whole Orilla for a test: the real application on the embedded host, with
//! a Redis and an S3 store of its own, on free ports and in a temporary
//! folder.

mod api;
mod balancer;
mod collector;
mod hosts;
mod ipp;
mod jobs;
mod manifest;
mod ops;
mod orders;
mod photo;
mod purchases;
mod request;
mod seed;
mod service;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use devstack::client::{Answer, Call, Client, routes};
use devstack::{Redis, RedisOptions, Stack, StackOptions, WebhookReceiver};
use reqwest::{Method, Response};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::Mutex;

pub use api::{API, Answered, Api};
pub use collector::{Collector, Span};
pub use devstack::client::Photo;
pub use hosts::{Hosts, documents_in};
pub use manifest::Manifest;
pub use photo::SamplePhoto;
pub use purchases::{Member, purchase};
pub use request::RequestBuilder;
pub use seed::Seed;
pub use service::{Service, Visit};

/// The user of a test.
pub const USER: &str = "456";

/// The max time of anything here on a busy machine: reaching it is a failure.
const PATIENCE: Duration = Duration::from_secs(90);

/// Bytes as hex digits in lower case.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_path_buf()
}

/// Waits until `look` finds something.
pub async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut look: impl FnMut() -> F,
) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(
            started.elapsed() < PATIENCE,
            "this did not come about: {what}"
        );
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}

/// A Redis of its own, for tests that need nothing else.
pub struct OwnRedis {
    /// The server.
    pub server: Redis,
    _dir: TempDir,
}

impl OwnRedis {
    /// Starts the server.
    pub async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self {
            server: Redis::start(RedisOptions::new(dir.path())).await.unwrap(),
            _dir: dir,
        }
    }

    /// A connection.
    pub fn connect(&self) -> stores::native::NativeRedis {
        stores::native::NativeRedis::open(self.server.url()).unwrap()
    }
}

/// The first start compiles the components; the others find them compiled.
static FIRST_START: Mutex<bool> = Mutex::const_new(false);

/// The application and its dependencies.
pub struct App {
    /// The stack that it runs in.
    pub stack: Stack,
    client: Client,
    dir: TempDir,
}

impl App {
    /// The application as it is shipped.
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// The application with some variables set.
    pub async fn with(variables: &[(&str, &str)]) -> Self {
        Self::of(Manifest::shipped(), variables).await
    }

    /// Another application.
    pub async fn of(manifest: Manifest, variables: &[(&str, &str)]) -> Self {
        Self::configured(manifest, variables, "").await
    }

    /// An application with a `runtime-config.toml`.
    pub async fn configured(
        manifest: Manifest,
        variables: &[(&str, &str)],
        runtime_config: &str,
    ) -> Self {
        Self::on(manifest, variables, runtime_config, &[]).await
    }

    /// An application whose Redis has all its answers on disk, so that
    /// not even a crash of the machine would lose them.
    pub async fn durable(manifest: Manifest, variables: &[(&str, &str)]) -> Self {
        Self::on(manifest, variables, "", &[("appendfsync", "always")]).await
    }

    async fn on(
        manifest: Manifest,
        variables: &[(&str, &str)],
        runtime_config: &str,
        redis_settings: &[(&str, &str)],
    ) -> Self {
        let owned = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            let pairs = pairs.iter();
            pairs
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect()
        };
        let dir = tempfile::tempdir().unwrap();
        let path = manifest.write(dir.path());
        let mut options = StackOptions::new(path, dir.path().join("data"));
        options.cache_dir = Some(root().join("target/orilla-cache"));
        options.rekognition = manifest.uses_rekognition();
        let config_file = dir.path().join("runtime-config.toml");
        std::fs::write(&config_file, runtime_config).unwrap();
        options.runtime_config_file = Some(config_file);
        options.variables = BTreeMap::from([
            // Tests wait for retries, so the delays are short.
            ("queue_retry_base_ms".to_owned(), "50".to_owned()),
            ("queue_retry_cap_ms".to_owned(), "200".to_owned()),
        ]);
        options.variables.extend(owned(variables));
        options.redis_settings = owned(redis_settings);
        // `.ci/run` runs a part of the tests with new instances for each call, as on Spin.
        if let Ok(count) = std::env::var("E2E_INSTANCE_REUSE_COUNT") {
            options.limits.max_instance_reuse_count = count.parse().unwrap();
        }
        let stack = {
            let mut compiled = FIRST_START.lock().await;
            if *compiled {
                drop(compiled);
                Stack::start(options).await
            } else {
                let stack = Stack::start(options).await;
                *compiled = stack.is_ok();
                stack
            }
        };
        let stack = stack.unwrap();
        let client = Client::new(stack.base_url(), stack.jwt_secret()).unwrap();
        Self { stack, client, dir }
    }

    /// Starts the application again with another manifest.
    pub async fn change(&mut self, manifest: Manifest) {
        manifest.write(self.dir.path());
        self.stack.restart_app().await.unwrap();
    }

    /// Starts the application again with these faults of its key-value store, or
    /// without any. They are written as `orilla up --key-value-fault` takes them;
    /// one that exits would end the test.
    pub async fn restart_with_faults(&mut self, faults: &[&str]) {
        let faults = faults.iter().map(|fault| fault.parse().unwrap()).collect();
        self.stack.app_options_mut().key_value_faults = faults;
        self.stack.restart_app().await.unwrap();
    }

    /// Stops everything.
    pub async fn stop(self) {
        self.stack.shutdown().await;
        self.dir.close().unwrap();
    }

    /// A client that compares no answers with the OpenAPI document, such as those of the store.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Sends a user's call. Where the OpenAPI document does not have an answer of the application,
    /// this fails the test.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn answer<T>(&self, user: &str, call: &Call<T>) -> anyhow::Result<Answer> {
        self.answer_to(&self.token(user), call).await
    }

    /// The same with another bearer token.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn answer_to<T>(&self, token: &str, call: &Call<T>) -> anyhow::Result<Answer> {
        let answer = self.client.holder_of(token)?.answer(call).await?;
        if let Some(path) = call.path() {
            API.check(&Answered {
                method: call.method(),
                path,
                status: answer.status,
                headers: &answer.headers,
                body: &answer.body,
            });
        }
        Ok(answer)
    }

    /// Sends a user's call, and reads the JSON of its answer, which has to have the status that
    /// the call expects.
    pub async fn ask<T: DeserializeOwned>(&self, user: &str, call: &Call<T>) -> T {
        let answer = self.answer(user, call).await.unwrap();
        call.accept(answer).unwrap().json().unwrap()
    }

    /// A request without a token. `path` is a path of the application, or a URL.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        RequestBuilder::new(self.client.request(method, path), path.starts_with('/'))
    }

    /// A request with a user's token.
    pub fn request_of(&self, user: &str, method: Method, path: &str) -> RequestBuilder {
        self.request(method, path).bearer_auth(self.token(user))
    }

    /// The methods that a path takes, but for `HEAD` and `OPTIONS`.
    pub async fn methods(&self, path: &str) -> Vec<Method> {
        let response = self.request(Method::TRACE, path).send().await.unwrap();
        let allowed = response.headers().get("allow");
        let allowed = allowed.map_or("", |allowed| allowed.to_str().unwrap());
        let allowed = allowed.split(", ").filter(|name| !name.is_empty());
        let methods = allowed.map(|name| name.parse().unwrap());
        methods
            .filter(|method| ![Method::HEAD, Method::OPTIONS].contains(method))
            .collect()
    }

    /// A GET of a user.
    pub async fn get(&self, user: &str, path: &str) -> Response {
        self.request_of(user, Method::GET, path)
            .send()
            .await
            .unwrap()
    }

    /// A POST of a user.
    pub async fn post(&self, user: &str, path: &str, body: &Value) -> Response {
        self.request_of(user, Method::POST, path)
            .json(body)
            .send()
            .await
            .unwrap()
    }

    /// A user's token.
    pub fn token(&self, user: &str) -> String {
        self.stack.token(user, &[]).unwrap()
    }

    /// The token of a user of a tenant.
    pub fn tenant_token(&self, user: &str, tenant: &str, roles: &[&str]) -> String {
        self.stack.tenant_token(user, tenant, roles).unwrap()
    }

    /// Announces a photo of a user in post 1.
    pub async fn announce(&self, user: &str, photo: &Photo) -> Value {
        let announcement = routes::announce(&photo.announcement(user, 1));
        self.ask(user, &announcement.reading()).await
    }

    /// Sends a photo's bytes to the URL in the answer to an announcement.
    pub async fn put(&self, received: &Value, bytes: &[u8]) -> Answer {
        let received = serde_json::from_value(received.clone()).unwrap();
        let upload = routes::upload(&received, bytes.to_vec()).unwrap();
        self.client.nobody().answer(&upload).await.unwrap()
    }

    /// Announces and uploads a photo, and returns its name.
    pub async fn upload(&self, user: &str, photo: &Photo) -> String {
        let received = self.announce(user, photo).await;
        let answer = self.put(&received, &photo.bytes).await;
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        received["file_name"].as_str().unwrap().to_owned()
    }

    /// The record of a user's photo.
    pub async fn record(&self, user: &str, file: &str) -> Value {
        self.ask(user, &routes::record(file).reading()).await
    }

    /// Waits until a photo has been analyzed or refused, and returns its record.
    pub async fn looked_at(&self, user: &str, file: &str) -> Value {
        self.has_status(user, file, |status| status != "waiting")
            .await
    }

    /// Waits until a photo has the wanted status, and returns its record.
    pub async fn has_status(&self, user: &str, file: &str, wanted: impl Fn(&str) -> bool) -> Value {
        let wanted = &wanted;
        eventually(&format!("the status of {file}"), || async move {
            let record = self.record(user, file).await;
            wanted(record["status"].as_str().unwrap()).then_some(record)
        })
        .await
    }

    /// The result of a user's search.
    pub async fn scan(&self, user: &str, query: &str) -> Value {
        body(self.get(user, &format!("/scan?{query}")).await, 200).await
    }

    /// Posts a notification with the store's token.
    pub async fn notify(&self, event: &Value) -> Response {
        self.request(Method::POST, "/events/s3")
            .bearer_auth(self.stack.events_token())
            .json(event)
            .send()
            .await
            .unwrap()
    }

    /// A connection to the application's Redis.
    pub fn redis(&self) -> stores::native::NativeRedis {
        stores::native::NativeRedis::open(self.stack.redis().url()).unwrap()
    }

    /// The numbers of messages on a queue.
    pub fn counts(&self, queue: &str) -> queue::Counts {
        queue::Queue::new(&self.redis(), queue).counts().unwrap()
    }

    /// Waits until the queue of photos is empty, but for messages that are due
    /// much later.
    pub async fn queue_is_empty(&self) {
        eventually("the queue is empty", || async {
            use stores::Redis;
            let redis = self.redis();
            let count = |command, args: &[stores::Arg<'_>]| {
                let reply = redis.call(command, args).unwrap();
                reply.first().and_then(stores::Value::as_int)
            };
            let soon = i64::try_from(base::now_millis()).unwrap() + 10_000;
            let delayed = ["{images}:queue:delayed".into(), "-inf".into(), soon.into()];
            let waiting = count("XLEN", &["{images}:queue:stream".into()]);
            (waiting == Some(0) && count("ZCOUNT", &delayed) == Some(0)).then_some(())
        })
        .await;
    }

    /// Makes all delayed messages of the queue of photos due at once.
    pub async fn time_passes(&self) {
        self.time_passes_on("images").await;
    }

    /// How long the delayed messages of a queue still wait, the shortest time first; those that
    /// are due count as 0.
    pub fn waits_on(&self, queue: &str) -> Vec<Duration> {
        use stores::Redis;
        let delayed = delayed(queue);
        let range = [
            (&delayed).into(),
            "0".into(),
            "-1".into(),
            "WITHSCORES".into(),
        ];
        let entries = self.redis().call("ZRANGE", &range).unwrap();
        let due = entries.iter().skip(1).step_by(2);
        due.map(|due| {
            let due = due.as_int().unwrap().unsigned_abs();
            Duration::from_millis(due.saturating_sub(base::now_millis()))
        })
        .collect()
    }

    /// Makes all delayed messages of a queue due at once.
    pub async fn time_passes_on(&self, queue: &str) {
        use stores::Redis;
        let (redis, delayed) = (self.redis(), delayed(queue));
        let range = [(&delayed).into(), "0".into(), "-1".into()];
        for entry in redis.call("ZRANGE", &range).unwrap() {
            let entry = entry.into_bytes();
            let (only_if_there, now) = ("XX".into(), 0.into());
            let args = [(&delayed).into(), only_if_there, now, (&*entry).into()];
            redis.call("ZADD", &args).unwrap();
        }
        self.drain(queue).await;
    }
}

/// The key of the delayed messages of a queue.
fn delayed(queue: &str) -> String {
    let (tag, rest) = queue.split_at(queue.find('.').unwrap_or(queue.len()));
    format!("{{{tag}}}{rest}:queue:delayed")
}

/// Waits until a receiver has taken `count` events, and returns them in their order.
pub async fn told(receiver: &WebhookReceiver, count: usize) -> Vec<Value> {
    let taken = eventually("everything is told", || async {
        let taken = receiver.received();
        (taken.len() >= count).then_some(taken)
    })
    .await;
    assert_eq!(taken.len(), count, "{taken:?}");
    taken.into_iter().map(|event| event.body).collect()
}

/// Checks the status of an answer and returns its body.
pub async fn body(response: Response, status: u16) -> Value {
    let (found, url) = (response.status(), response.url().path().to_owned());
    let text = response.text().await.unwrap();
    assert_eq!(found, status, "{url}: {text}");
    serde_json::from_str(&text).unwrap_or_else(|_| panic!("{url} answered no JSON: {text}"))
}

/// Checks that an answer is a refusal with this status and returns its code.
pub async fn refusal(response: Response, status: u16) -> String {
    let body = body(response, status).await;
    assert!(body["error"].is_string(), "{body}");
    body["code"].as_str().unwrap().to_owned()
}

/// A notification of AWS S3 that an object of the bucket `images` was stored,
/// with `size` bytes.
pub fn notification(key: &str, size: usize, etag: &str) -> Value {
    json!({"Records": [{
        "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "us-east-1",
        "eventTime": "2026-11-22T10:00:00.000Z", "eventName": "ObjectCreated:Put",
        "s3": {"s3SchemaVersion": "1.0", "configurationId": "uploads",
            "bucket": {"name": "images", "arn": "arn:aws:s3:::images"},
            "object": {"key": key, "size": size, "eTag": etag, "sequencer": "0055AED6DCD90281E5"}}
    }]})
}
