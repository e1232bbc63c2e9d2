//! Which indexes an order is in, and what a change of it does to them.

use queue::Effect;

use crate::{Order, keys};

/// The writes that bring the indexes from one version of an order to the next.
pub fn changes(before: Option<&Order>, after: &Order) -> Vec<Effect> {
    let old = before.map(indexes).unwrap_or_default();
    let new = indexes(after);
    let member = after.order_id.as_str();
    let removed = old
        .iter()
        .filter(|key| !new.contains(key))
        .map(|key| Effect::Unindex {
            key: key.clone(),
            member: member.to_owned(),
        });
    let added = new
        .iter()
        .filter(|key| !old.contains(key))
        .map(|key| Effect::Index {
            key: key.clone(),
            member: member.to_owned(),
            // Exact: it has less than 53 bits.
            score: after.created_at.millis() as f64,
        });
    removed.chain(added).collect()
}

/// The sorted sets that an order is in.
fn indexes(order: &Order) -> Vec<String> {
    [None, Some(order.status())]
        .into_iter()
        .flat_map(|status| [keys::of_all(status), keys::of_user(&order.owner, status)])
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

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
