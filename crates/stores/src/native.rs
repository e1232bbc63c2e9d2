//! Redis without Spin, for native tests: the same trait, and the same flat replies.

use std::sync::{Mutex, PoisonError};

use crate::{Arg, Redis, RedisError, Value};

/// A blocking connection.
pub struct NativeRedis(Mutex<redis::Connection>);

impl NativeRedis {
    /// Connects to a `redis://` URL.
    ///
    /// # Errors
    /// [`RedisError::Denied`] for an invalid URL, [`RedisError::Unavailable`] where Redis is
    /// out of reach.
    pub fn open(url: &str) -> Result<Self, RedisError> {
        let client = redis::Client::open(url).map_err(|_| RedisError::Denied)?;
        let connection = client.get_connection().map_err(from_native)?;
        Ok(Self(Mutex::new(connection)))
    }
}

impl Redis for NativeRedis {
    fn call(&self, command: &str, args: &[Arg<'_>]) -> Result<Vec<Value>, RedisError> {
        let mut request = redis::cmd(command);
        for arg in args {
            match arg {
                Arg::Text(text) => request.arg(*text),
                Arg::Bytes(bytes) => request.arg(*bytes),
                Arg::Int(number) => request.arg(*number),
            };
        }
        let mut connection = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let reply = request.query(&mut *connection).map_err(from_native)?;
        let mut flat = Vec::new();
        flatten(reply, &mut flat);
        Ok(flat)
    }
}

fn flatten(value: redis::Value, flat: &mut Vec<Value>) {
    match value {
        redis::Value::Nil => flat.push(Value::Nil),
        redis::Value::Int(number) => flat.push(Value::Int(number)),
        redis::Value::BulkString(bytes) => flat.push(Value::Bytes(bytes)),
        redis::Value::SimpleString(text) => flat.push(Value::Status(text)),
        redis::Value::Okay => flat.push(Value::Status("OK".into())),
        redis::Value::Array(values) | redis::Value::Set(values) => {
            values.into_iter().for_each(|value| flatten(value, flat));
        }
        other => flat.push(Value::Bytes(format!("{other:?}").into_bytes())),
    }
}

fn from_native(error: redis::RedisError) -> RedisError {
    if error.code() == Some("NOSCRIPT") {
        RedisError::NoScript
    } else {
        RedisError::Unavailable(error.to_string())
    }
}
