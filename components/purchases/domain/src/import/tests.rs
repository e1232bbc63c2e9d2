use serde_json::{Value, json};

use super::*;
use crate::archive::{self, Key};

const ARN: &str = "arn:aws:dynamodb:us-east-1:123456789012:table/dev-t_MS3_compras";

/// When records were received: 2025-07-13T11:00:00Z.
const RECEIVED: u64 = 1_752_404_400_000;

/// The item of a purchase.
fn item_of(id: &str) -> Value {
    json!({
        "compra_id": {"S": id},
        "user_id": {"S": "ana"},
        "tenant_id": {"S": "utec"},
        "fecha": {"S": "2025-07-13 10:30:00"},
        "productos": {"L": [{"M": {
            "codigo": {"S": "PROD001"},
            "nombre": {"S": "Producto Test"},
            "precio_unitario": {"N": "99.99"},
            "cantidad": {"N": "2"},
        }}]},
    })
}

/// A record as Lambda gets it, with both images of a changed item.
fn record(change: impl FnOnce(&mut Value)) -> Value {
    let mut record = json!({
        "eventID": "a14537b9b153d5e7dece6e5587d71b75",
        "eventName": "MODIFY",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "sa-east-1",
        "dynamodb": {
            "ApproximateCreationDateTime": 1752402645.0,
            "Keys": {"tenant_id": {"S": "utec"}, "compra_id": {"S": "c_1"}},
            "NewImage": item_of("c_1"),
            "OldImage": item_of("c_1"),
            "SequenceNumber": "400000000000000000017",
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
        "eventSourceARN": format!("{ARN}/stream/2025-07-13T00:00:00.000"),
    });
    change(&mut record);
    record
}

/// The seed's record of an INSERT, to the letter.
fn seeds_record() -> Value {
    json!({
        "eventID": "unique-event-id",
        "eventName": "INSERT",
        "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
        "dynamodb": {"NewImage": item_of("uuid")},
    })
}

fn message(raw: &str) -> ImportedMessage {
    ImportedMessage {
        record: RawValue::from_string(raw.to_owned()).unwrap(),
        key: dynamo::Record::parse(raw).unwrap().dedupe_key(raw),
        received: RECEIVED,
        settings: Settings {
            moneda: "USD".into(),
            stage: "dev".into(),
            region: "eu-west-1".into(),
        },
    }
}

fn read(record: &Value) -> Imported {
    Imported::read(&message(&record.to_string())).unwrap()
}

fn change(imported: &Imported) -> &Change {
    match &imported.reading {
        Reading::Change(change) => change,
        Reading::Unplaced(unplaced) => panic!("{}", unplaced.reason),
    }
}

fn unplaced(imported: &Imported) -> &Unplaced {
    match &imported.reading {
        Reading::Change(_) => panic!("it has a place"),
        Reading::Unplaced(unplaced) => unplaced,
    }
}

/// The key and the line of a record's object.
fn object(record: &Value) -> (String, String) {
    let imported = read(record);
    let (key, line) = match &imported.reading {
        Reading::Change(change) => (Key::of(change).to_string(), archive::line(change)),
        Reading::Unplaced(unplaced) => (unplaced.object_key(), unplaced.line()),
    };
    (key, String::from_utf8(line.unwrap()).unwrap())
}

fn without(record: &mut Value, names: &[&str]) {
    for name in names {
        record["dynamodb"]
            .as_object_mut()
            .unwrap()
            .remove(*name)
            .unwrap();
    }
}

#[test]
fn the_seeds_record_becomes_the_seeds_file() {
    let (key, line) = object(&seeds_record());
    let raw = seeds_record().to_string();
    let digest = &dynamo::Record::parse(&raw).unwrap().dedupe_key(&raw)[..8];
    assert_eq!(
        key,
        format!("compras/utec/2025/07/13/insert_uuid_20250713_110000_{RECEIVED}-{digest}.json")
    );
    assert_eq!(
        line,
        concat!(
            r#"{"compra_id":"uuid","user_id":"ana","tenant_id":"utec","fecha":"2025-07-13 10:30:00","#,
            r#""productos":[{"codigo":"PROD001","nombre":"Producto Test","precio_unitario":99.99,"cantidad":2}],"#,
            r#""resumen":{"total_productos":1,"total_cantidad":2,"total_precio":199.98,"moneda":"USD"},"#,
            r#""metadata":{"event_name":"INSERT","event_source":"aws:dynamodb","aws_region":"us-east-1","#,
            r#""processed_at":"2025-07-13T11:00:00.000Z","processed_by":"orilla-compras","stage":"dev","#,
            r#""sequence":"0000000000000000000000000001752404400000","#,
            r#""event_id":"unique-event-id","event_time":"2025-07-13T11:00:00.000Z"}}"#,
            "\n"
        )
    );
    let imported = read(&seeds_record());
    assert!(imported.item.is_some());
    assert_eq!(imported.entry(), Entry::of(change(&imported)));
    assert!(imported.entry().is_some());
}

#[test]
fn a_full_record_has_its_number_and_its_time() {
    let imported = read(&record(|_| ()));
    let (key, line) = object(&record(|_| ()));
    assert_eq!(
        key,
        "compras/utec/2025/07/13/modify_c_1_20250713_103045_400000000000000000017.json"
    );
    assert_eq!(
        imported.sequence.to_string(),
        format!("{:0>40}", "400000000000000000017")
    );
    assert_eq!(imported.sequence, change(&imported).sequence());
    for told in [
        r#""event_time":"2025-07-13T10:30:45.000Z"}"#,
        r#""aws_region":"sa-east-1""#,
        r#""event_id":"a14537b9b153d5e7dece6e5587d71b75""#,
    ] {
        assert!(line.contains(told), "{line}");
    }
    let by_date = |time: Value| record(|r| r["dynamodb"]["ApproximateCreationDateTime"] = time);
    for time in [
        json!("2025-07-13T10:30:45Z"),
        json!("2025-07-13T12:30:45.000+02:00"),
        json!(1.752402645E9),
    ] {
        assert_eq!(
            object(&by_date(time.clone())),
            (key.clone(), line.clone()),
            "{time}"
        );
    }
}

#[test]
fn the_dates_of_a_purchase_may_be_iso_dates() {
    for (fecha, day, kept) in [
        ("2025-07-13T10:30:00Z", "2025/07/13", "2025-07-13 10:30:00"),
        (
            "2025-07-13T23:30:00.123-05:00",
            "2025/07/14",
            "2025-07-14 04:30:00",
        ),
        ("2025-07-13", "2025/07/13", "2025-07-13 00:00:00"),
    ] {
        let record = record(|r| r["dynamodb"]["NewImage"]["fecha"] = json!({"S": fecha}));
        let (key, line) = object(&record);
        assert!(key.starts_with(&format!("compras/utec/{day}/")), "{key}");
        assert!(line.contains(&format!(r#""fecha":"{kept}""#)), "{line}");
    }
}

#[test]
fn a_removal_shows_the_purchase_as_it_was() {
    let removal = |change: fn(&mut Value)| {
        record(|r| {
            r["eventName"] = json!("REMOVE");
            r["dynamodb"]["OldImage"]["user_id"] = json!({"S": "eva"});
            without(r, &["NewImage"]);
            change(r);
        })
    };
    let (key, line) = object(&removal(|_| ()));
    assert!(key.contains("/remove_c_1_"), "{key}");
    assert!(
        line.contains(r#""user_id":"eva""#) && line.contains(r#""precio_unitario":99.99"#),
        "{line}"
    );
    assert!(!line.contains("removed_by"), "{line}");
    assert_eq!(read(&removal(|_| ())).entry(), None);

    let (_, line) = object(&removal(|r| {
        r["userIdentity"] = json!({"type": "Service", "principalId": "dynamodb.amazonaws.com"});
    }));
    assert!(line.contains(r#","removed_by":"ttl"}"#), "{line}");
}

#[test]
fn views_without_the_image_have_no_place_but_say_what_they_know() {
    let views: [(&str, &[&str]); 6] = [
        // KEYS_ONLY.
        ("INSERT", &["NewImage", "OldImage"]),
        ("MODIFY", &["NewImage", "OldImage"]),
        ("REMOVE", &["NewImage", "OldImage"]),
        // NEW_IMAGE: there is none after a removal, and another one was not removed.
        ("REMOVE", &["OldImage"]),
        // OLD_IMAGE: there is none before an insert, and that of a change is not the current
        // item.
        ("INSERT", &["NewImage", "OldImage"]),
        ("MODIFY", &["NewImage"]),
    ];
    for (event, missing) in views {
        let record = record(|r| {
            r["eventName"] = json!(event);
            without(r, missing);
        });
        let imported = read(&record);
        assert_eq!(unplaced(&imported).reason, "fecha is missing", "{event}");
        assert_eq!(imported.entry(), None);
        assert_eq!(imported.item, read(&self::record(|_| ())).item);
        let (key, line) = object(&record);
        let name = event.to_lowercase();
        assert_eq!(
            key,
            format!("errors/2025/07/13/{name}_{}.json", imported.key)
        );
        let start = r#"{"error":"fecha is missing","item":{"compra_id":"c_1","tenant_id":"utec"},"metadata":{"#;
        let start = format!(r#"{start}"event_name":"{event}","event_source":"aws:dynamodb","#);
        assert!(
            line.starts_with(&start) && line.ends_with("\"}}\n"),
            "{line}"
        );
    }
}

#[test]
fn what_has_no_place_is_an_error_with_its_reason() {
    type Edit = fn(&mut Value);
    let cases: [(Edit, &str); 14] = [
        (
            |i| {
                i.as_object_mut().unwrap().remove("fecha");
            },
            "fecha is missing",
        ),
        (
            |i| i["fecha"] = json!({"S": "ayer"}),
            "fecha must be a date and time in UTC",
        ),
        (
            |i| i["fecha"] = json!({"S": ""}),
            "fecha must be a date and time in UTC",
        ),
        (
            |i| i["fecha"] = json!({"NULL": true}),
            "fecha must be a date and time in UTC",
        ),
        (
            |i| i["fecha"] = json!({"N": "1752402645"}),
            "fecha must be a date and time in UTC",
        ),
        (
            |i| i["fecha"] = json!({"M": {"S": {"S": "2025-07-13"}}}),
            "fecha must be a date and time in UTC",
        ),
        (
            |i| i["fecha"] = json!({"S": "2025-02-30 10:30:00"}),
            "fecha must be a date and time in UTC",
        ),
        (
            |i| {
                i.as_object_mut().unwrap().remove("tenant_id");
            },
            "tenant_id is missing",
        ),
        (
            |i| i["tenant_id"] = json!({"S": ""}),
            "tenant_id is missing",
        ),
        (
            |i| i["compra_id"] = json!({"BOOL": true}),
            "compra_id is missing",
        ),
        (
            |i| i["productos"] = json!({"S": "many"}),
            "productos must be a list of maps",
        ),
        (
            |i| i["productos"] = json!({"L": [{"S": "x"}]}),
            "productos must be a list of maps",
        ),
        (
            |i| i["productos"]["L"][0]["M"]["cantidad"] = json!({"S": "two"}),
            "productos[0].cantidad must be",
        ),
        (
            |i| {
                i["productos"]["L"][0]["M"]
                    .as_object_mut()
                    .unwrap()
                    .remove("precio_unitario");
            },
            "productos[0].precio_unitario is missing",
        ),
    ];
    for (edit, reason) in cases {
        let record = record(|r| edit(&mut r["dynamodb"]["NewImage"]));
        let imported = read(&record);
        assert!(
            unplaced(&imported).reason.starts_with(reason),
            "{}",
            unplaced(&imported).reason
        );
        let (key, line) = object(&record);
        assert_eq!(
            key,
            format!("errors/2025/07/13/modify_{}.json", imported.key)
        );
        // The line has all fields that could be read, also those that a place would need.
        assert!(
            line.starts_with(r#"{"error":""#) && line.contains(r#""user_id":"ana""#),
            "{line}"
        );
        assert_eq!(line.matches('\n').count(), 1);
        let read: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(read["error"], unplaced(&imported).reason.as_str());
    }
}

#[test]
fn a_record_that_breaks_a_rule_of_dynamodb_cannot_be_read() {
    let broken = record(|r| r["dynamodb"]["NewImage"]["total"] = json!({"N": "much"}));
    let message = ImportedMessage {
        record: RawValue::from_string(broken.to_string()).unwrap(),
        ..message(&record(|_| ()).to_string())
    };
    let told = Imported::read(&message).unwrap_err();
    assert!(
        told.starts_with("dynamodb.NewImage.total.N must be a decimal number"),
        "{told}"
    );
}

#[test]
fn numbers_keep_each_digit() {
    let digits = "1234567890123456789012345678.9012345678";
    let record = record(|r| {
        let item = &mut r["dynamodb"]["NewImage"];
        let product = &mut item["productos"]["L"][0]["M"];
        product["precio_unitario"] = json!({"N": digits});
        product["cantidad"] = json!({"N": "2.5"});
        product["descuento"] = json!({"N": "-0.10"});
        item["puntos"] = json!({"N": "110111111111111110000000000000000000000"});
        item["total"] = json!({"N": "12345678901234567890123456789012345678"});
    });
    let (_, line) = object(&record);
    for told in [
        format!(r#""precio_unitario":{digits},"cantidad":2.5,"otros":{{"descuento":-0.10}}"#),
        r#""total_cantidad":2.5,"total_precio":3086419725308641972530864197.25"#.to_owned(),
        r#""puntos":110111111111111110000000000000000000000"#.to_owned(),
        r#""total":12345678901234567890123456789012345678"#.to_owned(),
    ] {
        assert!(line.contains(&told), "{told} {line}");
    }
    let as_text = self::record(|r| {
        r["dynamodb"]["NewImage"]["productos"]["L"][0]["M"]["cantidad"] = json!({"S": "2.50"});
    });
    assert!(object(&as_text).1.contains(r#""cantidad":2.50}"#));
}

#[test]
fn attributes_that_no_one_knows_are_kept_as_they_came() {
    let record = record(|r| {
        let item = &mut r["dynamodb"]["NewImage"];
        item["nota"] = json!({"S": "para\nllevar"});
        item["metadata"] = json!({"M": {"event_name": {"S": "x"}}});
        item["tags"] = json!({"SS": ["b", "a"]});
        item["nada"] = json!({"NULL": true});
        item["productos"]["L"][0]["M"]["color"] = json!({"S": "rojo"});
    });
    let (_, line) = object(&record);
    let read: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(
        read["otros"],
        json!({"metadata": {"event_name": "x"}, "nada": null, "nota": "para\nllevar", "tags": ["a", "b"]})
    );
    assert_eq!(read["productos"][0]["otros"], json!({"color": "rojo"}));
    assert_eq!(read["metadata"]["event_name"], "MODIFY");
    assert_eq!(line.matches('\n').count(), 1);
}

#[test]
fn productos_is_always_a_list() {
    for productos in [json!({"L": []}), json!({"NULL": true})] {
        let record = record(|r| r["dynamodb"]["NewImage"]["productos"] = productos);
        assert!(
            object(&record)
                .1
                .contains(r#""productos":[],"resumen":{"total_productos":0,"#)
        );
    }
    let record = record(|r| {
        r["dynamodb"]["NewImage"]
            .as_object_mut()
            .unwrap()
            .remove("productos");
        r["dynamodb"]["NewImage"]
            .as_object_mut()
            .unwrap()
            .remove("user_id");
    });
    let (_, line) = object(&record);
    assert!(
        line.contains(r#""user_id":"","#) && line.contains(r#""productos":[],"#),
        "{line}"
    );
}

#[test]
fn a_tenant_of_a_record_cannot_leave_its_folder() {
    for (tenant, folder) in [
        ("..", "%2E%2E"),
        (".", "%2E"),
        ("../otro", "..%2Fotro"),
        ("a/b", "a%2Fb"),
        ("ñ ", "%C3%B1%20"),
        ("%2F", "%252F"),
    ] {
        let record = record(|r| r["dynamodb"]["NewImage"]["tenant_id"] = json!({"S": tenant}));
        let (key, line) = object(&record);
        assert!(
            key.starts_with(&format!("compras/{folder}/2025/07/13/modify_")),
            "{key}"
        );
        assert!(key.parse::<Key>().is_ok(), "{key}");
        let read: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(read["tenant_id"], tenant);
    }
    let numbers = record(|r| {
        r["dynamodb"]["NewImage"]["tenant_id"] = json!({"N": "7"});
        r["dynamodb"]["NewImage"]["compra_id"] = json!({"N": "1.0"});
    });
    assert!(
        object(&numbers)
            .0
            .starts_with("compras/7/2025/07/13/modify_1.0_")
    );
}

#[test]
fn records_of_one_second_without_a_number_have_keys_of_their_own() {
    let unnumbered = |id: &str, event: &str| {
        record(|r| {
            without(r, &["SequenceNumber"]);
            r["eventID"] = json!(id);
            r["eventName"] = json!(event);
        })
    };
    let one = object(&unnumbered("1", "MODIFY"));
    assert_ne!(one.0, object(&unnumbered("2", "MODIFY")).0);
    assert_ne!(one.0, object(&unnumbered("1", "INSERT")).0);
    assert!(
        one.0.contains("_20250713_103045_1752402645000-"),
        "{}",
        one.0
    );

    let without_id = |note: &str| {
        let mut record = unnumbered("1", "MODIFY");
        record.as_object_mut().unwrap().remove("eventID");
        record["dynamodb"]["NewImage"]["nota"] = json!({"S": note});
        record
    };
    let (key, line) = object(&without_id("x"));
    assert_ne!(key, object(&without_id("y")).0);
    let imported = read(&without_id("x"));
    assert!(
        line.contains(&format!(r#""event_id":"{}""#, imported.key)),
        "{line}"
    );
}

#[test]
fn a_record_that_comes_again_is_the_same_object() {
    let records = [
        record(|_| ()),
        seeds_record(),
        record(|r| without(r, &["NewImage", "OldImage"])),
        record(|r| {
            without(r, &["SequenceNumber"]);
            r.as_object_mut().unwrap().remove("eventID");
        }),
    ];
    for record in records {
        assert_eq!(object(&record), object(&record));
        assert_eq!(read(&record), read(&record));
    }
    // Times at which it came do not matter, if it has one of its own.
    let raw = record(|_| ()).to_string();
    let later = ImportedMessage {
        received: RECEIVED + 60_000,
        ..message(&raw)
    };
    assert_eq!(
        Imported::read(&later).unwrap(),
        Imported::read(&message(&raw)).unwrap()
    );
}

#[test]
fn an_item_is_the_same_with_and_without_its_key() {
    let item = |record: &Value| super::item(&dynamo::Record::parse(&record.to_string()).unwrap());
    let with = item(&record(|_| ())).unwrap();
    assert_eq!(with.len(), 32);
    assert_eq!(item(&record(|r| without(r, &["Keys"]))).unwrap(), with);
    let removed = record(|r| {
        r["eventName"] = json!("REMOVE");
        without(r, &["Keys", "NewImage"]);
    });
    assert_eq!(item(&removed).unwrap(), with);
    let keys_only = record(|r| without(r, &["NewImage", "OldImage"]));
    assert_eq!(item(&keys_only).unwrap(), with);

    for other in [
        record(|r| r["dynamodb"]["Keys"]["compra_id"] = json!({"S": "c_2"})),
        record(|r| r["dynamodb"]["Keys"]["tenant_id"] = json!({"S": "otro"})),
        record(|r| r["eventSourceARN"] = json!(format!("{ARN}2"))),
        // Of another table, and which tenant it is may change.
        record(|r| r["dynamodb"]["Keys"] = json!({"compra_id": {"S": "c_1"}})),
        record(|r| r["dynamodb"]["Keys"]["x"] = json!({"S": "c_1"})),
    ] {
        assert_ne!(item(&other).unwrap(), with, "{other}");
    }
    // The same number in two spellings.
    let number =
        |digits: &str| record(|r| r["dynamodb"]["Keys"]["compra_id"] = json!({"N": digits}));
    assert_eq!(item(&number("1")), item(&number("1.0")));
    let nothing = record(|r| {
        without(r, &["Keys"]);
        r["dynamodb"]["NewImage"] = json!({"x": {"S": "y"}});
    });
    assert_eq!(item(&nothing), None);
}
