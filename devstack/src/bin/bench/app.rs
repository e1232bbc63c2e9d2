//! The application and what it needs: Redis and an S3 store here, the host in a
//! process of its own.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, ensure};
use catalog::Table;
use devstack::{Stack, StackOptions, client::eventually, s3::EventTarget};
use http::HeaderValue;
use purchases_domain::{keys, metrics};
use redis::aio::MultiplexedConnection;
use serde_json::Value;
use tempfile::TempDir;

use crate::{client::Connection, host::Host, looks::LOOKS, manifest, processor::Times};

/// Redis and the S3 store, and a place for the application.
pub struct Stage {
    pub stack: Stack,
    /// The folder that keeps compiled components from run to run.
    cache_dir: PathBuf,
    // Dropped last: its users are stopped before the folder goes.
    _dir: TempDir,
}

impl Stage {
    /// Starts everything but the host, with empty stores.
    ///
    /// # Errors
    /// A part does not start.
    pub async fn start(manifest: &Path) -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("orilla-bench-").tempdir()?;
        let cache_dir = manifest.with_file_name(".orilla").join("cache");
        let mut options = StackOptions::new(manifest::write(manifest, dir.path())?, dir.path());
        options.cache_dir = Some(cache_dir.clone());
        // The message of the error includes its sources.
        let stack = Stack::start(options).await;
        let mut stack = stack.map_err(|error| anyhow!("{error}"))?;
        // The stack has found free addresses and has set its parts up for each other;
        // a process takes the application's place.
        stack.stop_app().await;
        Ok(Self {
            stack,
            cache_dir,
            _dir: dir,
        })
    }

    /// Starts the host, with compiled components in a folder of its own or in the usual one.
    ///
    /// # Errors
    /// The host does not start.
    pub async fn host(&self, cache_dir: Option<&Path>) -> Result<Host> {
        let cache_dir = cache_dir.unwrap_or(&self.cache_dir);
        Host::start(self.stack.app_options(), cache_dir).await
    }

    /// Stops everything.
    pub async fn stop(self) {
        self.stack.shutdown().await;
    }
}

/// The running application.
pub struct App {
    // Dropped first, for the host uses the others.
    pub host: Host,
    pub stage: Stage,
    redis: MultiplexedConnection,
}

impl App {
    /// Starts it, with empty stores.
    ///
    /// # Errors
    /// A part does not start.
    pub async fn start(manifest: &Path) -> Result<Self> {
        let stage = Stage::start(manifest).await?;
        let host = stage.host(None).await?;
        let redis = redis::Client::open(stage.stack.redis().url())?;
        let redis = redis.get_multiplexed_async_connection().await?;
        Ok(Self { host, stage, redis })
    }

    /// The same application, started again with other variables than the usual ones.
    ///
    /// # Errors
    /// The host does not end or start.
    pub async fn with_variables(self, variables: &[(&str, &str)]) -> Result<Self> {
        let Self {
            host,
            mut stage,
            redis,
        } = self;
        host.stop().await?;
        let usual = stage.stack.app_options().variables.clone();
        let changed = variables
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()));
        stage.stack.app_options_mut().variables.extend(changed);
        let host = stage.host(None).await?;
        stage.stack.app_options_mut().variables = usual;
        Ok(Self { host, stage, redis })
    }

    /// Stops it, and everything with it.
    ///
    /// # Errors
    /// The host did not finish its requests and messages in hand.
    pub async fn stop(self) -> Result<()> {
        self.host.stop().await?;
        self.stage.stop().await;
        Ok(())
    }

    /// A connection to the application.
    ///
    /// # Errors
    /// The application has ended.
    pub async fn connect(&self) -> Result<Connection> {
        Connection::open(self.host.address).await
    }

    /// The value of a user's `Authorization`.
    ///
    /// # Errors
    /// The secret can't be a key.
    pub fn token(&self, user: u64) -> Result<HeaderValue> {
        let token = self.stage.stack.token(&user.to_string(), &[])?;
        Ok(format!("Bearer {token}").parse()?)
    }

    /// The value of `Authorization` of a user of a tenant.
    ///
    /// # Errors
    /// The secret can't be a key.
    pub fn member(&self, tenant: &str, roles: &[&str]) -> Result<HeaderValue> {
        let token = self.stage.stack.tenant_token("456", tenant, roles)?;
        Ok(format!("Bearer {token}").parse()?)
    }

    /// The URL of its Redis.
    pub fn redis_url(&self) -> &str {
        self.stage.stack.redis().url()
    }

    /// The processor time of all processes so far.
    ///
    /// # Errors
    /// A process has ended.
    pub async fn times(&self) -> Result<Times> {
        Times::look(self.host.pid, &mut self.redis.clone()).await
    }

    /// Chooses whether the store notifies the application of new objects. Events without
    /// a notification wait.
    pub fn tell_events(&self, yes: bool) {
        let stack = &self.stage.stack;
        let url = stack.base_url() + "/events/s3";
        let target = yes.then(|| EventTarget::new(url, stack.events_token()));
        stack.s3().set_event_target(target);
    }

    /// Waits until all queues are empty.
    ///
    /// # Errors
    /// It takes too long, or a message became a dead letter.
    pub async fn drained(&self) -> Result<()> {
        for queue in manifest::queues(&self.stage.stack.app_options().manifest)? {
            // The tag ends with the first dot.
            let (tag, rest) = queue.split_at(queue.find('.').unwrap_or(queue.len()));
            let queue = format!("{{{tag}}}{rest}");
            let key = format!("{queue}:queue:stream");
            eventually(&format!("the queue {queue} is empty"), LOOKS, async || {
                Ok((self.length(&key).await? == 0).then_some(()))
            })
            .await?;
            let dead = self.length(&format!("{queue}:queue:dead")).await?;
            ensure!(
                dead == 0,
                "{dead} messages of the queue {queue} became dead letters"
            );
        }
        Ok(())
    }

    /// The number of changes of purchases that are archived, as the application counts them.
    ///
    /// # Errors
    /// Redis has ended.
    pub async fn archived_changes(&self) -> Result<u64> {
        let mut count = redis::cmd("HGET");
        count.arg(keys::METRICS).arg(metrics::ARCHIVED);
        let count: Option<u64> = count.query_async(&mut self.redis.clone()).await?;
        Ok(count.unwrap_or(0))
    }

    /// The number of their objects in the store's folder.
    ///
    /// # Errors
    /// The folder can't be read.
    pub fn archived_objects(&self) -> Result<u64> {
        let folder = self.stage.stack.data_dir().join("s3/buckets/compras");
        files(&folder.join(Table::Changes.prefix()))
    }

    /// The lines that a component has written into its log, each an object of JSON.
    ///
    /// # Errors
    /// The log can't be read.
    pub fn log(&self, component: &str) -> Result<Vec<Value>> {
        let name = format!("{component}_stdout.txt");
        let text = std::fs::read_to_string(self.stage.stack.log_dir().join(name))?;
        Ok(text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect())
    }

    async fn length(&self, stream: &str) -> Result<u64> {
        let mut redis = self.redis.clone();
        Ok(redis::cmd("XLEN")
            .arg(stream)
            .query_async(&mut redis)
            .await?)
    }
}

/// The number of files in a folder and the folders in it; none if it does not exist.
fn files(folder: &Path) -> Result<u64> {
    if !folder.exists() {
        return Ok(0);
    }
    let mut count = 0;
    for entry in folder.read_dir()? {
        let entry = entry?;
        count += match entry.file_type()?.is_dir() {
            true => files(&entry.path())?,
            false => 1,
        };
    }
    Ok(count)
}
