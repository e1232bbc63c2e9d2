//! The stores of an application, over all backends.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::fault::KeyValueFault;
use super::memory::Memory;
use super::redis::Redis;
use super::sqlite::{Files, Sqlite};
use crate::runtime_config::{KeyValueConfig, RuntimeConfig};

/// The label that needs no configuration.
const DEFAULT: &str = "default";
/// The file of the default store, named as Spin names it.
const DEFAULT_FILE: &str = "sqlite_key_value.db";

/// The stores of an application by label.
#[derive(Debug)]
pub struct Stores(BTreeMap<String, Store>);

/// One store, open. Clones are handles of the same store.
#[derive(Clone, Debug)]
pub struct Store {
    backend: Backend,
    faults: Arc<[KeyValueFault]>,
}

#[derive(Clone, Debug)]
enum Backend {
    Sqlite(Sqlite),
    Redis(Redis),
    Memory(Memory),
}

impl Stores {
    /// Opens the stores of the runtime configuration, and the default store. Each
    /// has the faults, if there are any.
    ///
    /// # Errors
    /// A database file can't be opened, or an address is wrong.
    pub fn open(
        config: &RuntimeConfig,
        state_dir: &Path,
        faults: &[KeyValueFault],
    ) -> anyhow::Result<Self> {
        let mut configs = config.key_value_store.clone();
        configs
            .entry(DEFAULT.to_owned())
            .or_insert_with(|| KeyValueConfig::Spin {
                path: Some(DEFAULT_FILE.into()),
            });
        let faults: Arc<[_]> = faults.into();
        let mut files = Files::default();
        let stores = configs.into_iter().map(|(label, config)| {
            let backend = match config {
                KeyValueConfig::Spin { path: Some(path) } => {
                    Backend::Sqlite(files.open(&state_dir.join(path), &label)?)
                }
                KeyValueConfig::Redis { url } => Backend::Redis(Redis::new(&label, &url)?),
                KeyValueConfig::Memory | KeyValueConfig::Spin { path: None } => {
                    Backend::Memory(Memory::default())
                }
            };
            let faults = faults.clone();
            Ok((label, Store { backend, faults }))
        });
        Ok(Self(stores.collect::<anyhow::Result<_>>()?))
    }

    /// The store under a label, if there is one.
    pub fn get(&self, label: &str) -> Option<&Store> {
        self.0.get(label)
    }
}

impl Store {
    pub async fn get(&self, key: String) -> anyhow::Result<Option<Vec<u8>>> {
        match &self.backend {
            Backend::Sqlite(store) => store.get(&key),
            Backend::Redis(store) => Ok(store.get(key).await?),
            Backend::Memory(store) => Ok(store.get(&key)),
        }
    }

    pub async fn set(&self, key: String, value: Vec<u8>) -> anyhow::Result<()> {
        self.faults
            .iter()
            .try_for_each(|fault| fault.before_set(&key))?;
        match &self.backend {
            Backend::Sqlite(store) => store.set(key, value).await?,
            Backend::Redis(store) => store.set(key, value).await?,
            Backend::Memory(store) => store.set(key, value),
        }
        Ok(())
    }

    pub async fn delete(&self, key: String) -> anyhow::Result<()> {
        match &self.backend {
            Backend::Sqlite(store) => store.delete(key).await?,
            Backend::Redis(store) => store.delete(key).await?,
            Backend::Memory(store) => store.delete(&key),
        }
        Ok(())
    }

    pub async fn exists(&self, key: String) -> anyhow::Result<bool> {
        match &self.backend {
            Backend::Sqlite(store) => store.exists(&key),
            Backend::Redis(store) => Ok(store.exists(key).await?),
            Backend::Memory(store) => Ok(store.get(&key).is_some()),
        }
    }

    pub async fn keys(&self) -> anyhow::Result<Vec<String>> {
        match &self.backend {
            Backend::Sqlite(store) => store.keys().await,
            Backend::Redis(store) => Ok(store.keys().await?),
            Backend::Memory(store) => Ok(store.keys()),
        }
    }
}
