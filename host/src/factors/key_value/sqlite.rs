//! Stores in SQLite files, laid out as Spin lays them out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior, params};
use tokio::sync::oneshot;

use crate::bindings::platform::fermyon::spin::key_value::Error;

/// How many writes make one transaction at most.
const MAX_BATCH: usize = 256;

const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Database files that are open already: stores may share one.
#[derive(Default)]
pub struct Files(BTreeMap<PathBuf, Arc<File>>);

/// An open database file.
#[derive(Debug)]
struct File {
    writer: Sender<Write>,
    path: PathBuf,
    /// Connections that nobody reads by. Readers wait neither for the writer nor
    /// for each other: what was committed last is read from the log.
    readers: Mutex<Vec<Connection>>,
    /// How many readers are kept: as many as can read without waiting for a processor.
    kept: usize,
}

type Statement = Box<dyn FnOnce(&Connection) -> rusqlite::Result<()> + Send>;

/// A change of the database, and who waits for it.
struct Write {
    statement: Statement,
    done: oneshot::Sender<Result<(), Error>>,
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
                let connection = connect()?;
                // To ask for it takes longer than a read.
                let kept = thread::available_parallelism().map_or(1, usize::from);
                let readers = (0..kept).map(|_| connect());
                let readers = readers.collect::<anyhow::Result<_>>()?;
                let (writer, writes) = mpsc::channel();
                thread::Builder::new()
                    .name("key-value".into())
                    .spawn(move || write(connection, &writes))?;
                let file = Arc::new(File {
                    writer,
                    path: path.to_owned(),
                    readers: Mutex::new(readers),
                    kept,
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

impl File {
    fn readers(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn connect(path: &Path) -> anyhow::Result<Connection> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    anyhow::ensure!(
        mode.eq_ignore_ascii_case("wal"),
        "its folder can't hold a write-ahead log; use one on a local disk"
    );
    // What was written survives a loss of power, too, as in Spin.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.execute(
        "CREATE TABLE IF NOT EXISTS spin_key_value (\
         store TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, \
         PRIMARY KEY (store, key))",
        [],
    )?;
    Ok(connection)
}

/// Writes until nobody can ask for it any more. What is asked for while the disk is
/// waited for is written together after that, so that many wait for it once.
fn write(mut connection: Connection, writes: &Receiver<Write>) {
    while let Ok(first) = writes.recv() {
        let (mut statements, mut waiting) = (Vec::new(), Vec::new());
        for write in std::iter::once(first).chain(writes.try_iter().take(MAX_BATCH - 1)) {
            statements.push(write.statement);
            waiting.push(write.done);
        }
        let written = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .and_then(|transaction| {
                for statement in statements {
                    statement(&transaction)?;
                }
                transaction.commit()
            })
            .map_err(|error| error.to_string());
        for done in waiting {
            // Who has gone meanwhile need not know.
            let _ = done.send(written.clone().map_err(Error::Other));
        }
    }
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
        let label = self.label.clone();
        self.write(move |db| {
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
        let label = self.label.clone();
        self.write(move |db| {
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
        let store = self.clone();
        let keys = move || {
            store.read(|db, label| {
                db.prepare_cached("SELECT key FROM spin_key_value WHERE store = ?1")?
                    .query_map(params![label], |row| row.get(0))?
                    .collect()
            })
        };
        let keys = tokio::task::spawn_blocking(keys).await;
        keys.map_err(|error| Error::Other(error.to_string()))?
    }

    /// Reads by a key, at once: that takes less time than to have it done by
    /// another thread.
    fn read<T>(
        &self,
        work: impl FnOnce(&Connection, &str) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        let failed = |reason: &dyn std::fmt::Display| Error::Other(reason.to_string());
        let idle = self.file.readers().pop();
        let connection = match idle {
            Some(connection) => connection,
            // It is there; should somebody have removed it, another is no store of ours.
            None => Connection::open_with_flags(&self.file.path, OpenFlags::SQLITE_OPEN_READ_WRITE)
                .and_then(|connection| {
                    connection.busy_timeout(BUSY_TIMEOUT)?;
                    Ok(connection)
                })
                .map_err(|error| failed(&error))?,
        };
        let read = work(&connection, &self.label);
        let mut idle = self.file.readers();
        if idle.len() < self.file.kept {
            idle.push(connection);
        }
        read.map_err(|error| failed(&error))
    }

    /// Runs a statement that writes, and comes back when that is on the disk.
    async fn write(
        &self,
        statement: impl FnOnce(&Connection) -> rusqlite::Result<()> + Send + 'static,
    ) -> Result<(), Error> {
        let (done, written) = oneshot::channel();
        let statement = Box::new(statement);
        let gone = || Error::Other("the store is closed".to_owned());
        let asked = self.file.writer.send(Write { statement, done });
        asked.map_err(|_| gone())?;
        written.await.map_err(|_| gone())?
    }
}
