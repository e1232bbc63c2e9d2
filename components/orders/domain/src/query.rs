//! The query of `GET /orders`.

use base::{Invalid, Query};
use records::Place;

use crate::Status;

/// The query of `GET /orders`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListQuery {
    /// The status of the orders; `None` for any.
    pub status: Option<Status>,
    /// The maximum number of orders, 1 to 100.
    pub limit: u32,
    /// The last order of the page before.
    pub after: Option<Place>,
}

impl ListQuery {
    /// Reads a query.
    ///
    /// # Errors
    /// The first broken rule.
    pub fn parse(query: &Query) -> Result<Self, Invalid> {
        let status = query.once("status")?.map(str::parse).transpose();
        Ok(Self {
            status: status.map_err(|unknown| Invalid::new("unknown_status", unknown))?,
            limit: query.limit(20, 100)?,
            after: query.cursor()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use records::{HistoryQuery, ReadQuery};

    use super::*;

    fn list(query: &[(&str, &str)]) -> Result<ListQuery, Invalid> {
        ListQuery::parse(&query.iter().copied().collect())
    }

    fn read(query: &[(&str, &str)]) -> Result<ReadQuery, Invalid> {
        ReadQuery::parse(&query.iter().copied().collect())
    }

    #[test]
    fn a_list_may_be_of_one_status_and_go_on() {
        let all = list(&[("colour", "blue"), ("colour", "red")]).unwrap();
        assert_eq!((all.status, all.limit, all.after), (None, 20, None));

        let query = [
            ("status", "InProcess"),
            ("limit", "100"),
            ("cursor", "17:a:b"),
        ];
        let page = list(&query).unwrap();
        assert_eq!((page.status, page.limit), (Some(Status::Inprocess), 100));
        let cursor = page.after.unwrap();
        assert_eq!((cursor.score, &*cursor.member), (17, "a:b"));
    }

    #[test]
    fn an_order_is_asked_for_as_it_is_or_with_its_versions() {
        assert_eq!(read(&[]), Ok(ReadQuery::Latest));
        assert_eq!(
            read(&[("history", "false"), ("limit", "x")]),
            Ok(ReadQuery::Latest)
        );
        let history = |first, limit| Ok(ReadQuery::History(HistoryQuery { first, limit }));
        assert_eq!(read(&[("history", "true")]), history(1, 100));
        let page = [("history", "true"), ("cursor", "101"), ("limit", "1000")];
        assert_eq!(read(&page), history(101, 1_000));
    }

    #[test]
    fn each_mistake_is_told() {
        for (query, told) in [
            (&[("status", "shipped")][..], "Unknown status 'shipped'"),
            (&[("status", "")], "Unknown status ''"),
            (
                &[("status", "received"), ("status", "received")],
                "status must be there only once",
            ),
            (&[("limit", "0")], "limit must be an integer from 1 to 100"),
            (
                &[("limit", "101")],
                "limit must be an integer from 1 to 100",
            ),
            (&[("cursor", "")], "cursor must be"),
            (&[("cursor", "1")], "cursor must be"),
            (&[("cursor", "1:")], "cursor must be"),
            (&[("cursor", ":a")], "cursor must be"),
            (&[("cursor", "01:a")], "cursor must be"),
            (&[("cursor", "-1:a")], "cursor must be"),
            (&[("cursor", "1.5:a")], "cursor must be"),
            (&[("cursor", "1:a b")], "cursor must be"),
            (&[("cursor", "18446744073709551615:a")], "cursor must be"),
        ] {
            let Invalid { code, message } = list(query).unwrap_err();
            assert!(message.starts_with(told), "{query:?}: {message}");
            let is_status = message.starts_with("Unknown status");
            let expected = if is_status {
                "unknown_status"
            } else {
                "invalid_query"
            };
            assert_eq!(code, expected, "{query:?}");
        }
        for (name, value, told) in [
            ("history", "True", "history must be true or false"),
            ("history", "", "history must be true or false"),
            ("limit", "1001", "limit must be an integer from 1 to 1000"),
            ("cursor", "0", "cursor must be"),
            ("cursor", "1:a", "cursor must be"),
            ("cursor", "01", "cursor must be"),
            ("cursor", "9223372036854775808", "cursor must be"),
        ] {
            let query = [("history", "true"), (name, value)];
            let query = if name == "history" {
                &query[1..]
            } else {
                &query
            };
            let Invalid { code, message } = read(query).unwrap_err();
            assert_eq!(code, "invalid_query");
            assert!(message.starts_with(told), "{query:?}: {message}");
        }
    }

    proptest! {
        #[test]
        fn any_query_is_understood_or_refused(name in "status|limit|cursor|history", value in "[0-9:a]{0,22}|.{0,9}") {
            let query = [("history", "true"), (&*name, &*value)];
            if let Ok(list) = list(&query) {
                prop_assert!((1..=100).contains(&list.limit));
            }
            for query in [&query[..], &query[1..]] {
                if let Ok(ReadQuery::History(history)) = read(query) {
                    prop_assert!((1..=1_000).contains(&history.limit) && history.first >= 1);
                }
            }
        }
    }
}
