//! What a client of the application sees, through HTTP, Redis and S3.

mod access;
mod analysis;
mod conventions;
mod events;
mod labelers;
mod obtain;
mod outages;
mod queue;
mod receiver;
mod scan;
mod storage;
