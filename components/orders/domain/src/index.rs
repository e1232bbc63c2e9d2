//! The entity and the indexes of an order.

use std::collections::BTreeMap;

use records::{Document, Entity, Owned};

use crate::{Order, keys};

impl Document for Order {
    const RECORD: &'static str = "order.record";
    const CARRIERS: &'static [&'static str] = &["order.changed"];
    const SCHEMA: u32 = 1;
    const KEEPS_HISTORY: bool = true;

    fn entity(&self) -> Entity {
        keys::entity(&self.order_id)
    }

    fn member(&self) -> &str {
        self.order_id.as_str()
    }

    fn indexes(&self) -> BTreeMap<String, f64> {
        // Exact: the number has fewer than 53 bits.
        let score = self.created_at.millis() as f64;
        [None, Some(self.status())]
            .into_iter()
            .flat_map(|status| [keys::of_all(status), keys::of_user(&self.owner, status)])
            .map(|key| (key, score))
            .collect()
    }
}

impl Owned for Order {
    fn owner(&self) -> &str {
        &self.owner
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use queue::Effect;
    use records::index_changes as changes;

    use super::*;
    use crate::order::tests::order;
    use crate::{Status, Timestamp};

    /// Sorted sets, by key and member.
    type Sets = BTreeMap<(String, String), f64>;

    fn apply(sets: &mut Sets, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Index { key, member, score } => sets.insert((key, member), score),
                Effect::Unindex { key, member } => sets.remove(&(key, member)),
                other => unreachable!("{other:?} is no change of an index"),
            };
        }
    }

    #[test]
    fn a_new_order_is_found_among_all_and_among_its_owners() {
        let mut sets = Sets::new();
        apply(&mut sets, changes(None, &order(Status::Received)));
        let expected = [
            "{orders}:index:all:all",
            "{orders}:index:all:received",
            "{orders}:index:user:ana:all",
            "{orders}:index:user:ana:received",
        ];
        let expected =
            expected.map(|key| ((key.to_owned(), "ORD-001".to_owned()), 1_795_343_445_123.0));
        assert_eq!(sets, Sets::from(expected));
    }

    #[test]
    fn a_change_of_other_fields_changes_no_index() {
        let before = order(Status::Received);
        let mut after = before.clone();
        after.content.description = "a table".into();
        after.updated_at = Timestamp::from_millis(1_795_343_445_999);
        assert_eq!(changes(Some(&before), &after), []);
    }

    proptest! {
        #[test]
        fn after_any_history_an_order_is_where_its_latest_version_belongs(
            statuses in prop::collection::vec(prop::sample::select(Status::ALL.to_vec()), 1..9)
        ) {
            let mut sets = Sets::new();
            let mut before = None;
            for status in statuses {
                let after = order(status);
                apply(&mut sets, changes(before.as_ref(), &after));
                before = Some(after);
            }
            let mut anew = Sets::new();
            apply(&mut anew, changes(None, &before.unwrap()));
            prop_assert_eq!(sets, anew);
        }
    }
}
