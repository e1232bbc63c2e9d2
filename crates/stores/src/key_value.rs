//! Documents by key: Spin's key-value store.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use base::Failure;
use spin_sdk::key_value::{Error, Store};

/// A key-value store.
///
/// It has no listing and no compare-and-swap, which not every back end of Spin does as
/// promised. All errors are [`Failure::Unavailable`] or [`Failure::Misconfigured`].
pub trait KeyValue {
    /// The value of a key, or `None` if there is none.
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Failure>;
    /// Writes a value, in place of an older one.
    fn set(&self, key: &str, value: &[u8]) -> Result<(), Failure>;
    /// Whether a key has a value.
    fn exists(&self, key: &str) -> Result<bool, Failure>;
    /// Removes a key; a missing key is no error.
    fn delete(&self, key: &str) -> Result<(), Failure>;
}

/// A store of the Spin runtime, which `spin.toml` lists in `key_value_stores`.
pub struct SpinKeyValue(Store);

impl SpinKeyValue {
    /// Opens the store `default`.
    ///
    /// # Errors
    /// The component has no permission for it, or it is out of reach.
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

/// The name of the store in messages to clients.
const STORE: &str = "the key-value store";

/// A store in memory, for native tests.
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
