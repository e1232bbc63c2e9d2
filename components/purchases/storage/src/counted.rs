//! What the sums hold of purchases, as a worker reads and changes it.

use base::Failure;
use purchases_domain::{Counted, Entry, Sequence, deltas, keys};
use queue::Effect;
use stores::{Arg, Redis, Value};

/// A change that is to be counted.
#[derive(Debug)]
pub struct Counting {
    /// The field of the purchase in [`keys::COUNTED`].
    pub field: String,
    /// The place of the change.
    pub sequence: Sequence,
    /// The purchase after the change.
    pub entry: Option<Entry>,
}

/// The effects that count changes, for each change in its order. A change that is earlier
/// than the one that was counted last has none.
///
/// The caller settles each change together with its effects, and no other worker handles
/// a change of the same purchase meanwhile: they are in one message group.
///
/// # Errors
/// Redis is out of reach.
pub fn counting(redis: &impl Redis, changes: &[Counting]) -> Result<Vec<Vec<Effect>>, Failure> {
    if changes.is_empty() {
        return Ok(Vec::new());
    }
    let mut args = vec![Arg::from(keys::COUNTED)];
    args.extend(changes.iter().map(|change| Arg::from(&change.field)));
    let known = redis.call("HMGET", &args)?;
    let effects = changes.iter().zip(known).map(|(change, known)| {
        let known: Option<Counted> = match known {
            Value::Bytes(json) => Some(serde_json::from_slice(&json)?),
            _ => None,
        };
        let (last, before) =
            known.map_or((None, None), |known| (Some(known.sequence), known.entry));
        if last.is_some_and(|last| last >= change.sequence) {
            return Ok(Vec::new());
        }
        let counted = Counted {
            sequence: change.sequence.clone(),
            entry: change.entry.clone(),
        };
        let mut effects = deltas(before.as_ref(), change.entry.as_ref());
        effects.push(Effect::Set {
            key: keys::COUNTED.to_owned(),
            fields: vec![(change.field.clone(), serde_json::to_vec(&counted)?)],
        });
        Ok(effects)
    });
    effects.collect()
}
