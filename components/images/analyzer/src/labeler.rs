//! The labeler that `spin.toml` binds.

use images_domain::{FileName, Label, Parent};

mod bindings {
    #![allow(missing_docs, clippy::all)]
    wit_bindgen::generate!({ world: "consumer", path: "../../../wit/labels" });
}

use bindings::orilla::labels::labeler::{self, Failure, Image, Options};

/// More than anybody looks for in one photo.
const MAX_LABELS: u32 = 100;

/// Why an image has no labels.
pub(crate) enum Unlabeled {
    /// Another try may help.
    Later(String),
    /// Another try won't help.
    Never(String),
}

/// Which labeler it is: labels of one are not those of another.
pub(crate) fn model() -> String {
    labeler::model()
}

/// Labels images, in their order.
pub(crate) fn detect(
    images: Vec<(&FileName, Vec<u8>)>,
    min_confidence: f64,
) -> Vec<Result<Vec<Label>, Unlabeled>> {
    let images: Vec<_> = images
        .into_iter()
        .map(|(file, bytes)| Image {
            bytes,
            content_type: file.media_type.name().to_owned(),
        })
        .collect();
    let options = Options {
        min_confidence,
        max_labels: MAX_LABELS,
    };
    let results = labeler::detect_labels(&images, options);
    results
        .into_iter()
        .map(|result| match result {
            Ok(labels) => Ok(labels.into_iter().map(label).collect()),
            Err(failure) => Err(unlabeled(failure)),
        })
        .collect()
}

fn label(label: labeler::Label) -> Label {
    let parents = label
        .parents
        .into_iter()
        .map(|name| Parent { name })
        .collect();
    Label {
        name: label.name,
        confidence: label.confidence,
        parents,
    }
}

fn unlabeled(failure: Failure) -> Unlabeled {
    match failure {
        Failure::InvalidImage(why) => Unlabeled::Never(format!("the image cannot be read: {why}")),
        Failure::TooLarge(why) => Unlabeled::Never(format!("the image is too large: {why}")),
        Failure::Throttled(why) => Unlabeled::Later(format!("the labeler is busy: {why}")),
        Failure::Unavailable(why) => Unlabeled::Later(format!("the labeler is down: {why}")),
        // Somebody may set it right before the attempts are used up.
        Failure::Refused(why) => Unlabeled::Later(format!("the labeler refused: {why}")),
    }
}
