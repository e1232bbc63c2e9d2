//! How a double is started.

use std::{collections::BTreeSet, net::SocketAddr, time::Duration};

/// How to start a [`Databricks`](super::Databricks).
#[derive(Clone, Debug)]
pub struct DatabricksOptions {
    /// The address to listen on; port 0 is any free port.
    pub listen: SocketAddr,
    /// A personal access token.
    pub token: String,
    /// The id and the secret of a service principal.
    pub client: (String, String),
    /// The jobs that can be run.
    pub jobs: BTreeSet<u64>,
    /// The SQL warehouse.
    pub warehouse: String,
    /// How long a run takes that has no script.
    pub duration: Duration,
}

impl Default for DatabricksOptions {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            token: "dapi0123456789abcdef0123456789abcdef".into(),
            client: ("orilla-client".into(), "dose0123456789abcdef".into()),
            jobs: BTreeSet::from([789, 790]),
            warehouse: "1a2b3c4d5e6f7a8b".into(),
            duration: Duration::from_millis(300),
        }
    }
}
