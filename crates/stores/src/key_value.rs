//! Documents by key: Spin's key-value store.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use base::Failure;
use spin_sdk::key_value::{Error, Store};

/// What the systems need of a key-value store.
///
/// Deliberately less than stores offer: no listing and no compare-and-swap,
/// for not every back end of Spin does those as promised.
pub trait KeyValue {
    /// The value of a key, or `None` where there is none.
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Failure>;
    /// Writes a value, over an older one if there is one.
    fn set(&self, key: &str, value: &[u8]) -> Result<(), Failure>;
    /// Whether a key has a value.
    fn exists(&self, key: &str) -> Result<bool, Failure>;
    /// Removes a key; one that is not there is no error.
    fn delete(&self, key: &str) -> Result<(), Failure>;
}

/// A store of the Spin runtime, named in the component's `key_value_stores`.
pub struct SpinKeyValue(Store);

impl SpinKeyValue {
    /// Opens the store `default`.
    pub fn open() -> Result<Self, Failure> {
        Ok(Self(Store::open_default().map_err(from_spin)?))
    }
}

impl KeyValue for SpinKeyValue {
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Failure> {
        self.0.get(key).map_err(from_spin)
    }

    fn set(&self, key: &str, value: &[u8]) -> Result<(), Failure> {
        self.0.set(key, value).map_err(from_spin)
    }

    fn exists(&self, key: &str) -> Result<bool, Failure> {
        self.0.exists(key).map_err(from_spin)
    }

    fn delete(&self, key: &str) -> Result<(), Failure> {
        self.0.delete(key).map_err(from_spin)
    }
}

fn from_spin(error: Error) -> Failure {
    match error {
        Error::NoSuchStore | Error::AccessDenied => Failure::misconfigured(
            "the key-value store is not open to this component: check key_value_stores in spin.toml",
        ),
        Error::StoreTableFull => Failure::unavailable(STORE, "too many open stores"),
        Error::Other(reason) => Failure::unavailable(STORE, reason),
    }
}

/// The store as clients are told of it.
const STORE: &str = "the key-value store";

/// A store that lives as long as the value: for native tests of what is built on stores.
#[derive(Default)]
pub struct MemoryKeyValue(Mutex<BTreeMap<String, Vec<u8>>>);

impl MemoryKeyValue {
    fn entries(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeyValue for MemoryKeyValue {
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Failure> {
        Ok(self.entries().get(key).cloned())
    }

    fn set(&self, key: &str, value: &[u8]) -> Result<(), Failure> {
        self.entries().insert(key.to_owned(), value.to_vec());
        Ok(())
    }

    fn exists(&self, key: &str) -> Result<bool, Failure> {
        Ok(self.entries().contains_key(key))
    }

    fn delete(&self, key: &str) -> Result<(), Failure> {
        self.entries().remove(key);
        Ok(())
    }
}
