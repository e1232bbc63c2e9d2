//! An S3 store in a folder, for development and tests.
//!
//! It checks AWS Signature Version 4 (headers and presigned URLs), understands
//! path-style and virtual-hosted-style addresses, answers browsers' CORS
//! requests and posts an event notification for every object created.
//!
//! Known faults of s3s-fs 0.14: a PUT with a wrong checksum is answered with
//! 400 `BadDigest`, yet its bytes stay in the object. No notification is sent
//! for it. A PUT of more than 4 MiB, a POST, a copy or an upload in parts is
//! answered with 500 if the key has more than some 160 bytes.
//!
//! Keys are paths of files, so no part of a key between slashes may have more
//! than 255 bytes: 400 `KeyTooLongError`.

mod cors;
mod event;
mod faults;
mod host;
mod outbox;
mod sessions;
mod small;
mod store;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use catalog::Https;
use objects::{Objects, StoreConfig};
use s3s::{
    service::S3ServiceBuilder,
    validation::{AwsNameValidation, NameValidation},
};
use tower::ServiceBuilder;

use crate::{Error, Result, Server, error::At};

pub use event::EventShape;
pub use faults::{Fault, Faults};
pub use outbox::EventTarget;
pub use sessions::Sessions;

/// How to start an [`S3`].
#[derive(Clone)]
pub struct S3Options {
    /// The folder of `buckets/` (objects as plain files) and `events/` (notifications
    /// not yet accepted). It is made if it does not exist.
    pub data_dir: PathBuf,
    /// The address to listen on; port 0 is any free port.
    pub listen: SocketAddr,
    /// The accepted access key id, besides those of [`S3::sessions`].
    pub access_key: String,
    /// Its secret.
    pub secret_key: String,
    /// The region that events name. Requests may be signed for any.
    pub region: String,
    /// Buckets to create if they do not exist.
    pub buckets: Vec<String>,
    /// `<bucket>.<domain>` addresses a bucket (virtual-hosted style), and every
    /// other host name is path-style.
    pub domains: Vec<String>,
    /// Origins that browsers may send requests from; `None` is any.
    pub allowed_origins: Option<Vec<String>>,
    /// The receiver of events about new objects. Without one, events wait on disk.
    pub events: Option<EventTarget>,
    /// Buckets without events.
    pub quiet_buckets: Vec<String>,
}

impl S3Options {
    /// Any free port on loopback, one pair of keys, no buckets, no events,
    /// virtual-hosted style on `<bucket>.localhost`.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            access_key: "orilla".into(),
            secret_key: "orilla-development".into(),
            region: "us-east-1".into(),
            buckets: Vec::new(),
            domains: vec!["localhost".into()],
            allowed_origins: None,
            events: None,
            quiet_buckets: Vec::new(),
        }
    }
}

/// A running S3 store. Dropping it ends it; its data stay.
pub struct S3 {
    server: Server,
    outbox: outbox::Outbox,
    faults: Faults,
    sessions: Sessions,
    options: S3Options,
}

impl std::fmt::Debug for S3 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("S3")
            .field("server", &self.server)
            .field("data_dir", &self.options.data_dir)
            .finish_non_exhaustive()
    }
}

impl S3 {
    /// Starts the store, with the data in its folder.
    ///
    /// # Errors
    /// The data folder or the address can't be used, or an option is wrong.
    pub async fn start(options: S3Options) -> Result<Self> {
        let buckets = options.data_dir.join("buckets");
        for bucket in &options.buckets {
            if !AwsNameValidation::new().validate_bucket_name(bucket) {
                return Err(Error::Option(format!(
                    "`{bucket}` is no bucket name: 3 to 63 of a-z, 0-9, `-` and `.`"
                )));
            }
            let path = buckets.join(bucket);
            tokio::fs::create_dir_all(&path).await.at(&path)?;
        }
        tokio::fs::create_dir_all(&buckets).await.at(&buckets)?;
        let files = s3s_fs::FileSystem::new(&buckets).map_err(|error| Error::Store {
            path: buckets.clone(),
            reason: format!("{error:?}"),
        })?;
        let small = small::SmallObjects::new(buckets);

        let outbox =
            outbox::Outbox::open(options.data_dir.join("events"), options.events.clone()).await?;
        let faults = Faults::default();
        let mut builder = S3ServiceBuilder::new(store::Store::new(
            files,
            small,
            outbox.clone(),
            &options.region,
            &options.quiet_buckets,
        ));
        let sessions = Sessions::default();
        builder.set_auth(sessions::Secrets {
            access_key: options.access_key.clone(),
            secret_key: options.secret_key.clone(),
            sessions: sessions.clone(),
        });
        builder.set_host(host::Domains::new(&options.domains));
        builder.set_access(sessions::Guard {
            sessions: sessions.clone(),
            faults: faults.clone(),
        });
        let service = ServiceBuilder::new()
            .layer(cors::layer(options.allowed_origins.as_deref())?)
            .layer(faults::ResetLayer)
            .service(builder.build());
        let server = Server::start(options.listen, service).await?;
        Ok(Self {
            server,
            outbox,
            faults,
            sessions,
            options,
        })
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// The endpoint for S3 clients, without a slash at its end.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The access key id to sign with.
    pub fn access_key(&self) -> &str {
        &self.options.access_key
    }

    /// A client of one of its buckets.
    ///
    /// # Errors
    /// The name or the keys are none that a client takes.
    pub fn bucket(&self, name: &str) -> Result<Objects<Https>> {
        let variable = |variable: &str| {
            let value = match variable {
                "s3_endpoint" => self.url(),
                "s3_region" => self.region().into(),
                "s3_access_key_id" => self.access_key().into(),
                "s3_secret_access_key" => self.secret_key().into(),
                "bucket" => name.to_owned(),
                _ => return None,
            };
            Some(value)
        };
        let config = StoreConfig::from_variables(variable, "bucket");
        let config = config.map_err(|error| Error::Option(error.to_string()))?;
        Ok(Objects::with_transport(config, Https::default()))
    }

    /// The secret to sign with.
    pub fn secret_key(&self) -> &str {
        &self.options.secret_key
    }

    /// The region that events name.
    pub fn region(&self) -> &str {
        &self.options.region
    }

    /// The data folder.
    pub fn data_dir(&self) -> &Path {
        &self.options.data_dir
    }

    /// Makes requests fail on purpose, and counts them.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// The temporary keys that it accepts beside its own.
    pub fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// Sets or changes the receiver of events about new objects. Waiting events are sent at
    /// once; with `None` they wait until there is a target again.
    pub fn set_event_target(&self, target: impl Into<Option<EventTarget>>) {
        self.outbox.set_target(target.into());
    }

    /// The number of notifications not yet accepted.
    pub fn pending_events(&self) -> usize {
        self.outbox.pending()
    }

    /// Waits until every notification has been accepted.
    pub async fn events_delivered(&self) {
        self.outbox.drained().await;
    }

    /// Finishes requests in flight and stops. Notifications not yet
    /// accepted stay on disk for the next start.
    pub async fn shutdown(self) {
        let Self { server, outbox, .. } = self;
        server.shutdown().await;
        outbox.stop();
    }
}
