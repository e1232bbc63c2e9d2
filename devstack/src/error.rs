use std::{io, path::PathBuf};

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a part of the development stack could not be started or used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder could not be read or written.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// The operating system's message.
        source: io::Error,
    },
    /// A file holds data that this version does not understand.
    #[error("{path} is damaged, move it away and start again: {reason}", path = path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The fault in it.
        reason: String,
    },
    /// No server can listen on the address.
    #[error(
        "cannot listen on {address}: {source}; choose another address or stop the program that uses it"
    )]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// The operating system's message.
        source: io::Error,
    },
    /// An option has a value that can't be used.
    #[error("{0}")]
    Option(String),
    /// The S3 store refused its data folder.
    #[error("the S3 store cannot use {path}: {reason}", path = path.display())]
    Store {
        /// The folder.
        path: PathBuf,
        /// The store's message.
        reason: String,
    },
    /// `redis-server` is not installed.
    #[error(
        "`{program}` was not found. Install Redis (Debian, Ubuntu: `apt-get install redis-server`; \
         macOS: `brew install redis`) or set REDIS_URL to one that runs"
    )]
    RedisMissing {
        /// The program that was looked for.
        program: String,
    },
    /// `redis-server` ended or does not answer.
    #[error("Redis did not start: {reason}; its log is {log}", log = log.display())]
    RedisStart {
        /// The event or error.
        reason: String,
        /// The file of its log.
        log: PathBuf,
    },
    /// The Redis that the user named does not answer.
    #[error("no Redis answers at {address}: {reason}; check REDIS_URL")]
    RedisUnreachable {
        /// Host and port, without credentials.
        address: String,
        /// The client's message.
        reason: String,
    },
    /// Another stack runs on the same data.
    #[error("{path} is in use by another devstack; stop it or choose another data folder", path = .0.display())]
    InUse(PathBuf),
    /// The application did not start.
    #[error(transparent)]
    Application(Box<orilla::StartError>),
    /// The operating system does not report signals.
    #[error("signals cannot be received: {0}")]
    Signals(io::Error),
    /// Only a Redis that the development stack started can be stopped by it.
    #[error("this Redis was not started here and is not stopped here")]
    RedisExternal,
}

/// Adds the path to an I/O error.
pub(crate) trait At<T> {
    fn at(self, path: &std::path::Path) -> Result<T>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, path: &std::path::Path) -> Result<T> {
        self.map_err(|source| Error::File {
            path: path.to_path_buf(),
            source,
        })
    }
}
