//! Starts an application and stops it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use bytes::Bytes;
use futures::future::select_all;
use tokio::net::TcpListener;
use tokio::sync::watch;
use wasmtime::component::Linker;

use crate::allowed_hosts::AllowedHosts;
use crate::cache::Cache;
use crate::context::{ComponentContext, Service};
use crate::engine::{MAX_MEMORY, engine};
use crate::error::StartError;
use crate::factors::http_client::HttpClient;
use crate::factors::key_value::{KeyValueFault, Stores};
use crate::factors::redis::Connections;
use crate::instances::Reuse;
use crate::limits::Limits;
use crate::linker::add_to_linker;
use crate::load::load;
use crate::logs::ComponentLogs;
use crate::manifest::{self, HttpRoute, LoadedManifest, ManifestError};
use crate::open_files;
use crate::runtime::{CallLimits, Prepared, Runtime};
use crate::runtime_config::RuntimeConfig;
use crate::slots::Slots;
use crate::template::Template;
use crate::triggers::http::{About, HttpService, Router, Server};
use crate::triggers::redis::{Channels, QueueWork, Subscriber, Subscription};
use crate::variables;

/// How an application is started. [`Options::new`] has the defaults.
#[derive(Clone, Debug)]
pub struct Options {
    /// The `spin.toml`.
    pub manifest: PathBuf,
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// A `runtime-config.toml`, if there is one.
    pub runtime_config_file: Option<PathBuf>,
    /// Where stores and logs are kept: by default `.spin` beside the manifest,
    /// which Spin uses too.
    pub state_dir: PathBuf,
    /// Values of variables, before those of the environment.
    pub variables: BTreeMap<String, String>,
    /// Print nothing: neither routes nor the output of components, which is in the logs.
    pub quiet: bool,
    /// Where compiled components are kept, when not in `.orilla/cache` beside the
    /// manifest. Applications may share it.
    pub cache_dir: Option<PathBuf>,
    /// How long a call of a component may take, waiting included.
    pub time_limit: Duration,
    /// How many bytes a linear memory of a component may grow to, at most 128 MiB.
    pub memory_limit: usize,
    /// The limits on resources that clients and guests share.
    pub limits: Limits,
    /// The maximum time that [`RunningApp::shutdown`] waits for requests and messages in hand.
    pub drain_limit: Duration,
    /// How key-value stores fail, for tests: by default not at all.
    pub key_value_faults: Vec<KeyValueFault>,
    /// Whether to behave like Spin where Spin is less forgiving, for tests: to subscribe to Redis
    /// only after a while, and to end when a subscription fails; see [`RunningApp::lost`].
    pub like_spin: bool,
}

impl Options {
    /// The defaults for a manifest: the options of `orilla up -f MANIFEST`.
    pub fn new(manifest: impl Into<PathBuf>) -> Self {
        let manifest = manifest.into();
        let state_dir = folder_of(&manifest).join(".spin");
        Self {
            manifest,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 3000)),
            runtime_config_file: None,
            state_dir,
            variables: BTreeMap::new(),
            quiet: false,
            cache_dir: None,
            time_limit: Duration::from_secs(30),
            memory_limit: MAX_MEMORY,
            limits: Limits::default(),
            drain_limit: Duration::from_secs(30),
            key_value_faults: Vec::new(),
            like_spin: false,
        }
    }
}

fn folder_of(manifest: &Path) -> &Path {
    manifest.parent().unwrap_or(Path::new(""))
}

/// A running application. Dropping it ends it at once; [`RunningApp::shutdown`]
/// lets it finish its requests and messages first.
#[derive(Debug)]
pub struct RunningApp {
    service: Arc<HttpService>,
    runtime: Arc<Runtime>,
    server: Server,
    subscriptions: Vec<Subscription>,
    _queue_work: QueueWork,
    stop: watch::Sender<bool>,
    log_dir: PathBuf,
    drain_limit: Duration,
}

/// Starts an application. Returns when the application listens, and when each
/// Redis subscription is made or will be tried again. Raises the limit of open files of
/// the process.
///
/// # Errors
/// Anything that keeps the application from serving its routes. A Redis server
/// that is down doesn't.
pub async fn start(mut options: Options) -> Result<RunningApp, StartError> {
    open_files::fit(&mut options.limits);
    if options.like_spin {
        options.limits.max_instance_reuse_count = 1;
    }
    // Fails when a provider is installed already, which serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let manifest = Arc::new(manifest::read(&options.manifest)?);
    let config = match &options.runtime_config_file {
        Some(file) => RuntimeConfig::read(file).map_err(StartError::RuntimeConfig)?,
        None => RuntimeConfig::default(),
    };
    let environment = |name: &str| std::env::var(name).ok();
    let values = variables::resolve(&manifest, &options.variables, environment, &config)?;

    let log_dir = options.state_dir.join("logs");
    let state = |source: anyhow::Error| StartError::State {
        folder: options.state_dir.clone(),
        source,
    };
    std::fs::create_dir_all(&log_dir).map_err(|error| state(error.into()))?;
    let stores = Stores::open(&config, &options.state_dir, &options.key_value_faults);
    let stores = stores.map_err(state)?;
    let own_service = Arc::new(OnceLock::new());
    let shared = Shared {
        options: &options,
        values: &values,
        stores: Arc::new(stores),
        http: HttpClient::default(),
        redis: Arc::default(),
        service: own_service.clone(),
        log_dir: &log_dir,
    };
    let runtime = Arc::new(prepare(&manifest, &shared).await?);
    tokio::spawn(Runtime::expire(Arc::downgrade(&runtime)));

    let router = routes(&manifest, &runtime)?;
    let (stop, stopped) = watch::channel(false);
    let subscribers = subscribers(&manifest, &shared, &runtime, &stopped)?;
    let failed = |source| StartError::Listen {
        address: options.listen,
        source,
    };
    let listener = TcpListener::bind(options.listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let about = About {
        info: info(&manifest),
        allowed_origins: values.get("allowed_origins").cloned().unwrap_or_default(),
    };
    let service = HttpService::new(router, runtime.clone(), address, about, &options.limits);
    let service = Arc::new(service);
    let weak: Weak<dyn Service> = Arc::downgrade(&service) as _;
    // Fails only when it is set already, and only this line sets it.
    let _ = own_service.set(weak);
    let server = Server::start(listener, service.clone(), options.limits.clone(), stopped);
    let server = server.map_err(|error| StartError::Host(error.into()))?;
    if !options.quiet {
        // Ignores the error: the application runs even if its output has no reader.
        let _ = announce(&service, &subscribers, &log_dir);
    }
    let queue_work = QueueWork::start().map_err(|error| StartError::Host(error.into()))?;
    let subscriptions = subscribers.into_iter();
    let subscriptions = subscriptions.map(|subscriber| subscriber.start(&queue_work));
    let subscriptions = futures::future::join_all(subscriptions).await;
    Ok(RunningApp {
        service,
        runtime,
        server,
        subscriptions,
        _queue_work: queue_work,
        stop,
        log_dir,
        drain_limit: options.drain_limit,
    })
}

impl RunningApp {
    /// Where the application listens.
    pub fn address(&self) -> SocketAddr {
        self.service.address()
    }

    /// Where the output of components is: `<component>_stdout.txt` and `_stderr.txt`.
    pub fn log_dir(&self) -> &Path {
        &self.log_dir
    }

    /// Waits until a subscription to Redis is lost for good, which happens only with
    /// [`Options::like_spin`], and returns the reason. The caller drops the application then.
    pub async fn lost(&mut self) -> String {
        let lost = self.subscriptions.iter_mut().map(Subscription::lost);
        let lost: Vec<_> = lost.map(Box::pin).collect();
        match lost.is_empty() {
            true => std::future::pending().await,
            false => select_all(lost).await.0,
        }
    }

    /// Stops the application: it takes no more connections and messages, and waits for those
    /// in hand, up to a limit. Returns whether all of them were finished.
    pub async fn shutdown(mut self) -> bool {
        // Fails when no task listens any more.
        let _ = self.stop.send(true);
        let drained = async {
            self.server.stopped().await;
            for subscription in &mut self.subscriptions {
                subscription.stopped().await;
            }
            self.runtime.idle().await;
        };
        tokio::time::timeout(self.drain_limit, drained)
            .await
            .is_ok()
    }
}

impl Drop for RunningApp {
    fn drop(&mut self) {
        self.server.abort();
        self.subscriptions.iter().for_each(Subscription::abort);
    }
}

/// The data that all components of an application need while they are prepared.
struct Shared<'a> {
    options: &'a Options,
    values: &'a BTreeMap<String, String>,
    stores: Arc<Stores>,
    http: HttpClient,
    redis: Arc<Connections>,
    service: Arc<OnceLock<Weak<dyn Service>>>,
    log_dir: &'a Path,
}

async fn prepare(
    manifest: &Arc<LoadedManifest>,
    shared: &Shared<'_>,
) -> Result<Runtime, StartError> {
    let engine = engine().map_err(StartError::Host)?;
    let cache_dir = match &shared.options.cache_dir {
        Some(folder) => folder.clone(),
        None => folder_of(&shared.options.manifest).join(".orilla/cache"),
    };
    let cache = Cache::open(&cache_dir).map_err(|error| StartError::State {
        folder: cache_dir,
        source: error.into(),
    })?;
    let mut linker = Linker::new(&engine);
    add_to_linker(&mut linker).map_err(|error| StartError::Host(error.into()))?;

    let triggers = &manifest.manifest.trigger;
    let http = triggers.http.iter().map(|trigger| trigger.component.name());
    let redis = triggers
        .redis
        .iter()
        .map(|trigger| trigger.component.name());
    let names: BTreeSet<String> = http.chain(redis).map(str::to_owned).collect();
    let loading: Vec<_> = names
        .into_iter()
        .map(|name| {
            let (engine, cache, manifest) = (engine.clone(), cache.clone(), manifest.clone());
            let task = name.clone();
            let task = tokio::task::spawn_blocking(move || load(&engine, &cache, &manifest, &task));
            (name, task)
        })
        .collect();

    let reuse = Arc::new(Reuse::new(&shared.options.limits));
    let mut components = BTreeMap::new();
    for (name, task) in loading {
        let compiled = task
            .await
            .map_err(|error| StartError::Host(error.into()))??;
        let pre = linker
            .instantiate_pre(&compiled)
            .map_err(|error| StartError::Component {
                component: name.clone(),
                source: error.into(),
            })?;
        let context = context(manifest, shared, &name)?;
        components.insert(name, Prepared::new(pre, context, &reuse));
    }
    let limits = CallLimits {
        time: shared.options.time_limit,
        memory: shared.options.memory_limit.min(MAX_MEMORY),
    };
    let slots = Slots::new(&shared.options.limits);
    Ok(Runtime::new(engine, limits, slots, reuse, components))
}

fn context(
    manifest: &LoadedManifest,
    shared: &Shared<'_>,
    name: &str,
) -> Result<ComponentContext, StartError> {
    let table = format!("component.{name}");
    let Some(component) = manifest.manifest.component.get(name) else {
        return Err(manifest
            .invalid("component", name, "there is no such table")
            .into());
    };
    let variables = component
        .variables
        .iter()
        .map(|(key, text)| {
            let value = Template::parse(text).and_then(|text| text.render(shared.values));
            let wrong = |reason| manifest.invalid(format!("{table}.variables"), key, reason);
            Ok((key.clone(), value.map_err(wrong)?))
        })
        .collect::<Result<_, ManifestError>>()?;
    let allowed_hosts = AllowedHosts::parse(&component.allowed_outbound_hosts, shared.values)
        .map_err(|reason| manifest.invalid(&table, "allowed_outbound_hosts", reason))?;
    for label in &component.key_value_stores {
        if shared.stores.get(label).is_none() {
            let reason = format!(
                "no store `{label}` is configured: add [key_value_store.{label}] to the runtime configuration"
            );
            return Err(manifest.invalid(&table, "key_value_stores", reason).into());
        }
    }
    let logs =
        ComponentLogs::open(shared.log_dir, name, shared.options.quiet).map_err(|error| {
            StartError::State {
                folder: shared.log_dir.to_owned(),
                source: error.into(),
            }
        })?;
    Ok(ComponentContext {
        name: name.to_owned(),
        variables,
        environment: component.environment.clone().into_iter().collect(),
        key_value_stores: component.key_value_stores.iter().cloned().collect(),
        stores: shared.stores.clone(),
        http: shared.http.clone(),
        redis: shared.redis.clone(),
        allowed_hosts,
        logs,
        service: shared.service.clone(),
    })
}

fn routes(manifest: &LoadedManifest, runtime: &Runtime) -> Result<Router, StartError> {
    let mut routes = Vec::new();
    let mut tables = Vec::new();
    for (index, trigger) in manifest.manifest.trigger.http.iter().enumerate() {
        let table = format!("trigger.http[{index}]");
        let component = trigger.component.name();
        if !runtime.answers_http(component) {
            let reason = format!("`{component}` doesn't export wasi:http/incoming-handler");
            return Err(manifest.invalid(table, "component", reason).into());
        }
        if let HttpRoute::Path(route) = &trigger.route {
            routes.push((route.as_str(), component));
            tables.push(table);
        }
    }
    Router::new(routes).map_err(|(index, reason)| {
        let table = tables.get(index).cloned().unwrap_or_default();
        manifest.invalid(table, "route", reason).into()
    })
}

fn subscribers(
    manifest: &LoadedManifest,
    shared: &Shared<'_>,
    runtime: &Arc<Runtime>,
    stop: &watch::Receiver<bool>,
) -> Result<Vec<Subscriber>, StartError> {
    let render = |table: &str, key: &str, text: &str| {
        Template::parse(text)
            .and_then(|template| template.render(shared.values))
            .map_err(|reason| manifest.invalid(table, key, reason))
    };
    let settings = manifest.manifest.application.trigger.redis.as_ref();
    let default = match settings {
        Some(settings) => render("application.trigger.redis", "address", &settings.address)?,
        None => String::new(),
    };
    let mut servers: BTreeMap<String, (String, Channels)> = BTreeMap::new();
    for (index, trigger) in manifest.manifest.trigger.redis.iter().enumerate() {
        let table = format!("trigger.redis[{index}]");
        let component = trigger.component.name();
        if !runtime.handles_redis(component) {
            let reason = format!("`{component}` doesn't export fermyon:spin/inbound-redis");
            return Err(manifest.invalid(table, "component", reason).into());
        }
        let (address, table_of_address) = match &trigger.address {
            Some(address) => (render(&table, "address", address)?, table.clone()),
            None => (default.clone(), "application.trigger.redis".to_owned()),
        };
        let channel = render(&table, "channel", &trigger.channel)?;
        let (_, channels) = servers
            .entry(address)
            .or_insert_with(|| (table_of_address, Channels::new()));
        channels
            .entry(channel)
            .or_default()
            .push(component.to_owned());
    }
    let subscribers = servers.into_iter().map(|(address, (table, channels))| {
        let like_spin = shared.options.like_spin;
        Subscriber::new(&address, channels, runtime.clone(), stop.clone(), like_spin).map_err(
            |error| {
                manifest
                    .invalid(table, "address", format!("{error:#}"))
                    .into()
            },
        )
    });
    subscribers.collect()
}

fn info(manifest: &LoadedManifest) -> Bytes {
    let application = &manifest.manifest.application;
    let info = serde_json::json!({ "name": application.name, "version": application.version });
    Bytes::from(info.to_string())
}

// Prints the address, the routes and the subscriptions for the user at the terminal.
fn announce(
    service: &HttpService,
    subscribers: &[Subscriber],
    log_dir: &Path,
) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    let base = format!("http://{}", service.address());
    writeln!(out, "Serving {base}")?;
    writeln!(out, "Available Routes:")?;
    for (route, component) in service.router().routes() {
        writeln!(out, "  {component}: {base}{route}")?;
    }
    for subscriber in subscribers {
        writeln!(out, "Redis channels of {}:", subscriber.server())?;
        for (channel, components) in subscriber.channels() {
            writeln!(out, "  {}: {channel}", components.join(", "))?;
        }
    }
    writeln!(out, "Logs of components: {}", log_dir.display())?;
    out.flush()
}
