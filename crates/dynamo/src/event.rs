//! The kinds of changes.

use std::fmt;
use std::str::FromStr;

/// The kind of a change of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventName {
    /// It was created.
    Insert,
    /// Some of its attributes were changed.
    Modify,
    /// It was removed.
    Remove,
}

/// A text that is not the name of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be INSERT, MODIFY or REMOVE")]
pub struct UnknownEvent;

impl EventName {
    /// `INSERT`, `MODIFY` or `REMOVE`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Insert => "INSERT",
            Self::Modify => "MODIFY",
            Self::Remove => "REMOVE",
        }
    }
}

impl fmt::Display for EventName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for EventName {
    type Err = UnknownEvent;

    fn from_str(text: &str) -> Result<Self, UnknownEvent> {
        match text {
            "INSERT" => Ok(Self::Insert),
            "MODIFY" => Ok(Self::Modify),
            "REMOVE" => Ok(Self::Remove),
            _ => Err(UnknownEvent),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_the_name_that_aws_writes() {
        for name in ["INSERT", "MODIFY", "REMOVE"] {
            assert_eq!(name.parse::<EventName>().unwrap().to_string(), name);
        }
        for other in ["", "insert", "Insert", "INSERT ", "DELETE", "TRUNCATE"] {
            assert_eq!(other.parse::<EventName>(), Err(UnknownEvent), "{other}");
        }
    }
}
