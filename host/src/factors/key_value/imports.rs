//! `fermyon:spin/key-value`: documents by key.

use wasmtime::component::Resource;

use super::store::Store;
use crate::bindings::platform::fermyon::spin::key_value::{Error, Host, HostStore};
use crate::guest::{Guest, MAX_HANDLES};

fn other(error: anyhow::Error) -> Error {
    Error::Other(format!("{error:#}"))
}

impl Guest {
    fn store(&self, this: &Resource<Store>) -> wasmtime::Result<Store> {
        Ok(self.table.get(this)?.clone())
    }
}

impl Host for Guest {}

impl HostStore for Guest {
    fn open(&mut self, label: String) -> wasmtime::Result<Result<Resource<Store>, Error>> {
        let context = self.context();
        if !context.key_value_stores.contains(&label) {
            return Ok(Err(Error::AccessDenied));
        }
        let Some(store) = context.stores.get(&label).cloned() else {
            return Ok(Err(Error::NoSuchStore));
        };
        if self.open_stores >= MAX_HANDLES {
            return Ok(Err(Error::StoreTableFull));
        }
        self.open_stores += 1;
        Ok(Ok(self.table.push(store)?))
    }

    async fn get(
        &mut self,
        this: Resource<Store>,
        key: String,
    ) -> wasmtime::Result<Result<Option<Vec<u8>>, Error>> {
        Ok(self.store(&this)?.get(key).await.map_err(other))
    }

    async fn set(
        &mut self,
        this: Resource<Store>,
        key: String,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<(), Error>> {
        Ok(self.store(&this)?.set(key, value).await.map_err(other))
    }

    async fn delete(
        &mut self,
        this: Resource<Store>,
        key: String,
    ) -> wasmtime::Result<Result<(), Error>> {
        Ok(self.store(&this)?.delete(key).await.map_err(other))
    }

    async fn exists(
        &mut self,
        this: Resource<Store>,
        key: String,
    ) -> wasmtime::Result<Result<bool, Error>> {
        Ok(self.store(&this)?.exists(key).await.map_err(other))
    }

    async fn get_keys(
        &mut self,
        this: Resource<Store>,
    ) -> wasmtime::Result<Result<Vec<String>, Error>> {
        Ok(self.store(&this)?.keys().await.map_err(other))
    }

    fn drop(&mut self, this: Resource<Store>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        self.open_stores -= 1;
        Ok(())
    }
}
