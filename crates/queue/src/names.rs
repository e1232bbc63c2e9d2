//! The names of a queue's Redis keys and channels.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::effect::{Completion, Effect, Group, Noted, Once};

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
    pub(crate) minutes: String,
    pub(crate) staged: String,
    pub(crate) scheduled: String,
    pub(crate) paused: String,
    pub(crate) called: String,
    pub(crate) schedules: String,
    pub(crate) channel: String,
    help_channel: String,
}

/// The end of the key of a timer.
const TIMER: &str = ":queue:alarm";
/// The ends of the keys of fallback timers, after [`TIMER`] or [`SCHEDULES_TIMER`], as in
/// `lua/queues.lua`.
const FALLBACKS: [&str; 2] = [":2", ":3"];
/// The end of the key of the timer of a hash tag's schedules.
const SCHEDULES_TIMER: &str = "}:schedules:alarm";

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
            minutes: key("minutes"),
            staged: key("staged"),
            scheduled: key("scheduled"),
            paused: key("paused"),
            called: key("help"),
            schedules: format!("{{{tag}}}:schedules"),
            channel: format!("orilla:{name}:bell"),
            help_channel: format!("orilla:{name}:help"),
        }
    }

    /// The queue whose timer, or fallback timer, has this key; `None` for any other key.
    pub fn of_timer(key: &str) -> Option<Self> {
        let (tag, rest) = timer(key)?.strip_suffix(TIMER)?.split_once('}')?;
        let is_name =
            is_tag(tag) && !rest.contains(['{', '}']) && (rest.is_empty() || rest.starts_with('.'));
        is_name.then(|| Self::new(&format!("{tag}{rest}")))
    }

    /// A queue of the hash tag whose schedules' timer, or fallback timer, has this key: the
    /// one that is named as the tag. `None` for any other key.
    pub fn of_schedules_timer(key: &str) -> Option<Self> {
        let tag = timer(key)?.strip_suffix(SCHEDULES_TIMER)?;
        is_tag(tag).then(|| Self::new(tag))
    }

    /// Reads a list of names, separated by commas, as the variable `queues` has it.
    ///
    /// # Errors
    /// A name is listed twice or has characters other than `A-Z a-z 0-9 . _ -`, or there is
    /// no name. The text has the form that the list must have.
    pub fn list(list: &str) -> Result<Vec<String>, &'static str> {
        let names: Vec<_> = list
            .split(',')
            .map(|name| name.trim().to_owned())
            .filter(|name| !name.is_empty())
            .collect();
        let is_name = |name: &String| {
            let mut bytes = name.bytes();
            bytes.all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        };
        // Prometheus refuses two samples of one queue.
        let distinct = names.iter().collect::<BTreeSet<_>>().len() == names.len();
        if names.is_empty() || !distinct || !names.iter().all(is_name) {
            return Err(
                "must be names of queues, each once, of letters, digits, `.`, `_` and `-`, separated by commas",
            );
        }
        Ok(names)
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

    /// The effect that publishes a message on this queue if a sorted set has one of some
    /// members: [`Effect::SendIfAny`].
    pub fn send_if_any(
        &self,
        set: impl Into<String>,
        members: Vec<String>,
        message: impl Into<Vec<u8>>,
    ) -> Effect {
        Effect::SendIfAny {
            set: set.into(),
            members,
            stream: self.stream.clone(),
            message: message.into(),
        }
    }

    /// The effect that publishes a message on this queue once counts are equal, if a sorted set
    /// has one of some members: [`Effect::Complete`].
    pub fn send_when_complete(
        &self,
        of: Completion,
        set: impl Into<String>,
        members: Vec<String>,
        message: impl Into<Vec<u8>>,
    ) -> Effect {
        Effect::Complete {
            of,
            set: set.into(),
            members,
            stream: self.stream.clone(),
            message: message.into(),
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
        Effect::Delay {
            key: self.delayed.clone(),
            entry: Self::scheduled_entry(id, message),
            delay,
            counted: None,
            holds_group: false,
        }
    }

    /// The entry of a scheduled message among the delayed ones.
    pub(crate) fn scheduled_entry(id: &str, message: &[u8]) -> Vec<u8> {
        let mut entry = format!("{id}|0|").into_bytes();
        entry.extend_from_slice(message);
        entry
    }

    /// The effect that publishes on this queue the messages that a change has kept under
    /// `list`, in their order; nothing if there are none.
    pub fn send_all(&self, list: impl Into<String>) -> Effect {
        Effect::SendAll {
            stream: self.stream.clone(),
            list: list.into(),
        }
    }

    /// The effect that sends back to this queue the dead letters that are in `noted`.
    pub fn redrive(&self, noted: Noted) -> Effect {
        Effect::Redrive {
            stream: self.stream.clone(),
            dead: self.dead.clone(),
            noted,
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

    /// Its hash tag, without braces.
    pub fn tag(&self) -> &str {
        self.name.split('.').next().unwrap_or_default()
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

/// The key of the timer that a timer or fallback timer with this key belongs to, without its
/// first brace.
fn timer(key: &str) -> Option<&str> {
    FALLBACKS
        .iter()
        .find_map(|fallback| key.strip_suffix(fallback))
        .unwrap_or(key)
        .strip_prefix('{')
}

fn is_tag(text: &str) -> bool {
    !text.is_empty() && !text.contains(['{', '}', '.'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_names_each_queue_once() {
        assert_eq!(QueueNames::list("images,jobs").unwrap(), ["images", "jobs"]);
        assert_eq!(QueueNames::list(" a-1 , b_2.c,").unwrap(), ["a-1", "b_2.c"]);
        for wrong in [
            "",
            " , ",
            "images jobs",
            "{images}",
            "images,a/b",
            "jobs,jobs",
        ] {
            assert!(QueueNames::list(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_key_of_the_timer_of_schedules_names_their_hash_tag() {
        for key in ["{ipp}:schedules:alarm", "{ipp}:schedules:alarm:2"] {
            let names = QueueNames::of_schedules_timer(key).unwrap();
            assert_eq!((names.name(), names.tag()), ("ipp", "ipp"), "{key}");
            assert_eq!(QueueNames::of_timer(key), None, "{key}");
        }
        for key in [
            "{ipp}:queue:alarm",
            "{ipp}:schedules",
            "{}:schedules:alarm",
            "{a.b}:schedules:alarm",
            "ipp:schedules:alarm",
        ] {
            assert_eq!(QueueNames::of_schedules_timer(key), None, "{key}");
        }
        assert_eq!(QueueNames::new("orders.in.work").tag(), "orders");
    }

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
