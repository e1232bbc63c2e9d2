//! The labeler that `spin.toml` binds.

use images_domain::{FileName, Finding, Label, Parent};

mod bindings {
    #![allow(missing_docs, clippy::all)]
    wit_bindgen::generate!({ world: "consumer", path: "../../../wit/labels" });
}

use bindings::orilla::labels::labeler::{self, Failure, Image, Options};
use worker::Trouble;

use crate::finding::{Labeled, Stop};

/// The maximum number of labels of a photo. Searches need no more.
const MAX_LABELS: u32 = 100;

/// The name of the labeler's model. Labels are shared only within one model.
pub(crate) fn model() -> String {
    labeler::model()
}

/// Labels images, in their order. The bytes are moved to the labeler and returned.
pub(crate) fn detect(
    images: &mut [(&FileName, &mut Vec<u8>)],
    min_confidence: f64,
) -> Vec<Labeled> {
    let lent: Vec<_> = images
        .iter_mut()
        .map(|(file, bytes)| Image {
            bytes: std::mem::take(bytes),
            content_type: file.media_type.name().to_owned(),
        })
        .collect();
    let options = Options {
        min_confidence,
        max_labels: MAX_LABELS,
    };
    let results = labeler::detect_labels(&lent, options);
    for ((_, bytes), image) in images.iter_mut().zip(lent) {
        **bytes = image.bytes;
    }
    results
        .into_iter()
        .map(|labels| {
            let labels = labels.map_err(unlabeled)?;
            Ok(labels.into_iter().filter_map(label).collect())
        })
        .collect()
}

/// A label of the bound labeler; `None` if its confidence is not a finite number.
fn label(label: labeler::Label) -> Option<Label> {
    let confidence = label.confidence.clamp(0.0, 100.0);
    let parents = label
        .parents
        .into_iter()
        .map(|name| Parent { name })
        .collect();
    confidence.is_finite().then_some(Label {
        name: label.name,
        confidence,
        parents,
    })
}

fn unlabeled(failure: Failure) -> Stop {
    let never = |what, why| Finding::Unreadable {
        reason: format!("the image {what}: {why}"),
    };
    match failure {
        Failure::InvalidImage(why) => never("cannot be read", why).into(),
        Failure::TooLarge(why) => never("is too large", why).into(),
        Failure::Throttled(why) => Trouble::new("the labeler is busy", why).into(),
        Failure::Unavailable(why) => Trouble::new("the labeler is down", why).into(),
        // An operator may correct the configuration before the last attempt.
        Failure::Refused(why) => Trouble::new("the labeler refused the request", why).into(),
    }
}
