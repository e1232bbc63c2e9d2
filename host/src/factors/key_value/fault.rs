//! Stores that fail on purpose, for tests of how an application handles it.

use std::str::FromStr;

use anyhow::anyhow;
use rustix::process::{Signal, getpid, kill_process};

/// A fault of every key-value store, for tests: it replaces the setting of
/// a key, and is written as `exit-before-set:KEY` or `fail-set:KEY`. A `*` at the end of
/// the key matches any end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyValueFault {
    effect: Effect,
    keys: Keys,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    /// The process is killed (SIGKILL) in the middle of its work.
    Exit,
    /// The store answers an error.
    Fail,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Keys {
    One(String),
    StartingWith(String),
}

/// Why a text is no [`KeyValueFault`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "write it as exit-before-set:KEY or fail-set:KEY; a * at the end of KEY stands for any end"
)]
pub struct InvalidFault;

impl FromStr for KeyValueFault {
    type Err = InvalidFault;

    fn from_str(text: &str) -> Result<Self, InvalidFault> {
        let (effect, keys) = text.split_once(':').ok_or(InvalidFault)?;
        let effect = match effect {
            "exit-before-set" => Effect::Exit,
            "fail-set" => Effect::Fail,
            _ => return Err(InvalidFault),
        };
        let keys = match keys.strip_suffix('*') {
            Some(start) => Keys::StartingWith(start.to_owned()),
            None if keys.is_empty() => return Err(InvalidFault),
            None => Keys::One(keys.to_owned()),
        };
        Ok(Self { effect, keys })
    }
}

impl KeyValueFault {
    /// Applies the fault, if it is a fault of this key.
    ///
    /// # Errors
    /// The fault is a failing one.
    pub fn before_set(&self, key: &str) -> anyhow::Result<()> {
        match self.effect {
            _ if !self.hits(key) => Ok(()),
            Effect::Exit => exit(key),
            Effect::Fail => Err(anyhow!("it fails as --key-value-fault says")),
        }
    }

    fn hits(&self, key: &str) -> bool {
        match &self.keys {
            Keys::One(one) => one == key,
            Keys::StartingWith(start) => key.starts_with(start),
        }
    }
}

fn exit(key: &str) -> ! {
    tracing::warn!(key, "exiting as --key-value-fault says");
    // Nothing is flushed, closed or reported, as when a machine is lost.
    let _ = kill_process(getpid(), Signal::KILL);
    // The kernel may refuse the signal.
    std::process::abort()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits(fault: &str, key: &str) -> bool {
        fault.parse::<KeyValueFault>().unwrap().hits(key)
    }

    #[test]
    fn a_fault_is_of_one_key_or_of_all_that_start_alike() {
        assert!(hits("fail-set:orders:o-1", "orders:o-1"));
        assert!(!hits("fail-set:orders:o-1", "orders:o-1:v:1"));
        assert!(hits("exit-before-set:orders:o-1:v:*", "orders:o-1:v:12"));
        assert!(!hits("exit-before-set:orders:o-1:v:*", "orders:o-1"));
        assert!(hits("fail-set:*", "anything"));
    }

    #[test]
    fn what_is_no_fault_says_how_to_write_one() {
        for text in ["", "orders", "fail-set", "fail-set:", "fail-get:orders"] {
            let error = text.parse::<KeyValueFault>().unwrap_err();
            assert!(error.to_string().contains("exit-before-set:KEY"), "{text}");
        }
    }
}
