//! `GET /scan`: compares the findings of each search with the records.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use anyhow::{Context, Result};
use devstack::client::{
    Post, User,
    routes::{self, Record},
};
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::{checks::same, images::Shown};

/// The max number of photos named in a line.
const NAMED: usize = 3;

/// A search.
#[derive(Clone, Default)]
pub struct Search {
    grouping: Option<(&'static str, i64)>,
    /// Labels, each with an operator and a threshold.
    filters: Vec<(String, char, u8)>,
}

impl Search {
    /// The photos of a post.
    pub fn of_post(id: i64) -> Self {
        Self::in_group("post_id", id)
    }

    fn in_group(name: &'static str, id: i64) -> Self {
        Self {
            grouping: Some((name, id)),
            filters: Vec::new(),
        }
    }

    fn with(&self, name: &str, operator: char, threshold: u8) -> Self {
        let mut search = self.clone();
        search.filters.push((name.to_owned(), operator, threshold));
        search
    }

    /// Searches that tell the photos apart, for any subjects.
    pub fn telling(shown: &[Shown]) -> Result<Vec<Self>> {
        let post = shown.first().and_then(|shown| shown.record.posts.first());
        let post = post.context("no photo has a post")?;
        let all = Self::default();
        let trip = Self::in_group("trip_id", post.trip_id);
        let place = Self::in_group("location_id", post.location_id);
        let (label, threshold) = surest_label(shown).context("no photo has a label")?;
        let (group, member) = group(shown).context("no label is a kind of anything")?;
        let in_group = all.with(&group, '>', 50);
        Ok(vec![
            all.with(&label, '>', threshold),
            in_group.clone(),
            in_group.with(&member, '<', 50),
            all.with(&group, '<', 50),
            trip.clone(),
            trip.with(&group, '>', 50),
            place,
            Self::of_post(post.post_id),
            all,
        ])
    }

    /// Runs the search, and returns the names of the photos found.
    pub async fn run(&self, user: &User<'_>, shown: &[Shown]) -> Result<String> {
        let found = shown.iter().filter(|shown| self.finds(&shown.record));
        let found: Vec<_> = found.collect();
        let mut files: Vec<_> = found.iter().map(|shown| shown.file.as_str()).collect();
        files.sort_unstable();
        self.check(user, &files).await?;
        Ok(match found.len() {
            0 => "nothing".to_owned(),
            1..=NAMED => {
                let names: Vec<_> = found.iter().map(|shown| &*shown.photo.name).collect();
                names.join(", ")
            }
            number => format!("{number} photos"),
        })
    }

    /// Checks that the search finds these names.
    pub async fn check(&self, user: &User<'_>, files: &[&str]) -> Result<()> {
        let found: Value = user.ask(&routes::scan(&self.query())).await?;
        let filters = self.filters.iter().map(|(name, operator, threshold)| {
            json!({"name": name, "operator": operator, "confidence_threshold": threshold})
        });
        let expected = json!({
            "grouping": self.grouping.map(|(name, _)| name),
            "grouping_id": self.grouping.map(|(_, id)| id),
            "filters": Vec::from_iter(filters),
            "total_count": files.len(),
            "images": files,
        });
        same("the answer", found, expected)
    }

    /// Whether the search must find a photo.
    fn finds(&self, record: &Record) -> bool {
        let in_group = self.grouping.is_none_or(|(name, id)| {
            let id_of = |post: &Post| match name {
                "post_id" => post.post_id,
                "trip_id" => post.trip_id,
                _ => post.location_id,
            };
            record.posts.iter().any(|post| id_of(post) == id)
        });
        let confidences = record.confidences();
        let meets = |(name, operator, threshold): &(String, char, u8)| {
            let (sure, threshold) = (confidences.get(name), f64::from(*threshold));
            match operator {
                '>' => sure.is_some_and(|sure| *sure > threshold),
                _ => sure.is_none_or(|sure| *sure < threshold),
            }
        };
        let has_labels = self.filters.is_empty() || record.is_analyzed();
        in_group && has_labels && self.filters.iter().all(meets)
    }

    fn parameters(&self) -> impl Iterator<Item = (&'static str, String)> {
        let grouping = self.grouping.map(|(name, id)| (name, id.to_string()));
        let filters = self
            .filters
            .iter()
            .map(|(name, operator, threshold)| ("label", format!("{name}{operator}{threshold}")));
        grouping.into_iter().chain(filters)
    }

    fn query(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(self.parameters()).finish()
    }
}

/// The search as people write it, without percent-encoding.
impl fmt::Display for Search {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parameters = self.parameters();
        let parameters: Vec<_> = parameters
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mark = if parameters.is_empty() { "" } else { "?" };
        write!(f, "/scan{mark}{}", parameters.join("&"))
    }
}

/// The names that labels have as parents of others, in lower case.
fn groups(shown: &[Shown]) -> BTreeSet<String> {
    let labels = shown.iter().flat_map(|shown| &shown.record.labels);
    let parents = labels.flat_map(|label| &label.parents);
    parents.map(|parent| parent.name.to_lowercase()).collect()
}

/// The surest label that is not a parent of another one, and a threshold below it.
fn surest_label(shown: &[Shown]) -> Option<(String, u8)> {
    let groups = groups(shown);
    let labels = shown.iter().flat_map(|shown| &shown.record.labels);
    let surest = labels
        .filter(|label| !groups.contains(&label.name.to_lowercase()))
        .max_by(|one, other| one.confidence.total_cmp(&other.confidence))?;
    let threshold = [90_u8, 80, 70, 60, 50]
        .into_iter()
        .find(|threshold| f64::from(*threshold) < surest.confidence)?;
    Some((surest.name.to_lowercase(), threshold))
}

/// The parent that most photos have in some kind, and the rarest label of these photos.
fn group(shown: &[Shown]) -> Option<(String, String)> {
    let groups = groups(shown);
    let seen: Vec<_> = shown
        .iter()
        .map(|shown| shown.record.confidences())
        .collect();
    let (group, _) = photos_by_label(&seen)
        .into_iter()
        .filter(|(name, _)| groups.contains(*name))
        .max_by_key(|(_, photos)| *photos)?;
    let (member, _) = photos_by_label(seen.iter().filter(|labels| labels.contains_key(group)))
        .into_iter()
        .min_by_key(|(_, photos)| *photos)?;
    Some((group.clone(), member.clone()))
}

fn photos_by_label<'a>(
    seen: impl IntoIterator<Item = &'a BTreeMap<String, f64>>,
) -> BTreeMap<&'a String, usize> {
    let mut photos = BTreeMap::new();
    for name in seen.into_iter().flat_map(BTreeMap::keys) {
        *photos.entry(name).or_default() += 1;
    }
    photos
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(status: &str, labels: Value) -> Record {
        let post = json!({"post_id": 1, "picture_id": 1, "trip_id": 2, "location_id": 3});
        let record = json!({"status": status, "rekognition_results": labels, "posts": [post]});
        serde_json::from_value(record).unwrap()
    }

    #[test]
    fn a_search_is_encoded_for_the_application_and_plain_for_people() {
        let search = Search::of_post(1).with("bird of prey", '>', 80);
        assert_eq!(search.query(), "post_id=1&label=bird+of+prey%3E80");
        assert_eq!(search.to_string(), "/scan?post_id=1&label=bird of prey>80");
    }

    #[test]
    fn a_photo_is_found_by_its_group_and_by_labels_at_any_level() {
        let animal = json!({"Name": "Animal"});
        let cat = json!({"Name": "Cat", "Confidence": 80.0, "Parents": [animal]});
        let cat = record("approved", json!([cat]));
        for (name, operator, threshold, found) in [
            ("cat", '>', 79, true),
            ("cat", '>', 80, false),
            ("animal", '>', 79, true),
            ("animal", '<', 80, false),
            ("dog", '<', 1, true),
            ("dog", '>', 1, false),
        ] {
            let search = Search::default().with(name, operator, threshold);
            assert_eq!(search.finds(&cat), found, "{search}");
        }
        assert!(Search::of_post(1).finds(&cat));
        assert!(!Search::of_post(2).finds(&cat));
    }

    #[test]
    fn a_photo_without_labels_is_found_below_any_only_if_it_was_analyzed() {
        let search = Search::default().with("cat", '<', 50);
        assert!(search.finds(&record("approved", json!([]))));
        assert!(!search.finds(&record("failed", json!([]))));
    }
}
