//! Stores in SQLite files, laid out as Spin lays them out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, anyhow};
use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior, params};
use tokio::sync::oneshot;

/// How many writes make one transaction at most.
const MAX_BATCH: usize = 256;

const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the snapshot for readers is held where nothing is written.
const MAX_SNAPSHOT_AGE: Duration = Duration::from_secs(1);

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
                let anchor = Anchor::new(connect()?);
                let (writer, writes) = mpsc::channel();
                thread::Builder::new()
                    .name("key-value".into())
                    .spawn(move || write(connection, anchor, &writes))?;
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

/// A connection that reads the last commit all the time. SQLite locks a snapshot of the log
/// once for all connections of a process, so that readers of the same snapshot need no system
/// calls to lock and unlock it.
struct Anchor(Connection);

impl Anchor {
    /// Reads the last commit.
    fn new(connection: Connection) -> Self {
        let anchor = Self(connection);
        anchor.hold();
        anchor
    }

    /// Reads the last commit from now on. A failure makes readers slower and nothing else.
    fn hold(&self) {
        let read = "SELECT EXISTS (SELECT 1 FROM spin_key_value)";
        let held = self.execute("BEGIN").and_then(|()| self.execute(read));
        if let Err(error) = held {
            tracing::debug!("no snapshot of the key-value store is held: {error}");
        }
    }

    /// Stops reading. SQLite can't start its log anew while a part of it is read.
    fn release(&self) {
        // Fails where nothing is read.
        let _ = self.execute("COMMIT");
    }

    fn execute(&self, statement: &str) -> rusqlite::Result<()> {
        let mut statement = self.0.prepare_cached(statement)?;
        let mut rows = statement.raw_query();
        while rows.next()?.is_some() {}
        Ok(())
    }
}

/// Writes until all senders are dropped. Writes that are requested during a commit share
/// the next one, so that many callers wait for the disk once.
fn write(mut connection: Connection, anchor: Anchor, writes: &Receiver<Write>) {
    loop {
        let first = match writes.recv_timeout(MAX_SNAPSHOT_AGE) {
            Ok(first) => first,
            Err(RecvTimeoutError::Timeout) => {
                // Another process may have written.
                anchor.release();
                anchor.hold();
                continue;
            }
            Err(RecvTimeoutError::Disconnected) => return,
        };
        let (mut statements, mut waiting) = (Vec::new(), Vec::new());
        for write in std::iter::once(first).chain(writes.try_iter().take(MAX_BATCH - 1)) {
            statements.push(write.statement);
            waiting.push(write.done);
        }
        anchor.release();
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
        anchor.hold();
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

#[cfg(test)]
mod tests {
    use futures::future::try_join_all;

    use super::*;

    #[tokio::test]
    async fn the_log_starts_anew_while_values_are_read_and_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("values.db");
        let store = Files::default().open(&path, "default").unwrap();
        // Three times as much as SQLite keeps in its log.
        for round in 0..12_u8 {
            let key = |number: usize| format!("{round}-{number}");
            let value = || vec![round; 8 << 10];
            let writes = (0..128).map(|number| store.set(key(number), value()));
            try_join_all(writes).await.unwrap();
            for number in 0..128 {
                assert_eq!(store.get(&key(number)).unwrap(), Some(value()));
            }
        }
        let log = std::fs::metadata(folder.path().join("values.db-wal")).unwrap();
        assert!(log.len() < 8 << 20, "{}", log.len());
    }

    #[tokio::test]
    async fn a_value_of_another_writer_is_read_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("values.db");
        // Each has a writer and a snapshot of its own.
        let (mine, other) = (Files::default(), Files::default());
        let [mine, other] = [mine, other].map(|mut files| files.open(&path, "default").unwrap());
        for number in 0..20_u8 {
            other.set("key".to_owned(), vec![number]).await.unwrap();
            assert_eq!(mine.get("key").unwrap(), Some(vec![number]));
            mine.set("key".to_owned(), vec![100 + number])
                .await
                .unwrap();
            assert_eq!(other.get("key").unwrap(), Some(vec![100 + number]));
        }
    }
}
