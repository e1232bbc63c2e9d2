use super::*;
use crate::sample::{bucket, objects};

/// Objects by key.
type Archive = Vec<(String, String)>;

/// A change of the purchase `c_1` made in Orilla, with its key.
fn change(event: &str, version: u64) -> (String, String) {
    let name = event.to_lowercase();
    let key =
        format!("compras/utec/2025/07/13/{name}_c_1_20250713_10304{version}_{version:06}.json");
    let time = format!("2025-07-13T10:30:4{version}.123Z");
    let body = format!(
        r#"{{"compra_id":"c_1","user_id":"u","tenant_id":"utec","fecha":"2025-07-13 10:30:00","productos":[{{"codigo":"P1","nombre":"Café","precio_unitario":99.99,"cantidad":2}},{{"codigo":"P2","nombre":"Té","precio_unitario":0.005,"cantidad":1,"otros":{{"color":"rojo"}}}}],"resumen":{{"total_productos":2,"total_cantidad":3,"total_precio":199.99,"moneda":"USD"}},"metadata":{{"event_name":"{event}","event_source":"orilla:compras","aws_region":"local","processed_at":"{time}","processed_by":"orilla-compras","stage":"dev","version":{version},"sequence":"{version:040}","event_id":"e{version}","event_time":"{time}"}},"otros":{{"nota":"a\nb"}}}}"#
    );
    (key, body + "\n")
}

/// The same purchase as a record of a DynamoDB stream without lines, in yens.
fn record(sequence: &str, event_id: &str, suffix: &str) -> (String, String) {
    let key = format!("compras/a%2Fb/2026/01/02/insert_c_1_20260102_000000_{suffix}.json");
    let time = "2026-01-02T00:00:00.000Z";
    let body = format!(
        r#"{{"compra_id":"c_1","user_id":"u","tenant_id":"a/b","fecha":"2026-01-02 00:00:00","productos":[],"resumen":{{"total_productos":0,"total_cantidad":0,"total_precio":0,"moneda":"JPY"}},"metadata":{{"event_name":"INSERT","event_source":"aws:dynamodb","aws_region":"us-east-1","processed_at":"{time}","processed_by":"orilla-compras","stage":"dev","sequence":"{sequence:0>40}","event_id":"{event_id}","event_time":"{time}","removed_by":"ttl"}}}}"#
    );
    (key, body + "\n")
}

const PART: &str = "compras_dia/utec/2025/07/13/part-000.json";

/// The milliseconds of the records.
const MILLIS: &str = "1767312000000";

/// Three changes of a purchase, two records, and the day of the first two changes. The third
/// change came later, and the original of the second is removed.
fn archive() -> Archive {
    let [insert, modify, remove] = [("INSERT", 1), ("MODIFY", 2), ("REMOVE", 3)]
        .map(|(event, version)| change(event, version));
    let day = format!("{}{}", insert.1, modify.1);
    vec![
        insert,
        remove,
        record("700000000000000000001", "d1", "700000000000000000001"),
        record(MILLIS, "d2", &format!("{MILLIS}-0a1b2c3d")),
        record(MILLIS, "d3", &format!("{MILLIS}-ffffffff")),
        (PART.to_owned(), day),
    ]
}

fn with(change: impl FnOnce(&mut Archive)) -> Archive {
    let mut archive = archive();
    change(&mut archive);
    archive
}

/// The archive with a text replaced in the object at this place.
fn replaced(place: usize, from: &str, to: &str) -> Archive {
    with(|archive| {
        let body = &mut archive[place].1;
        assert!(body.contains(from), "{body} {from}");
        *body = body.replace(from, to);
    })
}

async fn check(archive: Archive, ddl: Option<&str>) -> Report {
    let store = bucket(archive);
    verify(&objects(&store), ddl).await.unwrap()
}

/// Whether exactly this class fails, with a problem at this place that says this.
async fn fails(archive: Archive, class: Class, at: &str, told: &str) {
    let report = check(archive, None).await;
    assert_eq!(report.failed(), Some(class), "{told}\n{report}");
    let (last, row) = report.rows.last().unwrap();
    assert_eq!(*last, class, "nothing is checked after it");
    assert_eq!(row.wrong, 1, "{told}\n{report}");
    let offender = &row.offenders[0];
    assert!(offender.at.contains(at), "{at}\n{report}");
    assert!(offender.problem.contains(told), "{told}\n{report}");
    assert!(report.to_string().contains(&offender.problem), "{report}");
}

#[tokio::test]
async fn a_good_archive_passes_every_class() {
    let ddl = "'projection.tenant_id.values' = 'a%2Fb,utec', 'projection.year.range' = '2025,2026',
        'projection.month.range' = '1,12', 'projection.day.range' = '1,31'";
    let report = check(archive(), Some(ddl)).await;
    assert_eq!(report.failed(), None, "{report}");
    let counts: Vec<_> = report
        .rows
        .iter()
        .map(|(class, row)| (class.name(), row.checked))
        .collect();
    assert_eq!(
        counts,
        [
            ("keys", 6),
            ("lines", 7),
            ("places", 7),
            ("versions", 2),
            ("sums", 7),
            ("ranges", 2),
            ("days", 2),
        ]
    );
    assert_eq!(report.gone, 0);
}

#[tokio::test]
async fn an_empty_bucket_and_one_without_days_pass() {
    assert_eq!(check(Archive::new(), None).await.failed(), None);
    let originals = vec![change("INSERT", 1), change("MODIFY", 2)];
    let report = check(originals, None).await;
    assert_eq!(report.failed(), None);
    assert!(!report.rows.iter().any(|(class, _)| *class == Class::Days));
}

#[tokio::test]
async fn keys_outside_of_the_grammar_are_found_without_reading_an_object() {
    for key in [
        "compras/error/INSERT_20250713_103045.json",
        "compras/utec/2025/07/13/insert_c_1_20250713_103041.json",
        "compras/utec/2025/07/13/",
        "compras_dia/utec/2025/07/13/all.json",
    ] {
        let archive = with(|archive| archive.push((key.to_owned(), "\n".to_owned())));
        fails(archive, Class::Keys, key, "").await;
    }
    let store = bucket([("compras/x", "")]);
    verify(&objects(&store), None).await.unwrap();
    assert_eq!(store.sent().len(), 2, "two listings");
}

#[tokio::test]
async fn what_athena_does_not_read_is_found() {
    let pretty = |text: &str| {
        let value: serde_json::Value = serde_json::from_str(text).unwrap();
        serde_json::to_string_pretty(&value).unwrap() + "\n"
    };
    let key = archive()[0].0.clone();
    for (spoil, told) in [
        (pretty, "lines"),
        (|text| text.trim_end().to_owned(), "line feed"),
        (|text| format!("{text}\n"), "2 lines"),
        (|text| text.repeat(2), "2 lines"),
        (
            |text| text.replace(",\"user_id", ",\r\"user_id"),
            "carriage return",
        ),
        (|text| format!("[{}]\n", text.trim_end()), "no JSON object"),
        (|_| "\n".to_owned(), "no JSON object"),
        (|text| text.replace("}}\n", "}\n"), "EOF"),
    ] as [(fn(&str) -> String, &str); 8]
    {
        let archive = with(|archive| archive[0].1 = spoil(&archive[0].1));
        fails(archive, Class::Lines, &key, told).await;
    }
}

#[tokio::test]
async fn members_of_another_type_or_twice_or_unknown_are_found() {
    let key = archive()[0].0.clone();
    for (from, to, told) in [
        (
            r#""user_id":"u""#,
            r#""user_id":7"#,
            "`user_id` is no string",
        ),
        (
            r#""user_id":"u""#,
            r#""user_id":null"#,
            "`user_id` is no string",
        ),
        (r#""user_id":"u","#, "", "`user_id` is missing"),
        (
            r#""user_id":"u","#,
            r#""user_id":"u","USER_ID":"v","#,
            "`USER_ID` is there twice",
        ),
        (
            r#""user_id":"u","#,
            r#""user_id":"u","email":"v","#,
            "`tenant_id` is missing, or not in its place",
        ),
        (
            r#""user_id":"u","tenant_id":"utec","#,
            r#""tenant_id":"utec","user_id":"u","#,
            "not in its place",
        ),
        (r#""compra_id":"c_1""#, r#""compra_id":"""#, "is empty"),
        (
            r#""fecha":"2025-07-13 10:30:00""#,
            r#""fecha":"2025-07-13""#,
            "fecha",
        ),
        (
            r#""precio_unitario":99.99"#,
            r#""precio_unitario":"99.99""#,
            "`productos[0].precio_unitario` is no number",
        ),
        (
            r#""precio_unitario":99.99"#,
            r#""precio_unitario":1e999999999"#,
            "too many digits",
        ),
        (
            r#""cantidad":2}"#,
            r#""cantidad":2,"cantidad":2}"#,
            "`productos[0].cantidad` is there twice",
        ),
        (
            r#""total_productos":2"#,
            r#""total_productos":2.0"#,
            "`resumen.total_productos` is no whole number",
        ),
        (
            r#""moneda":"USD""#,
            r#""moneda":"USD","total":1"#,
            "`resumen.total` is unknown",
        ),
        (
            r#""event_name":"INSERT""#,
            r#""event_name":"insert""#,
            "event_name",
        ),
        (
            r#""event_source":"orilla:compras""#,
            r#""event_source":"orilla""#,
            "event_source",
        ),
        (r#""version":1,"#, "", "no version"),
        (
            r#""version":1"#,
            r#""version":"1""#,
            "`metadata.version` is no whole number",
        ),
        (r#""version":1"#, r#""version":0"#, "no version"),
        (r#""sequence":"0"#, r#""sequence":""#, "40 digits"),
        (
            r#""event_time":"2025-07-13T10:30:41.123Z""#,
            r#""event_time":"2025-07-13T10:30:41Z""#,
            "event_time",
        ),
        (
            r#""otros":{"nota":"a\nb"}"#,
            r#""otros":null"#,
            "`otros` is no object",
        ),
        (
            r#""otros":{"nota":"a\nb"}"#,
            r#""otros":{"a":[{"b":1,"b":2}]}"#,
            "`otros`: `b` is there twice",
        ),
        (
            r#""otros":{"nota":"a\nb"}"#,
            r#""otros":{"a":1},"b":2"#,
            "`b` is unknown",
        ),
    ] {
        let mut spoiled = replaced(0, from, to);
        // Nothing but the original.
        spoiled.truncate(1);
        fails(spoiled, Class::Lines, &key, told).await;
    }
    let (from, to) = (r#""productos":[]"#, r#""productos":null"#);
    fails(
        replaced(2, from, to),
        Class::Lines,
        "a%2Fb",
        "`productos` is no array",
    )
    .await;
    let to = r#""productos":{}"#;
    fails(
        replaced(2, from, to),
        Class::Lines,
        "a%2Fb",
        "`productos` is no array",
    )
    .await;
    let with_version = r#""stage":"dev","version":1"#;
    fails(
        replaced(2, r#""stage":"dev""#, with_version),
        Class::Lines,
        "a%2Fb",
        "has a version",
    )
    .await;
    let in_day = with(|archive| archive[5].1 = archive[5].1.replacen(r#""user_id":"u","#, "", 1));
    fails(
        in_day,
        Class::Lines,
        &format!("{PART}:1"),
        "`user_id` is missing",
    )
    .await;
}

#[tokio::test]
async fn names_of_other_fields_that_differ_in_case_pass() {
    let (from, to) = (r#""otros":{"nota":"a\nb"}"#, r#""otros":{"a":1,"A":1e999}"#);
    let mut archive = replaced(1, from, to);
    archive.truncate(2);
    archive.push(change("MODIFY", 2));
    assert_eq!(check(archive, None).await.failed(), None);
}

#[tokio::test]
async fn keys_that_do_not_say_what_the_document_says_are_found() {
    let key = archive()[1].0.clone();
    for (from, to) in [
        ("utec", "other"),
        ("2025/07/13", "2025/07/14"),
        ("remove", "modify"),
        ("c_1", "c_2"),
        ("20250713_103043", "20250713_103044"),
        ("000003", "000004"),
    ] {
        let moved = key.replacen(from, to, 1);
        let archive = with(|archive| archive[1].0.clone_from(&moved));
        fails(archive, Class::Places, &moved, &key).await;
    }
    let (from, to) = (r#""sequence":"0"#, r#""sequence":"1"#);
    fails(replaced(1, from, to), Class::Places, &key, "sequence").await;
    let (from, to) = (r#""processed_at":"2025"#, r#""processed_at":"2026"#);
    fails(replaced(1, from, to), Class::Places, &key, "processed_at").await;
    let archive = with(|archive| archive[3].0 = archive[3].0.replace(MILLIS, "1767312000001"));
    fails(
        archive,
        Class::Places,
        "1767312000001-0a1b2c3d",
        "belongs to",
    )
    .await;
    let archive = with(|archive| archive[5].0 = PART.replace("/13/", "/14/"));
    let report = check(archive, None).await;
    assert_eq!(report.failed(), Some(Class::Places), "{report}");
}

#[tokio::test]
async fn a_version_that_is_missing_or_twice_is_found() {
    let purchase = "c_1 of utec";
    let archive = with(|archive| archive[5].1 = change("INSERT", 1).1);
    fails(archive, Class::Versions, purchase, "version 2 is missing").await;
    let archive = with(|archive| {
        archive.remove(0);
        archive.pop();
    });
    fails(archive, Class::Versions, purchase, "version 1 is missing").await;

    let again = |event_id: &str| {
        let (key, body) = change("REMOVE", 3);
        let key = key.replace("/remove", "/modify");
        let body = body.replace("REMOVE", "MODIFY").replace("\"e3\"", event_id);
        with(|archive| archive.push((key, body)))
    };
    fails(
        again("\"e3\""),
        Class::Versions,
        "/remove_c_1",
        "is another object, too",
    )
    .await;
    fails(again("\"e4\""), Class::Versions, purchase, "is there twice").await;

    let archive = with(|archive| {
        let (key, body) = archive[2].clone();
        let moved = key.replace("2026/01/02", "2026/01/03");
        let body = body
            .replace("2026-01-02 00", "2026-01-03 00")
            .replace("\"d1\"", "\"d9\"");
        archive.push((moved, body));
    });
    fails(
        archive,
        Class::Versions,
        "c_1 of a/b",
        "700000000000000000001 is there twice",
    )
    .await;
}

#[tokio::test]
async fn a_purchase_that_was_erased_and_created_again_goes_on_counting() {
    let created = |version| vec![change("INSERT", version)];
    assert_eq!(check(created(4), None).await.failed(), None);
    let goes_on = || [created(4), vec![change("MODIFY", 5), change("REMOVE", 6)]].concat();
    assert_eq!(check(goes_on(), None).await.failed(), None);
    let again = [goes_on(), created(7)].concat();
    assert_eq!(check(again, None).await.failed(), None);

    let purchase = "c_1 of utec";
    // An erasure takes a purchase from its first version to its removal.
    for event in ["MODIFY", "REMOVE"] {
        let archive = vec![change(event, 4)];
        fails(archive, Class::Versions, purchase, "version 1 is missing").await;
    }
    let mut hole = goes_on();
    hole.remove(1);
    fails(hole, Class::Versions, purchase, "version 5 is missing").await;
    let kept = [created(1), created(4)].concat();
    fails(kept, Class::Versions, purchase, "version 2 is missing").await;
}

#[tokio::test]
async fn sums_that_do_not_equal_the_lines_are_found() {
    let key = archive()[1].0.clone();
    for (from, to, told) in [
        (
            r#""total_productos":2"#,
            r#""total_productos":1"#,
            "there are 2 lines",
        ),
        (
            r#""total_cantidad":3"#,
            r#""total_cantidad":3.1"#,
            "the lines have 3",
        ),
        (
            r#""total_precio":199.99"#,
            r#""total_precio":199.98"#,
            "the lines make 199.99",
        ),
        (
            r#""total_precio":199.99"#,
            r#""total_precio":199.990"#,
            "the 2 digits of USD",
        ),
        (
            r#""total_precio":199.99"#,
            r#""total_precio":19999e-2"#,
            "the 2 digits of USD",
        ),
        (
            r#""moneda":"USD""#,
            r#""moneda":"KWD""#,
            "the lines make 199.985",
        ),
        (
            r#""precio_unitario":99.99"#,
            r#""precio_unitario":99.99000000000000000000000000001"#,
            "",
        ),
    ] {
        let archive = replaced(1, from, to);
        match told {
            // Far below the minor unit.
            "" => assert_eq!(check(archive, None).await.failed(), None),
            told => fails(archive, Class::Sums, &key, told).await,
        }
    }
}

#[tokio::test]
async fn partitions_outside_of_the_ddl_are_found() {
    let ddl = "'projection.tenant_id.values' = 'utec', 'projection.year.range' = '2025,2026',
        'projection.month.range' = '1,12', 'projection.day.range' = '1,31'";
    let report = check(archive(), Some(ddl)).await;
    assert_eq!(report.failed(), Some(Class::Ranges), "{report}");
    assert!(
        report
            .to_string()
            .contains("ranges: a%2Fb/2026/01/02: the DDL has not the tenant"),
        "{report}"
    );
}

#[tokio::test]
async fn lines_of_a_day_that_are_not_those_of_the_changes_are_found() {
    let archive = with(|archive| archive[5].1 += &change("MODIFY", 2).1);
    fails(archive, Class::Days, &format!("{PART}:3"), "is there twice").await;
    let archive = with(|archive| {
        archive.push((PART.replace("000", "001"), change("MODIFY", 2).1));
    });
    fails(archive, Class::Days, "part-001.json:1", "is there twice").await;
    let archive = with(|archive| archive[5].1 = archive[5].1.replacen("\"u\"", "\"v\"", 1));
    fails(
        archive,
        Class::Days,
        &format!("{PART}:1"),
        "another line than its original",
    )
    .await;
}

#[tokio::test]
async fn an_object_that_goes_while_the_archive_is_read_is_no_fault() {
    let mut found = Found::default();
    found.change("compras/x", None);
    found.part(PART, None);
    assert_eq!((found.gone, found.lines.checked), (2, 0));
}

#[tokio::test]
async fn a_listing_of_many_pages_is_read_to_its_end() {
    let archive: Archive = (1..=2_500)
        .map(|n| {
            let (key, body) = change("INSERT", 1);
            let id = format!("n{n}");
            (key.replace("c_1", &id), body.replace("c_1", &id))
        })
        .collect();
    let report = check(archive, None).await;
    assert_eq!(report.failed(), None, "{report}");
    assert_eq!(report.rows[0].1.checked, 2_500);
    assert_eq!(report.rows[3].1.checked, 2_500);
}

#[test]
fn a_report_shows_the_first_of_many_and_counts_the_rest() {
    let mut row = Row::default();
    for n in 0..30 {
        row.check(|| format!("key {n}"), Err("is wrong".to_owned()));
    }
    let report = Report {
        rows: vec![(Class::Keys, Row::default()), (Class::Lines, row)],
        gone: 0,
    };
    let text = report.to_string();
    assert!(
        text.contains("lines: key 9: is wrong\nlines: and 20 more\n"),
        "{text}"
    );
    assert!(!text.contains("key 10"), "{text}");
}
