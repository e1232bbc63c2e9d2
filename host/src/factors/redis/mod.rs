//! `fermyon:spin/redis`: commands to the servers that a component may reach.

mod imports;
mod shared;

pub use shared::{Connection, Connections};
