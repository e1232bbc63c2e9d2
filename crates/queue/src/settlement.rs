//! How a worker settles a message.

use crate::delivery::Delivery;
use crate::effect::Effect;

/// A message that a worker is done with, and the effects of that.
#[derive(Clone, Debug)]
pub struct Settlement {
    pub(crate) id: String,
    pub(crate) group: Option<String>,
    pub(crate) effects: Vec<Effect>,
    pub(crate) messages: usize,
}

impl Settlement {
    /// The settlement of `delivery`, so far without effects.
    pub fn of(delivery: &Delivery) -> Self {
        Self {
            id: delivery.id.clone(),
            group: delivery.group.clone(),
            effects: Vec::new(),
            messages: 1,
        }
    }

    /// The id of the message.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The settlement of `delivery`, which holds several messages. The queue's statistics
    /// count those of [`Self::count`].
    pub fn of_several(delivery: &Delivery) -> Self {
        Self {
            messages: 0,
            ..Self::of(delivery)
        }
    }

    /// Counts one more of the messages that the message holds.
    pub fn count(&mut self) {
        self.messages += 1;
    }

    /// The number of messages that the queue's statistics count.
    pub fn messages(&self) -> usize {
        self.messages
    }

    /// The size of the values that its effects set, in bytes; other effects do not count.
    pub fn size(&self) -> usize {
        let sets = self.effects.iter().filter_map(|effect| match effect {
            Effect::Set { fields, .. } => Some(fields),
            _ => None,
        });
        sets.flatten().map(|(_, value)| value.len()).sum()
    }

    /// Adds an effect. It happens only if this settles the message, and not if another
    /// worker settled it before.
    pub fn with(mut self, effect: Effect) -> Self {
        self.add(effect);
        self
    }

    /// Adds effects: [`Self::with`]. Fields of one hash are set together.
    pub fn add(&mut self, effect: Effect) {
        if let Effect::Set { key, fields } = effect {
            let mut known = self.effects.iter_mut().filter_map(|known| match known {
                Effect::Set { key, fields } => Some((key, fields)),
                _ => None,
            });
            match known.find(|(known, _)| **known == key) {
                Some((_, known)) => known.extend(fields),
                None => self.effects.push(Effect::Set { key, fields }),
            }
        } else {
            self.effects.push(effect);
        }
    }

    /// The message group whose next message may be delivered after these effects; `None` where
    /// the message is in no group or its group waits for it.
    pub(crate) fn group_to_release(&self, effects: &[Effect]) -> Option<&str> {
        let is_held = effects.iter().any(Effect::holds_group);
        self.group.as_deref().filter(|_| !is_held)
    }
}
