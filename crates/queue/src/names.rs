//! Names of the keys and the channel of a queue.

/// The Redis keys of one queue. All carry the hash tag `{name}`, so that a
/// cluster keeps them on one node and one script can change them together.
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
}

const ALARM: &str = "}:queue:alarm";

impl QueueNames {
    /// The names of the queue `name`.
    pub fn new(name: &str) -> Self {
        let key = |part: &str| format!("{{{name}}}:queue:{part}");
        Self {
            name: name.to_owned(),
            stream: key("stream"),
            bell: key("bell"),
            alarm: format!("{{{name}{ALARM}"),
            delayed: key("delayed"),
            dead: key("dead"),
            stats: key("stats"),
            staged: key("staged"),
            channel: format!("orilla:{name}:bell"),
        }
    }

    /// The queue whose alarm key this is; `None` for any other key.
    pub fn of_alarm(key: &str) -> Option<Self> {
        let name = key.strip_prefix('{')?.strip_suffix(ALARM)?;
        (!name.is_empty() && !name.contains(['{', '}'])).then(|| Self::new(name))
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_leads_back_to_its_queue() {
        let names = QueueNames::new("images");
        assert_eq!(names.alarm, "{images}:queue:alarm");
        assert_eq!(QueueNames::of_alarm(&names.alarm), Some(names));
    }

    #[test]
    fn other_keys_that_expire_are_no_alarms() {
        for key in [
            "{images}:queue:bell",
            "session:1",
            "{}:queue:alarm",
            "{a}b}:queue:alarm",
            "",
        ] {
            assert_eq!(QueueNames::of_alarm(key), None, "{key}");
        }
    }
}
