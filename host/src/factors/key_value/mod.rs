//! `fermyon:spin/key-value`: documents by key.

mod fault;
mod imports;
mod memory;
mod redis;
mod sqlite;
mod store;

pub use fault::{InvalidFault, KeyValueFault};
pub use store::{Store, Stores};
