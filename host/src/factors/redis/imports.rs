//! `fermyon:spin/redis`: commands to the servers that a component may reach.

use redis::{Cmd, ErrorKind, FromRedisValue, ParsingError, RedisError, Value};
use wasmtime::component::Resource;

use super::shared::Connection;
use crate::bindings::platform::fermyon::spin::redis::{
    Error, Host, HostConnection, RedisParameter, RedisResult,
};
use crate::guest::{Guest, MAX_HANDLES};

/// A reply as a guest sees it: one flat list, with nested lists taken apart.
struct Flat(Vec<RedisResult>);

impl FromRedisValue for Flat {
    fn from_redis_value(value: Value) -> Result<Self, ParsingError> {
        let mut flat = Vec::new();
        flatten(value, &mut flat)?;
        Ok(Self(flat))
    }
}

fn flatten(value: Value, flat: &mut Vec<RedisResult>) -> Result<(), ParsingError> {
    flat.push(match value {
        Value::Nil => RedisResult::Nil,
        Value::Int(number) => RedisResult::Int64(number),
        Value::Boolean(yes) => RedisResult::Int64(yes.into()),
        Value::Okay => RedisResult::Status("OK".to_owned()),
        Value::SimpleString(text) => RedisResult::Status(text),
        Value::BulkString(bytes) | Value::BigNumber(bytes) => RedisResult::Binary(bytes),
        Value::Double(number) => RedisResult::Binary(number.to_string().into_bytes()),
        Value::Array(values) | Value::Set(values) => {
            return values
                .into_iter()
                .try_for_each(|value| flatten(value, flat));
        }
        Value::ServerError(error) => {
            return Err(ParsingError::from(format!("a nested error: {error}")));
        }
        other => {
            return Err(ParsingError::from(format!(
                "this kind of reply is not supported: {other:?}"
            )));
        }
    });
    Ok(())
}

fn other(error: RedisError) -> Error {
    Error::Other(error.to_string())
}

impl Guest {
    /// Runs a command on a guest's connection.
    async fn ask<T: FromRedisValue>(
        &mut self,
        this: &Resource<Connection>,
        command: Cmd,
    ) -> wasmtime::Result<redis::RedisResult<T>> {
        let reply = self.table.get_mut(this)?.run(&command).await;
        Ok(reply.and_then(|reply| Ok(T::from_redis_value(reply)?)))
    }
}

impl Host for Guest {}

impl HostConnection for Guest {
    async fn open(
        &mut self,
        address: String,
    ) -> wasmtime::Result<Result<Resource<Connection>, Error>> {
        // Text without a scheme is an address of Redis, as in Spin.
        let address = match address.contains("://") {
            true => address,
            false => format!("redis://{address}"),
        };
        let connections = self.context().redis.clone();
        let Some(target) = connections.target(&address) else {
            return Ok(Err(Error::InvalidAddress));
        };
        if !self.context().allowed_hosts.allows_url(target.server()) {
            self.context()
                .report_denied("redis", target.server().as_str());
            return Ok(Err(Error::InvalidAddress));
        }
        if self.redis_connections >= MAX_HANDLES {
            return Ok(Err(Error::TooManyConnections));
        }
        Ok(match connections.open(target).await {
            Ok(connection) => {
                self.redis_connections += 1;
                Ok(self.table.push(connection)?)
            }
            Err(error) => Err(other(error)),
        })
    }

    async fn publish(
        &mut self,
        this: Resource<Connection>,
        channel: String,
        payload: Vec<u8>,
    ) -> wasmtime::Result<Result<(), Error>> {
        let reply = self.ask(&this, Cmd::publish(channel, payload)).await?;
        Ok(reply.map_err(other))
    }

    async fn get(
        &mut self,
        this: Resource<Connection>,
        key: String,
    ) -> wasmtime::Result<Result<Option<Vec<u8>>, Error>> {
        let reply = self.ask(&this, Cmd::get(key)).await?;
        Ok(reply.map_err(other))
    }

    async fn set(
        &mut self,
        this: Resource<Connection>,
        key: String,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<(), Error>> {
        let reply = self.ask(&this, Cmd::set(key, value)).await?;
        Ok(reply.map_err(other))
    }

    async fn incr(
        &mut self,
        this: Resource<Connection>,
        key: String,
    ) -> wasmtime::Result<Result<i64, Error>> {
        let reply = self.ask(&this, Cmd::incr(key, 1)).await?;
        Ok(reply.map_err(other))
    }

    async fn del(
        &mut self,
        this: Resource<Connection>,
        keys: Vec<String>,
    ) -> wasmtime::Result<Result<u32, Error>> {
        let reply = self.ask(&this, Cmd::del(keys)).await?;
        Ok(reply.map_err(other))
    }

    async fn sadd(
        &mut self,
        this: Resource<Connection>,
        key: String,
        values: Vec<String>,
    ) -> wasmtime::Result<Result<u32, Error>> {
        let reply = self.ask(&this, Cmd::sadd(key, values)).await?;
        Ok(reply.map_err(|error| match error.kind() {
            ErrorKind::UnexpectedReturnType => Error::TypeError,
            _ => other(error),
        }))
    }

    async fn smembers(
        &mut self,
        this: Resource<Connection>,
        key: String,
    ) -> wasmtime::Result<Result<Vec<String>, Error>> {
        let reply = self.ask(&this, Cmd::smembers(key)).await?;
        Ok(reply.map_err(other))
    }

    async fn srem(
        &mut self,
        this: Resource<Connection>,
        key: String,
        values: Vec<String>,
    ) -> wasmtime::Result<Result<u32, Error>> {
        let reply = self.ask(&this, Cmd::srem(key, values)).await?;
        Ok(reply.map_err(other))
    }

    async fn execute(
        &mut self,
        this: Resource<Connection>,
        command: String,
        arguments: Vec<RedisParameter>,
    ) -> wasmtime::Result<Result<Vec<RedisResult>, Error>> {
        let mut command = redis::cmd(&command);
        for argument in arguments {
            match argument {
                RedisParameter::Int64(number) => command.arg(number),
                RedisParameter::Binary(bytes) => command.arg(bytes),
            };
        }
        let reply = self.ask::<Flat>(&this, command).await?;
        Ok(reply.map(|flat| flat.0).map_err(other))
    }

    fn drop(&mut self, this: Resource<Connection>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        self.redis_connections -= 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_flattened_as_in_spin() {
        let nested = Value::Array(vec![
            Value::Int(1),
            Value::Array(vec![Value::BulkString(b"a".to_vec()), Value::Nil]),
            Value::Okay,
            Value::Array(vec![]),
            Value::Boolean(true),
            Value::Double(1.5),
        ]);
        let flat = Flat::from_redis_value(nested).unwrap().0;
        assert_eq!(
            format!("{flat:?}"),
            format!(
                "{:?}",
                [
                    RedisResult::Int64(1),
                    RedisResult::Binary(b"a".to_vec()),
                    RedisResult::Nil,
                    RedisResult::Status("OK".to_owned()),
                    RedisResult::Int64(1),
                    RedisResult::Binary(b"1.5".to_vec()),
                ]
            )
        );
        assert!(Flat::from_redis_value(Value::Map(vec![])).is_err());
    }
}
