//! Records: what the application answers about a photo.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::photo::Post;

/// `GET /images/{file}`.
#[derive(Deserialize)]
pub struct Record {
    pub status: String,
    #[serde(rename = "rekognition_results")]
    pub labels: Vec<Label>,
    pub posts: Vec<Post>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Label {
    pub name: String,
    pub confidence: f64,
    pub parents: Vec<Parent>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Parent {
    pub name: String,
}

impl Record {
    /// Whether its labels are known.
    pub fn is_analyzed(&self) -> bool {
        ["approved", "under_review", "rejected"].contains(&self.status.as_str())
    }

    /// How sure each label is, parents being as sure as the surest child at
    /// least; names in lower case.
    pub fn confidences(&self) -> BTreeMap<String, f64> {
        let mut confidences = BTreeMap::new();
        for label in &self.labels {
            let parents = label.parents.iter().map(|parent| &parent.name);
            for name in parents.chain([&label.name]) {
                let known = confidences.entry(name.to_lowercase()).or_insert(0.0);
                *known = label.confidence.max(*known);
            }
        }
        confidences
    }

    /// The surest labels, for people.
    pub fn summary(&self) -> String {
        const SHOWN: usize = 4;
        let mut labels: Vec<_> = self.labels.iter().collect();
        labels.sort_by(|one, other| other.confidence.total_cmp(&one.confidence));
        let labels: Vec<_> = labels
            .iter()
            .take(SHOWN)
            .map(|label| format!("{} {:.1}", label.name, label.confidence))
            .collect();
        if labels.is_empty() {
            return "nothing that is sure enough".to_owned();
        }
        labels.join(", ")
    }
}
