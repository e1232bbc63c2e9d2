//! `GET /scan`: what each search finds, against what the records say.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use anyhow::{Context, Result, ensure};
use http::StatusCode;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::{photo::Post, record::Record, steps::Shown};
use crate::{checks::Checks, client::Session};

/// The most photos that are named in a line.
const NAMED: usize = 3;

pub async fn tell(user: &Session<'_>, shown: &[Shown], checks: &mut Checks) -> Result<()> {
    for search in Search::telling(shown)? {
        checks.add(&search, search.run(user, shown).await);
    }
    Ok(())
}

/// A search.
#[derive(Clone, Default)]
pub struct Search {
    grouping: Option<(&'static str, i64)>,
    filters: Vec<Filter>,
}

#[derive(Clone)]
struct Filter {
    name: String,
    operator: Operator,
    threshold: u8,
}

#[derive(Clone, Copy)]
enum Operator {
    Above,
    Below,
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

    fn with(mut self, name: &str, operator: Operator, threshold: u8) -> Self {
        self.filters.push(Filter {
            name: name.to_owned(),
            operator,
            threshold,
        });
        self
    }

    /// Searches that tell the photos apart, whatever is to be seen in them.
    fn telling(shown: &[Shown]) -> Result<Vec<Self>> {
        let post = shown
            .first()
            .and_then(|shown| shown.record.posts.first())
            .context("no photo has a post")?;
        let all = Self::default();
        let trip = Self::in_group("trip_id", post.trip_id);
        let place = Self::in_group("location_id", post.location_id);
        let (label, threshold) = surest_label(shown).context("no photo has a label")?;
        let (group, member) = group(shown).context("no label is a kind of anything")?;
        let in_group = all.clone().with(&group, Operator::Above, 50);
        Ok(vec![
            all.clone().with(&label, Operator::Above, threshold),
            in_group.clone(),
            in_group.with(&member, Operator::Below, 50),
            all.clone().with(&group, Operator::Below, 50),
            trip.clone(),
            trip.with(&group, Operator::Above, 50),
            place,
            Self::of_post(post.post_id),
            all,
        ])
    }

    /// Runs it, and returns the names of the photos found.
    async fn run(&self, user: &Session<'_>, shown: &[Shown]) -> Result<String> {
        let found: Vec<_> = shown
            .iter()
            .filter(|shown| self.finds(&shown.record))
            .collect();
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

    /// Checks that it answers these names.
    pub async fn check(&self, user: &Session<'_>, files: &[&str]) -> Result<()> {
        let answer = user.get(&self.path()).await?.expect(StatusCode::OK)?;
        let (found, expected) = (answer.json::<Value>()?, self.answer(files));
        ensure!(
            found == expected,
            "should answer {expected} and answered {found}"
        );
        Ok(())
    }

    /// Whether it must find a photo.
    fn finds(&self, record: &Record) -> bool {
        let in_group = self.grouping.is_none_or(|(name, id)| {
            let id_of = |post: &Post| match name {
                "post_id" => post.post_id,
                "trip_id" => post.trip_id,
                _ => post.location_id,
            };
            record.posts.iter().any(|post| id_of(post) == id)
        });
        let meets_filter = self.filters.iter().all(|filter| {
            let confidence = record.confidences().get(&filter.name).copied();
            let threshold = f64::from(filter.threshold);
            record.is_analyzed()
                && match filter.operator {
                    Operator::Above => confidence.is_some_and(|sure| sure > threshold),
                    Operator::Below => confidence.is_none_or(|sure| sure < threshold),
                }
        });
        in_group && meets_filter
    }

    /// The whole answer when these are the names.
    fn answer(&self, files: &[&str]) -> Value {
        let filters = self.filters.iter().map(|filter| {
            json!({
                "name": filter.name,
                "operator": filter.operator.sign(),
                "confidence_threshold": filter.threshold,
            })
        });
        json!({
            "grouping": self.grouping.map(|(name, _)| name),
            "grouping_id": self.grouping.map(|(_, id)| id),
            "filters": Vec::from_iter(filters),
            "total_count": files.len(),
            "images": files,
        })
    }

    fn parameters(&self) -> Vec<(&'static str, String)> {
        let grouping = self.grouping.map(|(name, id)| (name, id.to_string()));
        let filters = self.filters.iter();
        let filters = filters.map(|filter| ("label", filter.to_string()));
        grouping.into_iter().chain(filters).collect()
    }

    fn path(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        format!("/scan?{}", query.extend_pairs(self.parameters()).finish())
    }
}

/// As people write it, without percent-encoding.
impl fmt::Display for Search {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parameters: Vec<_> = self
            .parameters()
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mark = if parameters.is_empty() { "" } else { "?" };
        write!(f, "/scan{mark}{}", parameters.join("&"))
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}", self.name, self.operator.sign(), self.threshold)
    }
}

impl Operator {
    fn sign(self) -> &'static str {
        match self {
            Self::Above => ">",
            Self::Below => "<",
        }
    }
}

/// The surest label that nothing else is a kind of, and a threshold below it.
fn surest_label(shown: &[Shown]) -> Option<(String, u8)> {
    let labels = || shown.iter().flat_map(|shown| &shown.record.labels);
    let groups: BTreeSet<_> = labels()
        .flat_map(|label| &label.parents)
        .map(|parent| &parent.name)
        .collect();
    let surest = labels()
        .filter(|label| !groups.contains(&label.name))
        .max_by(|one, other| one.confidence.total_cmp(&other.confidence))?;
    let threshold = [90_u8, 80, 70, 60, 50]
        .into_iter()
        .find(|threshold| f64::from(*threshold) < surest.confidence)?;
    Some((surest.name.to_lowercase(), threshold))
}

/// What most photos show in some kind, and what fewest of these show.
fn group(shown: &[Shown]) -> Option<(String, String)> {
    let labels = shown.iter().flat_map(|shown| &shown.record.labels);
    let groups: BTreeSet<_> = labels
        .flat_map(|label| &label.parents)
        .map(|parent| parent.name.to_lowercase())
        .collect();
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

    fn record(status: &str, post_id: i64, labels: &[(&str, f64, &[&str])]) -> Record {
        let labels: Vec<_> = labels
            .iter()
            .map(|(name, confidence, parents)| {
                let parents: Vec<_> = parents.iter().map(|name| json!({"Name": name})).collect();
                json!({"Name": name, "Confidence": confidence, "Parents": parents})
            })
            .collect();
        serde_json::from_value(json!({
            "status": status,
            "rekognition_results": labels,
            "posts": [{"post_id": post_id, "picture_id": 1, "trip_id": 2, "location_id": 3}],
        }))
        .unwrap()
    }

    #[test]
    fn a_search_is_encoded_for_the_application_and_plain_for_people() {
        let search = Search::of_post(1).with("bird of prey", Operator::Above, 80);
        assert_eq!(search.path(), "/scan?post_id=1&label=bird+of+prey%3E80");
        assert_eq!(search.to_string(), "/scan?post_id=1&label=bird of prey>80");
    }

    #[test]
    fn a_photo_is_found_by_its_group_and_by_labels_at_any_level() {
        let cat = record("approved", 1, &[("Cat", 80.0, &["Animal"])]);
        let found = |name, operator, threshold| {
            Search::default()
                .with(name, operator, threshold)
                .finds(&cat)
        };
        assert!(found("cat", Operator::Above, 79));
        assert!(!found("cat", Operator::Above, 80));
        assert!(found("animal", Operator::Above, 79));
        assert!(!found("animal", Operator::Below, 80));
        assert!(found("dog", Operator::Below, 1));
        assert!(!found("dog", Operator::Above, 1));
        assert!(Search::of_post(1).finds(&cat));
        assert!(!Search::of_post(2).finds(&cat));
    }

    #[test]
    fn a_photo_without_labels_is_found_below_any_only_if_it_was_analyzed() {
        let search = Search::default().with("cat", Operator::Below, 50);
        assert!(search.finds(&record("approved", 1, &[])));
        assert!(!search.finds(&record("failed", 1, &[])));
    }
}
