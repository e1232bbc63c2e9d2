//! The query of `GET /orders`.

use std::str::FromStr;

use base::{Invalid, NoTimestamp, Query, Timestamp};
use records::Place;

use crate::Status;

/// The query of `GET /orders`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListQuery {
    /// The status of the orders; `None` for any.
    pub status: Option<Status>,
    /// The maximum number of orders, 1 to 100.
    pub limit: u32,
    /// Only orders whose latest version is of this time or later, in the order of their
    /// changes.
    pub updated_since: Option<Timestamp>,
    /// The last order of the page before.
    pub after: Option<After>,
}

/// The cursor of a list: the place of an order in its index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct After {
    /// Whether the index is the one by changes.
    pub is_by_change: bool,
    /// The place.
    pub place: Place,
}

/// The prefix of the cursors of lists by changes: a cursor of one order of lists is not taken
/// for the other.
const BY_CHANGE: char = 'u';

impl std::fmt::Display for After {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            is_by_change,
            place,
        } = self;
        match is_by_change {
            true => write!(f, "{BY_CHANGE}{place}"),
            false => write!(f, "{place}"),
        }
    }
}

impl FromStr for After {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let rest = text.strip_prefix(BY_CHANGE);
        Ok(Self {
            is_by_change: rest.is_some(),
            place: rest.unwrap_or(text).parse()?,
        })
    }
}

impl ListQuery {
    /// Reads a query.
    ///
    /// # Errors
    /// The first broken rule.
    pub fn parse(query: &Query) -> Result<Self, Invalid> {
        let status = query.once("status")?.map(str::parse).transpose();
        let status = status.map_err(|unknown| Invalid::new("unknown_status", unknown))?;
        let form = format!("{NoTimestamp}; a + in it is sent as %2B");
        let updated_since = query.parsed("updatedSince", form)?;
        let after: Option<After> = query.cursor()?;
        let is_other = |after: &After| after.is_by_change != updated_since.is_some();
        if after.as_ref().is_some_and(is_other) {
            let message = "cursor must be the cursor of an answer to the same parameters: with updatedSince for all pages, or for none";
            return Err(Invalid::query(message));
        }
        Ok(Self {
            status,
            limit: query.limit(20, 100)?,
            updated_since,
            after,
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
        assert_eq!(all.updated_since, None);

        let query = [
            ("status", "InProcess"),
            ("limit", "100"),
            ("cursor", "17:a:b"),
        ];
        let page = list(&query).unwrap();
        assert_eq!((page.status, page.limit), (Some(Status::Inprocess), 100));
        let place = page.after.unwrap().place;
        assert_eq!((place.score, &*place.member), (17, "a:b"));
    }

    #[test]
    fn a_list_may_be_of_changes_and_goes_on_as_one() {
        let since = ("updatedSince", "2026-11-22T11:30:45.1239+01:00");
        let page = list(&[since, ("cursor", "u17:a:b"), ("status", "received")]).unwrap();
        // Digits below a millisecond are cut off, so that nothing is left out.
        assert_eq!(
            page.updated_since,
            Some(Timestamp::from_millis(1_795_343_445_123))
        );
        let after = page.after.unwrap();
        assert!(after.is_by_change);
        assert_eq!(after.to_string(), "u17:a:b");
        for (query, told) in [
            (&[since, ("cursor", "17:a:b")][..], "same parameters"),
            (&[("cursor", "u17:a:b")], "same parameters"),
            (&[since, ("cursor", "uu17:a")], "cursor must be"),
            (&[since, since], "updatedSince must be there only once"),
            (
                &[("updatedSince", "2026-11-22")],
                "updatedSince must be a date and time",
            ),
            (&[("updatedSince", "2026-11-22T10:15:00 01:00")], "%2B"),
            (
                &[("updatedSince", "")],
                "updatedSince must be a date and time",
            ),
        ] {
            let Invalid { code, message } = list(query).unwrap_err();
            assert_eq!(code, "invalid_query");
            assert!(message.contains(told), "{query:?}: {message}");
        }
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
        fn any_query_is_understood_or_refused(name in "status|limit|cursor|history|updatedSince", value in "u?[0-9:a]{0,22}|.{0,9}") {
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
