//! Records of DynamoDB Streams as AWS Lambda and EventBridge Pipes deliver them: the
//! records of a body ([`records`]), and each one as plain JSON ([`Record`]).
//!
//! Numbers keep their digits: none becomes a double. The format is that of the
//! [DynamoDB Streams API](https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_Record.html);
//! forms of other tools are accepted where their meaning is plain.

mod attributes;
mod body;
mod decimal;
mod event;
mod record;
mod sequence;
mod time;

pub use body::{MAX_RECORDS, records};
pub use event::{EventName, UnknownEvent};
pub use record::{Record, text_key};
pub use sequence::{NoSequence, Sequence};

/// A decimal number as JSON has it, with its digits; only forms that JSON's grammar (RFC
/// 8259, 6) forbids are changed, as in `+1`, `.5` and `01`.
///
/// # Errors
/// The limit of DynamoDB that it breaks, worded to follow a name: 38 digits, 1E-130 to
/// below 1E126.
pub fn number(text: &str) -> Result<String, String> {
    Ok(decimal::Decimal::attribute(text)?.json())
}
