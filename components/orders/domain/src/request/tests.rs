use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn id(text: &str) -> OrderId {
    text.parse().unwrap()
}

fn post(body: impl ToString) -> Result<OrderRequest, Invalid> {
    OrderRequest::parse(body.to_string().as_bytes(), None)
}

fn put(body: impl ToString) -> Result<OrderRequest, Invalid> {
    OrderRequest::parse(body.to_string().as_bytes(), Some(&id("ORD-001")))
}

fn minimal() -> Value {
    json!({"orderId": "ORD-001", "status": "received", "description": "Mantenimiento básico"})
}

/// [`minimal`] with one member added or replaced.
fn with(name: &str, value: impl Into<Value>) -> Value {
    let mut body = minimal();
    body[name] = value.into();
    body
}

fn told(result: Result<OrderRequest, Invalid>) -> (&'static str, String) {
    let Invalid { code, message } = result.unwrap_err();
    (code, message)
}

#[test]
fn three_fields_are_enough() {
    let request = post(minimal()).unwrap();
    assert_eq!(request.order_id, id("ORD-001"));
    assert_eq!(request.status, Status::Received);
    assert_eq!(request.description, "Mantenimiento básico");
    assert_eq!(request.register_date, None);
    assert_eq!(request.delivery_date, "");
    assert_eq!(request.reason_for_cancellation, "");
}

#[test]
fn no_order_is_called_as_the_route_of_batches() {
    let (code, message) = told(post(with("orderId", "batch")));
    assert_eq!(code, "invalid_field");
    assert!(message.contains("must not be batch"), "{message}");
    // One of an earlier version of the application can still be changed.
    let put = OrderRequest::parse(
        with("orderId", "batch").to_string().as_bytes(),
        Some(&id("batch")),
    );
    assert!(put.is_ok());
    assert!(post(with("orderId", "Batch")).is_ok());
}

#[test]
fn the_example_of_the_contract_is_understood() {
    let request = post(
        r#"{ "orderId": "ORD-001", "status" : "canceled",
             "description": "Cliente se retracta",
             "registerDate": "2025-01-31T08:00:00Z",
             "deliveryDate": "2025-02-01T10:00:00.5-03:00",
             "reasonForCancellation": "Motivo X", "colour": ["blue"] }"#,
    )
    .unwrap();
    assert_eq!(request.status, Status::Canceled);
    assert_eq!(request.register_date.unwrap(), "2025-01-31T08:00:00Z");
    assert_eq!(request.delivery_date, "2025-02-01T10:00:00.5-03:00");
    assert_eq!(request.reason_for_cancellation, "Motivo X");
}

#[test]
fn what_is_no_json_object_is_told_in_the_words_of_the_contract() {
    for body in [
        "",
        "{",
        "null",
        "[]",
        "7",
        "\"orderId\"",
        r#"[{"orderId": "a"}]"#,
        "{'orderId': 'a'}",
        r#"{"orderId": "a"} x"#,
        r#"{"orderId": NaN}"#,
        "orderId=a&status=received",
    ] {
        let invalid = ("invalid_json", "Invalid JSON".to_owned());
        assert_eq!(told(post(body)), invalid, "{body}");
        assert_eq!(told(put(body)), invalid, "{body}");
    }
    let invalid = OrderRequest::parse(b"{\"description\": \"\xff\"}", None).unwrap_err();
    assert_eq!(invalid.code, "invalid_json");
}

#[test]
fn the_first_field_that_is_missing_is_told() {
    let mut body = minimal();
    for name in ["description", "status", "orderId"] {
        body[name] = Value::Null;
        let missing = ("missing_field", format!("Missing required field: {name}"));
        assert_eq!(told(post(&body)), missing, "null is as good as nothing");
        body.as_object_mut().unwrap().remove(name);
        assert_eq!(told(post(&body)), missing);
    }
    // Missing members are reported before invalid ones.
    let body = json!({"orderId": "not an id", "status": "unknown"});
    assert_eq!(told(post(body)).1, "Missing required field: description");
    assert_eq!(told(put("{}")).1, "Missing required field: status");
}

#[test]
fn a_status_may_be_written_in_any_case_and_is_repeated_as_it_was_sent() {
    for (sent, status) in [
        ("RECEIVED", Status::Received),
        ("InProcess", Status::Inprocess),
        ("completed", Status::Completed),
        ("cANCELED", Status::Canceled),
    ] {
        assert_eq!(post(with("status", sent)).unwrap().status, status);
    }
    for sent in ["Shipped", "", " received", "in process", "cancelled", "ſ"] {
        assert_eq!(
            told(post(with("status", sent))),
            ("unknown_status", format!("Unknown status '{sent}'"))
        );
    }
    let (_, message) = told(post(with("status", "ñ".repeat(10_000))));
    assert_eq!(message, format!("Unknown status '{}'", "ñ".repeat(64)));
}

#[test]
fn the_path_names_the_order() {
    let mut body = minimal();
    assert_eq!(put(&body).unwrap().order_id, id("ORD-001"));
    body["orderId"] = Value::Null;
    assert_eq!(put(&body).unwrap().order_id, id("ORD-001"));
    body.as_object_mut().unwrap().remove("orderId");
    assert_eq!(put(&body).unwrap().order_id, id("ORD-001"));

    let (code, message) = told(put(with("orderId", "ord-001")));
    assert_eq!(code, "order_id_mismatch");
    assert!(message.starts_with("orderId is ord-001, and the path says ORD-001"));
}

#[test]
fn each_field_tells_what_it_must_be() {
    for (name, value, problem) in [
        ("orderId", json!(7), "must be a string of 1 to 128"),
        ("orderId", json!(""), "must be a string of 1 to 128"),
        ("orderId", json!("a/b"), "must be a string of 1 to 128"),
        ("orderId", json!(".."), "must be a string of 1 to 128"),
        ("status", json!(1), "must be a string"),
        ("description", json!(["a"]), "must be a string"),
        ("description", json!(false), "must be a string"),
        ("registerDate", json!(0), "must be a string"),
        (
            "registerDate",
            json!("2025-01-31"),
            "must be a date and time",
        ),
        (
            "registerDate",
            json!("2025-02-30T08:00:00Z"),
            "must be a date and time",
        ),
        (
            "registerDate",
            json!("2025-01-31T08:00:00"),
            "must be a date and time",
        ),
        (
            "registerDate",
            json!("2025-01-31x08:00:00Z"),
            "must be a date and time",
        ),
        (
            "registerDate",
            json!("2025-01-31\u{0}08:00:00Z"),
            "must be a date and time",
        ),
        (
            "registerDate",
            json!("2025-01-31708:00:00Z"),
            "must be a date and time",
        ),
        ("deliveryDate", json!("tomorrow"), "must be a date and time"),
        ("deliveryDate", json!({}), "must be a string"),
        ("reasonForCancellation", json!(1.5), "must be a string"),
    ] {
        let (code, message) = told(post(with(name, value.clone())));
        assert_eq!(code, "invalid_field", "{name}: {value}");
        assert!(
            message.starts_with(&format!("{name} {problem}")),
            "{message}"
        );
    }
    let half_a_pair = r#"{"orderId":"a","status":"received","description":"\ud800"}"#;
    assert_eq!(
        told(post(half_a_pair)),
        (
            "invalid_field",
            "description must be a string of Unicode text".into()
        )
    );
}

#[test]
fn texts_end_somewhere() {
    for name in ["description", "reasonForCancellation"] {
        let max = "é".repeat(MAX_TEXT_BYTES / 2);
        assert!(post(with(name, max.as_str())).is_ok());
        let (code, message) = told(post(with(name, format!("{max}x"))));
        assert_eq!(code, "invalid_field");
        assert_eq!(
            message,
            format!("{name} may have at most 8192 bytes, and has 8193")
        );
    }
    let date = format!("2025-01-31T08:00:00.{}Z", "0".repeat(100));
    assert_eq!(told(post(with("deliveryDate", date))).0, "invalid_field");
}

#[test]
fn nothing_and_the_empty_text_are_the_same_where_a_field_is_optional() {
    let plain = post(minimal()).unwrap();
    for name in ["registerDate", "deliveryDate", "reasonForCancellation"] {
        assert_eq!(post(with(name, "")).unwrap(), plain);
        assert_eq!(post(with(name, Value::Null)).unwrap(), plain);
    }
    assert_eq!(post(with("description", "")).unwrap().description, "");
}

fn json_values() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        any::<String>(),
        "[a-zA-Z.]{1,9}",
        "2025-0[1-9]-[0-3][0-9]T[012][0-9]:00:00(Z|[+-]0[0-9]:00)",
        Just("received".to_owned()),
        Just("Completed".to_owned()),
    ];
    prop_oneof![
        1 => Just(Value::Null),
        1 => any::<f64>().prop_map(Value::from),
        1 => Just(json!({"a": [[], {}]})),
        12 => text.prop_map(Value::from),
    ]
}

fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let names = prop_oneof![
        Just("orderId"),
        Just("status"),
        Just("description"),
        Just("registerDate"),
        Just("deliveryDate"),
        Just("reasonForCancellation"),
        Just("other"),
    ];
    let object = prop::collection::vec((names, json_values()), 0..9).prop_map(|members| {
        let members = members
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value));
        Value::Object(members.collect()).to_string().into_bytes()
    });
    prop_oneof![4 => object, 1 => any::<Vec<u8>>(), 1 => any::<String>().prop_map(String::into_bytes)]
}

proptest! {
    #[test]
    fn every_body_is_a_request_within_the_limits_or_has_a_reason(body in bodies(), by_path in any::<bool>()) {
        let path_id = by_path.then(|| id("ORD-001"));
        match OrderRequest::parse(&body, path_id.as_ref()) {
            Err(Invalid { code, message }) => {
                let codes = ["invalid_json", "missing_field", "unknown_status", "invalid_field", "order_id_mismatch"];
                prop_assert!(codes.contains(&code));
                prop_assert!((1..500).contains(&message.len()));
            }
            Ok(request) => {
                if let Some(path_id) = path_id {
                    prop_assert_eq!(&request.order_id, &path_id);
                }
                let sent: Value = serde_json::from_slice(&body).unwrap();
                prop_assert_eq!(sent["description"].as_str().unwrap(), &request.description);
                let status = sent["status"].as_str().unwrap().to_lowercase();
                prop_assert_eq!(&status, request.status.as_str());
                let dates = [request.register_date.as_deref(), Some(request.delivery_date.as_str())];
                for date in dates.into_iter().flatten().filter(|date| !date.is_empty()) {
                    prop_assert!(base::parse_rfc3339(date).is_some());
                }
            }
        }
    }
}
