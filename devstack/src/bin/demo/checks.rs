//! Checks: printed one a line, and counted.

use std::{
    fmt::{Debug, Display},
    io::{self, Write},
    path::Path,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// The width of the names of checks; the findings are beside them.
const WIDTH: usize = 44;

/// The checks so far.
#[derive(Default)]
pub struct Checks {
    passed: usize,
    failed: Vec<String>,
}

impl Checks {
    /// Prints and counts a check: the finding, or the difference.
    pub fn add(&mut self, what: impl Display, outcome: Result<String>) {
        let what = what.to_string();
        match outcome {
            Ok(found) => {
                self.passed += 1;
                say(format!("  ✓ {what:<WIDTH$}  {found}").trim_end());
            }
            Err(error) => {
                let line = format!("✗ {what}: {error:#}");
                say(format_args!("  {line}"));
                self.failed.push(line);
            }
        }
    }

    /// Prints the totals, and returns whether all checks passed.
    pub fn summarize(&self, took: Duration) -> bool {
        let all = self.passed + self.failed.len();
        if self.failed.is_empty() {
            let seconds = took.as_secs_f64();
            say(format_args!(
                "\ndemo: {all} checks passed in {seconds:.1} s"
            ));
            return true;
        }
        say(format_args!(
            "\ndemo: {} of {all} checks failed:",
            self.failed.len()
        ));
        for line in &self.failed {
            say(format_args!("  {line}"));
        }
        false
    }
}

/// Fails with the difference between two values, if there is one.
pub fn same<T: PartialEq + Debug>(what: &str, found: T, expected: T) -> Result<()> {
    ensure!(
        found == expected,
        "{what} should be {expected:?} and is {found:?}"
    );
    Ok(())
}

/// Fails with the difference unless JSON has all expected members:
/// objects may have more.
pub fn shows(found: &Value, expected: &Value) -> Result<()> {
    fn has(found: &Value, expected: &Value) -> bool {
        match (found, expected) {
            (Value::Object(found), Value::Object(expected)) => expected
                .iter()
                .all(|(name, value)| found.get(name).is_some_and(|found| has(found, value))),
            (Value::Array(found), Value::Array(expected)) => {
                found.len() == expected.len()
                    && found
                        .iter()
                        .zip(expected)
                        .all(|(one, other)| has(one, other))
            }
            _ => found == expected,
        }
    }
    ensure!(
        has(found, expected),
        "the answer should have {expected} in it and is {found}"
    );
    Ok(())
}

/// The JSON in a file.
pub fn read_json(file: &Path) -> Result<Value> {
    let text = std::fs::read(file).with_context(|| file.display().to_string())?;
    serde_json::from_slice(&text).with_context(|| file.display().to_string())
}

/// The text at a place of JSON, a JSON pointer (RFC 6901).
pub fn text<'a>(json: &'a Value, place: &str) -> Result<&'a str> {
    let text = json.pointer(place).and_then(Value::as_str);
    text.with_context(|| format!("there should be text at {place} of {json}"))
}

/// Prints a heading.
pub fn heading(text: &str) {
    say(format_args!("\n{text}"));
}

/// Prints a line, hashes cut short. Ignores errors: the checks go on without a reader.
pub fn say(text: impl Display) {
    let _ = writeln!(io::stdout(), "{}", shorten(&text.to_string()));
}

/// Cuts each SHA-256 to the part that tells it from others.
fn shorten(text: &str) -> String {
    const DIGITS: usize = 64;
    const KEPT: usize = 8;
    let mut short = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let digits = rest
            .find(|c: char| !c.is_ascii_hexdigit())
            .unwrap_or(rest.len());
        let (run, after) = rest.split_at(digits.max(first.len_utf8()));
        match run.split_at_checked(KEPT) {
            Some((kept, _)) if digits == DIGITS => short.extend([kept, "…"]),
            _ => short.push_str(run),
        }
        rest = after;
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_hashes_are_cut_short() {
        let hash = "0123456789abcdef".repeat(4);
        let text = format!("é /obtain/456-{hash}.jpg, 0123456789abcdef and 9");
        assert_eq!(
            shorten(&text),
            "é /obtain/456-01234567….jpg, 0123456789abcdef and 9"
        );
    }

    #[test]
    fn more_than_is_expected_does_no_harm_and_less_or_other_does() {
        let found = serde_json::json!({"a": 1, "b": [{"c": 2, "d": 3}]});
        for (expected, shown) in [
            (r#"{"b": [{"d": 3}]}"#, true),
            (r#"{"b": [{"d": 4}]}"#, false),
            (r#"{"b": []}"#, false),
            (r#"{"e": null}"#, false),
        ] {
            let expected = serde_json::from_str(expected).unwrap();
            assert_eq!(shows(&found, &expected).is_ok(), shown, "{expected}");
        }
    }

    #[test]
    fn a_check_that_fails_makes_the_demo_fail() {
        let mut checks = Checks::default();
        checks.add("one", Ok(String::new()));
        assert!(checks.summarize(Duration::ZERO));
        checks.add("two", same("it", 1, 2).map(|()| String::new()));
        assert!(!checks.summarize(Duration::ZERO));
        assert_eq!(checks.failed, ["✗ two: it should be 2 and is 1"]);
    }
}
