//! The variable `schedules`: lines of `name | expression | queue | message`.

use std::collections::BTreeSet;
use std::time::Duration;

use base::{Failure, Fields};
use queue::{Opened, QueueNames};
use serde_json::value::RawValue;

use crate::expression::Expression;

/// The default of `schedule_catch_up`.
const DEFAULT_CATCH_UP: Duration = Duration::from_secs(3_600);

/// The min of `schedule_catch_up`, in seconds: a timer may be late by some seconds.
const MIN_CATCH_UP: u64 = 60;

/// The max length of a name.
const MAX_NAME: usize = 64;

/// A schedule.
#[derive(Clone, Debug)]
pub struct Schedule {
    name: String,
    expression: Expression,
    queue: QueueNames,
    /// A JSON object.
    message: String,
}

/// A schedule of the application's own, which a variable of its own switches on.
#[derive(Clone, Copy, Debug)]
pub struct BuiltIn<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its expression; blank for no such schedule.
    pub expression: &'a str,
    /// Its queue.
    pub queue: &'a str,
    /// Its message.
    pub message: &'a str,
}

/// A line that is no schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// Its name, or `line 3` where it has no valid name.
    pub name: String,
    /// The fault in it.
    pub problem: String,
}

/// The schedules of the application.
#[derive(Clone, Debug)]
pub struct Schedules {
    schedules: Vec<Schedule>,
    wrong: Vec<Wrong>,
    /// The hash tags of all queues.
    tags: BTreeSet<String>,
    pub(crate) catch_up: Duration,
}

impl Schedule {
    /// Its name, which no other schedule has.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its times.
    pub fn expression(&self) -> &Expression {
        &self.expression
    }

    /// The queue that its messages are published on.
    pub fn queue(&self) -> &QueueNames {
        &self.queue
    }

    /// The message of the time `at`: that of the line, with the name of the schedule as
    /// `schedule` and the time as `scheduled_for`.
    pub(crate) fn message_at(&self, at: u64) -> String {
        let members = self.message.strip_suffix('}').unwrap_or_default();
        let (name, time) = (&self.name, base::rfc3339(at));
        // Neither needs escapes.
        format!(r#"{members},"schedule":"{name}","scheduled_for":"{time}"}}"#)
    }

    fn new(
        name: &str,
        expression: &str,
        queue: &str,
        message: &str,
        queues: &[String],
    ) -> Result<Self, String> {
        let expression = expression
            .parse::<Expression>()
            .map_err(|error| error.to_string())?;
        if !queues.iter().any(|known| known == queue) {
            return Err(format!(
                "the variable queues does not have the queue {queue:?}"
            ));
        }
        Ok(Self {
            name: name.to_owned(),
            expression,
            queue: QueueNames::new(queue),
            message: read_message(message)?,
        })
    }
}

impl Schedules {
    /// Reads the schedules of the variable `schedules` and the application's own. `queues`
    /// are the names of all queues.
    ///
    /// A line ends with the line feed or the `;` after its message. Blank lines and lines
    /// that start with `#` are ignored.
    pub fn parse(lines: &str, built_in: &[BuiltIn<'_>], queues: &[String]) -> Self {
        let mut all = Self {
            schedules: Vec::new(),
            wrong: Vec::new(),
            tags: queues
                .iter()
                .map(|name| QueueNames::new(name).tag().to_owned())
                .collect(),
            catch_up: DEFAULT_CATCH_UP,
        };
        for own in built_in {
            if !own.expression.trim().is_empty() {
                all.add(
                    own.name,
                    Schedule::new(own.name, own.expression, own.queue, own.message, queues),
                );
            }
        }
        for line in split(lines) {
            let Line {
                name,
                expression,
                queue,
                message,
            } = match line {
                Ok(line) => line,
                Err(wrong) => {
                    all.wrong.push(wrong);
                    continue;
                }
            };
            all.add(
                name,
                Schedule::new(name, expression, queue, message, queues),
            );
        }
        all
    }

    /// The schedules with the time in which a missed time still runs.
    pub fn with_catch_up(mut self, catch_up: Duration) -> Self {
        self.catch_up = catch_up;
        self
    }

    /// Reads the variables `schedules`, `queues` and `schedule_catch_up` (seconds, 60 or
    /// more).
    ///
    /// # Errors
    /// [`Failure::Misconfigured`] where a variable is missing, or one of the last two is
    /// wrong. Wrong schedules are no error: see [`Self::wrong`].
    pub fn from_variables(built_in: &[BuiltIn<'_>]) -> Result<Self, Failure> {
        let queues = QueueNames::list(&base::text("queues")?)
            .map_err(|problem| Failure::variable("queues", problem))?;
        let catch_up = base::number("schedule_catch_up", MIN_CATCH_UP)?;
        let schedules = Self::parse(&base::text("schedules")?, built_in, &queues);
        Ok(schedules.with_catch_up(Duration::from_secs(catch_up)))
    }

    /// The schedules, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &Schedule> {
        self.schedules.iter()
    }

    /// The lines that are none.
    pub fn wrong(&self) -> &[Wrong] {
        &self.wrong
    }

    /// The hash tags of their queues, each of which [`tick`](crate::tick) is called for.
    pub fn tags(&self) -> BTreeSet<&str> {
        self.iter().map(|schedule| schedule.queue.tag()).collect()
    }

    /// The hash tags of all queues: one without schedules may have states of earlier ones.
    pub fn all_tags(&self) -> impl Iterator<Item = &str> {
        self.tags.iter().map(String::as_str)
    }

    /// Whether the state of this name is still needed at this hash tag. That of a wrong line
    /// is, for it may be put right.
    pub(crate) fn keeps(&self, name: &str, tag: &str) -> bool {
        match self.iter().find(|schedule| schedule.name == name) {
            Some(schedule) => schedule.queue.tag() == tag,
            None => self.wrong.iter().any(|wrong| wrong.name == name),
        }
    }

    fn add(&mut self, name: &str, schedule: Result<Schedule, String>) {
        let schedule = match schedule {
            Ok(_) if self.iter().any(|known| known.name == name) => {
                Err("there is another schedule of this name".to_owned())
            }
            other => other,
        };
        match schedule {
            Ok(schedule) => self.schedules.push(schedule),
            Err(problem) => self.wrong.push(Wrong {
                name: name.to_owned(),
                problem,
            }),
        }
    }
}

struct Line<'a> {
    name: &'a str,
    expression: &'a str,
    queue: &'a str,
    message: &'a str,
}

/// The lines of the variable. The message tells where a line ends, so that it may have any
/// character, also line feeds between its tokens. After an error, reading goes on at the
/// next line feed.
fn split(text: &str) -> Vec<Result<Line<'_>, Wrong>> {
    let mut lines = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ';');
        if rest.is_empty() {
            return lines;
        }
        let (first, others) = rest.split_once('\n').unwrap_or((rest, ""));
        if first.starts_with('#') {
            rest = others;
            continue;
        }
        let number = text.len().saturating_sub(rest.len());
        let number = text.get(..number).unwrap_or_default().matches('\n').count() + 1;
        let wrong = |name: &str, problem: String| {
            let name = match is_name(name) {
                true => name.to_owned(),
                false => format!("line {number}"),
            };
            Err(Wrong { name, problem })
        };
        let mut bars = first.match_indices('|').map(|(at, _)| at);
        let (Some(a), Some(b), Some(c)) = (bars.next(), bars.next(), bars.next()) else {
            lines.push(wrong("", SHAPE.to_owned()));
            rest = others;
            continue;
        };
        let part = |from: usize, to: usize| rest.get(from..to).unwrap_or_default().trim();
        let (name, expression, queue) = (part(0, a), part(a + 1, b), part(b + 1, c));
        let tail = rest.get(c + 1..).unwrap_or_default();
        let (line, after) = match split_message(tail) {
            Ok((message, after)) if is_name(name) => {
                let line = Line {
                    name,
                    expression,
                    queue,
                    message,
                };
                (Ok(line), after)
            }
            Ok((_, after)) => (
                wrong(
                    name,
                    format!(
                        "{name:?} is no name: it has 1 to {MAX_NAME} of the characters `a-z 0-9 . _ -`"
                    ),
                ),
                after,
            ),
            Err(problem) => (
                wrong(name, problem),
                tail.split_once('\n').map_or("", |(_, after)| after),
            ),
        };
        lines.push(line);
        rest = after;
    }
}

/// The form of a line.
const SHAPE: &str = "a line must be `name | expression | queue | message`";

/// The JSON value that `text` starts with, and the text after its line.
fn split_message(text: &str) -> Result<(&str, &str), String> {
    let mut values = serde_json::Deserializer::from_slice(text.as_bytes()).into_iter::<&RawValue>();
    let message = match values.next() {
        Some(Ok(message)) => message.get(),
        Some(Err(error)) => return Err(format!("the message cannot be read: {error}")),
        None => return Err("there is no message".to_owned()),
    };
    let after = text.get(values.byte_offset()..).unwrap_or_default();
    let after = after.trim_start_matches([' ', '\t', '\r']);
    if after.is_empty() || after.starts_with([';', '\n']) {
        return Ok((message, after));
    }
    Err("a line ends after its message".to_owned())
}

fn is_name(text: &str) -> bool {
    let is_part = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b);
    (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(is_part)
}

/// Reads a message, in one line: an object with `type` and `schema`, to which those of a
/// schedule can be added.
fn read_message(text: &str) -> Result<String, String> {
    let fields: Fields = serde_json::from_slice(text.as_bytes())
        .map_err(|error| format!("the message is no JSON object with each name once: {error}"))?;
    for added in ["schedule", "scheduled_for"] {
        if fields.get(added).is_some() {
            return Err(format!(
                "the message must not have {added:?}, which is added"
            ));
        }
    }
    let message = serde_json::to_string(&fields).map_err(|error| error.to_string())?;
    match queue::open(message.as_bytes(), u32::MAX) {
        Opened::Known(envelope) if !envelope.kind.is_empty() && envelope.schema > 0 => {}
        Opened::Malformed(reason) => return Err(reason),
        Opened::Known(_) | Opened::Newer { .. } => {
            return Err("the message must have a `type` and a `schema` from 1 on".to_owned());
        }
    }
    Ok(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: BuiltIn<'_> = BuiltIn {
        name: "own",
        expression: "cron(0 8 * * ? *)",
        queue: "jobs",
        message: r#"{"type":"own.daily","schema":1}"#,
    };

    fn parse(lines: &str, built_in: &[BuiltIn<'_>]) -> Schedules {
        let queues = ["jobs", "orders.received", "orders.canceled"].map(str::to_owned);
        Schedules::parse(lines, built_in, &queues)
    }

    fn names(schedules: &Schedules) -> Vec<&str> {
        schedules.iter().map(Schedule::name).collect()
    }

    fn wrong(lines: &str) -> (String, String) {
        let schedules = parse(lines, &[]);
        assert_eq!(names(&schedules), [""; 0], "{lines}");
        let [wrong] = schedules.wrong() else {
            panic!("{lines}: {:?}", schedules.wrong());
        };
        (wrong.name.clone(), wrong.problem.clone())
    }

    #[test]
    fn a_line_is_a_name_an_expression_a_queue_and_a_message() {
        let schedules = parse(
            r#"
            # every morning
            nightly.1 | cron(0 3 * * ? *) | jobs | {"type": "job.clean", "schema": 2, "of": "a | b; c"}

            o-1_2|rate(5 minutes)|orders.received|{"schema":1,"type":"order.look","n":1.10}
            "#,
            &[],
        );
        assert_eq!(schedules.wrong(), []);
        let told: Vec<_> = schedules
            .iter()
            .map(|schedule| {
                (
                    schedule.name(),
                    schedule.expression().to_string(),
                    schedule.queue().name(),
                    schedule.message_at(1_795_593_600_000),
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                (
                    "nightly.1",
                    "cron(0 3 * * ? *)".to_owned(),
                    "jobs",
                    r#"{"type":"job.clean","schema":2,"of":"a | b; c","schedule":"nightly.1","scheduled_for":"2026-11-25T08:00:00.000Z"}"#.to_owned(),
                ),
                (
                    "o-1_2",
                    "rate(5 minutes)".to_owned(),
                    "orders.received",
                    r#"{"schema":1,"type":"order.look","n":1.10,"schedule":"o-1_2","scheduled_for":"2026-11-25T08:00:00.000Z"}"#.to_owned(),
                ),
            ]
        );
        assert!(schedules.tags().iter().eq(&["jobs", "orders"]));
        assert!(schedules.all_tags().eq(["jobs", "orders"]));
    }

    #[test]
    fn a_semicolon_after_the_message_ends_a_line_too_and_a_message_may_have_line_feeds() {
        let schedules = parse(
            "a | rate(1 day) | jobs | {\"type\":\"x;\n\",\"schema\":1};b|rate(1 day)|jobs|{\"type\":\"x\",\"schema\":1} ; \r\n;c|rate(1 day)|jobs|{\n\"type\":\"x\",\n\"schema\":1}".replace("x;\n", "x;\\n").as_str(),
            &[],
        );
        assert_eq!(
            (names(&schedules), schedules.wrong()),
            (vec!["a", "b", "c"], &[][..])
        );
    }

    #[test]
    fn right_lines_among_wrong_ones_stay() {
        let right = |name| format!(r#"{name} | rate(1 day) | jobs | {{"type":"x","schema":1}}"#);
        let lines = [
            right("a"),
            right("b").replace("1 day", "1 days"),
            right("c").replace("jobs", "gone"),
            right("d").replace("schema", "scheme"),
            right("e").replace("}", ""),
            "f | rate(1 day)".to_owned(),
            "g |".to_owned(),
            right("h"),
            right("a"),
            right("I"),
            right("j") + " k",
            right("l").replace("rate", "cron") + ";" + right("m").as_str(),
        ];
        let schedules = parse(&lines.join("\n"), &[]);
        assert_eq!(names(&schedules), ["a", "h", "m"]);
        let wrong: Vec<_> = schedules.wrong().iter().map(|wrong| &*wrong.name).collect();
        assert_eq!(
            wrong,
            [
                "b", "c", "d", "e", "line 6", "line 7", "a", "line 10", "j", "l"
            ]
        );
    }

    #[test]
    fn what_is_wrong_with_a_line_is_told() {
        for (line, name, told) in [
            ("nightly", "line 1", "name | expression"),
            ("\n\na|b|c", "line 3", "name | expression"),
            ("a|rate(1 day)|jobs|", "a", "there is no message"),
            ("a|rate(1 day)|jobs|{\"type\":1", "a", "cannot be read"),
            ("a|rate(1 day)|jobs|7", "a", "no JSON object"),
            ("a|rate(1 day)|jobs|[]", "a", "no JSON object"),
            ("a|rate(1 day)|jobs|{}", "a", "missing field `type`"),
            (
                r#"a|rate(1 day)|jobs|{"type":"","schema":1}"#,
                "a",
                "must have a `type`",
            ),
            (
                r#"a|rate(1 day)|jobs|{"type":"x","schema":0}"#,
                "a",
                "must have a `type`",
            ),
            (
                r#"a|rate(1 day)|jobs|{"type":"x","schema":"1"}"#,
                "a",
                "invalid type",
            ),
            (
                r#"a|rate(1 day)|jobs|{"type":"x","schema":1.5}"#,
                "a",
                "invalid type",
            ),
            (
                r#"a|rate(1 day)|jobs|{"type":"x","type":"y","schema":1}"#,
                "a",
                "each name once",
            ),
            (
                r#"a|rate(1 day)|jobs|{"type":"x","schema":1,"trace":7}"#,
                "a",
                "cannot be read",
            ),
            (
                r#"a|rate(1 day)|jobs|{"type":"x","schema":1,"scheduled_for":""}"#,
                "a",
                "\"scheduled_for\", which is added",
            ),
            (
                r#"A b|rate(1 day)|jobs|{"type":"x","schema":1}"#,
                "line 1",
                "\"A b\" is no name",
            ),
            (
                r#"|rate(1 day)|jobs|{"type":"x","schema":1}"#,
                "line 1",
                "\"\" is no name",
            ),
            (
                r#"a|hourly|jobs|{"type":"x","schema":1}"#,
                "a",
                "cron(...) or rate(...)",
            ),
            (
                r#"a|rate(1 day)|images|{"type":"x","schema":1}"#,
                "a",
                "the queue \"images\"",
            ),
        ] {
            let (named, problem) = wrong(line);
            assert_eq!(named, name, "{line}");
            assert!(problem.contains(told), "{line}: {problem}");
        }
        let long = "n".repeat(MAX_NAME + 1);
        let line = format!(r#"{long}|rate(1 day)|jobs|{{"type":"x","schema":1}}"#);
        assert_eq!(wrong(&line).0, "line 1");
        assert!(parse(&line[1..], &[]).wrong().is_empty());
    }

    #[test]
    fn one_of_the_applications_own_is_there_when_it_has_an_expression() {
        let same = r#"own | rate(1 day) | jobs | {"type":"x","schema":1}"#;
        let schedules = parse(same, &[OWN]);
        assert_eq!(names(&schedules), ["own"]);
        let own = schedules.iter().next().unwrap();
        assert_eq!(own.expression().to_string(), OWN.expression);
        assert_eq!(schedules.wrong()[0].name, "own");

        let off = BuiltIn {
            expression: " ",
            ..OWN
        };
        assert!(names(&parse("", &[off])).is_empty());
        let broken = BuiltIn {
            expression: "daily",
            ..OWN
        };
        assert_eq!(parse("", &[broken]).wrong()[0].name, "own");
    }

    #[test]
    fn states_are_kept_where_a_line_needs_them() {
        let schedules = parse(
            "a|rate(1 day)|jobs|{\"type\":\"x\",\"schema\":1}\nb|daily|jobs|{\"type\":\"x\",\"schema\":1}",
            &[],
        );
        assert!(schedules.keeps("a", "jobs") && !schedules.keeps("a", "orders"));
        assert!(schedules.keeps("b", "jobs"), "it may be put right");
        assert!(!schedules.keeps("c", "jobs"));
    }

    #[test]
    fn no_text_is_a_panic() {
        let pieces = [
            "a",
            "|",
            ";",
            "\n",
            "#",
            "{",
            "}",
            "\"",
            "rate(1 day)",
            "é",
            " ",
        ];
        let mut seed = 7_usize;
        for _ in 0..20_000 {
            let text: String = (0..12)
                .map(|_| {
                    seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    pieces[(seed >> 33) % pieces.len()]
                })
                .collect();
            parse(&text, &[]);
        }
    }
}
