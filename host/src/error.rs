//! Why an application doesn't start.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::manifest::ManifestError;

/// Why an application doesn't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The manifest is refused.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The runtime configuration is refused.
    #[error("the runtime configuration: {0:#}")]
    RuntimeConfig(anyhow::Error),
    /// Stores, logs or the cache can't be opened.
    #[error("the state folder {}: {source:#}", folder.display())]
    State {
        /// The folder.
        folder: PathBuf,
        /// The reason.
        source: anyhow::Error,
    },
    /// The wasm of a component is not valid, or imports an interface that this host lacks.
    #[error("component `{component}`: {source:#}")]
    Component {
        /// The component.
        component: String,
        /// The reason.
        source: anyhow::Error,
    },
    /// The address can't be listened on.
    #[error("can't listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// The engine or a task can't be started.
    #[error("{0:#}")]
    Host(anyhow::Error),
}
