//! The body of `POST /receiver`.

use std::fmt::Display;

use base::Invalid;
use serde_json::{Map, Value};

use crate::file_name::is_sha256;
use crate::{FileName, MediaType, Post, UserIds};

/// The maximum length of `post.content`, in bytes.
const MAX_CONTENT_BYTES: usize = 8 * 1024;

/// A photo that a client announces.
#[derive(Clone, Debug, PartialEq)]
pub struct Intake {
    /// Its name.
    pub file: FileName,
    /// The size in bytes, if the client sends it.
    pub size: Option<u64>,
    /// The post that uses it.
    pub post: Post,
}

impl Intake {
    /// Reads a request's body. Unknown fields are ignored.
    ///
    /// # Errors
    /// A field is missing or wrong. The text names it.
    pub fn parse(body: &Value, user_ids: UserIds) -> Result<Self, Invalid> {
        let body = object(body, "body")?;
        let hash = text(body, "image_hash", "image_hash")?;
        if !is_sha256(hash) {
            return Err(invalid("image_hash", "must be a SHA-256 as 64 hex digits"));
        }
        let content_type = text(body, "content_type", "content_type")?;
        let media_type = MediaType::from_name(content_type).ok_or_else(|| {
            let kinds = MediaType::ALL.map(MediaType::name).join(", ");
            invalid("content_type", format!("must be one of {kinds}"))
        })?;
        let user_id = body.get("user_id");
        let user_id = user_id.ok_or_else(|| invalid("user_id", "is missing"))?;
        let user_id = user_ids
            .of_json(user_id)
            .map_err(|problem| invalid("user_id", problem))?;
        let size = match body.get("size") {
            None | Some(Value::Null) => None,
            Some(_) => Some(
                u64::try_from(integer(body, "size", "size")?)
                    .ok()
                    .filter(|size| *size > 0)
                    .ok_or_else(|| invalid("size", "must be a number of bytes, at least 1"))?,
            ),
        };
        let post = object(body.get("post").unwrap_or(&Value::Null), "post")?;
        let content = match post.get("content") {
            None | Some(Value::Null) => "",
            Some(_) => text(post, "content", "post.content")?,
        };
        if content.len() > MAX_CONTENT_BYTES {
            let problem = format!("may have at most {MAX_CONTENT_BYTES} bytes");
            return Err(invalid("post.content", problem));
        }
        Ok(Self {
            file: FileName {
                user_id,
                hash: hash.to_ascii_lowercase(),
                media_type,
            },
            size,
            post: Post {
                post_id: integer(body, "post_id", "post_id")?,
                picture_id: integer(body, "picture_id", "picture_id")?,
                trip_id: integer(post, "trip_id", "post.trip_id")?,
                location_id: integer(post, "location_id", "post.location_id")?,
                content: content.to_owned(),
            },
        })
    }
}

fn invalid(field: &str, problem: impl Display) -> Invalid {
    Invalid::field(format!("{field}: {problem}"))
}

fn object<'a>(value: &'a Value, field: &str) -> Result<&'a Map<String, Value>, Invalid> {
    value
        .as_object()
        .ok_or_else(|| invalid(field, "must be a JSON object"))
}

fn text<'a>(object: &'a Map<String, Value>, name: &str, field: &str) -> Result<&'a str, Invalid> {
    match object.get(name) {
        None => Err(invalid(field, "is missing")),
        Some(value) => value
            .as_str()
            .ok_or_else(|| invalid(field, "must be a string")),
    }
}

fn integer(object: &Map<String, Value>, name: &str, field: &str) -> Result<i64, Invalid> {
    match object.get(name) {
        None => Err(invalid(field, "is missing")),
        Some(value) => value
            .as_i64()
            .ok_or_else(|| invalid(field, "must be an integer")),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;
    use crate::ImageRecord;

    /// The record of a photo that was announced.
    pub(crate) fn announced() -> ImageRecord {
        let mut body = body();
        body["image_hash"] = json!("0".repeat(64));
        let intake = Intake::parse(&body, UserIds::Integer).unwrap();
        let record = ImageRecord::receive(None, &intake, "2026-11-22T10:15:00.000Z");
        record.unwrap().unwrap()
    }

    fn body() -> Value {
        json!({
            "image_hash": "A1B2C3D4E5F6789ABCDEF1234567890ABCDEF12A1B2C3D4E5F6789ABCDEF1234",
            "content_type": "image/jpeg", "size": null,
            "post_id": 123, "user_id": 456, "picture_id": 789,
            "post": {"trip_id": 3, "location_id": 5, "content": "Día increíble en el desierto"}
        })
    }

    #[test]
    fn the_request_of_the_contract_is_understood() {
        let intake = Intake::parse(&body(), UserIds::Integer).unwrap();
        assert_eq!(
            intake.file.to_string(),
            "456-a1b2c3d4e5f6789abcdef1234567890abcdef12a1b2c3d4e5f6789abcdef1234.jpg"
        );
        assert_eq!(intake.post.post_id, 123);
        assert_eq!(intake.post.content, "Día increíble en el desierto");
    }

    #[test]
    fn unknown_fields_are_ignored() {
        let mut body = body();
        body["camera"] = json!({"iso": 100});
        let parse = |body| Intake::parse(body, UserIds::Integer);
        assert_eq!(parse(&body), parse(&self::body()));
    }

    /// The field that the error names.
    fn wrong(body: &Value) -> String {
        let invalid = Intake::parse(body, UserIds::Integer).unwrap_err();
        assert_eq!(invalid.code, "invalid_field");
        invalid.message.split(": ").next().unwrap().to_owned()
    }

    #[test]
    fn each_wrong_field_is_named() {
        let cases = [
            ("/image_hash", json!("a1b2"), "image_hash"),
            ("/image_hash", json!(7), "image_hash"),
            ("/content_type", json!("image/gif"), "content_type"),
            ("/size", json!(0), "size"),
            ("/size", json!("5"), "size"),
            ("/size", json!(1.5), "size"),
            ("/post_id", json!("123"), "post_id"),
            ("/post_id", json!(1.5), "post_id"),
            ("/picture_id", json!(null), "picture_id"),
            ("/user_id", json!(-1), "user_id"),
            ("/post", json!([]), "post"),
            ("/post/trip_id", json!(true), "post.trip_id"),
            ("/post/location_id", json!("5"), "post.location_id"),
            ("/post/content", json!(5), "post.content"),
            ("/post/content", json!("x".repeat(8193)), "post.content"),
        ];
        for (pointer, value, field) in cases {
            let mut body = body();
            *body.pointer_mut(pointer).unwrap() = value;
            assert_eq!(wrong(&body), field, "{pointer}");
        }
        for field in [
            "image_hash",
            "content_type",
            "post_id",
            "user_id",
            "picture_id",
            "post",
        ] {
            let mut body = body();
            body.as_object_mut().unwrap().remove(field);
            assert_eq!(wrong(&body), field);
        }
        assert_eq!(wrong(&json!([])), "body");
    }
}
