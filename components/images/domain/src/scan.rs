//! Searches: `GET /scan`.

use base::{Invalid, Query};
use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};

use crate::FileName;

/// The maximum number of names in one answer.
pub const MAX_NAMES: u32 = 1_000;

/// A group of a user's photos.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grouping {
    /// The photos of a post.
    Post(i64),
    /// The photos of a trip.
    Trip(i64),
    /// The photos of a place.
    Location(i64),
}

impl Grouping {
    /// The query parameter that asks for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Post(_) => "post_id",
            Self::Trip(_) => "trip_id",
            Self::Location(_) => "location_id",
        }
    }

    /// The id of the post, trip or place.
    pub fn id(self) -> i64 {
        match self {
            Self::Post(id) | Self::Trip(id) | Self::Location(id) => id,
        }
    }

    /// The group that a query names; `None` if it names none.
    fn parse(query: &Query) -> Result<Option<Self>, Invalid> {
        let id = |name| query.parsed(name, "must be an integer");
        let groupings = [
            id("post_id")?.map(Self::Post),
            id("trip_id")?.map(Self::Trip),
            id("location_id")?.map(Self::Location),
        ];
        let mut groupings = groupings.into_iter().flatten();
        match (groupings.next(), groupings.next()) {
            (one, None) => Ok(one),
            _ => Err(Invalid::query(
                "give only one of post_id, trip_id and location_id",
            )),
        }
    }
}

/// A comparison of confidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Operator {
    /// The label is present with more than the threshold.
    #[serde(rename = ">")]
    Above,
    /// The label is absent, or present with less than the threshold.
    #[serde(rename = "<")]
    Below,
}

/// A condition on a label. Photos that are not analyzed meet none.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    /// The label's name, as in the query; case does not matter.
    pub name: String,
    /// The comparison.
    pub operator: Operator,
    /// The threshold, 0 to 100.
    pub confidence_threshold: f64,
}

impl Filter {
    /// Reads `<name><operator><number>`, as in `beach>80`.
    fn parse(text: &str) -> Result<Self, Invalid> {
        let problem = |what| Invalid::query(format!("label={text}: {what}, as in label=beach>80"));
        let at = text
            .find(['<', '>'])
            .ok_or_else(|| problem("put < or > after the name"))?;
        let (name, rest) = text.split_at(at);
        let operator = if rest.starts_with('>') {
            Operator::Above
        } else {
            Operator::Below
        };
        let name = name.trim();
        if name.is_empty() {
            return Err(problem("put a name before the operator"));
        }
        let confidence_threshold = rest
            .get(1..)
            .and_then(|number| number.trim().parse().ok())
            .filter(|number| (0.0..=100.0).contains(number))
            .ok_or_else(|| problem("put a number from 0 to 100 after the operator"))?;
        Ok(Self {
            name: name.to_owned(),
            operator,
            confidence_threshold,
        })
    }
}

impl Serialize for Filter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Filter", 3)?;
        object.serialize_field("name", &self.name)?;
        object.serialize_field("operator", &self.operator)?;
        // The answer repeats a threshold of 80 as 80 and not as 80.0.
        let threshold = self.confidence_threshold;
        if threshold.fract() == 0.0 {
            object.serialize_field("confidence_threshold", &(threshold as i64))?;
        } else {
            object.serialize_field("confidence_threshold", &threshold)?;
        }
        object.end()
    }
}

/// A search.
#[derive(Clone, Debug, PartialEq)]
pub struct ScanQuery {
    /// The group to search; `None` for all of the user's photos.
    pub grouping: Option<Grouping>,
    /// The conditions that the photos must all meet.
    pub filters: Vec<Filter>,
    /// The maximum number of names to answer, 1 to [`MAX_NAMES`].
    pub limit: u32,
    /// The last name of the page before, from `next_cursor`.
    pub cursor: Option<String>,
}

/// The maximum number of filters in one search.
const MAX_FILTERS: usize = 20;

impl ScanQuery {
    /// Reads a query.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn parse(query: &Query) -> Result<Self, Invalid> {
        let filters: Vec<_> = query.all("label").map(Filter::parse).collect();
        if filters.len() > MAX_FILTERS {
            return Err(Invalid::query(format!("give at most {MAX_FILTERS} labels")));
        }
        let cursor = query.parsed("cursor", "must be the next_cursor of an answer")?;
        Ok(Self {
            grouping: Grouping::parse(query)?,
            filters: filters.into_iter().collect::<Result<_, _>>()?,
            limit: query.limit(MAX_NAMES, MAX_NAMES)?,
            cursor: cursor.map(|file: FileName| file.to_string()),
        })
    }

    /// The answer to the search.
    pub fn response(self, total_count: u64, images: Vec<String>, more: bool) -> ScanResponse {
        ScanResponse {
            grouping: self.grouping.map(Grouping::name),
            grouping_id: self.grouping.map(Grouping::id),
            filters: self.filters,
            total_count,
            next_cursor: if more { images.last().cloned() } else { None },
            images,
        }
    }
}

/// The answer of `GET /scan`.
#[derive(Debug, Serialize)]
pub struct ScanResponse {
    grouping: Option<&'static str>,
    grouping_id: Option<i64>,
    filters: Vec<Filter>,
    total_count: u64,
    images: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(query: &str) -> Result<ScanQuery, Invalid> {
        let pairs = url::form_urlencoded::parse(query.as_bytes());
        ScanQuery::parse(&pairs.into_owned().collect())
    }

    fn filter(name: &str, operator: Operator, confidence_threshold: f64) -> Filter {
        Filter {
            name: name.into(),
            operator,
            confidence_threshold,
        }
    }

    #[test]
    fn a_search_may_have_a_group_and_several_labels() {
        let search = parse("post_id=12&label=beach%3E80&label=ocean%3C90.5").unwrap();
        assert_eq!(search.grouping, Some(Grouping::Post(12)));
        assert_eq!(
            search.filters,
            [
                filter("beach", Operator::Above, 80.0),
                filter("ocean", Operator::Below, 90.5)
            ]
        );
    }

    #[test]
    fn names_with_spaces_and_raw_operators_are_understood() {
        assert_eq!(
            parse("label=Tabby+Cat>80&label=sports%20car%20%3C%2050")
                .unwrap()
                .filters,
            [
                filter("Tabby Cat", Operator::Above, 80.0),
                filter("sports car", Operator::Below, 50.0)
            ]
        );
    }

    #[test]
    fn each_mistake_is_told() {
        for (query, told) in [
            ("post_id=1&trip_id=2", "only one of"),
            ("post_id=1&post_id=1", "post_id must be there only once"),
            ("trip_id=abc", "trip_id must be an integer"),
            ("location_id=", "location_id must be an integer"),
            ("post_id=1.0", "post_id must be an integer"),
            ("label=beach", "put < or >"),
            ("label=beach%3D80", "put < or >"),
            ("label=%3E80", "put a name"),
            ("label=beach%3E", "put a number"),
            ("label=beach%3Ehigh", "put a number"),
            ("label=beach%3E101", "put a number"),
            ("label=beach%3ENaN", "put a number"),
            ("label=beach%3E%3E5", "put a number"),
            ("limit=0", "limit must be"),
            ("limit=1001", "limit must be"),
            ("cursor=../x", "cursor must be"),
        ] {
            let Invalid { code, message } = parse(query).unwrap_err();
            assert!(message.contains(told), "{query}: {message}");
            assert_eq!(code, "invalid_query");
        }
    }

    #[test]
    fn the_answer_has_the_shape_of_the_contract() {
        let search = parse("trip_id=-3&label=beach%3E80&label=ocean%3C90.5").unwrap();
        let response = search.response(2, vec!["a".into()], true);
        assert_eq!(
            serde_json::to_value(response).unwrap(),
            json!({
                "grouping": "trip_id", "grouping_id": -3,
                "filters": [
                    {"name": "beach", "operator": ">", "confidence_threshold": 80},
                    {"name": "ocean", "operator": "<", "confidence_threshold": 90.5}],
                "total_count": 2, "images": ["a"], "next_cursor": "a"
            })
        );
        let all = parse("").unwrap().response(0, vec![], false);
        assert_eq!(
            serde_json::to_value(all).unwrap(),
            json!({"grouping": null, "grouping_id": null, "filters": [], "total_count": 0, "images": []})
        );
    }
}
