use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use serde::Deserialize;

use crate::Error;

/// The max bytes of an object in a listing: a key of 1,024 bytes, each encoded as three,
/// and its properties.
const MAX_OBJECT_BYTES: u64 = 4 * 1024;

/// The max bytes of the rest, which repeats the request.
const MAX_HEAD_BYTES: u64 = 16 * 1024;

/// An object in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The key.
    pub key: String,
    /// The length in bytes.
    pub size: u64,
    /// The entity tag, which changes with the content; without quotes. Some stores leave it
    /// out.
    pub etag: Option<String>,
}

/// A page of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// The objects, in the order of their keys.
    pub objects: Vec<Listed>,
    /// The key to ask for more after, if there is more. It is good for any time, unlike the
    /// continuation tokens of S3.
    pub next: Option<String>,
}

/// The answer to `ListObjectsV2`.
#[derive(Deserialize)]
#[serde(rename = "ListBucketResult", rename_all = "PascalCase")]
struct Answer<'a> {
    is_truncated: bool,
    encoding_type: Option<String>,
    #[serde(borrow, default)]
    contents: Vec<Contents<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Contents<'a> {
    #[serde(borrow)]
    key: Cow<'a, str>,
    size: u64,
    e_tag: Option<String>,
}

impl Listing {
    /// The max bytes of a page of `max` objects.
    pub(crate) fn max_bytes(max: u32) -> u64 {
        MAX_HEAD_BYTES + u64::from(max) * MAX_OBJECT_BYTES
    }

    /// Reads the answer to a request for keys with `prefix` after `after`.
    pub(crate) fn parse(body: &[u8], prefix: &str, after: Option<&str>) -> Result<Self, Error> {
        let no_listing = |reason: String| Error::Unexpected(format!("no listing: {reason}"));
        let text = std::str::from_utf8(body).map_err(|error| no_listing(error.to_string()))?;
        let answer: Answer<'_> =
            quick_xml::de::from_str(text).map_err(|error| no_listing(error.to_string()))?;
        let encoded = answer.encoding_type.as_deref() == Some("url");

        let mut objects: Vec<Listed> = Vec::with_capacity(answer.contents.len());
        for contents in answer.contents {
            let key = match encoded {
                true => decoded(&contents.key)
                    .ok_or_else(|| no_listing(format!("the key {:?}", contents.key)))?,
                false => contents.key.into_owned(),
            };
            // A store that does not know `start-after` would give the first page for ever.
            let before = objects.last().map(|object| object.key.as_str()).or(after);
            if !key.starts_with(prefix) || before.is_some_and(|before| key.as_str() <= before) {
                return Err(no_listing(format!("{key:?} is no key that was asked for")));
            }
            objects.push(Listed {
                key,
                size: contents.size,
                etag: contents.e_tag.map(|etag| etag.trim_matches('"').to_owned()),
            });
        }
        let next = match answer.is_truncated {
            true => Some(
                objects
                    .last()
                    .map(|object| object.key.clone())
                    .ok_or_else(|| no_listing("there is more, but not here".into()))?,
            ),
            false => None,
        };
        Ok(Self { objects, next })
    }
}

/// A key as `encoding-type=url` writes it, which is the form encoding: a space is `+`.
fn decoded(key: &str) -> Option<String> {
    let spaced = key.replace('+', " ");
    let key = percent_decode_str(&spaced).decode_utf8().ok()?;
    Some(key.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: &str) -> Result<Listing, Error> {
        Listing::parse(body.as_bytes(), "p/", Some("p/a"))
    }

    fn page(head: &str, keys: &[&str]) -> String {
        let objects: String = keys
            .iter()
            .map(|key| format!("<Contents><Key>{key}</Key><Size>1</Size></Contents>"))
            .collect();
        format!("<ListBucketResult>{head}{objects}</ListBucketResult>")
    }

    #[test]
    fn the_answer_of_s3_is_read() {
        // The example of the API reference of ListObjectsV2, with a second object.
        let listing = Listing::parse(
            br#"<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
  <Name>quotes</Name>
  <Prefix/>
  <KeyCount>2</KeyCount>
  <MaxKeys>2</MaxKeys>
  <IsTruncated>true</IsTruncated>
  <NextContinuationToken>1ueGcxLPRx1Tr/XYExHnhbYLgveDs2J/wm36Hy4vbOwM=</NextContinuationToken>
  <Contents>
    <Key>ExampleObject.txt</Key>
    <LastModified>2013-09-17T18:07:53.000Z</LastModified>
    <ETag>&quot;599bab3ed2c697f1d26842727561fd94&quot;</ETag>
    <Size>857</Size>
    <StorageClass>REDUCED_REDUNDANCY</StorageClass>
  </Contents>
  <Contents><Key>a &amp; b</Key><Size>0</Size></Contents>
</ListBucketResult>"#,
            "",
            None,
        )
        .unwrap();
        assert_eq!(
            listing,
            Listing {
                objects: vec![
                    Listed {
                        key: "ExampleObject.txt".into(),
                        size: 857,
                        etag: Some("599bab3ed2c697f1d26842727561fd94".into()),
                    },
                    Listed {
                        key: "a & b".into(),
                        size: 0,
                        etag: None,
                    },
                ],
                next: Some("a & b".into()),
            }
        );
    }

    #[test]
    fn keys_are_decoded_only_where_the_store_encodes_them() {
        let keys = ["p/a+b%2Bc%252F%C3%B1"];
        let encoded = page(
            "<IsTruncated>false</IsTruncated><EncodingType>url</EncodingType>",
            &keys,
        );
        assert_eq!(parse(&encoded).unwrap().objects[0].key, "p/a b+c%2Fñ");
        let plain = page("<IsTruncated>false</IsTruncated>", &keys);
        assert_eq!(parse(&plain).unwrap().objects[0].key, keys[0]);
    }

    #[test]
    fn the_last_page_may_be_empty() {
        let listing = parse(&page("<IsTruncated>false</IsTruncated>", &[])).unwrap();
        assert_eq!((listing.objects.len(), listing.next), (0, None));
    }

    #[test]
    fn what_is_no_listing_or_does_not_lead_on_is_refused() {
        let more = "<IsTruncated>true</IsTruncated>";
        let whole = page(more, &["p/b", "p/c"]);
        assert!(parse(&whole).is_ok());
        for cut in 0..whole.len() {
            let read = parse(&whole[..cut]);
            assert!(matches!(read, Err(Error::Unexpected(_))), "{cut}: {read:?}");
        }
        for body in [
            page("", &["p/b"]),
            page(more, &[]),
            page(more, &["p/a"]),
            page(more, &["p/c", "p/b"]),
            page(more, &["q/b"]),
            page("<IsTruncated>perhaps</IsTruncated>", &["p/b"]),
            page(
                "<IsTruncated>false</IsTruncated><EncodingType>url</EncodingType>",
                &["p/b%FF"],
            ),
            "<Error><Code>InternalError</Code></Error>".to_owned(),
            "<html><body>Welcome</body></html>".to_owned(),
            "{}".to_owned(),
        ] {
            let read = parse(&body);
            assert!(
                matches!(read, Err(Error::Unexpected(_))),
                "{body}: {read:?}"
            );
        }
    }
}
