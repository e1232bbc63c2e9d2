//! Webhooks: the events that tell of what happened, the endpoints that they are sent to, and
//! the messages between those who publish them and the one worker that sends them.
//!
//! A publisher makes a [`CloudEvent`] and adds the effect [`occurred`] to its change: the event
//! becomes a message if an endpoint wants its type. The worker of the queue [`keys::QUEUE`]
//! makes a message for each of these endpoints, and sends it.
//!
//! What the systems' events are called and what is in them is theirs to know. Nothing here uses
//! the network.

mod address;
mod endpoint;
mod event;
pub mod keys;
mod message;
mod publish;
mod request;
mod secrets;
mod store;
mod view;

pub use address::{Allowed, NoAddress};
pub use endpoint::{Endpoint, EndpointId, MAX_ENDPOINTS, wants};
pub use event::{CloudEvent, Fact, NoEvent, TEST, event_id, kind_of};
pub use message::{Delivery, Incoming, Notification, Occurred};
pub use publish::{occurred, occurred_for_all};
pub use request::{Create, Patch, Rotate};
pub use secrets::{Secrets, generate_secret};
pub use store::{Changed, Endpoints, change, load, load_secrets, version};
pub use view::{WebhookView, listed_id};
