//! Labels: words for things in an image, with confidence.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A label, worded as Rekognition's `DetectLabels` does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Label {
    /// The name.
    pub name: String,
    /// The confidence, 0 to 100.
    pub confidence: f64,
    /// The groups that it belongs to, nearest first.
    #[serde(default)]
    pub parents: Vec<Parent>,
}

/// A group that a label belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Parent {
    /// Its name.
    pub name: String,
}

/// The confidence of each name among labels and their parents, in lower case. A parent
/// has at least the confidence of its label: a tabby with 80 is a cat with 80.
pub fn confidences(labels: &[Label]) -> BTreeMap<String, f64> {
    let mut confidences = BTreeMap::new();
    for label in labels {
        let parents = label.parents.iter().map(|parent| &parent.name);
        for name in std::iter::once(&label.name).chain(parents) {
            let known = confidences
                .entry(name.to_lowercase())
                .or_insert(label.confidence);
            *known = f64::max(*known, label.confidence);
        }
    }
    confidences
}

/// The labels of an image's content, for every user who uploads the same bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredLabels {
    /// The model that made them.
    pub model: String,
    /// The minimum confidence that was asked for: labels below it are missing.
    pub min_confidence: f64,
    /// The labels.
    pub labels: Vec<Label>,
}

impl StoredLabels {
    /// Whether `model` would return no more labels of this confidence.
    pub fn answers(&self, model: &str, min_confidence: f64) -> bool {
        self.model == model && self.min_confidence <= min_confidence
    }
}

#[cfg(test)]
pub(crate) fn label(name: &str, confidence: f64, parents: &[&str]) -> Label {
    let parents = parents
        .iter()
        .map(|name| Parent {
            name: (*name).to_owned(),
        })
        .collect();
    Label {
        name: name.to_owned(),
        confidence,
        parents,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parent_is_as_sure_as_its_surest_child_at_least() {
        let labels = [
            label("Tabby Cat", 60.0, &["Cat", "Animal"]),
            label("Cat", 90.0, &["Animal"]),
            label("Table", 55.5, &[]),
        ];
        let expected = [
            ("animal", 90.0),
            ("cat", 90.0),
            ("tabby cat", 60.0),
            ("table", 55.5),
        ];
        let expected = expected.map(|(name, confidence)| (name.to_owned(), confidence));
        assert_eq!(confidences(&labels), BTreeMap::from(expected));
    }

    #[test]
    fn labels_are_reused_only_where_asking_again_would_give_no_more() {
        let stored = StoredLabels {
            model: "m1".into(),
            min_confidence: 50.0,
            labels: vec![],
        };
        assert!(stored.answers("m1", 50.0));
        assert!(stored.answers("m1", 75.0));
        assert!(!stored.answers("m1", 40.0));
        assert!(!stored.answers("m2", 50.0));
    }

    #[test]
    fn labels_are_written_as_rekognition_writes_them() {
        let json = serde_json::to_string(&label("Cat", 90.5, &["Animal"])).unwrap();
        assert_eq!(
            json,
            r#"{"Name":"Cat","Confidence":90.5,"Parents":[{"Name":"Animal"}]}"#
        );
    }
}
