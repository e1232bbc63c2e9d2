//! Redis, by one call for all commands.

use std::cell::RefCell;
use std::rc::Rc;

use base::Failure;
use serde::de::DeserializeOwned;
use spin_sdk::redis::{Connection, Error, RedisParameter, RedisResult};

/// A connection to Redis that runs any command.
pub trait Redis {
    /// Runs a command. Nested arrays in the reply are flattened into one list, as Spin's
    /// outbound Redis does it.
    ///
    /// # Errors
    /// See [`RedisError`]. The command may have been run where the connection was lost.
    fn call(&self, command: &str, args: &[Arg<'_>]) -> Result<Vec<Value>, RedisError>;
}

/// An argument of a command.
#[derive(Clone, Copy, Debug)]
pub enum Arg<'a> {
    /// A key or another text.
    Text(&'a str),
    /// Bytes.
    Bytes(&'a [u8]),
    /// An integer.
    Int(i64),
}

impl<'a> From<&'a str> for Arg<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a String> for Arg<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a [u8]> for Arg<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<i64> for Arg<'_> {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

/// One element of a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// No value.
    Nil,
    /// A simple status, such as `OK`.
    Status(String),
    /// An integer.
    Int(i64),
    /// A bulk string.
    Bytes(Vec<u8>),
}

impl Value {
    /// The value as an integer, also if Redis sent it as digits.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            Self::Bytes(bytes) => std::str::from_utf8(bytes).ok()?.parse().ok(),
            _ => None,
        }
    }

    /// The value as text, if it is UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Status(text) => Some(text),
            Self::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
            _ => None,
        }
    }

    /// The text as JSON; `None` where the value is no text.
    ///
    /// # Errors
    /// The text is not JSON, or not of the type `T`.
    pub fn as_json<T: DeserializeOwned>(&self) -> serde_json::Result<Option<T>> {
        let text = self.as_str();
        text.map(|text| serde_json::from_slice(text.as_bytes()))
            .transpose()
    }

    /// The value as bytes; none for a nil or a number.
    pub fn into_bytes(self) -> Vec<u8> {
        match self {
            Self::Status(text) => text.into_bytes(),
            Self::Bytes(bytes) => bytes,
            _ => Vec::new(),
        }
    }
}

/// The error of a call.
#[derive(Debug, thiserror::Error)]
pub enum RedisError {
    /// The address is invalid, or the component has no permission for it.
    #[error(
        "Redis is not open to this component: check redis_host, redis_credentials (percent-encoded) and allowed_outbound_hosts"
    )]
    Denied,
    /// Redis is out of reach, or answered with an error.
    #[error("Redis failed: {0}")]
    Unavailable(String),
    /// `EVALSHA` of a script that this server does not know.
    #[error("Redis has not loaded the script")]
    NoScript,
}

impl From<RedisError> for Failure {
    fn from(error: RedisError) -> Self {
        match error {
            RedisError::Denied => Self::misconfigured(error.to_string()),
            other => Self::unavailable("Redis", other),
        }
    }
}

impl RedisError {
    /// The error that the text of a runtime stands for, by its code word.
    fn from_text(text: String) -> Self {
        if text.contains("NOSCRIPT") || text.contains("NoScript") {
            Self::NoScript
        } else {
            Self::Unavailable(text)
        }
    }
}

thread_local! {
    /// The connection of this instance. Each that is opened is a new TCP connection.
    static OPENED: RefCell<Option<Rc<Connection>>> = const { RefCell::new(None) };
}

/// The connection of this instance, as the Spin runtime makes it. It is opened once for all
/// its users in a request, until [`SpinRedis::close`].
pub struct SpinRedis(Rc<Connection>);

impl SpinRedis {
    /// Connects to the `redis://` or `rediss://` URL in the variable `redis_url`.
    ///
    /// # Errors
    /// The variable is missing, or Redis is out of reach.
    pub fn open() -> Result<Self, Failure> {
        OPENED.with_borrow_mut(|opened| {
            if let Some(connection) = opened {
                return Ok(Self(connection.clone()));
            }
            let url = base::text("redis_url")?;
            let connection = Rc::new(Connection::open(&url).map_err(from_spin)?);
            Ok(Self(opened.insert(connection).clone()))
        })
    }

    /// Closes the connection, at the end of a request or a message: a host may use the
    /// instance for another one, and by then Redis may have closed it.
    pub fn close() {
        OPENED.take();
    }
}

impl Redis for SpinRedis {
    fn call(&self, command: &str, args: &[Arg<'_>]) -> Result<Vec<Value>, RedisError> {
        let parameters: Vec<_> = args
            .iter()
            .map(|arg| match arg {
                Arg::Text(text) => RedisParameter::Binary(text.as_bytes().to_vec()),
                Arg::Bytes(bytes) => RedisParameter::Binary(bytes.to_vec()),
                Arg::Int(number) => RedisParameter::Int64(*number),
            })
            .collect();
        let reply = self.0.execute(command, &parameters).map_err(from_spin)?;
        Ok(reply
            .into_iter()
            .map(|value| match value {
                RedisResult::Nil => Value::Nil,
                RedisResult::Status(text) => Value::Status(text),
                RedisResult::Int64(number) => Value::Int(number),
                RedisResult::Binary(bytes) => Value::Bytes(bytes),
            })
            .collect())
    }
}

fn from_spin(error: Error) -> RedisError {
    match error {
        Error::InvalidAddress => RedisError::Denied,
        Error::TooManyConnections => RedisError::Unavailable("too many connections".into()),
        Error::TypeError => RedisError::Unavailable("a key holds another type".into()),
        Error::Other(text) => RedisError::from_text(text),
    }
}
