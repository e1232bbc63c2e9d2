//! `runtime-config.toml`: the settings of a host's operator, in Spin's format.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// The runtime configuration.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuntimeConfig {
    /// `[key_value_store.*]`: where the store of each label lives.
    #[serde(default)]
    pub key_value_store: BTreeMap<String, KeyValueConfig>,
    /// `[[variables_provider]]`, also under its older name `[[config_provider]]`.
    #[serde(default, alias = "config_provider")]
    variables_provider: Vec<VariablesProvider>,
}

/// The backend of a key-value store.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum KeyValueConfig {
    /// A SQLite file.
    Spin {
        /// The file, relative to the state folder. Without it the store is in memory.
        path: Option<PathBuf>,
    },
    /// A database of a Redis server.
    Redis {
        /// `redis://` or `rediss://`.
        url: String,
    },
    /// In memory until the host stops. Only this host has it.
    Memory,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum VariablesProvider {
    Static { values: BTreeMap<String, String> },
}

impl RuntimeConfig {
    /// Reads a runtime configuration.
    ///
    /// # Errors
    /// The file can't be read or has a setting that this host doesn't know; the
    /// message names file and key.
    pub fn read(file: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(file)
            .map_err(|error| anyhow::anyhow!("{}: can't read it: {error}", file.display()))?;
        let document = toml::Deserializer::parse(&text)
            .map_err(|error| anyhow::anyhow!("{}: not valid TOML: {error}", file.display()))?;
        serde_path_to_error::deserialize(document).map_err(|error| {
            let path = error.path().to_string();
            anyhow::anyhow!("{}: `{path}`: {}", file.display(), error.into_inner())
        })
    }

    /// The value that the static providers give a variable; the first one wins.
    pub fn variable(&self, name: &str) -> Option<&String> {
        self.variables_provider
            .iter()
            .find_map(|VariablesProvider::Static { values }| values.get(name))
    }
}
