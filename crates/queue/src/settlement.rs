//! What is done with a message when a worker is through with it.

use crate::delivery::Delivery;
use crate::effect::Effect;

/// A message that is settled, and what that does.
#[derive(Clone, Debug)]
pub struct Settlement {
    pub(crate) id: String,
    pub(crate) line: Option<String>,
    pub(crate) effects: Vec<Effect>,
}

impl Settlement {
    /// A message that is done.
    pub fn of(delivery: &Delivery) -> Self {
        Self {
            id: delivery.id.clone(),
            line: delivery.line.clone(),
            effects: Vec::new(),
        }
    }

    /// The id of the message.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Adds an effect, which happens if the message is settled by this and not
    /// if another worker has settled it before.
    pub fn with(mut self, effect: Effect) -> Self {
        self.effects.push(effect);
        self
    }

    /// The line whose next message may come, for this is the end of its first.
    pub(crate) fn line_to_release(&self) -> Option<&str> {
        let stays = self.effects.iter().any(Effect::keeps_line);
        self.line.as_deref().filter(|_| !stays)
    }
}
