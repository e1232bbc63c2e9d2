//! Dead letters: the requests about them, and the answers.

use base::{Invalid, Query, rfc3339};
use queue::{DeadLetter, DeadPage, LetterId, Picked};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The maximum number of dead letters in a page, and of ids in a request.
const MAX: u32 = 1_000;

/// The requested page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageQuery {
    /// The last dead letter of the page before.
    pub after: Option<LetterId>,
    /// The maximum number of dead letters.
    pub limit: usize,
}

impl PageQuery {
    /// Reads the query's `limit` and `cursor`.
    ///
    /// # Errors
    /// The parameter that is wrong, and the values that it may have.
    pub fn parse(query: &Query) -> Result<Self, Invalid> {
        Ok(Self {
            after: query.cursor()?,
            limit: query.limit(100, MAX)? as usize,
        })
    }
}

/// Dead letters to send back to their queue, or to throw away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// All of the queue.
    All,
    /// These.
    These(Vec<LetterId>),
}

/// The body of a redrive or a discard.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    ids: Option<Vec<String>>,
    all: Option<bool>,
}

impl TryFrom<Wanted> for Selection {
    type Error = Invalid;

    fn try_from(body: Wanted) -> Result<Self, Invalid> {
        let ids = match (body.ids, body.all) {
            (None, Some(true)) => return Ok(Self::All),
            (Some(ids), None) if (1..=MAX as usize).contains(&ids.len()) => ids,
            (Some(_), None) => return Err(Invalid::field(format!("ids: must be 1 to {MAX} ids"))),
            _ => {
                let message = r#"send either {"ids": ["..."]} or {"all": true}"#;
                return Err(Invalid::field(message));
            }
        };
        let ids = ids.iter().enumerate().map(|(at, id)| {
            id.parse()
                .map_err(|_| Invalid::field(format!("ids[{at}]: must be the id of a dead letter")))
        });
        ids.collect::<Result<_, _>>().map(Self::These)
    }
}

/// The body of `GET /ops/queues/{queue}/dead`.
#[derive(Debug, Serialize)]
pub struct Page<'a> {
    queue: &'a str,
    total: u64,
    dead: Vec<Letter>,
    cursor: Option<String>,
}

/// A dead letter of a page.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Letter {
    id: String,
    message: Value,
    error: String,
    attempts: u64,
    died_at: String,
}

impl<'a> Page<'a> {
    /// A page of the dead letters of a queue.
    pub fn of(queue: &'a str, page: DeadPage) -> Self {
        let last = page.letters.last().filter(|_| page.more);
        Self {
            queue,
            total: page.total,
            cursor: last.map(|letter| letter.id.to_string()),
            dead: page.letters.into_iter().map(Letter::from).collect(),
        }
    }
}

impl From<DeadLetter> for Letter {
    fn from(letter: DeadLetter) -> Self {
        Self {
            id: letter.id.to_string(),
            // A message that is not JSON is shown as text.
            message: serde_json::from_slice(&letter.message)
                .unwrap_or_else(|_| String::from_utf8_lossy(&letter.message).into()),
            error: letter.error,
            attempts: letter.attempts,
            died_at: rfc3339(letter.died_at),
        }
    }
}

/// The body of an answer to a redrive.
#[derive(Debug, Serialize)]
pub struct Redriven<'a> {
    queue: &'a str,
    redriven: u64,
    missing: Vec<String>,
}

impl<'a> Redriven<'a> {
    /// The answer about a queue.
    pub fn of(queue: &'a str, picked: &Picked) -> Self {
        Self {
            queue,
            redriven: picked.count,
            missing: texts(&picked.missing),
        }
    }
}

/// The body of an answer to a discard of several dead letters.
#[derive(Debug, Serialize)]
pub struct Discarded<'a> {
    queue: &'a str,
    discarded: u64,
    missing: Vec<String>,
}

impl<'a> Discarded<'a> {
    /// The answer about a queue.
    pub fn of(queue: &'a str, picked: &Picked) -> Self {
        Self {
            queue,
            discarded: picked.count,
            missing: texts(&picked.missing),
        }
    }
}

fn texts(ids: &[LetterId]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn id(text: &str) -> LetterId {
        text.parse().unwrap()
    }

    fn page(query: &[(&str, &str)]) -> Result<PageQuery, String> {
        PageQuery::parse(&query.iter().copied().collect()).map_err(|invalid| invalid.message)
    }

    fn selection(body: Value) -> Result<Selection, String> {
        let body: Wanted = serde_json::from_value(body).map_err(|error| error.to_string())?;
        Selection::try_from(body).map_err(|invalid| invalid.message)
    }

    #[test]
    fn a_page_has_a_hundred_letters_unless_told_otherwise() {
        let query = page(&[]).unwrap();
        assert_eq!((query.after, query.limit), (None, 100));
        let query = page(&[("limit", "1000"), ("cursor", "17-3")]).unwrap();
        assert_eq!((query.after, query.limit), (Some(id("17-3")), 1000));
        for wrong in ["0", "1001", "-1", "many", ""] {
            assert!(page(&[("limit", wrong)]).unwrap_err().contains("1 to 1000"));
        }
        assert!(page(&[("cursor", "+")]).unwrap_err().contains("cursor"));
    }

    #[test]
    fn letters_are_chosen_by_id_or_all_together() {
        assert_eq!(selection(json!({"all": true})), Ok(Selection::All));
        assert_eq!(
            selection(json!({"ids": ["2-0", "1-0"]})),
            Ok(Selection::These(vec![id("2-0"), id("1-0")]))
        );
    }

    #[test]
    fn a_choice_that_says_anything_else_is_told_what_to_change() {
        let too_many: Vec<_> = (0..1001).map(|n| format!("{n}-0")).collect();
        for (body, hint) in [
            (json!({}), "either"),
            (json!({"all": false}), "either"),
            (json!({"all": true, "ids": ["1-0"]}), "either"),
            (json!({"ids": []}), "1 to 1000"),
            (json!({"ids": too_many}), "1 to 1000"),
            (json!({"ids": ["1-0", "x"]}), "ids[1]"),
            (json!({"every": true}), "unknown field"),
        ] {
            let told = selection(body.clone()).unwrap_err();
            assert!(told.contains(hint), "{body}: {told}");
        }
    }

    #[test]
    fn a_letter_shows_its_message_as_json_or_as_text() {
        let letter = |at: &str, message: &[u8]| DeadLetter {
            id: id(at),
            message: message.to_vec(),
            error: "no".into(),
            attempts: 5,
            died_at: 0,
        };
        let page = DeadPage {
            total: 9,
            letters: vec![letter("1-0", br#"{"a":1}"#), letter("2-0", b"{a\xff")],
            more: true,
        };
        assert_eq!(
            serde_json::to_value(Page::of("images", page)).unwrap(),
            json!({"queue": "images", "total": 9, "cursor": "2-0", "dead": [
                {"id": "1-0", "message": {"a": 1}, "error": "no", "attempts": 5,
                    "diedAt": "1970-01-01T00:00:00.000Z"},
                {"id": "2-0", "message": "{a\u{fffd}", "error": "no", "attempts": 5,
                    "diedAt": "1970-01-01T00:00:00.000Z"},
            ]})
        );
    }

    #[test]
    fn the_last_page_has_no_cursor() {
        let page = DeadPage {
            total: 0,
            letters: Vec::new(),
            more: false,
        };
        let page = serde_json::to_value(Page::of("images", page)).unwrap();
        assert_eq!(page["cursor"], Value::Null);
    }
}
