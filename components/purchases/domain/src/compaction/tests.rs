use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use base::Timestamp;
use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::purchase::tests::purchase;
use crate::{Change, Event, Origin, archive};

/// Parts of two or three lines, so that a few changes fill several.
const SMALL: Limits = Limits {
    part: 1_700,
    line: 1_600,
    at_once: (2, 1_400),
    originals: 3,
};

fn day() -> Day {
    Day {
        tenant: "cafe".into(),
        date: "2025-07-13".into(),
    }
}

/// A bucket.
#[derive(Default)]
struct Store {
    objects: RefCell<BTreeMap<String, Vec<u8>>>,
    numbers: Cell<u64>,
    odd: RefCell<Vec<String>>,
    /// Whether it loses the end of each object.
    cuts: Cell<bool>,
}

impl Store {
    fn put(&self, change: &Change) -> String {
        let key = Key::of(change).to_string();
        self.objects
            .borrow_mut()
            .insert(key.clone(), archive::line(change).unwrap());
        key
    }

    fn keys(&self, folder: &str) -> Vec<String> {
        let objects = self.objects.borrow();
        objects
            .keys()
            .filter(|key| key.starts_with(folder))
            .cloned()
            .collect()
    }

    fn names(&self) -> Vec<String> {
        let keys = self.keys("compras_dia/");
        let names = keys
            .iter()
            .map(|key| key.rsplit_once('/').unwrap().1.to_owned());
        names.collect()
    }

    /// The lines of all parts, in their order.
    fn lines(&self) -> Vec<String> {
        let objects = self.objects.borrow();
        let parts = objects
            .iter()
            .filter(|(key, _)| key.starts_with("compras_dia/"));
        let texts = parts.map(|(_, bytes)| String::from_utf8(bytes.clone()).unwrap());
        texts
            .flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>())
            .collect()
    }
}

/// A worker that may stop before any operation, or after one whose answer it does not get.
struct Worker<'a> {
    store: &'a Store,
    operations: Cell<usize>,
    gets_last_answer: bool,
}

#[derive(Debug, PartialEq)]
enum Stopped {
    Died,
    Broken(String),
}

impl From<Broken> for Stopped {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken.to_string())
    }
}

impl<'a> Worker<'a> {
    fn new(store: &'a Store) -> Self {
        Self::dying(store, usize::MAX, true)
    }

    fn dying(store: &'a Store, operations: usize, gets_last_answer: bool) -> Self {
        Self {
            store,
            operations: Cell::new(operations),
            gets_last_answer,
        }
    }

    async fn operation<T>(&self, operation: impl FnOnce(&Store) -> T) -> Result<T, Stopped> {
        // Others work here meanwhile.
        let mut is_ready = false;
        std::future::poll_fn(|_| {
            let poll = if is_ready {
                Poll::Ready(())
            } else {
                Poll::Pending
            };
            is_ready = true;
            poll
        })
        .await;
        let left = self.operations.get().checked_sub(1);
        match left {
            None => {
                if !self.gets_last_answer {
                    operation(self.store);
                }
                Err(Stopped::Died)
            }
            Some(left) => {
                self.operations.set(left);
                Ok(operation(self.store))
            }
        }
    }
}

impl DayFiles for Worker<'_> {
    type Error = Stopped;

    fn keep(&self) -> Result<bool, Stopped> {
        Ok(true)
    }

    async fn list(&self, folder: &str, after: Option<&str>) -> Result<Page, Stopped> {
        self.operation(|store| {
            let keys = store.keys(folder).into_iter();
            let mut keys = keys.filter(|key| after.is_none_or(|after| key.as_str() > after));
            let page: Vec<_> = keys.by_ref().take(3).collect();
            let next = page.last().filter(|_| keys.next().is_some()).cloned();
            let objects = page.into_iter().map(|key| {
                let size = store.objects.borrow()[&key].len() as u64;
                Listed { key, size }
            });
            let objects = objects.collect();
            Page { objects, next }
        })
        .await
    }

    async fn read(&self, keys: &[&str], max: usize) -> Result<Vec<super::Content>, Stopped> {
        self.operation(|store| {
            let objects = store.objects.borrow();
            let read = keys.iter().map(|key| match objects.get(*key) {
                None => super::Content::Gone,
                Some(bytes) if bytes.len() > max => super::Content::TooLarge,
                Some(bytes) => super::Content::Bytes(bytes.clone()),
            });
            read.collect()
        })
        .await
    }

    async fn write(&self, key: &str, mut bytes: Vec<u8>) -> Result<(), Stopped> {
        self.operation(|store| {
            if store.cuts.get() {
                bytes.pop();
            }
            let before = store.objects.borrow_mut().insert(key.to_owned(), bytes);
            assert_eq!(before, None, "a part was written twice");
        })
        .await
    }

    async fn delete(&self, keys: &[String]) -> Result<(), Stopped> {
        self.operation(|store| {
            for key in keys {
                store.objects.borrow_mut().remove(key);
            }
        })
        .await
    }

    async fn number(&self, above: Option<u64>) -> Result<u64, Stopped> {
        self.operation(|store| {
            let number = store.numbers.get().max(above.map_or(0, |above| above + 1));
            store.numbers.set(number + 1);
            number
        })
        .await
    }

    fn odd(&self, key: &str, problem: &str) {
        self.store.odd.borrow_mut().push(format!("{key} {problem}"));
    }
}

fn done<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        let context = &mut Context::from_waker(Waker::noop());
        if let Poll::Ready(output) = future.as_mut().poll(context) {
            return output;
        }
    }
}

/// Runs until the day is done. Returns the results of all runs in one, and their number.
fn compact(
    worker: &Worker<'_>,
    erased: &Erased,
    deletes_originals: bool,
    limits: Limits,
) -> Result<(Compacted, usize), Stopped> {
    let mut all = Compacted::default();
    for runs in 1.. {
        let after = all.next.take();
        let compaction = Compaction {
            day: &day(),
            after: after.as_deref(),
            erased,
            deletes_originals,
            limits,
        };
        let ran = done(compaction.run(worker))?;
        assert!(ran.next.is_none() || ran.next > after, "no progress");
        all.added += ran.added;
        all.erased += ran.erased;
        all.deleted += ran.deleted;
        all.parts = ran.parts;
        all.next = ran.next;
        if all.next.is_none() {
            return Ok((all, runs));
        }
    }
    unreachable!()
}

fn change(id: &str, version: u64) -> Change {
    let event = if version == 1 {
        Event::Insert
    } else {
        Event::Modify
    };
    let mut purchase = purchase(event);
    purchase.compra_id = id.parse().unwrap();
    purchase.change(version)
}

fn imported(id: &str, sequence: Option<&str>, key: &str) -> Change {
    Change {
        origin: Origin::Dynamo {
            sequence: sequence.map(|digits| digits.parse().unwrap()),
            key: key.into(),
        },
        event_id: format!("event of {key}"),
        compra_id: id.into(),
        ..change("any", 1)
    }
}

fn line(change: &Change) -> String {
    String::from_utf8(archive::line(change).unwrap())
        .unwrap()
        .trim_end()
        .to_owned()
}

fn none() -> Erased {
    Erased::default()
}

#[test]
fn the_changes_of_a_day_become_one_part_in_the_order_of_their_keys() {
    let store = Store::default();
    let changes = [
        change("b", 1),
        change("a", 1),
        change("a", 2),
        imported("a", Some("400000000000000000017"), "00"),
        imported("a", None, "0a1b2c3d4e5f"),
        imported("ñ/..", Some("0"), "00"),
    ];
    let mut keys: Vec<_> = changes
        .iter()
        .map(|change| (store.put(change), line(change)))
        .collect();
    keys.sort();
    let (ran, _) = compact(&Worker::new(&store), &none(), false, Limits::default()).unwrap();
    assert_eq!((ran.added, ran.deleted, ran.parts), (6, 0, 1));
    assert_eq!(store.names(), ["part-000.json"]);
    let lines: Vec<_> = keys.into_iter().map(|(_, line)| line).collect();
    assert_eq!(store.lines(), lines);
    assert_eq!(store.keys("compras/").len(), 6);

    let before = store.objects.borrow().clone();
    let (again, _) = compact(&Worker::new(&store), &none(), false, Limits::default()).unwrap();
    assert_eq!((again.added, again.parts), (0, 1));
    assert_eq!(
        *store.objects.borrow(),
        before,
        "a second time changes nothing"
    );
    assert_eq!(*store.odd.borrow(), [""; 0]);
}

#[test]
fn a_late_change_joins_the_smallest_part_under_a_new_number() {
    let store = Store::default();
    let first: Vec<_> = ["a", "b", "c"].map(|id| change(id, 1)).to_vec();
    for change in &first {
        store.put(change);
    }
    compact(&Worker::new(&store), &none(), true, SMALL).unwrap();
    assert_eq!(store.names(), ["part-000.json", "part-001.json"]);
    assert_eq!(store.keys("compras/"), [""; 0]);

    store.put(&change("a", 2));
    let (ran, runs) = compact(&Worker::new(&store), &none(), true, SMALL).unwrap();
    assert_eq!((ran.added, ran.deleted, runs), (1, 1, 1));
    assert_eq!(store.names(), ["part-000.json", "part-002.json"]);
    let mut lines: Vec<_> = first.iter().map(line).collect();
    lines.push(line(&change("a", 2)));
    assert_eq!(store.lines(), lines);
}

#[test]
fn a_long_day_takes_several_runs() {
    let store = Store::default();
    for nth in 0..20 {
        store.put(&change(&format!("id-{nth:02}"), 1));
    }
    let (ran, runs) = compact(&Worker::new(&store), &none(), false, SMALL).unwrap();
    assert_eq!(ran.added, 20);
    assert!(runs >= 5, "{runs}");
    assert!(ran.parts >= 7 && ran.parts <= 10, "{}", ran.parts);
    let lines: BTreeSet<_> = store.lines().into_iter().collect();
    assert_eq!(lines.len(), 20);
    for (key, bytes) in store.objects.borrow().iter() {
        assert!(bytes.len() <= SMALL.part, "{key}");
    }
}

#[test]
fn a_part_follows_the_one_before_it_even_if_the_count_was_lost() {
    let store = Store::default();
    store.put(&change("a", 1));
    store.numbers.set(1_200);
    compact(&Worker::new(&store), &none(), false, SMALL).unwrap();
    store.numbers.set(0);
    for id in ["b", "c", "d", "e"] {
        store.put(&change(id, 1));
    }
    compact(&Worker::new(&store), &none(), false, SMALL).unwrap();
    assert_eq!(store.lines().len(), 5);
    let day = day();
    let numbers: Vec<_> = store
        .keys("compras_dia/")
        .iter()
        .map(|key| part_number(&day, key).unwrap())
        .collect();
    assert!(numbers.iter().all(|number| *number > 1_200), "{numbers:?}");
}

#[test]
fn an_original_that_is_no_change_stays_and_is_told() {
    let store = Store::default();
    let good = store.put(&change("good", 1));
    let text = line(&change("a", 1));
    let folder = day().folder(CHANGES);
    let odd = |id: &str, content: &str| {
        let key = format!("{folder}insert_{id}_20250713_103046_000001.json");
        store
            .objects
            .borrow_mut()
            .insert(key, content.as_bytes().to_vec());
    };
    odd("a", &text);
    odd("b", &format!("{text}\n{text}\n"));
    odd("c", &format!("{text}\r\n"));
    odd("d", "[1]\n");
    odd("e", "{}\n");
    odd("f", &format!("{text}\n"));
    odd("g", &format!("{}\n", "x".repeat(2_000)));
    odd("h", "");
    store
        .objects
        .borrow_mut()
        .insert(format!("{folder}h.json"), Vec::new());
    let other_day = Key {
        day: Day {
            date: "2025-07-14".into(),
            ..day()
        },
        ..Key::of(&change("a", 1))
    };
    store
        .objects
        .borrow_mut()
        .insert(other_day.to_string(), format!("{text}\n").into_bytes());
    let before = store.keys("compras/");

    let (ran, _) = compact(&Worker::new(&store), &none(), true, SMALL).unwrap();
    assert_eq!((ran.added, ran.deleted), (1, 1));
    assert_eq!(store.lines(), [line(&change("good", 1))]);
    let mut left = store.keys("compras/");
    left.push(good);
    left.sort();
    assert_eq!(left, before);
    let odd: Vec<_> = store
        .odd
        .borrow()
        .iter()
        .map(|odd| odd.replace(&folder, ""))
        .collect();
    let told = |id: &str, problem| format!("insert_{id}_20250713_103046_000001.json {problem}");
    assert_eq!(
        odd,
        [
            "h.json is not the key of a change of the day",
            &told("a", "does not end in a line feed"),
            &told("b", "has more than one line"),
            &told("c", "has more than one line"),
            &told("d", "has no line of a change"),
            &told("e", "has no line of a change"),
            &told("f", "has the line of another key"),
            &told("g", "is larger than a change may be"),
            &told("h", "does not end in a line feed"),
        ]
        .map(str::to_owned)
        .into_iter()
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect::<Vec<_>>()
    );
}

#[test]
fn lines_of_erased_purchases_go_and_no_others() {
    let store = Store::default();
    for id in ["a", "b"] {
        for version in 1..=3 {
            store.put(&change(id, version));
        }
        store.put(&imported(id, Some("2"), "00"));
    }
    compact(&Worker::new(&store), &none(), false, SMALL).unwrap();
    assert_eq!(store.lines().len(), 8);

    // `a` was created again after its erasure.
    let erased: Erased = [("a".to_owned(), 2), ("c".to_owned(), 9)]
        .into_iter()
        .collect();
    let (ran, _) = compact(&Worker::new(&store), &erased, false, SMALL).unwrap();
    // Its originals are gone by then; a replay may have brought them back.
    assert_eq!(ran.erased, 4);
    let expected: BTreeSet<_> = [
        change("a", 3),
        change("b", 1),
        change("b", 2),
        change("b", 3),
    ]
    .iter()
    .chain(&["a", "b"].map(|id| imported(id, Some("2"), "00")))
    .map(line)
    .collect();
    assert_eq!(store.lines().into_iter().collect::<BTreeSet<_>>(), expected);
    assert_eq!(store.keys("compras/").len(), 6);

    let erased: Erased = [("a".to_owned(), 9), ("b".to_owned(), 9)]
        .into_iter()
        .collect();
    let imported: Vec<_> = store
        .keys("compras/")
        .into_iter()
        .filter(|key| key.ends_with("_2.json"))
        .collect();
    for key in imported {
        store.objects.borrow_mut().remove(&key);
    }
    compact(&Worker::new(&store), &erased, true, SMALL).unwrap();
    assert_eq!(store.lines().len(), 2);
    assert_eq!(store.keys("compras/"), [""; 0]);
}

#[test]
fn a_part_without_lines_is_deleted() {
    let store = Store::default();
    store.put(&change("a", 1));
    compact(&Worker::new(&store), &none(), true, SMALL).unwrap();
    let erased: Erased = [("a".to_owned(), 1)].into_iter().collect();
    let (ran, _) = compact(&Worker::new(&store), &erased, true, SMALL).unwrap();
    assert_eq!((ran.erased, ran.parts), (1, 0));
    assert!(store.objects.borrow().is_empty());
}

#[test]
fn a_part_that_does_not_come_back_as_it_was_written_replaces_nothing() {
    let store = Store::default();
    let key = store.put(&change("a", 1));
    store.cuts.set(true);
    let told = compact(&Worker::new(&store), &none(), true, SMALL).unwrap_err();
    assert!(
        matches!(told, Stopped::Broken(told) if told.ends_with("reads back other than it was written"))
    );
    assert_eq!(store.keys("compras/"), [key]);

    // The cut line is whole but for its end.
    store.cuts.set(false);
    compact(&Worker::new(&store), &none(), true, SMALL).unwrap();
    assert_eq!(store.lines(), [line(&change("a", 1))]);
    assert_eq!(store.keys("compras/"), [""; 0]);
}

#[test]
fn an_original_that_differs_from_its_line_is_kept() {
    let store = Store::default();
    let key = store.put(&change("a", 1));
    compact(&Worker::new(&store), &none(), false, SMALL).unwrap();
    let other = line(&change("a", 1)).replace("ana", "eva");
    store
        .objects
        .borrow_mut()
        .insert(key.clone(), format!("{other}\n").into_bytes());
    let (ran, _) = compact(&Worker::new(&store), &none(), true, SMALL).unwrap();
    assert_eq!((ran.added, ran.deleted), (0, 0));
    assert_eq!(
        *store.odd.borrow(),
        [format!("{key} is other than its line in a part")]
    );
    assert_eq!(store.keys("compras/"), [key]);
}

#[test]
fn lines_that_no_one_knows_stay_in_their_part() {
    let store = Store::default();
    let key = part_key(&day(), 0);
    store
        .objects
        .borrow_mut()
        .insert(key.clone(), b"hand-made\n\n{}".to_vec());
    store
        .objects
        .borrow_mut()
        .insert(format!("{}all.json", day().folder(DAYS)), b"x".to_vec());
    compact(&Worker::new(&store), &none(), true, SMALL).unwrap();
    assert_eq!(store.lines(), ["x", "hand-made", "{}"]);
    assert_eq!(store.names(), ["all.json", "part-001.json"]);
    assert!(
        store
            .odd
            .borrow()
            .contains(&format!("{key} has lines that cannot be read"))
    );

    let large = part_key(&day(), 7);
    store
        .objects
        .borrow_mut()
        .insert(large.clone(), vec![b'x'; SMALL.part + 1]);
    let told = compact(&Worker::new(&store), &none(), true, SMALL).unwrap_err();
    assert_eq!(
        told,
        Stopped::Broken(format!("{large} is larger than a part"))
    );
}

#[test]
fn a_part_has_one_key() {
    let day = day();
    assert_eq!(
        part_key(&day, 0),
        "compras_dia/cafe/2025/07/13/part-000.json"
    );
    for number in [0, 1, 999, 1_000, u64::MAX] {
        assert_eq!(part_number(&day, &part_key(&day, number)), Some(number));
    }
    for name in [
        "part-0.json",
        "part-0000.json",
        "part-+01.json",
        "part-.json",
        "part-001",
        "x/part-001.json",
    ] {
        assert_eq!(
            part_number(&day, &format!("{}{name}", day.folder(DAYS))),
            None,
            "{name}"
        );
    }
    assert_eq!(
        part_number(&day, "compras_dia/cafe/2025/07/14/part-000.json"),
        None
    );
}

#[test]
fn a_line_tells_the_key_of_its_original() {
    let time = change("a", 1).at.millis().to_string();
    for (change, tells) in [
        (change("a:b", 1_000_000), true),
        (
            imported("a", Some("21258800000000008186106757"), "00"),
            true,
        ),
        (imported("a", Some("7"), "00"), true),
        (imported("ñ".repeat(500).as_str(), Some("7"), "00"), true),
        (imported("a", None, "0a1b2c3d4e5f"), false),
        // It might be of a record without a number.
        (imported("a", Some(&time), "00"), false),
    ] {
        let text = line(&change);
        let line = Line::read(text.as_bytes()).unwrap();
        let key = Key::of(&change);
        assert_eq!(line.key(), tells.then(|| key.clone()));
        assert!(line.is_at(&key.to_string()), "{key}");
        for other in [
            Key {
                suffix: "000009".into(),
                ..key.clone()
            },
            Key {
                suffix: "1752402646124-0a1b2c3d".into(),
                ..key.clone()
            },
            Key {
                event: Event::Remove,
                ..key.clone()
            },
            Key {
                id: "b".into(),
                ..key.clone()
            },
            Key {
                time: "20250713_103047".into(),
                ..key.clone()
            },
        ] {
            assert!(!line.is_at(&other.to_string()), "{other}");
        }
    }
    let orilla = line(&change("a", 1)).replace("orilla:compras", "aws:dynamodb");
    assert_eq!(Line::read(orilla.as_bytes()).unwrap().key(), None);
}

/// An event in the life of a day.
#[derive(Clone, Debug)]
enum Step {
    /// A change of a purchase is archived.
    Change(u8, Kind),
    /// A purchase is erased.
    Erase(u8),
    /// A worker compacts until it dies or is done.
    Compact(Life),
    /// Two workers compact side by side, by turns: whether it is the first one's, and how
    /// many operations it has.
    Together(Life, Life, Vec<(bool, usize)>),
    /// The archive is written again from the stored changes.
    Replay,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Own,
    Numbered,
    Unnumbered,
}

/// The operations of a worker until it dies, and whether the last one is done.
#[derive(Clone, Copy, Debug)]
struct Life(Option<(usize, bool)>);

impl Life {
    fn worker<'a>(&self, store: &'a Store) -> Worker<'a> {
        match self.0 {
            Some((operations, gets_last_answer)) => {
                Worker::dying(store, operations, gets_last_answer)
            }
            None => Worker::new(store),
        }
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let kind =
        prop_oneof![3 => Just(Kind::Own), 1 => Just(Kind::Numbered), 1 => Just(Kind::Unnumbered)];
    let life = || proptest::option::of((0..30usize, any::<bool>())).prop_map(Life);
    let step = prop_oneof![
        8 => (0..3u8, kind).prop_map(|(id, kind)| Step::Change(id, kind)),
        1 => (0..3u8).prop_map(Step::Erase),
        3 => life().prop_map(Step::Compact),
        2 => (life(), life(), prop::collection::vec((any::<bool>(), 1..20usize), 0..8))
            .prop_map(|(one, other, turns)| Step::Together(one, other, turns)),
        1 => Just(Step::Replay),
    ];
    prop::collection::vec(step, 1..30)
}

/// A day as it should be.
#[derive(Default)]
struct Model {
    store: Store,
    /// The changes that were not erased, by their lines.
    changes: BTreeMap<String, Change>,
    versions: BTreeMap<u8, u64>,
    imported: u64,
    tombstones: BTreeMap<String, u64>,
}

impl Model {
    fn tombstones(&self) -> Erased {
        self.tombstones.clone().into_iter().collect()
    }

    fn step(&mut self, step: Step, deletes: bool) {
        match step {
            Step::Change(id, kind) => {
                let name = format!("id_{id}");
                self.imported += 1;
                let nth = self.imported;
                let change = match kind {
                    Kind::Own => {
                        let version = self.versions.entry(id).or_default();
                        *version += 1;
                        change(&name, *version)
                    }
                    Kind::Numbered => imported(&name, Some(&nth.to_string()), "00"),
                    Kind::Unnumbered => Change {
                        at: Timestamp::from_millis(1_752_402_646_123 + nth % 2),
                        ..imported(&name, None, &format!("{nth:08}"))
                    },
                };
                self.store.put(&change);
                self.changes.insert(line(&change), change);
            }
            Step::Erase(id) => {
                let Some(version) = self.versions.get(&id) else {
                    return;
                };
                let id = format!("id_{id}");
                let (gone, left) =
                    std::mem::take(&mut self.changes)
                        .into_iter()
                        .partition(|(_, change)| {
                            change.compra_id == id && matches!(change.origin, Origin::Orilla { .. })
                        });
                self.changes = left;
                for change in BTreeMap::into_values(gone) {
                    let key = Key::of(&change).to_string();
                    self.store.objects.borrow_mut().remove(&key);
                }
                self.tombstones.insert(id, *version);
            }
            Step::Compact(life) => {
                let erased = self.tombstones();
                if compact(&life.worker(&self.store), &erased, deletes, SMALL).is_ok() {
                    self.tombstones.clear();
                }
            }
            Step::Together(one, other, turns) => self.together([one, other], &turns, deletes),
            Step::Replay => {
                for change in self.changes.values() {
                    self.store.put(change);
                }
            }
        }
        self.check();
    }

    fn together(&self, lives: [Life; 2], turns: &[(bool, usize)], deletes: bool) {
        let (erased, day) = (self.tombstones(), day());
        let compaction = Compaction {
            day: &day,
            after: None,
            erased: &erased,
            deletes_originals: deletes,
            limits: SMALL,
        };
        let workers = lives.map(|life| life.worker(&self.store));
        let mut runs = workers
            .iter()
            .map(|worker| Some(Box::pin(compaction.run(worker))))
            .collect::<Vec<_>>();
        let mut poll = |at: usize| {
            let context = &mut Context::from_waker(Waker::noop());
            let Some(run) = &mut runs[at] else {
                return true;
            };
            let is_done = Pin::new(run).poll(context).is_ready();
            self.check();
            if is_done {
                runs[at] = None;
            }
            is_done
        };
        for (is_first, operations) in turns {
            for _ in 0..*operations {
                poll(usize::from(!is_first));
            }
        }
        // The rest of the first one, and then of the other.
        for at in 0..2 {
            while !poll(at) {}
        }
    }

    /// No change is lost at any moment.
    fn check(&self) {
        let lines: BTreeSet<_> = self.store.lines().into_iter().collect();
        for (line, change) in &self.changes {
            let key = Key::of(change).to_string();
            assert!(
                lines.contains(line) || self.store.objects.borrow().contains_key(&key),
                "lost: {key}"
            );
        }
    }
}

#[test]
fn a_worker_that_stops_for_any_time_harms_no_other() {
    for operations in 0..25 {
        for meanwhile in 0..25 {
            let mut model = Model::default();
            let change = |id| Step::Change(id, Kind::Own);
            model.step(change(0), true);
            model.step(Step::Compact(Life(None)), true);
            // Its line is in a part alone, which has room for another one.
            assert_eq!(model.store.keys("compras/"), [""; 0]);
            model.step(change(1), true);
            let turns = vec![(true, operations), (false, meanwhile)];
            model.step(Step::Together(Life(None), Life(None), turns), true);
            compact(&Worker::new(&model.store), &none(), true, SMALL).unwrap();
            assert_eq!(model.store.lines().len(), 2);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn no_line_is_lost_or_there_twice_wherever_workers_stop(
        steps in steps(), deletes in any::<Option<Index>>(),
    ) {
        let mut model = Model::default();
        // From some step on, originals are deleted.
        let from = deletes.map_or(usize::MAX, |index| index.index(steps.len()));
        for (nth, step) in steps.into_iter().enumerate() {
            model.step(step, nth >= from);
        }
        let deletes = from != usize::MAX;
        let erased = model.tombstones();
        let (ran, _) = compact(&Worker::new(&model.store), &erased, deletes, SMALL).unwrap();
        let mut lines = model.store.lines();
        lines.sort();
        prop_assert_eq!(&lines, &model.changes.keys().cloned().collect::<Vec<_>>());
        prop_assert_eq!(ran.parts, model.store.keys("compras_dia/").len());
        let kept = model.store.keys("compras/");
        if deletes {
            prop_assert_eq!(kept, Vec::<String>::new());
        } else {
            let mut all: Vec<_> = model.changes.values().map(|change| Key::of(change).to_string()).collect();
            all.sort();
            prop_assert_eq!(kept, all);
        }
        prop_assert_eq!(&*model.store.odd.borrow(), &Vec::<String>::new());
    }
}
