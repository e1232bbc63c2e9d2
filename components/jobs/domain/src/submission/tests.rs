use serde_json::{Value, json};

use super::*;

fn refusal(body: &str) -> (&'static str, String) {
    let invalid = Submission::parse(body.as_bytes()).unwrap_err();
    (invalid.code, invalid.message)
}

fn fingerprint(body: &str) -> String {
    let submission = Submission::parse(body.as_bytes()).unwrap();
    submission.fingerprint().to_owned()
}

fn with_toon(toon: &str) -> String {
    format!(r#"{{"toons":[{{"toonId":"a"}},{toon}]}}"#)
}

#[test]
fn a_job_is_understood_and_its_toons_keep_their_letters() {
    let toon = r#"{ "seed": 9007199254740993, "toonId": "T\u002d2", "scale": 1.50 }"#;
    let body = format!(r#"{{"jobId":"JOB-001","toons":[{{"toonId":"T-1"}},{toon}],"note":[1]}}"#);
    let submission = Submission::parse(body.as_bytes()).unwrap();
    assert_eq!(submission.job_id.unwrap().as_str(), "JOB-001");
    let ids: Vec<_> = submission
        .toons
        .iter()
        .map(|toon| toon.id.as_str())
        .collect();
    assert_eq!(ids, ["T-1", "T-2"]);
    assert_eq!(submission.toons[1].content.get(), toon);
}

#[test]
fn a_job_may_leave_its_id_to_us() {
    for body in [
        r#"{"toons":[{"toonId":"a"}]}"#,
        r#"{"jobId":null,"toons":[{"toonId":"a"}]}"#,
    ] {
        assert_eq!(Submission::parse(body.as_bytes()).unwrap().job_id, None);
    }
}

#[test]
fn what_is_no_json_is_told_apart() {
    let deep = "[".repeat(1_000_000);
    for body in [
        "",
        "{",
        "toons",
        r#"{"toons":[{"toonId":"a"}]} x"#,
        r#"{"toons":[{"toonId":"a",}]}"#,
        r#"{"toons":[{"toonId":"a"}"#,
        "\u{feff}{}",
        &deep,
        &format!(r#"{{"note":{deep}"#),
        &format!(r#"{{"toons":{deep}"#),
    ] {
        let (code, told) = refusal(body);
        assert_eq!(code, "invalid_json", "{told}");
    }
    let latin1 = b"{\"toons\":[{\"toonId\":\"a\",\"n\":\"\xe9\"}]}";
    let invalid = Submission::parse(latin1).unwrap_err();
    assert_eq!(invalid.code, "invalid_json");
    assert!(invalid.to_string().contains("utf-8"), "{invalid}");
}

#[test]
fn each_broken_rule_is_told_with_its_place() {
    let twice = r#"{"toonId":"b","panels":[{},{"text":"x","text":"y"}]}"#;
    let surrogate = r#"{"toonId":"b","text":"\ud800"}"#;
    let wide = format!("\"{}\"", "9".repeat(65_520));
    let digits = format!(r#"{{"toonId":"b","price":[{}]}}"#, "9".repeat(400));
    let number = "must be a number that fits into a double";
    let cases = [
        ("[]".into(), "body: must be a JSON object"),
        ("null".into(), "body: must be a JSON object"),
        (
            r#"["JOB-001",[{"toonId":"a"}]]"#.into(),
            "body: must be a JSON object",
        ),
        (
            r#"{"toons":[],"toons":[]}"#.into(),
            "body: duplicate field `toons`",
        ),
        ("{}".into(), "toons: is missing"),
        (r#"{"toons":null}"#.into(), "toons: is missing"),
        (r#"{"toons":{}}"#.into(), "toons: must be an array"),
        (r#"{"toons":{"a":[1]}}"#.into(), "toons: must be an array"),
        (r#"{"toons":"[]"}"#.into(), "toons: must be an array"),
        (r#"{"toons":-1}"#.into(), "toons: must be an array"),
        (r#"{"toons":1e400}"#.into(), "toons: must be an array"),
        (r#"{"toons":"\ud800"}"#.into(), "toons: must be an array"),
        (
            r#"{"toons":{"\ud800":1}}"#.into(),
            "toons: must be an array",
        ),
        (
            r#"{"toons":[]}"#.into(),
            "toons: must have 1 to 10000 elements, and has 0",
        ),
        (
            r#"{"jobId":"a b","toons":[{"toonId":"a"}]}"#.into(),
            "jobId: must be a string of 1 to 128",
        ),
        (
            r#"{"jobId":7,"toons":[{"toonId":"a"}]}"#.into(),
            "jobId: must be a string of 1 to 128",
        ),
        (
            with_toon(r#"{"toonId":"b","price":1e400}"#),
            &format!("toons[1].price: {number}"),
        ),
        (with_toon(&digits), &format!("toons[1].price[0]: {number}")),
        (with_toon("7"), "toons[1]: must be a JSON object"),
        (with_toon("[]"), "toons[1]: must be a JSON object"),
        (with_toon("null"), "toons[1]: must be a JSON object"),
        (with_toon("{}"), "toons[1].toonId: is missing"),
        (
            with_toon(r#"{"toonId":7}"#),
            "toons[1].toonId: must be a string of 1 to 128",
        ),
        (
            with_toon(r#"{"toonId":""}"#),
            "toons[1].toonId: must be a string of 1 to 128",
        ),
        (
            with_toon(r#"{"toonId":"a/b"}"#),
            "toons[1].toonId: must be a string of 1 to 128",
        ),
        (
            with_toon(r#"{"toonId":"a"}"#),
            "toons[1].toonId: must differ from that of toons[0]",
        ),
        (
            with_toon(r#"{"toonId":"b","toonId":"c"}"#),
            "toons[1].toonId: must not be there twice",
        ),
        (
            with_toon(twice),
            "toons[1].panels[1].text: must not be there twice",
        ),
        (with_toon(surrogate), "toons[1].text: must be Unicode"),
        (
            with_toon(&format!(r#"{{"toonId":"b","n":{wide}}}"#)),
            "toons[1]: may have at most 65536 bytes, and has 65541",
        ),
    ];
    for (body, told) in cases {
        let (code, text) = refusal(&body);
        assert!(text.starts_with(told), "{told:?} is not in {text:?}");
        assert_eq!(code, "invalid_field");
        assert!(text.len() < 200, "{text}");
    }
}

#[test]
fn a_toon_may_be_as_large_as_allowed_and_no_larger() {
    let toon = |length: usize| {
        let rest = length - r#"{"toonId":"b","text":""}"#.len();
        format!(r#"{{"toonId":"b","text":"{}"}}"#, "x".repeat(rest))
    };
    assert_eq!(toon(MAX_TOON_BYTES).len(), MAX_TOON_BYTES);
    assert!(Submission::parse(with_toon(&toon(MAX_TOON_BYTES)).as_bytes()).is_ok());
    assert!(Submission::parse(with_toon(&toon(MAX_TOON_BYTES + 1)).as_bytes()).is_err());
}

#[test]
fn a_toon_that_is_nested_too_deep_is_refused_and_overflows_nothing() {
    for levels in [100, 30_000] {
        let nested = format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        let (code, told) = refusal(&with_toon(&format!(r#"{{"toonId":"b","x":{nested}}}"#)));
        assert_eq!(code, "invalid_field");
        assert!(told.starts_with("toons[1].x[0]"), "{told}");
        assert!(
            told.ends_with("must not be nested deeper than 32 levels"),
            "{told}"
        );
    }
}

#[test]
fn a_job_may_have_as_many_toons_as_allowed_and_no_more() {
    let body = |count: usize| {
        let toons: Vec<Value> = (0..count)
            .map(|n| json!({"toonId": n.to_string()}))
            .collect();
        json!({ "toons": toons }).to_string()
    };
    let max = body(MAX_TOONS);
    let submission = Submission::parse(max.as_bytes()).unwrap();
    assert_eq!(submission.toons.len(), MAX_TOONS);
    let (_, told) = refusal(&body(MAX_TOONS + 1));
    assert_eq!(told, "toons: must have 1 to 10000 elements, and has 10001");
    // Too many elements are counted and not kept.
    let (_, told) = refusal(&format!(r#"{{"toons":[0{}]}}"#, ",0".repeat(3_999_999)));
    assert!(told.ends_with("has 4000000"), "{told}");
}

#[test]
fn the_fingerprint_is_of_what_the_job_is_to_do() {
    let job = r#"{"jobId":"A","toons":[{"toonId":"a","x":1,"y":"é"},{"toonId":"b"}]}"#;
    for same in [
        r#"{"jobId":"B","toons":[{"toonId":"a","x":1,"y":"é"},{"toonId":"b"}]}"#,
        r#"{"toons":[{"toonId":"a","x":1,"y":"é"},{"toonId":"b"}],"note":"x"}"#,
        r#"{ "toons" : [ {"y":"\u00E9", "x":1.0, "toonId":"a"}, {"toonId":"b"} ] }"#,
    ] {
        assert_eq!(fingerprint(same), fingerprint(job), "{same}");
    }
    for other in [
        r#"{"toons":[{"toonId":"b"},{"toonId":"a","x":1,"y":"é"}]}"#,
        r#"{"toons":[{"toonId":"a","x":1,"y":"é"}]}"#,
        r#"{"toons":[{"toonId":"a","x":"1","y":"é"},{"toonId":"b"}]}"#,
        r#"{"toons":[{"toonId":"a","x":1,"y":"e\u0301"},{"toonId":"b"}]}"#,
    ] {
        assert_ne!(fingerprint(other), fingerprint(job), "{other}");
    }
    let seed = |seed: &str| fingerprint(&with_toon(&format!(r#"{{"toonId":"b","seed":{seed}}}"#)));
    assert_ne!(seed("9007199254740992"), seed("9007199254740994"));
    // RFC 8785 treats both as the same double.
    assert_eq!(seed("9007199254740992"), seed("9007199254740993"));
}

#[test]
fn the_fingerprint_of_a_job_stays_the_same_for_ever() {
    // Stored fingerprints must stay valid: another canonical form would be a conflict.
    // The expected value is sha256sum of {"toonId":"a","x":[1.5,null,"é"]}{"toonId":"b"}
    let body = r#"{"toons":[{"x":[1.5,null,"é"],"toonId":"a"},{"toonId":"b"}]}"#;
    assert_eq!(
        fingerprint(body),
        "d714912bcd1e003229b7f079e642c37cbfb1d5e4e27a7cc5c6220659f0661532"
    );
}

#[test]
fn a_job_may_wait_for_its_time_for_thirty_days() {
    let with = |time: Value| json!({"notBefore": time, "toons": [{"toonId": "a"}]}).to_string();
    let parse = |body: &str| Submission::parse(body.as_bytes()).map(|it| it.not_before);
    let time = Timestamp::from_millis(1_795_343_445_123);
    for text in ["2026-11-22T10:30:45.123Z", "2026-11-22T11:30:45.123+01:00"] {
        assert_eq!(parse(&with(json!(text))), Ok(Some(time)));
    }
    assert_eq!(parse(&with(Value::Null)), Ok(None));
    for wrong in [
        json!("tomorrow"),
        json!(1_795_343_445),
        json!({}),
        json!(""),
    ] {
        let (code, told) = refusal(&with(wrong));
        assert_eq!(code, "invalid_field");
        assert!(
            told.starts_with("notBefore: must be a date and time"),
            "{told}"
        );
    }

    let body = with(json!("2026-11-22T10:30:45.123Z"));
    let submission = Submission::parse(body.as_bytes()).unwrap();
    let before = |millis| Timestamp::from_millis(time.millis() - millis);
    assert_eq!(submission.check_time(before(30 * DAY)), Ok(()));
    let told = submission.check_time(before(30 * DAY + 1)).unwrap_err();
    assert!(told.message.contains("at most 30 days ahead"), "{told}");
    // A time that is over is no mistake: clocks differ.
    let later = Timestamp::from_millis(time.millis() + 1);
    assert_eq!(submission.check_time(later), Ok(()));
}

#[test]
fn the_time_of_a_job_is_part_of_its_content() {
    let with = |time: &str| fingerprint(&format!(r#"{{{time}"toons":[{{"toonId":"a"}}]}}"#));
    let at = with(r#""notBefore":"2026-11-22T10:30:45Z","#);
    assert_eq!(at, with(r#""notBefore":"2026-11-22T11:30:45+01:00","#));
    assert_ne!(at, with(r#""notBefore":"2026-11-22T10:30:46Z","#));
    assert_ne!(at, with(""));
    assert_eq!(with(""), with(r#""notBefore":null,"#));
}
