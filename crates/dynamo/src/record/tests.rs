use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const ARN: &str = "arn:aws:dynamodb:us-east-1:123456789012:table/dev-t_MS3_compras";

/// A record as Lambda delivers it, with a change.
fn record(change: impl FnOnce(&mut Value)) -> String {
    let mut record = json!({
        "eventID": "a14537b9b153d5e7dece6e5587d71b75",
        "eventName": "MODIFY",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
        "dynamodb": {
            "ApproximateCreationDateTime": 1568013979.0,
            "Keys": {"compra_id": {"S": "c-1"}},
            "NewImage": {"compra_id": {"S": "c-1"}, "total": {"N": "199.980"}},
            "OldImage": {"compra_id": {"S": "c-1"}, "total": {"N": "1E+2"}},
            "SequenceNumber": "21258800000000008186106757",
            "SizeBytes": 22,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
        "eventSourceARN": format!("{ARN}/stream/2025-07-13T00:00:00.000"),
    });
    change(&mut record);
    record.to_string()
}

fn parse(change: impl FnOnce(&mut Value)) -> Result<Record, String> {
    Record::parse(&record(change))
}

fn key(change: impl FnOnce(&mut Value)) -> String {
    let raw = record(change);
    Record::parse(&raw).unwrap().dedupe_key(&raw)
}

fn plain(fields: Option<&Fields>) -> String {
    serde_json::to_string(&fields).unwrap()
}

fn without(record: &mut Value, name: &str) {
    let object = record.as_object_mut().unwrap();
    object.remove(name).unwrap();
}

#[test]
fn a_record_of_lambda_is_read() {
    let record = parse(|_| ()).unwrap();
    assert_eq!(record.event, EventName::Modify);
    assert_eq!(
        record.event_id.as_deref(),
        Some("a14537b9b153d5e7dece6e5587d71b75")
    );
    assert_eq!(
        record.source,
        format!("{ARN}/stream/2025-07-13T00:00:00.000")
    );
    assert_eq!(record.table(), ARN);
    assert_eq!(record.region, "us-east-1");
    let sequence = record.sequence.as_ref().unwrap();
    assert_eq!(sequence.to_string(), "21258800000000008186106757");
    assert_eq!(record.millis, Some(1_568_013_979_000));
    assert_eq!(plain(record.keys.as_ref()), r#"{"compra_id":"c-1"}"#);
    assert_eq!(
        plain(record.new_image.as_ref()),
        r#"{"compra_id":"c-1","total":199.980}"#
    );
    assert_eq!(
        plain(record.old_image.as_ref()),
        r#"{"compra_id":"c-1","total":1E+2}"#
    );
    assert!(!record.is_ttl);
    let item = format!(r#"["{ARN}",{{"compra_id":{{"S":"c-1"}}}}]"#);
    assert_eq!(record.item(), Some(&*item));
}

#[test]
fn the_least_that_a_record_has_is_enough() {
    let seed = r#"{
        "eventID": "unique-event-id",
        "eventName": "INSERT",
        "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
        "dynamodb": {
          "NewImage": {
            "compra_id": {"S": "uuid"},
            "user_id": {"S": "user_id"},
            "tenant_id": {"S": "tenant_id"},
            "fecha": {"S": "2025-07-13 10:30:00"},
            "productos": {"L": [{"M": {"codigo": {"S": "PROD001"}, "precio_unitario": {"N": "99.99"}}}]}
          }
        }
    }"#;
    let record = Record::parse(seed).unwrap();
    assert_eq!(
        plain(record.new_image.as_ref()),
        r#"{"compra_id":"uuid","user_id":"user_id","tenant_id":"tenant_id","fecha":"2025-07-13 10:30:00","productos":[{"codigo":"PROD001","precio_unitario":99.99}]}"#
    );
    assert_eq!((record.keys.as_ref(), record.item()), (None, None));
    assert_eq!((record.sequence, record.millis), (None, None));
    assert_eq!(record.source, "");

    let least = r#"{"eventName":"REMOVE","dynamodb":{"Keys":{"id":{"N":"1"}}}}"#;
    let record = Record::parse(least).unwrap();
    assert_eq!((record.event_id, record.region), (None, String::new()));
    let no_new = r#"{"eventName":"REMOVE","dynamodb":{"NewImage":null,"OldImage":{"a":{"S":""}}}}"#;
    assert_eq!(Record::parse(no_new).unwrap().new_image, None);
}

#[test]
fn a_record_of_kinesis_data_streams_is_read() {
    let raw = r#"{"awsRegion":"us-east-1","eventID":"2ab3e8fa-2f6a-4ac8-9b1a-9f0a1b2c3d4e",
        "eventName":"REMOVE","userIdentity":null,"recordFormat":"application/json",
        "tableName":"compras","dynamodb":{"ApproximateCreationDateTime":1568013979123456,
        "ApproximateCreationDateTimePrecision":"MICROSECOND","Keys":{"compra_id":{"S":"c-1"}},
        "OldImage":{"compra_id":{"S":"c-1"}},"SizeBytes":48},"eventSource":"aws:dynamodb"}"#;
    let record = Record::parse(raw).unwrap();
    assert_eq!(record.table(), "compras");
    assert_eq!(record.millis, Some(1_568_013_979_123));
    assert_eq!(
        record.item(),
        Some(r#"["compras",{"compra_id":{"S":"c-1"}}]"#)
    );
    assert!(!record.is_ttl);
}

#[test]
fn an_item_that_dynamodb_removed_is_told_from_one_that_a_user_removed() {
    let is_ttl = |event: &str, identity: Value| {
        let record = parse(|record| {
            record["eventName"] = json!(event);
            record["userIdentity"] = identity;
        });
        record.unwrap().is_ttl
    };
    let service = "dynamodb.amazonaws.com";
    let lower = json!({"type": "Service", "principalId": service});
    assert!(is_ttl("REMOVE", lower.clone()));
    assert!(is_ttl(
        "REMOVE",
        json!({"Type": "Service", "PrincipalId": service, "x": 1})
    ));
    assert!(!is_ttl("MODIFY", lower));
    for other in [
        json!(null),
        json!({}),
        json!("Service"),
        json!(["Service", service]),
        json!({"type": null, "principalId": null}),
        json!({"type": "Service"}),
        json!({"type": "Service", "principalId": "replication.dynamodb.amazonaws.com"}),
        json!({"type": "IAMUser", "principalId": service}),
        json!({"type": 1, "principalId": service}),
    ] {
        assert!(!is_ttl("REMOVE", other.clone()), "{other}");
    }
}

#[test]
fn each_version_1_is_read_and_what_is_unknown_ignored() {
    for version in [
        json!("1.0"),
        json!("1.1"),
        json!("1.99"),
        json!("1"),
        json!(1.1),
        json!(null),
    ] {
        let read = parse(|record| {
            record["eventVersion"] = version.clone();
            record["future"] = json!({"a": [{}]});
            record["dynamodb"]["Future"] = json!("x");
            record["dynamodb"]["SizeBytes"] = json!("many");
            record["dynamodb"]["StreamViewType"] = json!(null);
        });
        assert!(read.is_ok(), "{version}");
    }
    for version in [json!("2.0"), json!("10.1"), json!(""), json!({}), json!(11)] {
        let told = parse(|record| record["eventVersion"] = version.clone()).unwrap_err();
        assert_eq!(told, "eventVersion must be 1.x");
    }
}

#[test]
fn what_is_missing_or_wrong_is_told() {
    type Edit = fn(&mut Value);
    let cases: [(Edit, &str); 21] = [
        (|r| without(r, "eventName"), "eventName is missing"),
        (|r| r["eventName"] = json!(null), "eventName is missing"),
        (
            |r| r["eventName"] = json!("DELETE"),
            "eventName must be INSERT, MODIFY or REMOVE",
        ),
        (|r| r["eventName"] = json!(1), "eventName must be a string"),
        (|r| without(r, "dynamodb"), "dynamodb is missing"),
        (|r| r["dynamodb"] = json!(null), "dynamodb is missing"),
        (
            |r| r["dynamodb"] = json!([]),
            "dynamodb must be a JSON object",
        ),
        (
            |r| r["dynamodb"] = json!({"SequenceNumber": "1"}),
            "dynamodb must have a NewImage, an OldImage or Keys",
        ),
        (
            |r| r["dynamodb"] = json!({"Keys": {}, "NewImage": {}, "OldImage": null}),
            "dynamodb must have a NewImage, an OldImage or Keys",
        ),
        (
            |r| r["eventSource"] = json!("aws:kinesis"),
            "eventSource must be aws:dynamodb",
        ),
        (
            |r| r["eventSource"] = json!({}),
            "eventSource must be a string",
        ),
        (|r| r["eventID"] = json!(7), "eventID must be a string"),
        (
            |r| r["eventID"] = json!("x".repeat(1025)),
            "eventID must have at most 1024 bytes",
        ),
        (
            |r| r["eventSourceARN"] = json!([]),
            "eventSourceARN must be a string",
        ),
        (
            |r| r["awsRegion"] = json!(true),
            "awsRegion must be a string",
        ),
        (
            |r| r["dynamodb"]["SequenceNumber"] = json!("seq-1"),
            "dynamodb.SequenceNumber must be 1 to 64 digits",
        ),
        (
            |r| r["dynamodb"]["SequenceNumber"] = json!("1".repeat(65)),
            "dynamodb.SequenceNumber must be 1 to 64 digits",
        ),
        (
            |r| r["dynamodb"]["NewImage"]["total"] = json!({"N": "much"}),
            "dynamodb.NewImage.total.N must be a decimal number and not \"much\"",
        ),
        (
            |r| r["dynamodb"]["OldImage"] = json!("x"),
            "dynamodb.OldImage invalid type: string \"x\", expected an object of attributes",
        ),
        (
            |r| r["dynamodb"]["Keys"]["compra_id"] = json!({"N": "1E999"}),
            "dynamodb.Keys.compra_id.N must be 0 or from 1E-130 to below 1E126, with either sign: 1E999",
        ),
        (
            |r| r["dynamodb"]["Keys"]["compra_id"] = json!({"BOOL": true}),
            "dynamodb.Keys must be strings, numbers or binary: unknown variant `BOOL`, expected one of `S`, `N`, `B`",
        ),
    ];
    for (edit, told) in cases {
        assert_eq!(parse(edit).unwrap_err(), told);
    }
    for raw in ["null", "[]", "1", "\"x\"", "", " ", "[\"id\",\"INSERT\"]"] {
        assert_eq!(
            Record::parse(raw).unwrap_err(),
            "the record must be a JSON object",
            "{raw}"
        );
    }
    for raw in [
        "{",
        "{} x",
        r#"{"eventName":"INSERT","eventName":"REMOVE"}"#,
    ] {
        let told = Record::parse(raw).unwrap_err();
        assert!(told.starts_with("the record cannot be read: "), "{told}");
    }
}

#[test]
fn a_sequence_may_be_a_number_of_any_size() {
    let raw = record(|_| ()).replace(r#""21258800000000008186106757""#, "0");
    assert_eq!(Record::parse(&raw).unwrap().sequence, "0".parse().ok());
    let digits = "9".repeat(40);
    let raw = record(|_| ()).replace(r#""21258800000000008186106757""#, &digits);
    assert_eq!(Record::parse(&raw).unwrap().sequence, digits.parse().ok());
    let of = |sequence: Value| {
        let record = parse(|record| record["dynamodb"]["SequenceNumber"] = sequence);
        record.map(|record| record.sequence)
    };
    assert_eq!(of(json!("111")), Ok("111".parse().ok()));
    assert_eq!(of(json!(null)), Ok(None));
    for wrong in [json!(""), json!(-1), json!(1.0), json!({}), json!(true)] {
        assert!(of(wrong.clone()).is_err(), "{wrong}");
    }
}

#[test]
fn a_time_that_makes_no_sense_spoils_nothing() {
    for time in [
        json!(null),
        json!("soon"),
        json!({}),
        json!(-1),
        json!(1e300),
    ] {
        let record = parse(|record| {
            record["dynamodb"]["ApproximateCreationDateTime"] = time.clone();
        });
        assert_eq!(record.unwrap().millis, None, "{time}");
    }
}

#[test]
fn an_item_is_a_key_in_a_table() {
    let item = |change: fn(&mut Value)| parse(change).unwrap().item().unwrap().to_owned();
    let one = item(|_| ());
    // Another stream of the same table, another change.
    let again = item(|record| {
        record["eventSourceARN"] = json!(format!("{ARN}/stream/2026-01-01T00:00:00.000"));
        record["eventID"] = json!("other");
        record["eventName"] = json!("REMOVE");
        record["dynamodb"]["SequenceNumber"] = json!("7");
        without(&mut record["dynamodb"], "NewImage");
    });
    assert_eq!(one, again);
    let other_key = item(|record| record["dynamodb"]["Keys"]["compra_id"] = json!({"S": "c-2"}));
    let other_type = item(|record| record["dynamodb"]["Keys"]["compra_id"] = json!({"B": "c+11"}));
    let other_table = item(|record| record["eventSourceARN"] = json!(format!("{ARN}2")));
    let two_parts = item(|record| record["dynamodb"]["Keys"]["sort"] = json!({"N": "1"}));
    for other in [other_key, other_type, other_table, two_parts] {
        assert_ne!(one, other);
    }
}

#[test]
fn a_change_delivered_again_has_the_same_key() {
    let is_short = |key: &str| key.len() == 32 && key.bytes().all(|b| b.is_ascii_hexdigit());
    let one = key(|_| ());
    assert!(is_short(&one), "{one}");
    // Enriched, with other members, and from another stream of the table.
    let again = key(|record| {
        record["eventSourceARN"] = json!(format!("{ARN}/stream/2026-01-01T00:00:00.000"));
        record["dynamodb"]["ApproximateCreationDateTime"] = json!(1568013979);
        record["dynamodb"]["SequenceNumber"] = json!("00021258800000000008186106757");
        record["extra"] = json!(1);
    });
    assert_eq!(one, again);

    let no_id = key(|record| without(record, "eventID"));
    let again = key(|record| {
        without(record, "eventID");
        record["extra"] = json!(1);
    });
    assert_eq!(no_id, again);
    let empty_id = key(|record| record["eventID"] = json!(""));
    assert_eq!(no_id, empty_id);

    let of_text = key(|record| {
        without(record, "eventID");
        without(&mut record["dynamodb"], "SequenceNumber");
    });
    let other_text = key(|record| {
        without(record, "eventID");
        without(&mut record["dynamodb"], "SequenceNumber");
        record["extra"] = json!(1);
    });
    assert!(is_short(&no_id) && is_short(&of_text));
    assert_eq!(text_key(" {} \n"), text_key("{}"));
    let keys = [&one, &no_id, &of_text, &other_text, &text_key("{}")];
    for (index, key) in keys.iter().enumerate() {
        assert!(!keys.iter().take(index).any(|before| before == key));
    }
}

#[test]
fn an_id_that_a_test_tool_repeats_makes_no_change_a_copy_of_another() {
    let with = |change: fn(&mut Value)| {
        key(|record| {
            record["eventID"] = json!("1");
            change(record);
        })
    };
    let one = with(|_| ());
    let other_sequence = with(|record| record["dynamodb"]["SequenceNumber"] = json!("222"));
    let other_item = with(|record| record["dynamodb"]["Keys"]["compra_id"] = json!({"S": "c-2"}));
    let other_table = with(|record| record["eventSourceARN"] = json!("stream-ARN"));
    for other in [other_sequence, other_item, other_table] {
        assert_ne!(one, other);
    }
    let keyless = |arn: &str| {
        key(|record| {
            without(&mut record["dynamodb"], "Keys");
            record["eventSourceARN"] = json!(arn);
        })
    };
    assert_ne!(keyless(ARN), keyless("stream-ARN"));
    assert_eq!(keyless(ARN), keyless(&format!("{ARN}/stream/2026")));
}

#[test]
fn a_record_of_two_images_of_400_kilobytes_is_read() {
    let long = "x".repeat(400_000);
    let record = parse(|record| {
        record["dynamodb"]["NewImage"]["note"] = json!({"S": long});
        record["dynamodb"]["OldImage"]["note"] = json!({"SS": [long]});
    });
    let record = record.unwrap();
    let note = record.new_image.as_ref().unwrap().get("note").unwrap();
    assert_eq!(note.get().len(), 400_002);
}

#[test]
fn deep_nesting_is_an_error_or_ignored_and_no_overflow() {
    let deep = |open: &str, close: &str| {
        let depth = 200_000;
        format!("{}1{}", open.repeat(depth), close.repeat(depth))
    };
    for deep in [
        deep("[", "]"),
        deep(r#"{"M":{"a":"#, "}}"),
        deep(r#"{"x":"#, "}"),
    ] {
        let keys = r#""Keys":{"id":{"S":"1"}}"#;
        for (text, is_read) in [
            (deep.clone(), false),
            (
                format!(r#"{{"eventName":"INSERT","dynamodb":{deep}}}"#),
                false,
            ),
            (
                format!(
                    r#"{{"eventName":"INSERT","dynamodb":{{{keys},"NewImage":{{"a":{deep}}}}}}}"#
                ),
                false,
            ),
            (
                format!(r#"{{"eventName":"INSERT","dynamodb":{{"Keys":{{"a":{deep}}}}}}}"#),
                false,
            ),
            (
                format!(
                    r#"{{"eventName":"INSERT","x":{deep},"userIdentity":{deep},"dynamodb":{{"X":{deep},"ApproximateCreationDateTime":{deep},{keys}}}}}"#
                ),
                true,
            ),
        ] {
            let read = Record::parse(&text);
            assert_eq!(read.is_ok(), is_read, "{:?}", read.map(|_| ()));
        }
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in ".{0,60}", like in r#"\{("eventName":"INSERT",)?"dynamodb":\{("Keys":|"NewImage":)?[\{\}\[\]":,a1NSM ]{0,30}"#) {
        for text in [text, like] {
            if let Err(told) = Record::parse(&text) {
                prop_assert!(!told.is_empty() && told.len() < 1024);
            }
            text_key(&text);
        }
    }

    #[test]
    fn no_damage_makes_it_panic(
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0usize..6, ".{0,4}|[\\{\\}\\[\\]\",:0-9.eE]{0,3}"), 1..4),
    ) {
        let mut text: Vec<char> = record(|_| ()).chars().collect();
        for (at, length, new) in edits {
            let start = at.index(text.len());
            let end = (start + length).min(text.len());
            text.splice(start..end, new.chars());
        }
        let raw: String = text.into_iter().collect();
        match Record::parse(&raw) {
            Ok(record) => {
                prop_assert_eq!(record.dedupe_key(&raw).len(), 32);
                // The fields of a record that was read are JSON in one line.
                for fields in [&record.keys, &record.new_image, &record.old_image] {
                    let line = plain(fields.as_ref());
                    prop_assert!(!line.contains('\n'));
                    prop_assert!(serde_json::from_str::<Option<Fields>>(&line).is_ok());
                }
            }
            Err(told) => prop_assert!(!told.is_empty() && told.len() < 1024),
        }
    }

    #[test]
    fn keys_of_two_numbers_are_the_same_item_only_if_they_are_equal(
        one in "[1-9][0-9]{0,37}", other in "[1-9][0-9]{0,37}",
    ) {
        let item = |number: &str| {
            let record = parse(|record| {
                record["dynamodb"]["Keys"]["compra_id"] = json!({"N": number});
            });
            record.unwrap().item().unwrap().to_owned()
        };
        prop_assert_eq!(item(&one) == item(&other), one == other);
        prop_assert_eq!(item(&one), item(&format!("0{one}.0")));
    }
}
