//! Stores in a Redis database: a key of the store is a key of the database.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{AsyncCommands, Client, RedisError};
use tokio::sync::OnceCell;

use crate::bindings::platform::fermyon::spin::key_value::Error;

const TIMEOUT: Duration = Duration::from_secs(10);

/// A store in Redis. Clones share one connection, which is made when it is first
/// needed and made again when it is lost.
#[derive(Clone)]
pub struct Redis {
    client: Arc<Client>,
    connection: Arc<OnceCell<ConnectionManager>>,
}

impl std::fmt::Debug for Redis {
    // The address may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Redis")
    }
}

fn other(error: RedisError) -> Error {
    Error::Other(error.to_string())
}

impl Redis {
    pub fn new(label: &str, url: &str) -> anyhow::Result<Self> {
        let client = Client::open(url)
            .with_context(|| format!("[key_value_store.{label}] `url` is no Redis address"))?;
        Ok(Self {
            client: Arc::new(client),
            connection: Arc::default(),
        })
    }

    async fn connection(&self) -> Result<ConnectionManager, Error> {
        let connect = || {
            let config = ConnectionManagerConfig::new()
                .set_number_of_retries(1)
                .set_connection_timeout(Some(TIMEOUT))
                .set_response_timeout(Some(TIMEOUT));
            ConnectionManager::new_with_config(Client::clone(&self.client), config)
        };
        self.connection
            .get_or_try_init(connect)
            .await
            .cloned()
            .map_err(other)
    }

    pub async fn get(&self, key: String) -> Result<Option<Vec<u8>>, Error> {
        self.connection().await?.get(key).await.map_err(other)
    }

    pub async fn set(&self, key: String, value: Vec<u8>) -> Result<(), Error> {
        self.connection()
            .await?
            .set(key, value)
            .await
            .map_err(other)
    }

    pub async fn delete(&self, key: String) -> Result<(), Error> {
        self.connection().await?.del(key).await.map_err(other)
    }

    pub async fn exists(&self, key: String) -> Result<bool, Error> {
        self.connection().await?.exists(key).await.map_err(other)
    }

    pub async fn keys(&self) -> Result<Vec<String>, Error> {
        self.connection().await?.keys("*").await.map_err(other)
    }
}
