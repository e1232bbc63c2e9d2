//! Bodies of requests.

use serde::Deserialize;

use crate::Invalid;

/// Reads a request's body as JSON.
///
/// # Errors
/// `invalid_json`: it is no JSON, or not of the type `T`.
pub fn json_body<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Invalid> {
    serde_json::from_slice(body).map_err(|error| {
        Invalid::json(format!(
            "the body is not the JSON that this route takes: {error}"
        ))
    })
}

/// Reads a request's body as a JSON object. Serde alone would take an array for it, too.
///
/// # Errors
/// `invalid_json`: it is no JSON object, or not of the type `T`.
pub fn object_body<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Invalid> {
    if body.trim_ascii_start().starts_with(b"[") {
        return Err(Invalid::json("the body must be a JSON object"));
    }
    json_body(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct One {
        a: u8,
    }

    #[test]
    fn an_array_is_no_object() {
        assert_eq!(object_body(b" {\"a\": 1}"), Ok(One { a: 1 }));
        assert_eq!(json_body(b" [1]"), Ok(One { a: 1 }));
        let told = |body: &[u8]| object_body::<One>(body).unwrap_err().message;
        assert_eq!(told(b" [1]"), "the body must be a JSON object");
        assert!(told(b"{\"a\": 300}").contains("invalid value"));
    }
}
