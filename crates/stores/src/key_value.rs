//! Documents by key: Spin's key-value store.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use spin_sdk::key_value::{Error, Store};

/// What the systems need of a key-value store.
///
/// Deliberately less than stores offer: no listing and no compare-and-swap,
/// for not every back end of Spin does those as promised.
pub trait KeyValue {
    /// The value of a key, or `None` where there is none.
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, KeyValueError>;
    /// Writes a value, over an older one if there is one.
    fn set(&self, key: &str, value: &[u8]) -> Result<(), KeyValueError>;
    /// Whether a key has a value.
    fn exists(&self, key: &str) -> Result<bool, KeyValueError>;
    /// Removes a key; one that is not there is no error.
    fn delete(&self, key: &str) -> Result<(), KeyValueError>;
}

/// Why a key-value store did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum KeyValueError {
    /// The component has no such store, or no right to it.
    #[error(
        "the key-value store is not open to this component: check key_value_stores in spin.toml"
    )]
    Denied,
    /// The store is out of reach or failed.
    #[error("the key-value store failed: {0}")]
    Unavailable(String),
}

/// A store of the Spin runtime, named in the component's `key_value_stores`.
pub struct SpinKeyValue(Store);

impl SpinKeyValue {
    /// Opens the store `default`.
    pub fn open() -> Result<Self, KeyValueError> {
        Ok(Self(Store::open_default().map_err(from_spin)?))
    }
}

impl KeyValue for SpinKeyValue {
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, KeyValueError> {
        self.0.get(key).map_err(from_spin)
    }

    fn set(&self, key: &str, value: &[u8]) -> Result<(), KeyValueError> {
        self.0.set(key, value).map_err(from_spin)
    }

    fn exists(&self, key: &str) -> Result<bool, KeyValueError> {
        self.0.exists(key).map_err(from_spin)
    }

    fn delete(&self, key: &str) -> Result<(), KeyValueError> {
        self.0.delete(key).map_err(from_spin)
    }
}

fn from_spin(error: Error) -> KeyValueError {
    match error {
        Error::NoSuchStore | Error::AccessDenied => KeyValueError::Denied,
        Error::StoreTableFull => KeyValueError::Unavailable("too many open stores".into()),
        Error::Other(reason) => KeyValueError::Unavailable(reason),
    }
}

/// A store that lives as long as the value: for native tests of what is built on stores.
#[derive(Default)]
pub struct MemoryKeyValue(Mutex<BTreeMap<String, Vec<u8>>>);

impl MemoryKeyValue {
    fn entries(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeyValue for MemoryKeyValue {
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, KeyValueError> {
        Ok(self.entries().get(key).cloned())
    }

    fn set(&self, key: &str, value: &[u8]) -> Result<(), KeyValueError> {
        self.entries().insert(key.to_owned(), value.to_vec());
        Ok(())
    }

    fn exists(&self, key: &str) -> Result<bool, KeyValueError> {
        Ok(self.entries().contains_key(key))
    }

    fn delete(&self, key: &str) -> Result<(), KeyValueError> {
        self.entries().remove(key);
        Ok(())
    }
}
