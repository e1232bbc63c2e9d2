//! Checks: printed one a line, and counted.

use std::{
    cell::{Cell, RefCell},
    fmt::Display,
    io::{self, Write},
    time::Duration,
};

use anyhow::{Context, Result};
use devstack::client::{Call, User};
use serde_json::Value;

/// The checks so far.
#[derive(Default)]
pub struct Checks {
    passed: Cell<usize>,
    failed: RefCell<Vec<String>>,
}

impl Checks {
    /// Prints and counts a check: the finding, or the difference.
    pub fn add(&self, what: impl Display, outcome: Result<impl Display>) {
        let what = what.to_string();
        match outcome {
            Ok(found) => {
                self.passed.update(|passed| passed + 1);
                say(format_args!("  ✓ {what:<44}  {found}"));
            }
            Err(error) => {
                let line = format!("  ✗ {what}: {error:#}");
                say(&line);
                self.failed.borrow_mut().push(line);
            }
        }
    }

    /// Checks that a value is the expected one.
    pub fn same<T: PartialEq + Display>(&self, what: impl Display, found: T, expected: T) {
        let is_same = found == expected;
        let difference = || format!("it should be {expected} and is {found}");
        self.add(what, is_same.then_some(&found).with_context(difference));
    }

    /// Checks that an answer has all expected members: objects may have more.
    pub fn shows(&self, what: impl Display, found: &Value, expected: &Value) {
        let difference = || format!("the answer should have {expected} in it and is {found}");
        let shown = has(found, expected).then_some(expected);
        self.add(what, shown.with_context(difference));
    }

    /// Checks that each call of a user is refused, with this status and code.
    pub async fn refused(&self, calls: &[(&str, &User<'_>, &Call, u16, &str)]) {
        for (what, user, call, status, code) in calls {
            self.add(what, user.is_refused(call, *status, code).await);
        }
    }

    /// Counts a chapter that cannot go on as a failed check.
    pub fn told(&self, chapter: &str, told: Result<()>) {
        if let Err(error) = told {
            self.add(chapter, Err::<&str, _>(error));
        }
    }

    /// Prints the totals, and returns whether all checks passed.
    pub fn summarize(&self, took: Duration) -> bool {
        let failed = self.failed.borrow();
        let (all, seconds) = (self.passed.get() + failed.len(), took.as_secs_f64());
        if failed.is_empty() {
            say(format_args!(
                "\ndemo: {all} checks passed in {seconds:.1} s"
            ));
        } else {
            let (count, lines) = (failed.len(), failed.join("\n"));
            say(format_args!(
                "\ndemo: {count} of {all} checks failed:\n{lines}"
            ));
        }
        failed.is_empty()
    }
}

/// Whether JSON has all expected members.
fn has(found: &Value, expected: &Value) -> bool {
    match (found, expected) {
        (Value::Object(found), Value::Object(expected)) => expected
            .iter()
            .all(|(name, value)| found.get(name).is_some_and(|found| has(found, value))),
        (Value::Array(found), Value::Array(expected)) => {
            let mut pairs = found.iter().zip(expected);
            found.len() == expected.len() && pairs.all(|(one, other)| has(one, other))
        }
        _ => found == expected,
    }
}

/// The JSON in a file.
pub fn read_json(file: &str) -> Result<Value> {
    let text = std::fs::read(file).context(file.to_owned())?;
    serde_json::from_slice(&text).context(file.to_owned())
}

/// The text at a place of JSON, a JSON pointer (RFC 6901).
pub fn text<'a>(json: &'a Value, place: &str) -> Result<&'a str> {
    let text = json.pointer(place).and_then(Value::as_str);
    text.with_context(|| format!("there should be text at {place} of {json}"))
}

/// Prints a line. Ignores errors: the checks go on without a reader.
pub fn say(text: impl Display) {
    let _ = writeln!(io::stdout(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_is_expected_does_no_harm_and_less_or_other_does() {
        let found = serde_json::json!({"a": 1, "b": [{"c": 2, "d": 3}]});
        for (expected, is_shown) in [
            (r#"{"b": [{"d": 3}]}"#, true),
            (r#"{"b": [{"d": 4}]}"#, false),
            (r#"{"b": []}"#, false),
            (r#"{"e": null}"#, false),
        ] {
            let expected = serde_json::from_str(expected).unwrap();
            let checks = Checks::default();
            checks.shows("it", &found, &expected);
            assert_eq!(checks.summarize(Duration::ZERO), is_shown, "{expected}");
        }
    }
}
