//! How a worker settles a message.

use crate::delivery::Delivery;
use crate::effect::Effect;

/// A message that a worker is done with, and the effects of that.
#[derive(Clone, Debug)]
pub struct Settlement {
    pub(crate) id: String,
    pub(crate) group: Option<String>,
    pub(crate) effects: Vec<Effect>,
}

impl Settlement {
    /// The settlement of `delivery`, so far without effects.
    pub fn of(delivery: &Delivery) -> Self {
        Self {
            id: delivery.id.clone(),
            group: delivery.group.clone(),
            effects: Vec::new(),
        }
    }

    /// The id of the message.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Adds an effect. It happens only if this settles the message, and not if another
    /// worker settled it before.
    pub fn with(mut self, effect: Effect) -> Self {
        self.effects.push(effect);
        self
    }

    /// The message group whose next message may be delivered; `None` where the message is
    /// in no group or its group waits for it.
    pub(crate) fn group_to_release(&self) -> Option<&str> {
        let is_held = self.effects.iter().any(Effect::holds_group);
        self.group.as_deref().filter(|_| !is_held)
    }
}
