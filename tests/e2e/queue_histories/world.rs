//! A queue in Redis, and beside it the expected state.

mod take;

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::time::Duration;

use queue::{Delivery, Effect, Queue};
use stores::native::NativeRedis;
use stores::{Arg, Redis, Value};

use super::step::{ENTITIES, End, GROUPS, WORKERS};

/// The place of a message. One under a lease waits, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Behind others in its group.
    Held,
    Waiting,
    Delayed,
    Dead,
    Done,
    /// Its dead letter was discarded.
    Gone,
}

/// The expected state of a message.
struct Fate {
    place: Place,
    /// The number of the attempt at its next delivery.
    attempt: u32,
    group: Option<usize>,
}

/// The queue of a history.
pub(crate) struct World<'a> {
    redis: &'a NativeRedis,
    queue: Queue<'a, NativeRedis>,
    name: String,
    messages: BTreeMap<String, Fate>,
    /// Messages that were never delivered, in the order of their publishing.
    unseen: VecDeque<String>,
    /// The messages in each group that are neither done nor discarded, in the
    /// order of their publishing.
    groups: [VecDeque<String>; GROUPS],
    versions: [u64; ENTITIES],
    /// The values stored under the idempotency keys.
    submitted: HashMap<usize, String>,
    /// The messages that each worker has claimed and not settled, in its own view.
    held: [Vec<Delivery>; WORKERS],
    /// Unsettled deliveries by their ids, also those of workers that died.
    open: HashSet<String>,
    settled: HashSet<String>,
    retried: u64,
    postponed: u64,
    dead_lettered: u64,
    /// The number of settlements with an effect of their own, beside those of the messages.
    after: i64,
    /// The source of unique names.
    serial: u32,
}

impl<'a> World<'a> {
    pub(crate) fn new(redis: &'a NativeRedis, name: &str) -> Self {
        Self {
            redis,
            queue: Queue::new(redis, name),
            name: name.to_owned(),
            messages: BTreeMap::new(),
            unseen: VecDeque::new(),
            groups: Default::default(),
            versions: [0; ENTITIES],
            submitted: HashMap::new(),
            held: Default::default(),
            open: HashSet::new(),
            settled: HashSet::new(),
            retried: 0,
            postponed: 0,
            dead_lettered: 0,
            after: 0,
            serial: 0,
        }
    }

    /// Every published message is done, dead, waiting or delayed.
    pub(crate) fn check(&self) {
        let counts = self.queue.counts().unwrap();
        let done = self.count(Place::Done);
        assert_eq!(counts.in_flight, u64::try_from(self.open.len()).unwrap());
        assert_eq!(
            counts.depth + counts.in_flight + counts.delayed,
            self.count(Place::Waiting) + self.count(Place::Delayed)
        );
        assert_eq!(counts.dead, self.count(Place::Dead));
        assert_eq!(counts.held, self.count(Place::Held));
        for (group, messages) in self.groups.iter().enumerate() {
            let held = messages.iter().skip(1);
            assert!(
                held.map(|message| self.messages[message].place)
                    .all(|place| place == Place::Held)
            );
            let length = self.length("LLEN", &format!("group:{group}"));
            assert_eq!(usize::try_from(length).unwrap(), messages.len());
        }
        assert_eq!(
            (counts.processed, counts.retried, counts.postponed),
            (done, self.retried, self.postponed)
        );
        assert_eq!(counts.dead_lettered, self.dead_lettered);
        assert_eq!(self.length("ZCARD", "after"), self.after);
        assert_eq!(
            self.length("ZCARD", "effects").unsigned_abs(),
            done,
            "each message that is done had its effect, and no other"
        );
    }

    /// All workers die. Their successors finish everything.
    pub(crate) fn finish(mut self) {
        self.held = Default::default();
        self.time_comes();
        self.redrive(usize::MAX);
        loop {
            self.claim(0, 100, Duration::ZERO);
            if self.held[0].is_empty() {
                break;
            }
            self.settle(0, &vec![End::Done; self.held[0].len()]);
        }
        self.check();
        assert_eq!(
            self.count(Place::Done) + self.count(Place::Gone),
            u64::try_from(self.messages.len()).unwrap()
        );
        assert!(self.unseen.is_empty());
        assert!(self.groups.iter().all(VecDeque::is_empty));
        let effects = self.key("effects");
        let range = [Arg::from(&effects), 0.into(), Arg::Int(-1)];
        let mut had: Vec<_> = self
            .redis
            .call("ZRANGE", &range)
            .unwrap()
            .iter()
            .filter_map(|member| Some(member.as_str()?.split_once('#')?.0.to_owned()))
            .collect();
        had.sort();
        let done = self.messages.iter();
        let done = done.filter(|(_, fate)| fate.place == Place::Done);
        assert!(
            had.iter().eq(done.map(|(message, _)| message)),
            "each message had its effect once: {had:?}"
        );
        for (entity, version) in self.versions.iter().enumerate() {
            let register = self.key(&format!("version:{entity}"));
            let found = self.redis.call("GET", &[Arg::from(&register)]).unwrap();
            let found = found.first().and_then(Value::as_int).unwrap_or(0);
            assert_eq!(found.unsigned_abs(), *version);
        }
    }

    fn new_messages(&mut self, count: usize) -> Vec<String> {
        let name = |_| {
            self.serial += 1;
            format!("message {}|", self.serial)
        };
        (0..count).map(name).collect()
    }

    fn published(&mut self, messages: Vec<String>) {
        for message in messages {
            self.is_new(&message, Place::Waiting, None);
            self.unseen.push_back(message);
        }
    }

    fn published_in_group(&mut self, group: usize, messages: Vec<String>) {
        for message in messages {
            let is_first = self.groups[group].is_empty();
            let place = if is_first {
                Place::Waiting
            } else {
                Place::Held
            };
            self.is_new(&message, place, Some(group));
            self.groups[group].push_back(message.clone());
            if is_first {
                self.unseen.push_back(message);
            }
        }
    }

    fn is_new(&mut self, message: &str, place: Place, group: Option<usize>) {
        let fate = Fate {
            place,
            attempt: 1,
            group,
        };
        assert!(self.messages.insert(message.to_owned(), fate).is_none());
    }

    /// A message is done or discarded: the next one of its group may come.
    fn leaves_its_group(&mut self, message: &str) {
        let Some(group) = self.messages[message].group else {
            return;
        };
        let group = &mut self.groups[group];
        assert_eq!(group.pop_front().as_deref(), Some(message));
        if let Some(next) = group.front() {
            self.messages.get_mut(next).unwrap().place = Place::Waiting;
            self.unseen.push_back(next.clone());
        }
    }

    /// Closes a delivery, and returns whether it was open.
    fn close(&mut self, delivery: &Delivery) -> bool {
        self.settled.insert(delivery.id.clone());
        self.open.remove(&delivery.id)
    }

    /// The effect of a message: it shows how many times it was done.
    fn effect_of(&mut self, message: &str) -> Effect {
        self.index("effects", message)
    }

    fn index(&mut self, key: &str, member: &str) -> Effect {
        self.serial += 1;
        Effect::Index {
            key: self.key(key),
            member: format!("{member}#{}", self.serial),
            score: 0.0,
        }
    }

    fn count(&self, place: Place) -> u64 {
        let there = self.messages.values().filter(|fate| fate.place == place);
        u64::try_from(there.count()).unwrap()
    }

    fn length(&self, command: &str, key: &str) -> i64 {
        let reply = self.redis.call(command, &[Arg::from(&self.key(key))]);
        reply.unwrap()[0].as_int().unwrap()
    }

    fn key(&self, key: &str) -> String {
        format!("{{{}}}:{key}", self.name)
    }
}
