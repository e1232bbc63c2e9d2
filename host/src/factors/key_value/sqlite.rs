//! Stores in SQLite files, laid out as Spin lays them out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, anyhow};
use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior, params};
use tokio::sync::oneshot;

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
    /// Idle connections. Readers wait neither for the writer nor for each other:
    /// they read the last commit from the log.
    readers: Mutex<Vec<Connection>>,
    /// The maximum number of idle connections: as many as can read without waiting for a processor.
    kept: usize,
}

type Statement = Box<dyn FnOnce(&Connection) -> rusqlite::Result<()> + Send>;

/// A change of the database, and the caller that waits for it.
struct Write {
    statement: Statement,
    done: oneshot::Sender<anyhow::Result<()>>,
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
                // Asking for the number takes longer than a read.
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
    // Written data survives a loss of power, too, as in Spin.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.execute(
        "CREATE TABLE IF NOT EXISTS spin_key_value (\
         store TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, \
         PRIMARY KEY (store, key))",
        [],
    )?;
    Ok(connection)
}

/// Writes until all senders are dropped. Writes that are requested during a commit share
/// the next one, so that many callers wait for the disk once.
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
            // Ignores the error: the caller has gone.
            let _ = done.send(written.clone().map_err(anyhow::Error::msg));
        }
    }
}

impl Sqlite {
    pub fn get(&self, key: &str) -> anyhow::Result<Option<Vec<u8>>> {
        self.read(|db, label| {
            db.prepare_cached("SELECT value FROM spin_key_value WHERE store = ?1 AND key = ?2")?
                .query_row(params![label, key], |row| row.get(0))
                .optional()
        })
    }

    pub async fn set(&self, key: String, value: Vec<u8>) -> anyhow::Result<()> {
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

    pub async fn delete(&self, key: String) -> anyhow::Result<()> {
        let label = self.label.clone();
        self.write(move |db| {
            db.prepare_cached("DELETE FROM spin_key_value WHERE store = ?1 AND key = ?2")?
                .execute(params![label, key])
                .map(drop)
        })
        .await
    }

    pub fn exists(&self, key: &str) -> anyhow::Result<bool> {
        self.read(|db, label| {
            db.prepare_cached("SELECT 1 FROM spin_key_value WHERE store = ?1 AND key = ?2")?
                .exists(params![label, key])
        })
    }

    pub async fn keys(&self) -> anyhow::Result<Vec<String>> {
        let store = self.clone();
        let keys = move || {
            store.read(|db, label| {
                db.prepare_cached("SELECT key FROM spin_key_value WHERE store = ?1")?
                    .query_map(params![label], |row| row.get(0))?
                    .collect()
            })
        };
        let keys = tokio::task::spawn_blocking(keys).await;
        keys?
    }

    /// Reads by a key on this thread, which takes less time than to hand the read to
    /// another thread.
    fn read<T>(
        &self,
        work: impl FnOnce(&Connection, &str) -> rusqlite::Result<T>,
    ) -> anyhow::Result<T> {
        let idle = self.file.readers().pop();
        let connection = match idle {
            Some(connection) => connection,
            // The file exists. If it was removed meanwhile, a new file would be another store.
            None => Connection::open_with_flags(&self.file.path, OpenFlags::SQLITE_OPEN_READ_WRITE)
                .and_then(|connection| {
                    connection.busy_timeout(BUSY_TIMEOUT)?;
                    Ok(connection)
                })?,
        };
        let read = work(&connection, &self.label);
        let mut idle = self.file.readers();
        if idle.len() < self.file.kept {
            idle.push(connection);
        }
        Ok(read?)
    }

    /// Runs a statement that writes, and returns when its change is on the disk.
    async fn write(
        &self,
        statement: impl FnOnce(&Connection) -> rusqlite::Result<()> + Send + 'static,
    ) -> anyhow::Result<()> {
        let (done, written) = oneshot::channel();
        let statement = Box::new(statement);
        let gone = || anyhow!("the store is closed");
        let asked = self.file.writer.send(Write { statement, done });
        asked.map_err(|_| gone())?;
        written.await.map_err(|_| gone())?
    }
}
