//! Webhooks: events of the systems' changes, the endpoints that they are sent to, and the
//! messages between their publishers and the one worker that sends them.
//!
//! A publisher makes a [`CloudEvent`] and adds the effect [`occurred`] to its change: the event
//! becomes a message if an endpoint wants its type. The worker of the queue [`keys::QUEUE`]
//! makes a message for each of these endpoints, and sends it.
//!
//! The systems define the types and the contents of their events. Nothing here uses the
//! network.

mod address;
mod endpoint;
mod event;
mod health;
mod kept;
pub mod keys;
mod log;
mod message;
mod publish;
mod request;
mod resend;
mod secrets;
mod store;
mod view;

pub use address::{Allowed, NoAddress};
pub use endpoint::{Disabled, Endpoint, EndpointId, MAX_ENDPOINTS, wants, wishes_for};
pub use event::{CloudEvent, Fact, NoEvent, TEST, event_id, kind_of};
pub use health::{Health, load_health, reset};
pub use kept::{Kept, kept, kept_since, read_kept};
pub use log::{
    Attempt, Attempts, MAX_ANSWER, MAX_ATTEMPTS, attempts, failed, failed_since, noted, resent,
    was_resent,
};
pub use message::{Delivery, Incoming, Notification, Occurred};
pub use publish::{is_any_wanted, occurred, occurred_for_all, told};
pub use request::{Create, Patch, Resend, Rotate};
pub use resend::{Target, sent, sent_again};
pub use secrets::{Secrets, generate_secret};
pub use store::{Changed, Endpoints, change, load, load_secrets, version};
pub use view::{WebhookView, listed_id, listed_wants};
