//! The messages of the two queues of purchases.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{Purchase, PurchaseId, Settings};
use base::Tenant;

/// The schema of all messages.
const SCHEMA: u32 = 1;

/// `compra.changed`: a committed version of a purchase. A worker stores it if it is not
/// stored yet, and then archives it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Changed {
    /// The version of the purchase.
    pub version: u64,
    /// The purchase.
    pub document: Box<Purchase>,
}

/// `compra.imported`: a record of a stream. One that cannot be read becomes a dead letter.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ImportedMessage {
    /// The record, as it was sent.
    pub record: Box<RawValue>,
    /// The identity of the record, 32 hex digits.
    pub key: String,
    /// When it came, in milliseconds since the Unix epoch: the time of a change that does
    /// not say its own.
    pub received: u64,
    /// The operator's settings when it was received.
    pub settings: Settings,
}

/// `compra.erase`: a removed purchase whose versions and objects are to be erased.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Purge {
    /// The tenant.
    pub tenant_id: Tenant,
    /// The purchase.
    pub compra_id: PurchaseId,
    /// The version that removed it.
    pub version: u64,
}

/// `compras.compact`: a day whose objects are to become few.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compact {
    /// The tenant, encoded as in keys of objects.
    pub tenant: String,
    /// The day: `2025-07-13`.
    pub day: String,
    /// The last original that the message before came to; `None` in the first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// `compras.replay`: the next page of a replay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplayPage {
    /// The replay.
    pub id: String,
    /// The tenant whose changes it has come to.
    pub tenant: String,
    /// Whether it has come to the records of streams.
    pub is_stream: bool,
    /// The end of the page before, a cursor; `None` at the beginning.
    pub after: Option<String>,
}

macro_rules! messages {
    ($($name:ident = $kind:literal),*) => {
        $(impl queue::Message for $name {
            const KIND: &'static str = $kind;
            const SCHEMA: u32 = SCHEMA;
        })*
    };
}

messages! {
    Changed = "compra.changed",
    ImportedMessage = "compra.imported",
    Purge = "compra.erase",
    Compact = "compras.compact",
    ReplayPage = "compras.replay"
}

macro_rules! incoming {
    ($(#[$attribute:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident($message:ty)),* }) => {
        $(#[$attribute])*
        #[derive(Debug)]
        pub enum $name {
            $($(#[$doc])* $variant($message)),*
        }

        impl<'m> queue::Incoming<'m> for $name {
            const SCHEMA: u32 = SCHEMA;

            fn read(kind: &str, message: &'m [u8]) -> Option<serde_json::Result<Self>> {
                $(if kind == <$message as queue::Message>::KIND {
                    return Some(serde_json::from_slice(message).map(Self::$variant));
                })*
                None
            }
        }
    };
}

incoming! {
    /// A message of the queue [`keys::QUEUE`](crate::keys::QUEUE).
    Incoming {
        /// A version of a purchase.
        Changed(Changed),
        /// A record of a stream.
        Imported(ImportedMessage),
        /// A purchase to erase.
        Purge(Purge)
    }
}

incoming! {
    /// A message of the queue [`keys::MAINTENANCE`](crate::keys::MAINTENANCE).
    Maintenance {
        /// A day to compact.
        Compact(Compact),
        /// A page of a replay.
        Replay(ReplayPage)
    }
}

#[cfg(test)]
mod tests {
    use base::Trace;
    use queue::Message as _;

    use super::*;
    use crate::Event;
    use crate::purchase::tests::purchase;

    #[test]
    fn messages_arrive_as_they_were_sent() {
        let changed = Changed {
            version: 2,
            document: Box::new(purchase(Event::Modify)),
        };
        let message = changed.encode(&Trace::new()).unwrap();
        assert!(matches!(
            queue::read("compra.changed", &message).unwrap(),
            Incoming::Changed(arrived) if arrived == changed
        ));
        let record = r#"{"dynamodb":{"Keys":{"n":{"N":"1.0"}}},  "x":1.10}"#;
        let imported = ImportedMessage {
            record: RawValue::from_string(record.into()).unwrap(),
            key: "k".into(),
            received: 7,
            settings: purchase(Event::Insert).settings,
        };
        let message = imported.encode(&Trace::new()).unwrap();
        assert!(matches!(
            queue::read("compra.imported", &message).unwrap(),
            Incoming::Imported(arrived) if arrived.record.get() == record
        ));
        assert!(queue::read::<Maintenance>("compra.changed", &message).is_err());
    }
}
