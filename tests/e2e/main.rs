//! The application as a client sees it, through HTTP, Redis and S3.

mod access;
mod analysis;
mod broken_tokens;
mod chaos;
mod conventions;
mod events;
mod jobs;
mod labelers;
mod later_versions;
mod lifecycle;
mod manifest;
mod message_groups;
mod notifications;
mod obtain;
mod ops;
mod order_groups;
mod orders;
mod orders_histories;
mod outages;
mod purchases;
mod purchases_histories;
mod queue;
mod queue_histories;
mod receiver;
mod scan;
mod storage;
