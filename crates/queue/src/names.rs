//! The names of a queue's Redis keys and channels.

use std::time::Duration;

use crate::effect::{Effect, Group, Once};

/// The Redis keys and channels of one queue.
///
/// All keys carry one hash tag, so that a cluster keeps them on one node and one script
/// can change them together. The tag is the name up to its first dot: the queues
/// `orders.received` and `orders.canceled` share the tag `{orders}`, and one script can
/// change them both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueNames {
    name: String,
    pub(crate) stream: String,
    pub(crate) notified: String,
    pub(crate) timer: String,
    pub(crate) delayed: String,
    pub(crate) dead: String,
    pub(crate) stats: String,
    pub(crate) staged: String,
    pub(crate) channel: String,
    help_channel: String,
}

/// The end of the key of a timer.
const TIMER: &str = ":queue:alarm";
/// What follows it in the keys of fallback timers, as in `lua/queues.lua`.
const FALLBACKS: [&str; 2] = [":2", ":3"];

impl QueueNames {
    /// The names of the queue `name`.
    pub fn new(name: &str) -> Self {
        let tag = name.split('.').next().unwrap_or_default();
        let rest = name.strip_prefix(tag).unwrap_or_default();
        let key = |part: &str| format!("{{{tag}}}{rest}:queue:{part}");
        Self {
            name: name.to_owned(),
            stream: key("stream"),
            notified: key("bell"),
            timer: key("alarm"),
            delayed: key("delayed"),
            dead: key("dead"),
            stats: key("stats"),
            staged: key("staged"),
            channel: format!("orilla:{name}:bell"),
            help_channel: format!("orilla:{name}:help"),
        }
    }

    /// The queue whose timer, or fallback timer, has this key; `None` for any other key.
    pub fn of_timer(key: &str) -> Option<Self> {
        let key = FALLBACKS
            .iter()
            .find_map(|fallback| key.strip_suffix(fallback))
            .unwrap_or(key);
        let (tag, rest) = key
            .strip_prefix('{')?
            .strip_suffix(TIMER)?
            .split_once('}')?;
        let is_name = !tag.is_empty()
            && !tag.contains(['{', '.'])
            && !rest.contains(['{', '}'])
            && (rest.is_empty() || rest.starts_with('.'));
        is_name.then(|| Self::new(&format!("{tag}{rest}")))
    }

    /// The effect that publishes a message on this queue.
    pub fn send(&self, message: impl Into<Vec<u8>>) -> Effect {
        Effect::Send {
            stream: self.stream.clone(),
            message: message.into(),
            group: None,
            once: None,
        }
    }

    /// The effect that publishes a message in a message group, whose key carries the
    /// queue's hash tag.
    pub fn send_in(&self, group: Group, message: impl Into<Vec<u8>>) -> Effect {
        Effect::Send {
            stream: self.stream.clone(),
            message: message.into(),
            group: Some(group),
            once: None,
        }
    }

    /// The effect that publishes a message, in a message group if one is given, unless a
    /// message was published under `once` before.
    pub fn send_once(
        &self,
        group: Option<Group>,
        once: Once,
        message: impl Into<Vec<u8>>,
    ) -> Effect {
        Effect::Send {
            stream: self.stream.clone(),
            message: message.into(),
            group,
            once: Some(once),
        }
    }

    /// The effect that publishes a message on this queue after a delay. The same message
    /// under the same id is delivered once, after the last delay that was given. `id` has
    /// no `|`.
    pub fn schedule(&self, id: &str, message: &[u8], delay: Duration) -> Effect {
        let mut entry = format!("{id}|0|").into_bytes();
        entry.extend_from_slice(message);
        Effect::Delay {
            key: self.delayed.clone(),
            entry,
            delay,
            counted: None,
            holds_group: false,
        }
    }

    /// The keys that the scripts `claim` and `wake` take, in their order.
    pub(crate) fn keys(&self) -> [&str; 4] {
        [&self.stream, &self.notified, &self.timer, &self.delayed]
    }

    /// The name of the queue.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The pub/sub channel on which Redis notifies the queue's workers.
    pub fn channel(&self) -> &str {
        &self.channel
    }

    /// The pub/sub channel on which a worker that leaves messages behind calls others.
    pub fn help_channel(&self) -> &str {
        &self.help_channel
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_a_timer_names_its_queue() {
        let names = QueueNames::new("images");
        assert_eq!(names.timer, "{images}:queue:alarm");
        for key in [
            &*names.timer,
            "{images}:queue:alarm:2",
            "{images}:queue:alarm:3",
        ] {
            assert_eq!(QueueNames::of_timer(key).as_ref(), Some(&names), "{key}");
        }
    }

    #[test]
    fn queues_with_the_same_start_share_a_hash_tag() {
        let names = QueueNames::new("orders.in.work");
        assert_eq!(names.timer, "{orders}.in.work:queue:alarm");
        assert_eq!(names.channel(), "orilla:orders.in.work:bell");
        assert_eq!(QueueNames::of_timer(&names.timer), Some(names));
    }

    #[test]
    fn other_keys_that_expire_are_no_timers() {
        for key in [
            "{images}:queue:bell",
            "{images}:queue:bell:2",
            "{images}:queue:alarm:4",
            "session:1",
            "{}:queue:alarm",
            "{a}b}:queue:alarm",
            "{a}b:queue:alarm",
            "{a.b}:queue:alarm",
            "",
        ] {
            assert_eq!(QueueNames::of_timer(key), None, "{key}");
        }
    }
}
