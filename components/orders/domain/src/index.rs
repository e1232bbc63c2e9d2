//! The entity and the indexes of an order.

use std::collections::BTreeMap;

use records::{Document, Entity, Owned};

use crate::Order;
use crate::keys::{self, List};

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
        // Exact: the numbers have fewer than 53 bits.
        let (created, updated) = (
            self.created_at.millis() as f64,
            self.updated_at.millis() as f64,
        );
        [None, Some(&*self.owner)]
            .into_iter()
            .flat_map(|subject| {
                let statuses = [None, Some(self.status())];
                statuses.map(|status| List { subject, status })
            })
            .flat_map(|list| [(list.by_creation(), created), (list.by_change(), updated)])
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
    fn an_order_is_found_among_all_and_among_its_owners() {
        let mut sets = Sets::new();
        apply(&mut sets, changes(None, &order(Status::Received)));
        let expected = [
            "{orders}:index:all:all",
            "{orders}:index:all:received",
            "{orders}:index:user:ana:all",
            "{orders}:index:user:ana:received",
        ];
        let expected = expected.into_iter().flat_map(|key| {
            let changed = key.replace(":index:", ":changed:");
            let member = || "ORD-001".to_owned();
            [
                ((key.to_owned(), member()), 1_795_343_445_123.0),
                ((changed, member()), 1_795_343_446_123.0),
            ]
        });
        assert_eq!(sets, expected.collect());
    }

    #[test]
    fn a_change_of_other_fields_moves_an_order_among_changes_alone() {
        let before = order(Status::Received);
        let mut after = before.clone();
        after.content.description = "a table".into();
        after.updated_at = Timestamp::from_millis(1_795_343_445_999);
        let changed = changes(Some(&before), &after).into_iter();
        let changed = changed.map(|effect| match effect {
            Effect::Index { key, score, .. } => (key, score),
            other => unreachable!("{other:?} is no new score"),
        });
        let lists = [
            "all:all",
            "all:received",
            "user:ana:all",
            "user:ana:received",
        ];
        let expected =
            lists.map(|list| (format!("{{orders}}:changed:{list}"), 1_795_343_445_999.0));
        assert_eq!(changed.collect::<BTreeMap<_, _>>(), expected.into());
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
