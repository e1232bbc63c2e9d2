use std::{
    collections::BTreeMap,
    fs::{File, TryLockError},
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use orilla::RunningApp;

use crate::{
    Databricks, DatabricksOptions, Error, Redis, RedisOptions, Rekognition, RekognitionOptions,
    Result, S3, S3Options, Secrets, Workbooks, error::At, s3::EventTarget, tenant_token, token,
};

/// The buckets of the application: of photos, of the archive of purchases, and of ipp.
const BUCKETS: [&str; 4] = ["images", ARCHIVE, RAW, PROCESSED];
const ARCHIVE: &str = "compras";
const RAW: &str = "ipp-raw";
const PROCESSED: &str = "ipp-processed";

/// How long tokens are valid.
const VALID_FOR: Duration = Duration::from_secs(60 * 60);

/// How to start a [`Stack`].
#[derive(Clone, Debug)]
pub struct StackOptions {
    /// The application's `spin.toml`.
    pub manifest: PathBuf,
    /// The address of the application; port 0 is any free port.
    pub listen: SocketAddr,
    /// The address of the S3 store; port 0 is any free port.
    pub s3_listen: SocketAddr,
    /// The folder of all data. It is made if it does not exist.
    pub data_dir: PathBuf,
    /// Variables of the application, which come before the stack's own.
    pub variables: BTreeMap<String, String>,
    /// A Redis to use instead of starting one.
    pub redis_url: Option<String>,
    /// Settings of the Redis that is started, as in [`RedisOptions::settings`].
    pub redis_settings: Vec<(String, String)>,
    /// Buckets to create.
    pub buckets: Vec<String>,
    /// Whether to start a double of Rekognition and point the variables to it.
    pub rekognition: bool,
    /// How the double of Databricks behaves.
    pub databricks: DatabricksOptions,
    /// A `runtime-config.toml`, if there is one.
    pub runtime_config_file: Option<PathBuf>,
    /// The folder of compiled components; `None` is the host's default.
    pub cache_dir: Option<PathBuf>,
    /// Whether to print neither the routes nor the output of components.
    pub quiet: bool,
    /// The limits on resources that clients and components share.
    pub limits: orilla::Limits,
}

impl StackOptions {
    /// Free ports on loopback, a Redis of its own, the buckets of the application, and
    /// no output: the options for tests.
    pub fn new(manifest: impl Into<PathBuf>, data_dir: impl Into<PathBuf>) -> Self {
        let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
        Self {
            manifest: manifest.into(),
            listen: any_port,
            s3_listen: any_port,
            data_dir: data_dir.into(),
            variables: BTreeMap::new(),
            redis_url: None,
            redis_settings: Vec::new(),
            buckets: BUCKETS.map(str::to_owned).into(),
            rekognition: false,
            databricks: DatabricksOptions::default(),
            runtime_config_file: None,
            cache_dir: None,
            quiet: true,
            limits: orilla::Limits::default(),
        }
    }
}

/// Redis, the S3 store and the application, set up for each other.
#[derive(Debug)]
pub struct Stack {
    // Dropped in this order: users before the parts that they use.
    app: Option<RunningApp>,
    rekognition: Option<Rekognition>,
    databricks: Databricks,
    workbooks: Workbooks,
    s3: S3,
    redis: Redis,
    secrets: Secrets,
    app_options: orilla::Options,
    data_dir: PathBuf,
    _lock: File,
}

impl Stack {
    /// Starts all parts. Returns when the application serves requests.
    ///
    /// # Errors
    /// The first part that does not start; the parts started before it are stopped.
    pub async fn start(options: StackOptions) -> Result<Self> {
        let data_dir = options.data_dir;
        std::fs::create_dir_all(&data_dir).at(&data_dir)?;
        let lock = lock(&data_dir)?;
        let secrets = Secrets::read_or_make(&data_dir)?;
        let redis = match &options.redis_url {
            Some(url) => Redis::external(url).await?,
            None => {
                let mut redis = RedisOptions::new(data_dir.join("redis"));
                redis.settings = options.redis_settings;
                Redis::start(redis).await?
            }
        };
        let s3 = S3::start(S3Options {
            listen: options.s3_listen,
            access_key: secrets.s3_access_key.clone(),
            secret_key: secrets.s3_secret_key.clone(),
            buckets: options.buckets,
            quiet_buckets: [ARCHIVE, RAW, PROCESSED].map(str::to_owned).into(),
            ..S3Options::new(data_dir.join("s3"))
        })
        .await?;
        let rekognition = match options.rekognition {
            true => Some(Rekognition::start(RekognitionOptions::default()).await?),
            false => None,
        };

        let workbooks = Workbooks::new(&s3, RAW)?;
        let databricks = Databricks::start(options.databricks, workbooks.on_success()).await?;

        let mut variables = variables(&secrets, &redis, &s3, rekognition.as_ref());
        variables.extend(workspace(&databricks, &secrets));
        variables.extend(options.variables);
        let mut app_options = orilla::Options::new(options.manifest);
        app_options.listen = options.listen;
        app_options.runtime_config_file = options.runtime_config_file;
        app_options.state_dir = data_dir.join("app");
        app_options.variables = variables;
        app_options.quiet = options.quiet;
        app_options.cache_dir = options.cache_dir;
        app_options.limits = options.limits;
        let mut stack = Self {
            app: None,
            rekognition,
            databricks,
            workbooks,
            s3,
            redis,
            secrets,
            app_options,
            data_dir,
            _lock: lock,
        };
        stack.start_app().await?;
        let events = stack.base_url() + "/events/s3";
        stack
            .s3
            .set_event_target(EventTarget::new(events, stack.events_token()));
        Ok(stack)
    }

    /// The address of the application.
    pub fn address(&self) -> SocketAddr {
        self.app_options.listen
    }

    /// The URL of the application, without a slash at its end.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// The S3 store.
    pub fn s3(&self) -> &S3 {
        &self.s3
    }

    /// Redis.
    pub fn redis(&self) -> &Redis {
        &self.redis
    }

    /// The double of Rekognition, if one was asked for.
    pub fn rekognition(&self) -> Option<&Rekognition> {
        self.rekognition.as_ref()
    }

    /// The double of a Databricks workspace.
    pub fn databricks(&self) -> &Databricks {
        &self.databricks
    }

    /// The workbooks that the first job of Databricks writes.
    pub fn workbooks(&self) -> &Workbooks {
        &self.workbooks
    }

    /// A JWT that the application accepts for an hour.
    ///
    /// # Errors
    /// The secret can't be a key.
    pub fn token(&self, subject: &str, roles: &[&str]) -> Result<String> {
        token(self.jwt_secret(), subject, roles, VALID_FOR)
    }

    /// The same for a user of a tenant.
    ///
    /// # Errors
    /// The secret can't be a key.
    pub fn tenant_token(&self, subject: &str, tenant: &str, roles: &[&str]) -> Result<String> {
        tenant_token(self.jwt_secret(), subject, tenant, roles, VALID_FOR)
    }

    /// The secret that JWTs are signed with (HS256).
    pub fn jwt_secret(&self) -> &str {
        &self.secrets.jwt_secret
    }

    /// The bearer token of `POST /events/s3`.
    pub fn events_token(&self) -> &str {
        &self.secrets.events_token
    }

    /// The bearer token of `POST /compras/stream`.
    pub fn stream_token(&self) -> &str {
        &self.secrets.stream_token
    }

    /// The token of `POST /ipp/events`.
    pub fn ipp_events_token(&self) -> &str {
        &self.secrets.ipp_events_token
    }

    /// The folder of all data.
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// The options of the application, to start it once more elsewhere.
    pub fn app_options(&self) -> &orilla::Options {
        &self.app_options
    }

    /// The same options, to change its next start.
    pub fn app_options_mut(&mut self) -> &mut orilla::Options {
        &mut self.app_options
    }

    /// The folder of the logs of the application's components.
    pub fn log_dir(&self) -> PathBuf {
        self.app_options.state_dir.join("logs")
    }

    /// Stops the application alone, after the requests in flight.
    pub async fn stop_app(&mut self) {
        if let Some(app) = self.app.take()
            && !app.shutdown().await
        {
            tracing::warn!("requests were still running and have been cut off");
        }
    }

    /// Starts the application again, at the same address, after stopping it if it runs.
    ///
    /// # Errors
    /// The application does not start.
    pub async fn restart_app(&mut self) -> Result<()> {
        self.stop_app().await;
        self.start_app().await
    }

    /// Stops all parts in order: first the application, last Redis.
    pub async fn shutdown(mut self) {
        self.stop_app().await;
        if let Some(rekognition) = self.rekognition {
            rekognition.shutdown().await;
        }
        self.databricks.shutdown().await;
        self.s3.shutdown().await;
        match self.redis.stop().await {
            Ok(()) | Err(Error::RedisExternal) => {}
            Err(error) => tracing::error!(%error, "Redis was not stopped"),
        }
    }

    async fn start_app(&mut self) -> Result<()> {
        let app = orilla::start(self.app_options.clone())
            .await
            .map_err(|error| Error::Application(Box::new(error)))?;
        self.app_options.listen = app.address();
        self.app = Some(app);
        Ok(())
    }
}

/// One stack at a time: two of Redis would ruin each other's files.
fn lock(data_dir: &Path) -> Result<File> {
    let path = data_dir.join("lock");
    let file = File::create(&path).at(&path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::InUse(data_dir.to_path_buf())),
        Err(TryLockError::Error(error)) => Err(error).at(&path),
    }
}

fn variables(
    secrets: &Secrets,
    redis: &Redis,
    s3: &S3,
    rekognition: Option<&Rekognition>,
) -> BTreeMap<String, String> {
    let mut variables: Vec<(&str, String)> = vec![
        ("redis_scheme", redis.scheme().into()),
        ("redis_host", redis.host()),
        ("redis_credentials", redis.credentials()),
        ("jwt_algorithm", "HS256".into()),
        ("jwt_secret", secrets.jwt_secret.clone()),
        ("events_token", secrets.events_token.clone()),
        ("compras_stream_token", secrets.stream_token.clone()),
        ("s3_endpoint", s3.url()),
        ("s3_region", s3.region().into()),
        ("s3_access_key_id", s3.access_key().into()),
        ("s3_secret_access_key", s3.secret_key().into()),
    ];
    if let Some(rekognition) = rekognition {
        let options = rekognition.options();
        variables.extend([
            ("rekognition_endpoint", rekognition.url()),
            ("rekognition_region", options.region.clone()),
            ("rekognition_access_key_id", options.keys.access_key.clone()),
            (
                "rekognition_secret_access_key",
                options.keys.secret_key.clone(),
            ),
        ]);
    }
    variables
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// The variables of the workspace.
fn workspace(databricks: &Databricks, secrets: &Secrets) -> BTreeMap<String, String> {
    let options = databricks.options();
    let mut jobs = options.jobs.iter().map(ToString::to_string);
    let variables = [
        ("databricks_workspace_url", databricks.url()),
        ("databricks_access_token", options.token.clone()),
        ("databricks_job1_id", jobs.next().unwrap_or_default()),
        ("databricks_job2_id", jobs.next().unwrap_or_default()),
        ("databricks_warehouse_id", options.warehouse.clone()),
        ("ipp_events_token", secrets.ipp_events_token.clone()),
    ];
    let variables = variables.into_iter();
    variables
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}
