//! Endpoints: where events are sent.

use std::collections::BTreeSet;

use base::{Invalid, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The max number of endpoints, without those of `notification_urls`: each event may become as
/// many messages.
pub const MAX_ENDPOINTS: usize = 100;

/// The max number of types that an endpoint names.
const MAX_TYPES: usize = 50;

/// The max length of a type in characters.
const MAX_TYPE: usize = 128;

/// The max length of a description in bytes.
const MAX_DESCRIPTION: usize = 1024;

/// All types, in [`wishes_of`].
const ANY: &str = "*";

base::id! {
    /// The id of an endpoint.
    pub struct EndpointId;
}

impl EndpointId {
    /// A new id, later than those before it.
    ///
    /// # Errors
    /// None known.
    pub fn generate() -> Result<Self, base::IdError> {
        format!("wh_{}", Uuid::now_v7().simple()).parse()
    }
}

/// An endpoint that an operator made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Endpoint {
    /// Its id.
    pub id: EndpointId,
    /// Its URL.
    pub url: String,
    /// The types that it wants: exact ones, or families such as `orilla.order.*`. Empty for
    /// all.
    pub event_types: Vec<String>,
    /// Its description, for a person.
    pub description: String,
    /// Whether it gets events.
    pub enabled: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Why it was switched off, if no operator did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<Disabled>,
}

/// Why and when an endpoint was switched off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disabled {
    /// When.
    pub at: Timestamp,
    /// Why, for a person.
    pub reason: String,
}

impl Endpoint {
    /// The endpoint after it was switched off.
    #[must_use]
    pub fn switched_off(&self, reason: String, now: Timestamp) -> Self {
        Self {
            enabled: false,
            updated_at: now,
            disabled: Some(Disabled { at: now, reason }),
            ..self.clone()
        }
    }

    /// Whether it is to get events of this type now.
    pub fn gets(&self, kind: &str) -> bool {
        self.enabled && wants(&self.event_types, kind)
    }
}

/// Whether a list of types has this one. An empty list has all.
pub fn wants(types: &[String], kind: &str) -> bool {
    types.is_empty()
        || types.iter().any(|wanted| match wanted.strip_suffix('*') {
            Some(family) => kind.len() > family.len() && kind.starts_with(family),
            None => wanted == kind,
        })
}

/// The event types that endpoints want, as one set: types, families and [`ANY`].
pub(crate) fn wishes_of<'e>(
    endpoints: impl IntoIterator<Item = &'e Endpoint>,
) -> BTreeSet<&'e str> {
    let mut wishes = BTreeSet::new();
    for endpoint in endpoints.into_iter().filter(|endpoint| endpoint.enabled) {
        if endpoint.event_types.is_empty() {
            wishes.insert(ANY);
        }
        wishes.extend(endpoint.event_types.iter().map(String::as_str));
    }
    wishes
}

/// The wishes that an event of a type fulfils: one of them is in [`wishes_of`] just if an
/// endpoint [`Endpoint::gets`] the type.
pub fn wishes_for(kind: &str) -> Vec<String> {
    let families = kind
        .match_indices('.')
        .filter(|(dot, _)| dot + 1 < kind.len())
        .filter_map(|(dot, _)| kind.get(..=dot))
        .map(|family| format!("{family}*"));
    [ANY, kind]
        .map(str::to_owned)
        .into_iter()
        .chain(families)
        .collect()
}

/// Checks the types that an endpoint is to get. Each is there once afterwards.
///
/// # Errors
/// The first one that no event can have.
pub(crate) fn check_types(types: Vec<String>) -> Result<Vec<String>, Invalid> {
    if types.len() > MAX_TYPES {
        let message = format!("eventTypes: must be at most {MAX_TYPES} types");
        return Err(Invalid::field(message));
    }
    let mut known = BTreeSet::new();
    for (at, kind) in types.iter().enumerate() {
        let name = kind.strip_suffix(".*").unwrap_or(kind);
        let is_word = |word: &str| {
            let mut bytes = word.bytes();
            !word.is_empty() && bytes.all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
        };
        if kind.len() > MAX_TYPE || !name.split('.').all(is_word) {
            return Err(Invalid::field(format!(
                "eventTypes[{at}]: must be a type such as orilla.order.completed, or a family such \
                 as orilla.order.*, of at most {MAX_TYPE} characters"
            )));
        }
        known.insert(kind.clone());
    }
    Ok(types
        .into_iter()
        .filter(|kind| known.remove(kind))
        .collect())
}

/// Checks the description of an endpoint.
///
/// # Errors
/// It is too long.
pub(crate) fn check_description(text: String) -> Result<String, Invalid> {
    match text.len() > MAX_DESCRIPTION {
        true => Err(Invalid::field(format!(
            "description: must have at most {MAX_DESCRIPTION} bytes"
        ))),
        false => Ok(text),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An endpoint that wants these types.
    pub(crate) fn endpoint(types: &[&str]) -> Endpoint {
        Endpoint {
            id: EndpointId::generate().unwrap(),
            url: "https://shop.example/hook".into(),
            event_types: types.iter().map(|kind| (*kind).to_owned()).collect(),
            description: String::new(),
            enabled: true,
            created_at: Timestamp::from_millis(1),
            updated_at: Timestamp::from_millis(1),
            disabled: None,
        }
    }

    #[test]
    fn an_endpoint_gets_the_types_that_it_names() {
        for (types, kind, gets) in [
            (&[][..], "orilla.order.completed", true),
            (&["orilla.order.completed"], "orilla.order.completed", true),
            (&["orilla.order.completed"], "orilla.order.canceled", false),
            (&["orilla.order.*"], "orilla.order.canceled", true),
            (&["orilla.order.*"], "orilla.order.", false),
            (&["orilla.order.*"], "orilla.orders.canceled", false),
            (&["orilla.*"], "orilla.image.failed", true),
            (
                &["shop.*", "orilla.image.failed"],
                "orilla.image.failed",
                true,
            ),
        ] {
            assert_eq!(endpoint(types).gets(kind), gets, "{types:?} {kind}");
        }
        let off = Endpoint {
            enabled: false,
            ..endpoint(&[])
        };
        assert!(!off.gets("orilla.order.completed"));
        assert!(wishes_of([&off]).is_empty());
    }

    #[test]
    fn types_that_no_event_has_are_refused_by_their_place() {
        let check =
            |types: &[&str]| check_types(types.iter().map(|kind| (*kind).to_owned()).collect());
        let once = check(&["a.b", "c.*", "a.b"]).unwrap();
        assert_eq!(once, ["a.b", "c.*"]);
        for wrong in [
            "",
            "*",
            ".*",
            "a.",
            ".a",
            "a..b",
            "a.*.b",
            "a*",
            "a b",
            "é",
            &"a".repeat(129),
        ] {
            let error = check(&["a", wrong]).unwrap_err();
            assert!(
                error.message.starts_with("eventTypes[1]: "),
                "{wrong}: {error}"
            );
        }
        let many: Vec<_> = (0..51).map(|n| format!("a{n}")).collect();
        assert!(check_types(many).is_err());
        assert!(check_description("x".repeat(1024)).is_ok());
        assert!(check_description("x".repeat(1025)).is_err());
    }

    proptest! {
        #[test]
        fn the_set_of_wishes_has_a_type_just_if_an_endpoint_gets_it(
            types in prop::collection::vec("[ab]{1,2}(\\.[ab]){0,2}(\\.\\*)?", 0..3),
            kind in "[ab]{1,2}(\\.[ab]){0,3}",
        ) {
            let types: Vec<_> = types.iter().map(String::as_str).collect();
            let endpoint = endpoint(&types);
            let wishes = wishes_of([&endpoint]);
            let is_wanted = wishes_for(&kind).iter().any(|wish| wishes.contains(&**wish));
            prop_assert_eq!(is_wanted, endpoint.gets(&kind));
        }
    }
}
