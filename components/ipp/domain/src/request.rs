//! The bodies of requests.

use std::collections::HashSet;

use base::Invalid;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::Mostrador;

/// The max ids of a request.
const MAX_IDS: usize = 10_000;

/// The ids of a list: the valid ones, and the texts of the others. Each is there once, in
/// the order of the list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ids {
    /// The numbers.
    pub valid: Vec<Mostrador>,
    /// Texts that are no numbers, as they were sent but trimmed.
    pub invalid: Vec<String>,
}

/// Sorts ids into valid and invalid ones. They are trimmed, and doubled ones count once.
pub fn ids<'a>(texts: impl IntoIterator<Item = &'a str>) -> Ids {
    let mut ids = Ids::default();
    let (mut numbers, mut others) = (HashSet::new(), HashSet::new());
    for text in texts {
        let text = text.trim();
        match text.parse::<Mostrador>() {
            Ok(number) if numbers.insert(number.clone()) => ids.valid.push(number),
            Err(_) if others.insert(text) => ids.invalid.push(text.to_owned()),
            _ => {}
        }
    }
    ids
}

/// The body of `POST /ipp/validate-clients`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValidateRequest {
    /// Validates these.
    Manual(Ids),
    /// Validates all that are configured.
    Automatic,
}

/// The body of `POST /ipp/start`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartRequest {
    /// The mostradores; at least one.
    pub mostradores: Vec<Mostrador>,
}

#[derive(Default, Deserialize)]
struct Body<'a> {
    #[serde(borrow, alias = "clients")]
    mostradores: Option<Vec<&'a RawValue>>,
    mode: Option<String>,
}

impl<'a> Body<'a> {
    /// Reads a body; an empty one counts as `{}`.
    fn read(body: &'a [u8]) -> Result<Self, Invalid> {
        match body.trim_ascii() {
            [] => Ok(Self::default()),
            body => base::object_body(body),
        }
    }

    /// The ids, if the body has some. Integers are taken like their texts.
    fn ids(&self) -> Result<Option<Ids>, Invalid> {
        let Some(raw) = &self.mostradores else {
            return Ok(None);
        };
        if raw.is_empty() || raw.len() > MAX_IDS {
            let message = format!("mostradores must have 1 to {MAX_IDS} ids");
            return Err(Invalid::field(message));
        }
        let texts = raw.iter().map(|raw| {
            let is_integer = raw.get().bytes().all(|byte| byte.is_ascii_digit());
            match is_integer {
                true => Ok(raw.get().to_owned()),
                false => serde_json::from_slice::<String>(raw.get().as_bytes()),
            }
        });
        let texts: Result<Vec<_>, _> = texts.collect();
        let texts = texts.map_err(|_| {
            Invalid::field("each of mostradores must be a string or a whole number")
        })?;
        Ok(Some(ids(texts.iter().map(String::as_str))))
    }
}

impl ValidateRequest {
    /// Reads a body.
    ///
    /// # Errors
    /// It is not the JSON of this route, or its list is empty or too long.
    pub fn parse(body: &[u8]) -> Result<Self, Invalid> {
        let body = Body::read(body)?;
        match (body.mode.as_deref(), body.ids()?) {
            (None | Some("manual"), Some(ids)) => Ok(Self::Manual(ids)),
            (None | Some("automatic"), None) => Ok(Self::Automatic),
            (Some("manual"), None) => Err(Invalid::field("the mode manual needs mostradores")),
            (Some("automatic"), Some(_)) => Err(Invalid::field(
                "the mode automatic takes no mostradores: it validates all",
            )),
            (Some(_), _) => Err(Invalid::field("mode must be `manual` or `automatic`")),
        }
    }
}

impl StartRequest {
    /// Reads a body.
    ///
    /// # Errors
    /// It is not the JSON of this route, it has no ids, or one that is no number.
    pub fn parse(body: &[u8]) -> Result<Self, Invalid> {
        let ids = Body::read(body)?.ids()?;
        let ids = ids.ok_or_else(|| Invalid::field("mostradores is missing"))?;
        if let Some(wrong) = ids.invalid.first() {
            let wrong = base::shorten(wrong, 40);
            let message = format!("{wrong:?} in mostradores: {}", crate::NoMostrador);
            return Err(Invalid::field(message));
        }
        Ok(Self {
            mostradores: ids.valid,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(texts: &[&str]) -> Vec<Mostrador> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn ids_are_trimmed_and_counted_once_and_others_are_told_apart() {
        let body =
            br#"{"mostradores":[" 7051602","0007051602",7051603,"abc","abc","7051602 OR 1=1",""]}"#;
        let ids = Ids {
            valid: numbers(&["7051602", "7051603"]),
            invalid: ["abc", "7051602 OR 1=1", ""].map(str::to_owned).to_vec(),
        };
        let request = ValidateRequest::parse(body).unwrap();
        assert_eq!(request, ValidateRequest::Manual(ids));
        let started = StartRequest::parse(br#"{"clients":["1","01",2]}"#).unwrap();
        assert_eq!(started.mostradores, numbers(&["1", "2"]));
    }

    #[test]
    fn without_a_list_all_are_validated() {
        for body in ["", "  ", "{}", r#"{"mode":"automatic"}"#] {
            let request = ValidateRequest::parse(body.as_bytes());
            assert_eq!(request, Ok(ValidateRequest::Automatic), "{body}");
        }
    }

    #[test]
    fn a_body_that_says_neither_is_refused() {
        for body in [
            "[]",
            "{",
            r#"{"mostradores":[]}"#,
            r#"{"mostradores":[1.5]}"#,
            r#"{"mostradores":[-1]}"#,
            r#"{"mostradores":[null]}"#,
            r#"{"mostradores":"7051602"}"#,
            r#"{"mode":"manual"}"#,
            r#"{"mode":"automatic","mostradores":["1"]}"#,
            r#"{"mode":"x"}"#,
        ] {
            assert!(ValidateRequest::parse(body.as_bytes()).is_err(), "{body}");
        }
        for body in [
            "",
            "{}",
            r#"{"mostradores":["x"]}"#,
            r#"{"mostradores":[]}"#,
        ] {
            assert!(StartRequest::parse(body.as_bytes()).is_err(), "{body}");
        }
    }
}
