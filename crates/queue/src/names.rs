//! Names of the keys and the channels of a queue.

use crate::effect::{Effect, Line};

/// The Redis keys of one queue.
///
/// All carry one hash tag, so that a cluster keeps them on one node and one script
/// can change them together. The tag is the name up to its first dot: queues
/// named `orders.received` and `orders.canceled` are of one group, `{orders}`, and
/// one script can change them both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueNames {
    name: String,
    pub(crate) stream: String,
    pub(crate) bell: String,
    pub(crate) alarm: String,
    pub(crate) delayed: String,
    pub(crate) dead: String,
    pub(crate) stats: String,
    pub(crate) staged: String,
    pub(crate) channel: String,
    help: String,
}

const ALARM: &str = ":queue:alarm";
/// What the keys of spare alarms end with, as `lua/queues.lua` has it.
const SPARES: [&str; 2] = [":2", ":3"];

impl QueueNames {
    /// The names of the queue `name`.
    pub fn new(name: &str) -> Self {
        let group = name.split('.').next().unwrap_or_default();
        let rest = name.strip_prefix(group).unwrap_or_default();
        let key = |part: &str| format!("{{{group}}}{rest}:queue:{part}");
        Self {
            name: name.to_owned(),
            stream: key("stream"),
            bell: key("bell"),
            alarm: key("alarm"),
            delayed: key("delayed"),
            dead: key("dead"),
            stats: key("stats"),
            staged: key("staged"),
            channel: format!("orilla:{name}:bell"),
            help: format!("orilla:{name}:help"),
        }
    }

    /// The queue of which this is the key of an alarm, or of one of its spares;
    /// `None` for any other key.
    pub fn of_alarm(key: &str) -> Option<Self> {
        let key = SPARES
            .iter()
            .find_map(|spare| key.strip_suffix(spare))
            .unwrap_or(key);
        let (group, rest) = key
            .strip_prefix('{')?
            .strip_suffix(ALARM)?
            .split_once('}')?;
        let is_name = !group.is_empty()
            && !group.contains(['{', '.'])
            && !rest.contains(['{', '}'])
            && (rest.is_empty() || rest.starts_with('.'));
        is_name.then(|| Self::new(&format!("{group}{rest}")))
    }

    /// The effect that publishes a message on this queue.
    pub fn send(&self, message: impl Into<Vec<u8>>) -> Effect {
        Effect::Send {
            stream: self.stream.clone(),
            message: message.into(),
            line: None,
        }
    }

    /// The effect that publishes a message in a line, which must carry the
    /// queue's hash tag.
    pub fn send_in(&self, line: Line, message: impl Into<Vec<u8>>) -> Effect {
        Effect::Send {
            stream: self.stream.clone(),
            message: message.into(),
            line: Some(line),
        }
    }

    /// The keys that the scripts `claim` and `wake` take, in their order.
    pub(crate) fn keys(&self) -> [&str; 4] {
        [&self.stream, &self.bell, &self.alarm, &self.delayed]
    }

    /// The name of the queue.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The pub/sub channel on which the workers of the queue are woken.
    pub fn channel(&self) -> &str {
        &self.channel
    }

    /// The pub/sub channel on which a worker that has to leave messages calls more.
    pub fn help_channel(&self) -> &str {
        &self.help
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_leads_back_to_its_queue() {
        let names = QueueNames::new("images");
        assert_eq!(names.alarm, "{images}:queue:alarm");
        for key in [
            &*names.alarm,
            "{images}:queue:alarm:2",
            "{images}:queue:alarm:3",
        ] {
            assert_eq!(QueueNames::of_alarm(key).as_ref(), Some(&names), "{key}");
        }
    }

    #[test]
    fn queues_of_a_group_share_its_hash_tag() {
        let names = QueueNames::new("orders.in.work");
        assert_eq!(names.alarm, "{orders}.in.work:queue:alarm");
        assert_eq!(names.channel(), "orilla:orders.in.work:bell");
        assert_eq!(QueueNames::of_alarm(&names.alarm), Some(names));
    }

    #[test]
    fn other_keys_that_expire_are_no_alarms() {
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
            assert_eq!(QueueNames::of_alarm(key), None, "{key}");
        }
    }
}
