//! Labels images with a model inside the component: no network, no state.
//!
//! The component exports `orilla:labels/labeler`; the modules are plain Rust and tested
//! natively.

pub mod crop;
pub mod labeler;
pub mod network;
pub mod taxonomy;

#[allow(unsafe_code, missing_docs)]
mod bindings {
    wit_bindgen::generate!({ path: "../../../wit/labels", world: "provider" });

    // Native linkers reject the names of exports, which have a slash.
    #[cfg(target_arch = "wasm32")]
    mod exported {
        use crate::Component;

        super::export!(Component with_types_in super);
    }
}

use bindings::exports::orilla::labels::labeler::{Failure, Guest, Image, Label, Options};
use labeler::Labeler;
use picture::Unreadable;

/// The labeler as a component exports it.
pub struct Component;

impl Guest for Component {
    fn model() -> String {
        labeler::model()
    }

    fn detect_labels(images: Vec<Image>, options: Options) -> Vec<Result<Vec<Label>, Failure>> {
        let mut labeler = Labeler::new();
        images
            .into_iter()
            .map(|image| {
                let labels = labeler
                    .label(&image.bytes, options.min_confidence)
                    .map_err(failure)?
                    .into_iter()
                    .take(options.max_labels as usize);
                Ok(labels.map(exported).collect())
            })
            .collect()
    }
}

fn exported(label: taxonomy::Label) -> Label {
    Label {
        name: label.name.to_owned(),
        confidence: label.confidence,
        parents: label.parents.iter().map(ToString::to_string).collect(),
    }
}

fn failure(problem: Unreadable) -> Failure {
    match problem {
        Unreadable::Invalid(reason) => Failure::InvalidImage(reason),
        Unreadable::TooLarge(reason) => Failure::TooLarge(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAT: &[u8] = include_bytes!("../tests/files/cat-lossy.webp");

    fn image(bytes: &[u8]) -> Image {
        Image {
            bytes: bytes.to_vec(),
            // Wrong on purpose: the bytes decide.
            content_type: "image/png".into(),
        }
    }

    fn options(min_confidence: f64, max_labels: u32) -> Options {
        Options {
            min_confidence,
            max_labels,
        }
    }

    #[test]
    fn one_bad_image_does_not_fail_the_others() {
        let images = vec![image(CAT), image(b"not an image"), image(CAT)];
        let results = Component::detect_labels(images, options(75.0, 10));
        assert_eq!(results.len(), 3);
        assert!(matches!(&results[1], Err(Failure::InvalidImage(_))));
        for result in [&results[0], &results[2]] {
            let labels = result.as_ref().unwrap();
            let cat = labels.iter().find(|label| label.name == "Cat").unwrap();
            assert_eq!(cat.parents, ["Mammal", "Animal"]);
            assert!(labels.iter().all(|label| label.confidence >= 75.0));
        }
    }

    #[test]
    fn up_to_max_labels_the_surest_first() {
        let label = |max| {
            let results = Component::detect_labels(vec![image(CAT)], options(0.0, max));
            results.into_iter().next().unwrap().unwrap()
        };
        let many = label(1000);
        assert!(many.is_sorted_by(|a, b| a.confidence >= b.confidence));
        let few = label(3);
        let names = |labels: &[Label]| labels.iter().map(|l| l.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&few), names(&many[..3]));
        assert!(label(0).is_empty());
    }

    #[test]
    fn the_model_is_named_with_its_version() {
        assert!(Component::model().contains("efficientnet-lite0"));
        assert!(!Component::model().ends_with('-'));
    }
}
