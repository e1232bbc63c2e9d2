use std::cmp::Reverse;
use std::collections::HashMap;

use http::{Response, StatusCode};
use serde::Deserialize;

use crate::{Failure, Label, Options};

/// The header in which AWS JSON services name an error, besides the body.
const ERROR_TYPE: &str = "x-amzn-errortype";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    labels: Vec<AnswerLabel>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AnswerLabel {
    name: String,
    confidence: f64,
    #[serde(default)]
    parents: Vec<Parent>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Parent {
    name: String,
}

#[derive(Deserialize)]
struct AnswerError {
    #[serde(rename = "__type")]
    kind: String,
}

/// The labels in an answer of Rekognition, or why there are none.
pub(crate) fn labels(
    response: &Response<Vec<u8>>,
    options: Options,
) -> Result<Vec<Label>, Failure> {
    if response.status() != StatusCode::OK {
        return Err(failure(response));
    }
    let answer: Answer = serde_json::from_slice(response.body()).map_err(|_| {
        Failure::Refused(
            "the answer is not one of Rekognition: check `rekognition_endpoint`".to_owned(),
        )
    })?;

    // The distance of each label from the root of its taxonomy, to sort parents.
    let depths: HashMap<String, usize> = answer
        .labels
        .iter()
        .map(|label| (label.name.clone(), label.parents.len()))
        .collect();
    let mut labels: Vec<Label> = answer
        .labels
        .into_iter()
        .map(|label| Label {
            name: label.name,
            confidence: label.confidence,
            parents: nearest_first(label.parents, &depths),
        })
        .filter(|label| label.confidence >= options.min_confidence)
        .collect();
    labels.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    labels.truncate(options.max_labels.try_into().unwrap_or(usize::MAX));
    Ok(labels)
}

/// Sorts parents by their depth, nearest first. Without depths they stay in Rekognition's
/// order.
fn nearest_first(parents: Vec<Parent>, depths: &HashMap<String, usize>) -> Vec<String> {
    let mut names: Vec<String> = parents.into_iter().map(|parent| parent.name).collect();
    if names.iter().all(|name| depths.contains_key(name)) {
        names.sort_by_key(|name| Reverse(depths.get(name)));
    }
    names
}

fn failure(response: &Response<Vec<u8>>) -> Failure {
    let status = response.status().as_u16();
    let kind = error_kind(response);
    let said = match &kind {
        Some(kind) => format!("Rekognition answered {status} {kind}"),
        None => format!("Rekognition answered {status}"),
    };
    match (status, kind.as_deref().unwrap_or_default()) {
        (
            _,
            "ThrottlingException"
            | "ProvisionedThroughputExceededException"
            | "LimitExceededException"
            | "TooManyRequestsException",
        )
        | (429, _) => Failure::Throttled(said),
        (_, "InvalidImageFormatException") => Failure::InvalidImage(said),
        (_, "ImageTooLargeException") | (413, _) => Failure::TooLarge(said),
        (408 | 500..=599, _) => Failure::Unavailable(said),
        (
            _,
            "AccessDeniedException"
            | "UnrecognizedClientException"
            | "InvalidSignatureException"
            | "IncompleteSignatureException"
            | "MissingAuthenticationTokenException"
            | "ExpiredTokenException",
        )
        | (401 | 403, _) => Failure::Refused(format!(
            "{said}: check the `rekognition_*` credentials and region, that they may call \
             rekognition:DetectLabels, and the clock of this machine"
        )),
        (300..=399 | 404, _) => Failure::Refused(format!("{said}: check `rekognition_endpoint`")),
        _ => Failure::Refused(said),
    }
}

/// The name of an AWS error from the header or the body, without its namespace and any
/// suffix; `None` if it does not look like one.
fn error_kind(response: &Response<Vec<u8>>) -> Option<String> {
    let header = response.headers().get(ERROR_TYPE);
    let kind = match header.and_then(|value| value.to_str().ok()) {
        Some(kind) => kind.to_owned(),
        None => {
            serde_json::from_slice::<AnswerError>(response.body())
                .ok()?
                .kind
        }
    };
    let kind = kind.rsplit('#').next()?.split(':').next()?;
    let is_name = (1..=64).contains(&kind.len()) && kind.chars().all(|c| c.is_ascii_alphanumeric());
    is_name.then(|| kind.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ALL: Options = Options {
        min_confidence: 0.0,
        max_labels: 100,
    };

    fn answer(status: u16, body: impl ToString) -> Response<Vec<u8>> {
        let mut response = Response::new(body.to_string().into_bytes());
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        response
    }

    /// A photo of a cat, in the shape of the API reference.
    fn cat() -> Response<Vec<u8>> {
        let body = json!({
            "Labels": [
                {
                    "Name": "Animal", "Confidence": 99.1,
                    "Instances": [], "Parents": [], "Aliases": [],
                    "Categories": [{"Name": "Animals and Pets"}]
                },
                {
                    "Name": "Abyssinian", "Confidence": 81.25,
                    "Instances": [], "Aliases": [{"Name": "Abyssinian Cat"}],
                    "Parents": [{"Name": "Animal"}, {"Name": "Cat"}, {"Name": "Mammal"}],
                    "Categories": [{"Name": "Animals and Pets"}]
                },
                {
                    "Name": "Cat", "Confidence": 98.5,
                    "Instances": [{
                        "BoundingBox": {"Width": 0.5, "Height": 0.7, "Left": 0.2, "Top": 0.1},
                        "Confidence": 97.9
                    }],
                    "Parents": [{"Name": "Animal"}, {"Name": "Mammal"}]
                },
                {"Name": "Mammal", "Confidence": 99.0, "Parents": [{"Name": "Animal"}]},
                {
                    "Name": "Sofa", "Confidence": 60.0,
                    "Parents": [{"Name": "Couch"}, {"Name": "Furniture"}]
                }
            ],
            "LabelModelVersion": "3.0",
            "OrientationCorrection": "ROTATE_0"
        });
        answer(200, body)
    }

    #[test]
    fn labels_come_with_their_confidence_and_what_they_are_a_kind_of() {
        let labels = labels(&cat(), ALL).unwrap();
        let names: Vec<_> = labels.iter().map(|label| label.name.as_str()).collect();
        assert_eq!(names, ["Animal", "Mammal", "Cat", "Abyssinian", "Sofa"]);
        assert_eq!(labels[3].confidence, 81.25);
        assert_eq!(labels[3].parents, ["Cat", "Mammal", "Animal"]);
        assert_eq!(labels[0].parents, [""; 0]);
        // Only their order in the answer tells which of these is nearer.
        assert_eq!(labels[4].parents, ["Couch", "Furniture"]);
    }

    #[test]
    fn no_more_labels_are_given_than_asked_for() {
        let two = Options {
            max_labels: 2,
            ..ALL
        };
        assert_eq!(labels(&cat(), two).unwrap().len(), 2);
        let none = Options {
            max_labels: 0,
            ..ALL
        };
        assert_eq!(labels(&cat(), none), Ok(vec![]));
        let sure = Options {
            min_confidence: 98.5,
            ..ALL
        };
        assert_eq!(labels(&cat(), sure).unwrap().len(), 3);
    }

    #[test]
    fn an_image_without_anything_to_see_has_no_labels() {
        assert_eq!(labels(&answer(200, r#"{"Labels":[]}"#), ALL), Ok(vec![]));
    }

    fn outcome(status: u16, kind: &str) -> Failure {
        let body = json!({"__type": kind, "Message": "User: arn:aws:iam::1:user/ana may not"});
        let failure = labels(&answer(status, body), ALL).unwrap_err();
        assert!(!format!("{failure:?}").contains("arn:"), "{failure:?}");
        failure
    }

    #[test]
    fn asking_too_often_is_told_apart_from_being_down() {
        for (status, kind) in [
            (400, "ThrottlingException"),
            (400, "ProvisionedThroughputExceededException"),
            (400, "LimitExceededException"),
            (500, "ThrottlingException"),
            (429, "Whatever"),
            (400, "com.amazonaws.rekognition#ThrottlingException"),
        ] {
            let failure = outcome(status, kind);
            assert!(matches!(failure, Failure::Throttled(_)), "{failure:?}");
        }
        for (status, kind) in [
            (500, "InternalServerError"),
            (503, "ServiceUnavailable"),
            (408, "RequestTimeout"),
        ] {
            let failure = outcome(status, kind);
            assert!(matches!(failure, Failure::Unavailable(_)), "{failure:?}");
        }
        let gateway = labels(&answer(502, "<html>Bad Gateway</html>"), ALL).unwrap_err();
        assert_eq!(
            gateway,
            Failure::Unavailable("Rekognition answered 502".into())
        );
    }

    #[test]
    fn images_that_will_never_do_are_told_apart_from_refusals() {
        let failure = outcome(400, "InvalidImageFormatException");
        assert!(matches!(failure, Failure::InvalidImage(_)), "{failure:?}");
        let failure = outcome(400, "ImageTooLargeException");
        assert!(matches!(failure, Failure::TooLarge(_)), "{failure:?}");

        for (status, kind, hint) in [
            (400, "AccessDeniedException", "rekognition:DetectLabels"),
            (400, "InvalidSignatureException", "credentials"),
            (400, "UnrecognizedClientException", "credentials"),
            (400, "ExpiredTokenException", "credentials"),
            (403, "Forbidden", "credentials"),
            (404, "UnknownOperationException", "rekognition_endpoint"),
            (
                400,
                "InvalidParameterException",
                "InvalidParameterException",
            ),
        ] {
            let failure = outcome(status, kind);
            let Failure::Refused(text) = failure else {
                panic!("{failure:?}");
            };
            assert!(text.contains(kind) && text.contains(hint), "{text}");
        }
    }

    #[test]
    fn the_error_may_be_named_in_a_header() {
        let mut response = answer(400, "");
        response.headers_mut().insert(
            ERROR_TYPE,
            "ThrottlingException:http://internal.amazon.com/coral/"
                .parse()
                .unwrap(),
        );
        assert_eq!(
            labels(&response, ALL),
            Err(Failure::Throttled(
                "Rekognition answered 400 ThrottlingException".into()
            ))
        );
    }

    #[test]
    fn a_success_of_something_else_is_refused() {
        let failure = labels(&answer(200, "<html>welcome</html>"), ALL).unwrap_err();
        assert!(matches!(failure, Failure::Refused(_)), "{failure:?}");
    }
}
