//! Connections of which each runtime has its own.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tokio::runtime::{self, Handle};

/// A value for each runtime of tokio that uses it. A connection is read and written by the
/// threads of the runtime that made it: users on another one would wait for these, which may
/// be busy or give way.
#[derive(Debug)]
pub struct PerRuntime<T>(Mutex<HashMap<runtime::Id, T>>);

impl<T> Default for PerRuntime<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone> PerRuntime<T> {
    /// The value of the current runtime, which `make` makes at the first use.
    pub fn get(&self, make: impl FnOnce() -> T) -> T {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(Handle::current().id())
            .or_insert_with(make)
            .clone()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::runtime::Builder;

    use super::*;

    #[test]
    fn each_runtime_makes_its_value_once() {
        let made = AtomicU32::new(0);
        let values = PerRuntime::default();
        let get = || async { values.get(|| made.fetch_add(1, Ordering::Relaxed)) };
        let [one, other] = [(); 2].map(|()| Builder::new_current_thread().build().unwrap());
        assert_eq!((one.block_on(get()), one.block_on(get())), (0, 0));
        assert_eq!((other.block_on(get()), one.block_on(get())), (1, 0));
    }
}
