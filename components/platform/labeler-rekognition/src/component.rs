//! The component: `wit/labels` on the outside, variables, clock and network on
//! the inside.
//!
//! The bindings and the macro that exports them are unsafe code by wit-bindgen.
#![allow(unsafe_code, missing_docs)]

use std::time::SystemTime;

use outbound::{Spin, role};

use self::exports::orilla::labels::labeler;
use crate::{Config, Failure, Image, Label, MODEL, Options, Rekognition};

wit_bindgen::generate!({
    world: "provider",
    path: "../../../wit/labels",
});

struct Labeler;

export!(Labeler);

impl labeler::Guest for Labeler {
    fn model() -> String {
        MODEL.to_owned()
    }

    fn detect_labels(
        images: Vec<labeler::Image>,
        options: labeler::Options,
    ) -> Vec<Result<Vec<labeler::Label>, labeler::Failure>> {
        let count = images.len();
        let images = images
            .into_iter()
            .map(|image| Image {
                bytes: image.bytes,
                content_type: image.content_type,
            })
            .collect();
        let options = Options {
            min_confidence: options.min_confidence,
            max_labels: options.max_labels,
        };
        let detected = spin_sdk::http::run(async {
            let own = |name: &str| base::text(name).ok();
            let variable = role::variables(&Spin, "rekognition", own).await;
            let variable = variable.map_err(|failure| match failure {
                base::Failure::Misconfigured(text) => labeler::Failure::Refused(text),
                other => labeler::Failure::Unavailable(other.to_string()),
            })?;
            let config = Config::from_variables(variable);
            let config = config.map_err(|error| labeler::Failure::Refused(error.to_string()))?;
            let rekognition = Rekognition::new(config, Spin);
            Ok(rekognition
                .detect_labels(images, options, SystemTime::now)
                .await)
        });
        let detected = match detected {
            Ok(detected) => detected,
            Err(failure) => return vec![Err(failure); count],
        };
        detected
            .into_iter()
            .map(|result| match result {
                Ok(labels) => Ok(labels.into_iter().map(Into::into).collect()),
                Err(failure) => Err(failure.into()),
            })
            .collect()
    }
}

impl From<Label> for labeler::Label {
    fn from(label: Label) -> Self {
        Self {
            name: label.name,
            confidence: label.confidence,
            parents: label.parents,
        }
    }
}

impl From<Failure> for labeler::Failure {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::InvalidImage(text) => Self::InvalidImage(text),
            Failure::TooLarge(text) => Self::TooLarge(text),
            Failure::Throttled(text) => Self::Throttled(text),
            Failure::Unavailable(text) => Self::Unavailable(text),
            Failure::Refused(text) => Self::Refused(text),
        }
    }
}
