//! The Rekognition double: it is as strict as AWS, and gives the answers that a test sets.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

mod common;

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4::SigningParams,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use devstack::{
    Rekognition, RekognitionOptions,
    rekognition::{Failure, Label},
    sigv4_verify::Keys,
};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

const CAT: &[u8] = b"\xFF\xD8\xFF a JPEG of a cat";

/// A correct request, and the parts of it that tests change.
#[derive(Clone)]
struct Call {
    keys: Keys,
    region: &'static str,
    target: &'static str,
    time: SystemTime,
    body: Value,
    body_sent: Option<Value>,
}

impl Call {
    fn new(double: &Rekognition) -> Self {
        Self {
            keys: double.options().keys.clone(),
            region: "us-east-1",
            target: "RekognitionService.DetectLabels",
            time: SystemTime::now(),
            body: json!({ "Image": { "Bytes": BASE64_STANDARD.encode(CAT) } }),
            body_sent: None,
        }
    }

    async fn send(self, double: &Rekognition) -> (StatusCode, Value) {
        let url = double.url() + "/";
        let host = double.address().to_string();
        let body = self.body.to_string();
        let headers = [
            ("host", host.as_str()),
            ("content-type", "application/x-amz-json-1.1"),
            ("x-amz-target", self.target),
        ];
        let identity = Credentials::new(
            &self.keys.access_key,
            &self.keys.secret_key,
            self.keys.session_token.clone(),
            None,
            "test",
        )
        .into();
        let params = SigningParams::builder()
            .identity(&identity)
            .region(self.region)
            .name("rekognition")
            .time(self.time)
            .settings(SigningSettings::default())
            .build()
            .unwrap()
            .into();
        let request = SignableRequest::new(
            "POST",
            &url,
            headers.into_iter(),
            SignableBody::Bytes(body.as_bytes()),
        )
        .unwrap();
        let (instructions, _) = sign(request, &params).unwrap().into_parts();
        let mut request = Client::new().post(&url);
        for (name, value) in headers.into_iter().chain(instructions.headers()) {
            request = request.header(name, value);
        }
        let sent = self.body_sent.map_or(body, |sent| sent.to_string());
        let answer = request.body(sent).send().await.unwrap();
        (answer.status(), answer.json().await.unwrap())
    }
}

async fn start() -> Rekognition {
    Rekognition::start(RekognitionOptions::default())
        .await
        .unwrap()
}

#[tokio::test]
async fn labels_are_those_of_the_image() {
    let double = start().await;
    double.set_labels(
        CAT,
        vec![
            Label::new("Animal", 97.5, &[]),
            Label::new("Cat", 98.5, &["Pet", "Animal"]),
            Label::new("Plush", 40.0, &[]),
        ],
    );
    let (status, answer) = Call::new(&double).send(&double).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(answer["LabelModelVersion"], "3.0");
    let labels = answer["Labels"].as_array().unwrap();
    assert_eq!(labels.len(), 2, "40 is below the default of 55");
    assert_eq!(labels[0]["Name"], "Cat");
    assert_eq!(labels[0]["Confidence"], 98.5);
    assert_eq!(
        labels[0]["Parents"],
        json!([{ "Name": "Pet" }, { "Name": "Animal" }])
    );

    let mut call = Call::new(&double);
    call.body["MinConfidence"] = json!(30);
    call.body["MaxLabels"] = json!(1);
    let (_, answer) = call.send(&double).await;
    assert_eq!(answer["Labels"].as_array().unwrap().len(), 1);
    let seen = double.requests();
    assert_eq!(seen[0].max_labels, None);
    assert_eq!(seen[1].max_labels, Some(1));
    assert_eq!(seen[1].min_confidence, Some(30.0));
}

#[tokio::test]
async fn signatures_that_do_not_hold_are_refused() {
    let double = start().await;
    let good = Call::new(&double);
    assert_eq!(good.clone().send(&double).await.0, StatusCode::OK);

    let mut forged = good.clone();
    forged.keys.secret_key = "another".into();
    let mut stranger = good.clone();
    stranger.keys.access_key = "AKIDSTRANGER".into();
    let mut with_token = good.clone();
    with_token.keys.session_token = Some("token".into());
    let elsewhere = Call {
        region: "eu-west-1",
        ..good.clone()
    };
    let old = Call {
        time: SystemTime::now() - Duration::from_secs(600),
        ..good.clone()
    };
    let swapped = Call {
        body_sent: Some(json!({ "Image": {} })),
        ..good.clone()
    };
    let other_action = Call {
        target: "RekognitionService.DetectFaces",
        ..good
    };
    for (call, kind) in [
        (forged, "InvalidSignatureException"),
        (stranger, "UnrecognizedClientException"),
        (with_token, "UnrecognizedClientException"),
        (elsewhere, "InvalidSignatureException"),
        (old, "InvalidSignatureException"),
        (swapped, "InvalidSignatureException"),
        (other_action, "UnknownOperationException"),
    ] {
        let (status, answer) = call.send(&double).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert_eq!(answer["__type"], kind, "{answer}");
    }
    assert_eq!(double.requests().len(), 1);
    assert_eq!(double.refused(), 7);

    let unsigned = Client::new()
        .post(double.url())
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", "RekognitionService.DetectLabels")
        .send()
        .await
        .unwrap();
    let answer: Value = unsigned.json().await.unwrap();
    assert_eq!(answer["__type"], "MissingAuthenticationTokenException");
}

#[tokio::test]
async fn temporary_keys_come_with_their_token() {
    let mut options = RekognitionOptions::default();
    options.keys.session_token = Some("token".into());
    let double = Rekognition::start(options).await.unwrap();
    let good = Call::new(&double);
    assert_eq!(good.clone().send(&double).await.0, StatusCode::OK);
    let mut bare = good;
    bare.keys.session_token = None;
    let (_, answer) = bare.send(&double).await;
    assert_eq!(answer["__type"], "UnrecognizedClientException");
}

#[tokio::test]
async fn bodies_that_aws_refuses_are_refused() {
    let double = start().await;
    let image = |bytes: &[u8]| json!({ "Image": { "Bytes": BASE64_STANDARD.encode(bytes) } });
    let mut large = CAT.to_vec();
    large.resize(5 * 1024 * 1024 + 1, 0);
    let with = |name: &str, value: Value| {
        let mut body = image(CAT);
        body[name] = value;
        body
    };
    for (body, kind) in [
        (image(b"RIFF....WEBP"), "InvalidImageFormatException"),
        (image(&large), "ImageTooLargeException"),
        (json!({}), "InvalidParameterException"),
        (
            json!({ "Image": { "Bytes": "%" } }),
            "SerializationException",
        ),
        (with("MaxLabels", json!("ten")), "SerializationException"),
        (with("MaxLabels", json!(-1)), "ValidationException"),
        (with("MinConfidence", json!(101)), "ValidationException"),
    ] {
        let call = Call {
            body,
            ..Call::new(&double)
        };
        let (status, answer) = call.send(&double).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert_eq!(answer["__type"], kind, "{answer}");
    }
    let call = Call {
        body: with("Unknown", json!(true)),
        ..Call::new(&double)
    };
    assert_eq!(call.send(&double).await.0, StatusCode::OK);
}

#[tokio::test]
async fn failures_come_as_scripted() {
    let double = start().await;
    double.fail_next(2, Failure::Throttling);
    double.fail_next(1, Failure::InternalServerError);
    double.fail_next(1, Failure::ProvisionedThroughputExceeded);
    double.fail_next(1, Failure::AccessDenied);
    let mut answers = Vec::new();
    for _ in 0..6 {
        let (status, answer) = Call::new(&double).send(&double).await;
        let kind = answer["__type"].as_str().unwrap_or("none").to_owned();
        answers.push((status.as_u16(), kind));
    }
    let expected = [
        (400, "ThrottlingException"),
        (400, "ThrottlingException"),
        (500, "InternalServerError"),
        (400, "ProvisionedThroughputExceededException"),
        (400, "AccessDeniedException"),
        (200, "none"),
    ]
    .map(|(status, kind)| (status, kind.to_owned()));
    assert_eq!(answers, expected);
    assert_eq!(double.requests().len(), 6);
}

#[tokio::test]
async fn requests_at_the_same_time_are_counted() {
    let double = start().await;
    double.gather(3);
    let (a, b, c) = tokio::join!(
        Call::new(&double).send(&double),
        Call::new(&double).send(&double),
        Call::new(&double).send(&double),
    );
    assert_eq!([a.0, b.0, c.0], [StatusCode::OK; 3]);
    assert_eq!(double.max_in_flight(), 3);
}
