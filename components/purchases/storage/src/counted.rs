//! The shares of purchases in the sums, as a worker reads and changes them.

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
    /// Whether no other change of the purchase has this place. Otherwise it is a time, and
    /// changes of one time count in the order that they came in.
    pub is_unique: bool,
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
    let now = base::rfc3339(base::now_millis());
    let effects = changes.iter().zip(known).map(|(change, known)| {
        let known: Option<Counted> = match known {
            Value::Bytes(json) => Some(serde_json::from_slice(&json)?),
            _ => None,
        };
        let (last, before) =
            known.map_or((None, None), |known| (Some(known.sequence), known.entry));
        let is_late = last.is_some_and(|last| match change.is_unique {
            true => last >= change.sequence,
            false => last > change.sequence,
        });
        if is_late {
            return Ok(Vec::new());
        }
        let counted = Counted {
            sequence: change.sequence.clone(),
            entry: change.entry.clone(),
        };
        let mut effects = deltas(before.as_ref(), change.entry.as_ref());
        let tenants = [&before, &change.entry].into_iter().flatten();
        let fields = tenants.map(|entry| (entry.tenant().to_owned(), now.clone().into_bytes()));
        let fields: Vec<_> = fields.collect();
        if !fields.is_empty() {
            let key = keys::STATE.to_owned();
            effects.push(Effect::Set { key, fields });
        }
        effects.push(Effect::Set {
            key: keys::COUNTED.to_owned(),
            fields: vec![(change.field.clone(), serde_json::to_vec(&counted)?)],
        });
        Ok(effects)
    });
    effects.collect()
}
