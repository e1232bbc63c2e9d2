//! Stores in a Redis database: a key of the store is a key of the database.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{AsyncCommands, Client, RedisResult};
use tokio::sync::OnceCell;

use crate::per_runtime::PerRuntime;

const TIMEOUT: Duration = Duration::from_secs(10);

/// A store in Redis. Clones share one connection a runtime, which is made at the first use
/// and made again when it is lost.
#[derive(Clone)]
pub struct Redis {
    client: Arc<Client>,
    connections: Arc<PerRuntime<Arc<OnceCell<ConnectionManager>>>>,
}

impl std::fmt::Debug for Redis {
    // The address may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Redis")
    }
}

impl Redis {
    pub fn new(label: &str, url: &str) -> anyhow::Result<Self> {
        let client = Client::open(url)
            .with_context(|| format!("[key_value_store.{label}] `url` is no Redis address"))?;
        Ok(Self {
            client: Arc::new(client),
            connections: Arc::default(),
        })
    }

    async fn connection(&self) -> RedisResult<ConnectionManager> {
        let connect = || {
            let config = ConnectionManagerConfig::new()
                .set_number_of_retries(1)
                .set_connection_timeout(Some(TIMEOUT))
                .set_response_timeout(Some(TIMEOUT));
            ConnectionManager::new_with_config(Client::clone(&self.client), config)
        };
        let connection = self.connections.get(Arc::default);
        connection.get_or_try_init(connect).await.cloned()
    }

    pub async fn get(&self, key: String) -> RedisResult<Option<Vec<u8>>> {
        self.connection().await?.get(key).await
    }

    pub async fn set(&self, key: String, value: Vec<u8>) -> RedisResult<()> {
        self.connection().await?.set(key, value).await
    }

    pub async fn delete(&self, key: String) -> RedisResult<()> {
        self.connection().await?.del(key).await
    }

    pub async fn exists(&self, key: String) -> RedisResult<bool> {
        self.connection().await?.exists(key).await
    }

    pub async fn keys(&self) -> RedisResult<Vec<String>> {
        self.connection().await?.keys("*").await
    }
}
