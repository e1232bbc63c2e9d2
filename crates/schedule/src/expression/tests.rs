//! The times of expressions, against those of EventBridge's documentation and a plain search.

use base::{parse_rfc3339, rfc3339};
use proptest::prelude::*;

use super::{Due, Expression};

fn at(text: &str) -> u64 {
    u64::try_from(parse_rfc3339(text).unwrap() / 1_000_000).unwrap()
}

/// The times after 2026-11-25T20:46:30Z, a Wednesday, to the minute.
fn times(expression: &str, count: usize) -> Vec<String> {
    let expression: Expression = expression.parse().unwrap();
    let first = expression.next(at("2026-11-25T20:46:30Z"));
    std::iter::successors(first, |time| expression.next(*time))
        .take(count)
        .map(|time| rfc3339(time).replace(":00.000Z", ""))
        .collect()
}

fn problem(expression: &str) -> String {
    match expression.parse::<Expression>() {
        Ok(_) => panic!("{expression} is an expression"),
        Err(problem) => problem.to_string(),
    }
}

#[test]
fn the_examples_of_eventbridge_have_the_times_that_it_tells() {
    for (expression, expected) in [
        (
            "cron(0 10 * * ? *)",
            &["2026-11-26T10:00", "2026-11-27T10:00"][..],
        ),
        (
            "cron(15 12 * * ? *)",
            &["2026-11-26T12:15", "2026-11-27T12:15"],
        ),
        (
            "cron(0 18 ? * MON-FRI *)",
            &["2026-11-26T18:00", "2026-11-27T18:00", "2026-11-30T18:00"],
        ),
        (
            "cron(0 8 1 * ? *)",
            &["2026-12-01T08:00", "2027-01-01T08:00"],
        ),
        (
            "cron(0/15 * * * ? *)",
            &["2026-11-25T21:00", "2026-11-25T21:15", "2026-11-25T21:30"],
        ),
        (
            "cron(0/10 * ? * MON-FRI *)",
            &["2026-11-25T20:50", "2026-11-25T21:00"],
        ),
        (
            "cron(0/5 8-17 ? * MON-FRI *)",
            &["2026-11-26T08:00", "2026-11-26T08:05"],
        ),
        // From ten in the evening to two in the night: the hours go on at 0.
        (
            "cron(0/30 22-2 ? * MON-FRI *)",
            &[
                "2026-11-25T22:00",
                "2026-11-25T22:30",
                "2026-11-25T23:00",
                "2026-11-25T23:30",
                "2026-11-26T00:00",
                "2026-11-26T00:30",
                "2026-11-26T01:00",
                "2026-11-26T01:30",
                "2026-11-26T02:00",
                "2026-11-26T02:30",
                "2026-11-26T22:00",
            ],
        ),
        // From the first minute on.
        (
            "cron(1/10 21 * * ? *)",
            &["2026-11-25T21:01", "2026-11-25T21:11", "2026-11-25T21:21"],
        ),
        // The second Tuesday; 1 is Sunday.
        (
            "cron(0 9 ? * 3#2 *)",
            &["2026-12-08T09:00", "2027-01-12T09:00"],
        ),
        (
            "cron(0 9 ? * 2#1 *)",
            &["2026-12-07T09:00", "2027-01-04T09:00"],
        ),
        // The weekday nearest to the third: Thursday; of January, whose third is a
        // Sunday, the Monday after it.
        (
            "cron(0 9 3W * ? *)",
            &["2026-12-03T09:00", "2027-01-04T09:00"],
        ),
        (
            "cron(0 0 L * ? *)",
            &[
                "2026-11-30T00:00",
                "2026-12-31T00:00",
                "2027-01-31T00:00",
                "2027-02-28T00:00",
            ],
        ),
        // The last Friday, and Saturday.
        (
            "cron(15 10 ? * 6L *)",
            &["2026-11-27T10:15", "2026-12-25T10:15"],
        ),
        (
            "cron(0 0 ? * L *)",
            &["2026-11-28T00:00", "2026-12-05T00:00"],
        ),
        ("cron(15 10 ? * 6L 2027-2028)", &["2027-01-29T10:15"]),
        ("cron(0 8 * * ? *)", &["2026-11-26T08:00"]),
    ] {
        assert_eq!(times(expression, expected.len()), expected, "{expression}");
    }
}

#[test]
fn names_lists_and_steps_are_read_in_any_case() {
    for (expression, expected) in [
        (
            "cron(0 0 1 JAN,jul ? *)",
            &["2027-01-01T00:00", "2027-07-01T00:00"][..],
        ),
        (
            "CRON( 0  0 ? * sun,7 * )",
            &["2026-11-28T00:00", "2026-11-29T00:00"],
        ),
        (
            "cron(0 0 ? * FRI-MON *)",
            &[
                "2026-11-27T00:00",
                "2026-11-28T00:00",
                "2026-11-29T00:00",
                "2026-11-30T00:00",
                "2026-12-04T00:00",
            ],
        ),
        (
            "cron(0 20-2/3 * * ? *)",
            &["2026-11-25T23:00", "2026-11-26T02:00", "2026-11-26T20:00"],
        ),
        (
            "cron(*/20 9-10/1 5 nov-feb/2 ? 2027/2)",
            &["2027-01-05T09:00", "2027-01-05T09:20"],
        ),
        (
            "cron(0 0 29 2 ? *)",
            &["2028-02-29T00:00", "2032-02-29T00:00"],
        ),
        (
            "cron(0 0 LW * ? *)",
            &["2026-11-30T00:00", "2026-12-31T00:00", "2027-01-29T00:00"],
        ),
        (
            "cron(30 4 31W * ? *)",
            &["2026-12-31T04:30", "2027-01-29T04:30", "2027-03-31T04:30"],
        ),
        (
            "cron(0 0 ? 2 1#5 *)",
            &["2032-02-29T00:00", "2060-02-29T00:00"],
        ),
    ] {
        assert_eq!(times(expression, expected.len()), expected, "{expression}");
    }
}

#[test]
fn what_eventbridge_refuses_is_refused_with_the_reason() {
    for (expression, told) in [
        ("", "cron(...) or rate(...)"),
        ("0 8 * * ? *", "cron(...) or rate(...)"),
        ("cron(0 8 * * ? *", "cron(...) or rate(...)"),
        ("at(2026-11-25T20:00:00)", "cron(...) or rate(...)"),
        ("cron(0 8 * * *)", "six fields"),
        ("cron(0 0 8 * * ? *)", "six fields"),
        ("cron(@daily)", "six fields"),
        ("cron(0 8 * * * *)", "must be `?`"),
        ("cron(0 8 ? * ? *)", "must be `?`"),
        ("cron(0 8 1 * 2 *)", "must be `?`"),
        ("cron(60 8 * * ? *)", "the minutes cannot be \"60\""),
        ("cron(MON 8 * * ? *)", "the minutes cannot be \"MON\""),
        ("cron(0 24 * * ? *)", "the hours"),
        ("cron(0 8 0 * ? *)", "the day of the month"),
        ("cron(0 8 32W * ? *)", "the day of the month"),
        ("cron(0 8 1W,15W * ? *)", "the day of the month"),
        ("cron(0 8 L-3 * ? *)", "the day of the month"),
        ("cron(0 8 1 13 ? *)", "the month cannot be \"13\""),
        ("cron(0 8 1 MON ? *)", "the month"),
        ("cron(0 8 ? * 0 *)", "the day of the week"),
        ("cron(0 8 ? * 8 *)", "the day of the week"),
        ("cron(0 8 ? * 3#6 *)", "the day of the week"),
        ("cron(0 8 ? * 3#1,6#3 *)", "the day of the week"),
        ("cron(0 8 ? * +3 *)", "the day of the week"),
        ("cron(0 8 * * ? 1969)", "the year"),
        ("cron(0 8 * * ? 2200)", "the year"),
        ("cron(0 8 * * ? 2030-2027)", "the year"),
        ("cron(0/0 8 * * ? *)", "the minutes"),
        ("cron(0/ 8 * * ? *)", "the minutes"),
        ("cron(/5 8 * * ? *)", "the minutes"),
        ("cron(1, 8 * * ? *)", "the minutes"),
        ("cron(*,1 8 * * ? *)", "the minutes"),
        ("cron(? 8 * * ? *)", "the minutes"),
        ("cron(-1 8 * * ? *)", "the minutes"),
        ("cron(0 8 31 2 ? *)", "no such day"),
        ("cron(0 8 31 4,6,9,11 ? *)", "no such day"),
        ("cron(0 8 29 2 ? 2027)", "no such day"),
        ("cron(0 8 29 2 ? 2100)", "no such day"),
        ("cron(0 8 ? 2 2#5 2027)", "no such day"),
        ("rate(0 minutes)", "rate() has"),
        ("rate(1 minutes)", "rate() has"),
        ("rate(5 minute)", "rate() has"),
        ("rate(5 seconds)", "rate() has"),
        ("rate(1.5 hours)", "rate() has"),
        ("rate(+5 minutes)", "rate() has"),
        ("rate(1000000 days)", "rate() has"),
        ("rate(5)", "rate() has"),
    ] {
        let problem = problem(expression);
        assert!(problem.contains(told), "{expression}: {problem}");
    }
}

#[test]
fn a_day_that_never_comes_is_refused_without_a_search() {
    let started = std::time::Instant::now();
    for _ in 0..20 {
        problem("cron(0 8 31 2 ? *)");
    }
    assert!(started.elapsed().as_secs() < 2, "{:?}", started.elapsed());
}

#[test]
fn after_the_last_time_there_is_none() {
    let expression: Expression = "cron(0 8 1 1 ? 2027)".parse().unwrap();
    let only = at("2027-01-01T08:00:00Z");
    assert_eq!(expression.next(0), Some(only));
    assert_eq!(expression.next(only - 1), Some(only));
    assert_eq!(expression.next(only), None);
    let past: Expression = "cron(0 8 * * ? 1970-2025)".parse().unwrap();
    assert_eq!(past.next(at("2026-11-25T20:46:30Z")), None);
    let far: Expression = "cron(59 23 L 12 ? 2199)".parse().unwrap();
    assert_eq!(far.next(only), Some(at("2199-12-31T23:59:00Z")));
    assert_eq!(far.next(at("2199-12-31T23:59:00Z")), None);
    assert_eq!(far.next(u64::MAX), None);
}

#[test]
fn a_rate_goes_on_from_its_start() {
    for (expression, minutes) in [
        ("rate(1 minute)", 1),
        ("rate(5 minutes)", 5),
        ("Rate( 1  Hour )", 60),
        ("rate(36 hours)", 36 * 60),
        ("rate(1 day)", 24 * 60),
        ("rate(7 days)", 7 * 24 * 60),
    ] {
        let expression: Expression = expression.parse().unwrap();
        let period = minutes * 60_000;
        assert_eq!(expression.next(1_234), Some(1_234 + period));
        for (late, count) in [(0, 1), (period - 1, 1), (period, 2), (10 * period + 7, 11)] {
            let due = Due {
                latest: 1_234 + (count - 1) * period,
                count,
                next: Some(1_234 + count * period),
            };
            assert_eq!(expression.due(1_234, 1_234 + late), due, "{expression}");
        }
    }
}

#[test]
fn due_times_of_a_cron_are_counted_also_of_a_year() {
    let daily: Expression = "cron(0 8 * * ? *)".parse().unwrap();
    let first = at("2026-11-20T08:00:00Z");
    let due = |count, latest, next| Due {
        latest: at(latest),
        count,
        next: Some(at(next)),
    };
    assert_eq!(
        daily.due(first, first),
        due(1, "2026-11-20T08:00:00Z", "2026-11-21T08:00:00Z")
    );
    assert_eq!(
        daily.due(first, at("2026-11-25T20:46:30Z")),
        due(6, "2026-11-25T08:00:00Z", "2026-11-26T08:00:00Z")
    );
    let minutely: Expression = "cron(* * * * ? *)".parse().unwrap();
    let (latest, next) = ("2027-11-20T08:00:00Z", "2027-11-20T08:01:00Z");
    let year = minutely.due(first, at("2027-11-20T08:00:59Z"));
    assert_eq!((year.latest, year.next), (at(latest), Some(at(next))));
    assert!(year.count > 20_000, "{year:?}");
}

#[test]
fn texts_that_differ_in_capitals_and_blanks_are_one_expression() {
    let expression: Expression = " cron( 0  8 ? *\tmon-fri *) ".parse().unwrap();
    assert_eq!(expression.to_string(), "cron( 0 8 ? * mon-fri *)");
    assert!(expression == *"CRON( 0 8 ? * MON-FRI *)");
    assert!(expression != *"cron(0 9 ? * MON-FRI *)");
}

/// The text of a field of numbers.
fn field(min: u32, max: u32) -> impl Strategy<Value = String> {
    let part = prop_oneof![
        (min..=max).prop_map(|value| value.to_string()),
        (min..=max, min..=max).prop_map(|(a, b)| format!("{a}-{b}")),
        (min..=max, 1..=max).prop_map(|(a, step)| format!("{a}/{step}")),
        (1..=max).prop_map(|step| format!("*/{step}")),
    ];
    let list = prop::collection::vec(part, 1..3).prop_map(|parts| parts.join(","));
    prop_oneof![1 => Just("*".to_owned()), 3 => list]
}

/// The values of such a text.
fn values(text: &str, min: u32, max: u32) -> Vec<u32> {
    let number = |text: &str| text.parse::<u32>().unwrap();
    let values = text.split(',').flat_map(|part| {
        let (range, step) = part.split_once('/').unwrap_or((part, "0"));
        let (a, b) = match range.split_once('-') {
            Some((a, b)) => (number(a), number(b)),
            None if range == "*" => (min, max),
            None if step == "0" => (number(range), number(range)),
            None => (number(range), max),
        };
        let all: Vec<u32> = if a <= b {
            (a..=b).collect()
        } else {
            (a..=max).chain(min..=b).collect()
        };
        all.into_iter().step_by(number(step).max(1) as usize)
    });
    values.collect()
}

/// The number of days of a month.
fn days_of(year: i32, month: u32) -> u32 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The weekday from 1 (Sunday) of a day; 1970-01-01 was a Thursday.
fn weekday(year: i32, month: u32, day: u32) -> u32 {
    let text = format!("{year:04}-{month:02}-{day:02}T00:00:00Z");
    u32::try_from((at(&text) / 86_400_000 + 4) % 7).unwrap() + 1
}

/// The day of the month and the day of the week.
fn day() -> impl Strategy<Value = (String, String)> {
    let of_month = prop_oneof![
        field(1, 31),
        Just("L".to_owned()),
        (1_u32..=31).prop_map(|day| format!("{day}W")),
    ];
    let of_week = prop_oneof![
        field(1, 7),
        Just("L".to_owned()),
        (1_u32..=7).prop_map(|day| format!("{day}L")),
        (1_u32..=7, 1_u32..=5).prop_map(|(day, nth)| format!("{day}#{nth}")),
    ];
    let any = || Just("?".to_owned());
    prop_oneof![(of_month, any()), (any(), of_week)]
}

/// Whether a day has the fields of the day.
fn has_day(of_month: &str, of_week: &str, (year, month, day): (i32, u32, u32)) -> bool {
    let last = days_of(year, month);
    let weekday = |day| weekday(year, month, day);
    if of_week == "?" {
        if of_month == "L" {
            return day == last;
        }
        if let Some(nearest) = of_month.strip_suffix('W') {
            let nearest: u32 = nearest.parse().unwrap();
            let weekdays = (1..=last).filter(|day| !matches!(weekday(*day), 1 | 7));
            let found = weekdays.min_by_key(|day| day.abs_diff(nearest));
            return nearest <= last && found == Some(day);
        }
        return values(of_month, 1, 31).contains(&day);
    }
    if of_week == "L" {
        return weekday(day) == 7;
    }
    if let Some(of_week) = of_week.strip_suffix('L') {
        return of_week == weekday(day).to_string() && day + 7 > last;
    }
    if let Some((of_week, nth)) = of_week.split_once('#') {
        return of_week == weekday(day).to_string() && nth == day.div_ceil(7).to_string();
    }
    values(of_week, 1, 7).contains(&weekday(day))
}

/// Year, month, day, hour and minute.
fn parts(millis: u64) -> (i32, u32, u32, u32, u32) {
    let time = rfc3339(millis);
    let number = |from: usize, to: usize| time[from..to].parse::<u32>().unwrap();
    let year = i32::try_from(number(0, 4)).unwrap();
    (
        year,
        number(5, 7),
        number(8, 10),
        number(11, 13),
        number(14, 16),
    )
}

/// The first matching minute after `start` and before `end`.
fn search(fields: [&str; 5], start: u64, end: u64) -> Option<u64> {
    let [minutes, hours, of_month, months, of_week] = fields;
    let minutes = values(minutes, 0, 59);
    let hours = values(hours, 0, 23);
    let months = values(months, 1, 12);
    let mut time = (start / 60_000 + 1) * 60_000;
    while time < end {
        let (year, month, day, hour, minute) = parts(time);
        if !months.contains(&month) || !has_day(of_month, of_week, (year, month, day)) {
            // To the next day.
            time = (time / 86_400_000 + 1) * 86_400_000;
        } else if hours.contains(&hour) && minutes.contains(&minute) {
            return Some(time);
        } else {
            time += 60_000;
        }
    }
    None
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Looked for minute by minute in three months.
    #[test]
    fn the_next_time_is_the_first_minute_whose_fields_match(
        minutes in field(0, 59),
        hours in field(0, 23),
        (of_month, of_week) in day(),
        months in field(1, 12),
        start in at("2023-01-01T00:00:00Z")..at("2029-01-01T00:00:00Z"),
    ) {
        let text = format!("cron({minutes} {hours} {of_month} {months} {of_week} *)");
        let fields = [&*minutes, &*hours, &*of_month, &*months, &*of_week];
        let end = start + 92 * 86_400_000;
        let Ok(expression) = text.parse::<Expression>() else {
            prop_assert!(problem(&text).contains("no such day"), "{}", text);
            prop_assert_eq!(search(fields, start, end), None, "{}", text);
            return Ok(());
        };
        let next = expression.next(start).filter(|next| *next < end);
        prop_assert_eq!(next, search(fields, start, end), "{}", text);
        if let Some(next) = next {
            let due = expression.due(next, next);
            prop_assert_eq!((due.latest, due.count), (next, 1));
        }
    }

    #[test]
    fn no_text_is_a_panic(text in "(cron|rate)?\\(?[ 0-9*?/,#LW-]{0,20}\\)?") {
        let _ = text.parse::<Expression>().map(|expression| expression.next(0));
    }
}
