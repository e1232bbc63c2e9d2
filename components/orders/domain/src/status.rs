//! The status of an order.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The status of an order. It is written in lower case and read in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// The order came in.
    Received,
    /// It is in work.
    Inprocess,
    /// It is done.
    Completed,
    /// It was canceled.
    Canceled,
}

/// The maximum number of characters of a client's text that a message repeats.
const MAX_REPEATED: usize = 64;

/// A text that is not a status.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Unknown status '{0:.MAX_REPEATED$}'")]
pub struct UnknownStatus(pub String);

impl Status {
    /// All of them, in the order of the transitions.
    pub const ALL: [Self; 4] = [
        Self::Received,
        Self::Inprocess,
        Self::Completed,
        Self::Canceled,
    ];

    /// Its name, in lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Inprocess => "inprocess",
            Self::Completed => "completed",
            Self::Canceled => "canceled",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Status {
    type Err = UnknownStatus;

    fn from_str(text: &str) -> Result<Self, UnknownStatus> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| UnknownStatus(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read_in_any_case_and_written_in_lower_case() {
        for (status, name) in [
            (Status::Received, "received"),
            (Status::Inprocess, "inprocess"),
            (Status::Completed, "completed"),
            (Status::Canceled, "canceled"),
        ] {
            assert_eq!(status.to_string(), name);
            assert_eq!(
                serde_json::to_string(&status).unwrap(),
                format!("\"{name}\"")
            );
            assert_eq!(name.parse(), Ok(status));
            assert_eq!(name.to_uppercase().parse(), Ok(status));
        }
        let unknown = "Shipped".parse::<Status>().unwrap_err();
        assert_eq!(unknown.to_string(), "Unknown status 'Shipped'");
    }
}
