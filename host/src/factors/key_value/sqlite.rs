//! Stores in SQLite files, laid out as Spin lays them out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use rusqlite::{Connection, OptionalExtension, params};

use crate::bindings::platform::fermyon::spin::key_value::Error;

const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Database files that are open already: stores may share one.
#[derive(Default)]
pub struct Files(BTreeMap<PathBuf, Arc<File>>);

/// An open database file.
#[derive(Debug)]
struct File {
    writer: Mutex<Connection>,
    /// Does not wait for the writer: what was committed last is read from the log.
    reader: Mutex<Connection>,
}

/// A store in a file. Clones are handles of the same store.
#[derive(Clone, Debug)]
pub struct Sqlite {
    label: Arc<str>,
    file: Arc<File>,
}

impl Files {
    pub fn open(&mut self, path: &Path, label: &str) -> anyhow::Result<Sqlite> {
        let file = match self.0.get(path) {
            Some(file) => file.clone(),
            None => {
                let connect = || {
                    connect(path)
                        .with_context(|| format!("can't open the store {}", path.display()))
                };
                let file = Arc::new(File {
                    writer: Mutex::new(connect()?),
                    reader: Mutex::new(connect()?),
                });
                self.0.insert(path.to_owned(), file.clone());
                file
            }
        };
        Ok(Sqlite {
            label: label.into(),
            file,
        })
    }
}

fn connect(path: &Path) -> anyhow::Result<Connection> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // A write in the log survives the process being killed.
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    anyhow::ensure!(
        mode.eq_ignore_ascii_case("wal"),
        "its folder can't hold a write-ahead log; use one on a local disk"
    );
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.execute(
        "CREATE TABLE IF NOT EXISTS spin_key_value (\
         store TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, \
         PRIMARY KEY (store, key))",
        [],
    )?;
    Ok(connection)
}

impl Sqlite {
    pub fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        self.read(|db, label| {
            db.prepare_cached("SELECT value FROM spin_key_value WHERE store = ?1 AND key = ?2")?
                .query_row(params![label, key], |row| row.get(0))
                .optional()
        })
    }

    pub async fn set(&self, key: String, value: Vec<u8>) -> Result<(), Error> {
        self.with(move |db, label| {
            db.prepare_cached(
                "INSERT INTO spin_key_value (store, key, value) VALUES (?1, ?2, ?3) \
                 ON CONFLICT (store, key) DO UPDATE SET value = excluded.value",
            )?
            .execute(params![label, key, value])
            .map(drop)
        })
        .await
    }

    pub async fn delete(&self, key: String) -> Result<(), Error> {
        self.with(move |db, label| {
            db.prepare_cached("DELETE FROM spin_key_value WHERE store = ?1 AND key = ?2")?
                .execute(params![label, key])
                .map(drop)
        })
        .await
    }

    pub fn exists(&self, key: &str) -> Result<bool, Error> {
        self.read(|db, label| {
            db.prepare_cached("SELECT 1 FROM spin_key_value WHERE store = ?1 AND key = ?2")?
                .exists(params![label, key])
        })
    }

    pub async fn keys(&self) -> Result<Vec<String>, Error> {
        self.with(|db, label| {
            db.prepare_cached("SELECT key FROM spin_key_value WHERE store = ?1")?
                .query_map(params![label], |row| row.get(0))?
                .collect()
        })
        .await
    }

    /// Reads by a key, at once: that takes less time than to have it done by
    /// another thread.
    fn read<T>(
        &self,
        work: impl FnOnce(&Connection, &str) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        let connection = &self.file.reader;
        let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
        work(&connection, &self.label).map_err(|error| Error::Other(error.to_string()))
    }

    /// Runs a statement where it may block.
    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection, &str) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let Self { label, file } = self.clone();
        tokio::task::spawn_blocking(move || {
            let connection = file.writer.lock().unwrap_or_else(PoisonError::into_inner);
            work(&connection, &label)
        })
        .await
        .map_err(|error| Error::Other(error.to_string()))?
        .map_err(|error| Error::Other(error.to_string()))
    }
}
