//! The effect of each step, and the expected answer of the queue.

use std::time::Duration;

use queue::{Change, Delivery, Group, Outcome, Policy, Settlement};
use stores::{Arg, Redis};

use super::{Place, World};
use crate::queue_histories::step::{End, Step};

const HOUR: Duration = Duration::from_secs(3_600);

impl World<'_> {
    /// Takes a step, and compares the queue's answer with the expected one.
    pub(crate) fn take(&mut self, step: &Step) {
        match *step {
            Step::Publish(count) => {
                let messages = self.new_messages(count);
                let change = messages.iter().fold(Change::new(), |change, message| {
                    change.publishing(message.as_str())
                });
                assert_eq!(self.queue.commit(&change).unwrap(), Outcome::Committed);
                self.published(messages);
            }
            Step::PublishInGroup { group, count } => self.publish_in_group(group, count),
            Step::Submit { key, count } => self.submit(key, count),
            Step::Raise { entity, stale } => {
                let (change, message) = self.raise(Change::new(), entity, stale);
                let outcome = self.queue.commit(&change).unwrap();
                match message {
                    Some(message) => {
                        assert_eq!(outcome, Outcome::Committed);
                        self.raised(entity, message);
                    }
                    None => assert_eq!(outcome, self.conflict(entity)),
                }
            }
            Step::Claim { worker, batch } => self.claim(worker, batch, HOUR),
            Step::TakeOver { worker, batch } => self.claim(worker, batch, Duration::ZERO),
            Step::Settle { worker, ref ends } => self.settle(worker, ends),
            Step::SettleByRaise {
                worker,
                entity,
                stale,
            } => self.settle_by_raise(worker, entity, stale),
            Step::Extend { worker } => self.queue.extend(&self.held[worker]).unwrap(),
            Step::Die { worker } => self.held[worker].clear(),
            Step::TimeComes => self.time_comes(),
            Step::Wake => {
                let (waiting, delayed) = self.queue.wake().unwrap();
                let expected = self.count(Place::Waiting) + self.count(Place::Delayed);
                assert_eq!(waiting + delayed, expected);
            }
            Step::Redrive(count) => self.redrive(count),
            Step::Discard(count) => self.discard(count),
        }
    }

    fn publish_in_group(&mut self, group: usize, count: usize) {
        let messages = self.new_messages(count);
        let change = messages.iter().fold(Change::new(), |change, message| {
            let group = Group {
                key: self.key(&format!("group:{group}")),
                ahead: None,
            };
            change.with(self.queue.names().send_in(group, message.as_str()))
        });
        assert_eq!(self.queue.commit(&change).unwrap(), Outcome::Committed);
        self.published_in_group(group, messages);
    }

    fn submit(&mut self, key: usize, count: usize) {
        self.serial += 1;
        let serial = self.serial.to_string();
        let messages = self.new_messages(count);
        let bytes = messages.iter().map(|message| message.clone().into_bytes());
        let staged = self.queue.stage(&serial, bytes).unwrap();
        let change = Change::new()
            .once(self.key(&format!("once:{key}")), serial.as_str(), HOUR)
            .publishing_staged(staged);
        let outcome = self.queue.commit(&change).unwrap();
        match self.submitted.get(&key) {
            Some(first) => assert_eq!(outcome, duplicate(first)),
            None => {
                assert_eq!(outcome, Outcome::Committed);
                self.published(messages);
                // The answer is lost, and the same change is sent again.
                let again = self.queue.commit(&change).unwrap();
                assert_eq!(again, duplicate(&serial));
                self.submitted.insert(key, serial);
            }
        }
    }

    pub(super) fn claim(&mut self, worker: usize, batch: usize, lease: Duration) {
        let policy = Policy {
            lease,
            ..Policy::default()
        };
        let deliveries = self.queue.claim(&policy, batch).unwrap();
        assert!(deliveries.len() <= batch);
        for delivery in deliveries {
            let message = text(&delivery);
            let fate = self.messages.get_mut(&message).unwrap();
            assert!(!self.settled.contains(&delivery.id));
            assert!([Place::Waiting, Place::Delayed].contains(&fate.place));
            fate.place = Place::Waiting;
            if !self.open.insert(delivery.id.clone()) {
                assert!(lease.is_zero(), "{message} is under a lease");
                fate.attempt += 1;
            }
            assert_eq!(delivery.attempt, fate.attempt);
            let group = fate
                .group
                .map(|group| format!("{{{}}}:group:{group}", self.name));
            assert_eq!(delivery.group, group);
            if self.unseen.contains(&message) {
                assert_eq!(self.unseen.pop_front(), Some(message), "in order");
            }
            self.held[worker].push(delivery);
        }
    }

    pub(super) fn settle(&mut self, worker: usize, ends: &[End]) {
        let count = ends.len().min(self.held[worker].len());
        let held: Vec<_> = self.held[worker].drain(..count).collect();
        let mut settlements = Vec::new();
        let mut expected = Vec::new();
        for (delivery, end) in held.iter().zip(ends) {
            let effect = match end {
                End::Done => self.effect_of(&text(delivery)),
                End::Retry => self.queue.retry(delivery, HOUR),
                End::Postpone => self.queue.postpone(delivery, HOUR),
                End::Dead => self.queue.dead_letter(delivery, "no more"),
            };
            settlements.push(Settlement::of(delivery).with(effect));
            let settled = self.close(delivery);
            if settled {
                self.ended(delivery, *end);
            }
            expected.push(settled);
        }
        let after = self.index("after", "settled");
        assert_eq!(self.queue.settle(&settlements, &[after]).unwrap(), expected);
        self.after += i64::from(expected.contains(&true));
    }

    fn ended(&mut self, delivery: &Delivery, end: End) {
        let fate = self.messages.get_mut(&text(delivery)).unwrap();
        match end {
            End::Done => {
                fate.place = Place::Done;
                self.leaves_its_group(&text(delivery));
            }
            End::Retry => {
                (fate.place, fate.attempt) = (Place::Delayed, delivery.attempt + 1);
                self.retried += 1;
            }
            End::Postpone => {
                (fate.place, fate.attempt) = (Place::Delayed, delivery.attempt);
                self.postponed += 1;
            }
            End::Dead => {
                fate.place = Place::Dead;
                self.dead_lettered += 1;
            }
        }
    }

    fn settle_by_raise(&mut self, worker: usize, entity: usize, stale: bool) {
        let Some(delivery) = self.held[worker].first().cloned() else {
            return;
        };
        let effect = self.effect_of(&text(&delivery));
        let change = Change::new().settling(&delivery).with(effect);
        let (change, message) = self.raise(change, entity, stale);
        let outcome = self.queue.commit(&change).unwrap();
        let Some(message) = message else {
            assert_eq!(outcome, self.conflict(entity));
            return;
        };
        self.held[worker].remove(0);
        if self.close(&delivery) {
            assert_eq!(outcome, Outcome::Committed);
            self.raised(entity, message);
            self.ended(&delivery, End::Done);
        } else {
            assert_eq!(outcome, Outcome::AlreadySettled);
        }
    }

    pub(super) fn redrive(&mut self, count: usize) {
        let letters = self.queue.dead_letters(None, count).unwrap().letters;
        let ids: Vec<_> = letters.iter().map(|letter| letter.id).collect();
        let dead = usize::try_from(self.count(Place::Dead)).unwrap();
        assert_eq!(ids.len(), count.min(dead));
        let redriven = self.queue.redrive(&ids).unwrap();
        assert_eq!(redriven.count, u64::try_from(ids.len()).unwrap());
        for letter in letters {
            let message = String::from_utf8(letter.message).unwrap();
            let fate = self.messages.get_mut(&message).unwrap();
            assert_eq!(fate.place, Place::Dead);
            (fate.place, fate.attempt) = (Place::Waiting, 1);
        }
        assert_eq!(
            self.queue.redrive(&ids).unwrap().missing,
            ids,
            "each is sent back once"
        );
    }

    fn discard(&mut self, count: usize) {
        for letter in self.queue.dead_letters(None, count).unwrap().letters {
            assert!(self.queue.discard(letter.id).unwrap());
            assert!(!self.queue.discard(letter.id).unwrap(), "once");
            let message = String::from_utf8(letter.message).unwrap();
            let fate = self.messages.get_mut(&message).unwrap();
            assert_eq!(fate.place, Place::Dead);
            fate.place = Place::Gone;
            self.leaves_its_group(&message);
        }
    }

    pub(super) fn time_comes(&mut self) {
        let delayed = self.key("queue:delayed");
        let range = [Arg::from(&delayed), 0.into(), Arg::Int(-1)];
        for entry in self.redis.call("ZRANGE", &range).unwrap() {
            let entry = entry.into_bytes();
            let due = [
                Arg::from(&delayed),
                "XX".into(),
                0.into(),
                Arg::from(&*entry),
            ];
            self.redis.call("ZADD", &due).unwrap();
        }
    }

    /// A change that raises an entity; with the message, if the raise succeeds.
    fn raise(&self, change: Change, entity: usize, stale: bool) -> (Change, Option<String>) {
        let version = self.versions[entity];
        let known = version.saturating_sub(u64::from(stale));
        let message = format!("entity {entity} version {}", known + 1);
        let register = self.key(&format!("version:{entity}"));
        let change = change
            .of_entity(register, known)
            .publishing(message.as_str());
        (change, (known == version).then_some(message))
    }

    fn raised(&mut self, entity: usize, message: String) {
        self.versions[entity] += 1;
        self.published(vec![message]);
    }

    fn conflict(&self, entity: usize) -> Outcome {
        Outcome::Conflict {
            version: self.versions[entity],
        }
    }
}

fn text(delivery: &Delivery) -> String {
    String::from_utf8(delivery.message.clone()).unwrap()
}

fn duplicate(value: &str) -> Outcome {
    Outcome::Duplicate {
        value: value.into(),
    }
}
