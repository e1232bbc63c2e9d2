//! `fermyon:spin/key-value`: documents by key.

mod fault;
mod memory;
mod redis;
mod sqlite;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use wasmtime::component::Resource;

use crate::bindings::platform::fermyon::spin::key_value::{Error, Host, HostStore};
use crate::guest::{Guest, MAX_HANDLES};
use crate::runtime_config::{KeyValueConfig, RuntimeConfig};

pub use fault::{InvalidFault, KeyValueFault};

/// The label that needs no configuration.
const DEFAULT: &str = "default";
/// The file of the default store, named as Spin names it.
const DEFAULT_FILE: &str = "sqlite_key_value.db";

/// The stores of an application by label.
#[derive(Debug)]
pub struct Stores(BTreeMap<String, Store>);

/// One store, open.
#[derive(Clone, Debug)]
pub enum Store {
    /// In a SQLite file.
    Sqlite(sqlite::Sqlite),
    /// In a Redis database.
    Redis(redis::Redis),
    /// In the memory of the host.
    Memory(memory::Memory),
    /// Any of these, with faults.
    Faulty(fault::Faulty),
}

impl Stores {
    /// Opens what the runtime configuration says, and the default store. Each
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
        let mut files = sqlite::Files::default();
        let stores = configs.into_iter().map(|(label, config)| {
            let store = match config {
                KeyValueConfig::Spin { path: Some(path) } => {
                    Store::Sqlite(files.open(&state_dir.join(path), &label)?)
                }
                KeyValueConfig::Redis { url } => Store::Redis(redis::Redis::new(&label, &url)?),
                KeyValueConfig::Memory | KeyValueConfig::Spin { path: None } => {
                    Store::Memory(memory::Memory::default())
                }
            };
            let store = match faults.is_empty() {
                true => store,
                false => Store::Faulty(fault::Faulty::new(store, faults.clone())),
            };
            Ok((label, store))
        });
        Ok(Self(stores.collect::<anyhow::Result<_>>()?))
    }

    /// Whether there is a store under the label.
    pub fn contains(&self, label: &str) -> bool {
        self.0.contains_key(label)
    }
}

impl Store {
    async fn get(&self, key: String) -> Result<Option<Vec<u8>>, Error> {
        match self {
            Self::Sqlite(store) => store.get(&key),
            Self::Redis(store) => store.get(key).await,
            Self::Memory(store) => Ok(store.get(&key)),
            Self::Faulty(faulty) => Box::pin(faulty.store.get(key)).await,
        }
    }

    async fn set(&self, key: String, value: Vec<u8>) -> Result<(), Error> {
        match self {
            Self::Sqlite(store) => store.set(key, value).await,
            Self::Redis(store) => store.set(key, value).await,
            Self::Memory(store) => {
                store.set(key, value);
                Ok(())
            }
            Self::Faulty(faulty) => faulty.set(key, value).await,
        }
    }

    async fn delete(&self, key: String) -> Result<(), Error> {
        match self {
            Self::Sqlite(store) => store.delete(key).await,
            Self::Redis(store) => store.delete(key).await,
            Self::Memory(store) => {
                store.delete(&key);
                Ok(())
            }
            Self::Faulty(faulty) => Box::pin(faulty.store.delete(key)).await,
        }
    }

    async fn exists(&self, key: String) -> Result<bool, Error> {
        match self {
            Self::Sqlite(store) => store.exists(&key),
            Self::Redis(store) => store.exists(key).await,
            Self::Memory(store) => Ok(store.get(&key).is_some()),
            Self::Faulty(faulty) => Box::pin(faulty.store.exists(key)).await,
        }
    }

    async fn keys(&self) -> Result<Vec<String>, Error> {
        match self {
            Self::Sqlite(store) => store.keys().await,
            Self::Redis(store) => store.keys().await,
            Self::Memory(store) => Ok(store.keys()),
            Self::Faulty(faulty) => Box::pin(faulty.store.keys()).await,
        }
    }
}

impl Guest {
    fn store(&self, this: &Resource<Store>) -> wasmtime::Result<Store> {
        Ok(self.table.get(this)?.clone())
    }
}

impl Host for Guest {}

impl HostStore for Guest {
    fn open(&mut self, label: String) -> wasmtime::Result<Result<Resource<Store>, Error>> {
        let context = self.context();
        if !context.key_value_stores.contains(&label) {
            return Ok(Err(Error::AccessDenied));
        }
        let Some(store) = context.stores.0.get(&label).cloned() else {
            return Ok(Err(Error::NoSuchStore));
        };
        if self.open_stores >= MAX_HANDLES {
            return Ok(Err(Error::StoreTableFull));
        }
        self.open_stores += 1;
        Ok(Ok(self.table.push(store)?))
    }

    async fn get(
        &mut self,
        this: Resource<Store>,
        key: String,
    ) -> wasmtime::Result<Result<Option<Vec<u8>>, Error>> {
        Ok(self.store(&this)?.get(key).await)
    }

    async fn set(
        &mut self,
        this: Resource<Store>,
        key: String,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<(), Error>> {
        Ok(self.store(&this)?.set(key, value).await)
    }

    async fn delete(
        &mut self,
        this: Resource<Store>,
        key: String,
    ) -> wasmtime::Result<Result<(), Error>> {
        Ok(self.store(&this)?.delete(key).await)
    }

    async fn exists(
        &mut self,
        this: Resource<Store>,
        key: String,
    ) -> wasmtime::Result<Result<bool, Error>> {
        Ok(self.store(&this)?.exists(key).await)
    }

    async fn get_keys(
        &mut self,
        this: Resource<Store>,
    ) -> wasmtime::Result<Result<Vec<String>, Error>> {
        Ok(self.store(&this)?.keys().await)
    }

    fn drop(&mut self, this: Resource<Store>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        self.open_stores -= 1;
        Ok(())
    }
}
