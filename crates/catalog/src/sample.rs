//! A bucket in memory, for tests.

use std::collections::BTreeMap;

use http::Request;
use objects::{Objects, StoreConfig};
use outbound_double::{Answer, Double, answer};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// The answers of S3 to `ListObjectsV2` and `GetObject`.
pub(crate) fn bucket<K: Into<String>, B: Into<String>>(
    content: impl IntoIterator<Item = (K, B)>,
) -> Double<impl Fn(&Request<Vec<u8>>) -> Answer> {
    let content = content
        .into_iter()
        .map(|(key, body)| (key.into(), body.into()));
    let content: BTreeMap<String, String> = content.collect();
    Double::new(move |request| {
        let path = request.uri().path().strip_prefix("/purchases/").unwrap();
        if let Some(query) = request.uri().query() {
            return answer(200, page(&content, query));
        }
        let key = percent_decode_str(path).decode_utf8().unwrap();
        match content.get(&*key) {
            Some(body) => answer(200, body.clone()),
            None => answer(404, "<Error><Code>NoSuchKey</Code></Error>"),
        }
    })
}

fn page(content: &BTreeMap<String, String>, query: &str) -> String {
    let parameters: BTreeMap<&str, String> = query
        .split('&')
        .filter_map(|parameter| parameter.split_once('='))
        .map(|(name, value)| {
            (
                name,
                percent_decode_str(value).decode_utf8().unwrap().into(),
            )
        })
        .collect();
    let after = parameters.get("start-after").map_or("", String::as_str);
    let max: usize = parameters["max-keys"].parse().unwrap();
    let keys: Vec<&String> = content
        .keys()
        .filter(|key| key.starts_with(&parameters["prefix"]) && key.as_str() > after)
        .collect();
    let objects: String = keys
        .iter()
        .take(max.min(1000))
        .map(|key| {
            let key = utf8_percent_encode(key, NON_ALPHANUMERIC);
            format!("<Contents><Key>{key}</Key><Size>1</Size></Contents>")
        })
        .collect();
    format!(
        "<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>{}</IsTruncated>{objects}\
         </ListBucketResult>",
        keys.len() > max.min(1000)
    )
}

/// The bucket, as the catalog reads it.
pub(crate) fn objects<T: outbound::Transport>(store: T) -> Objects<T> {
    let variable = |name: &str| {
        let value = match name {
            "s3_endpoint" => "http://127.0.0.1:9000",
            "compras_bucket" => "purchases",
            "s3_region" => "us-east-1",
            "s3_access_key_id" | "s3_secret_access_key" => "test",
            _ => return None,
        };
        Some(value.to_owned())
    };
    let config = StoreConfig::from_variables(variable, "compras_bucket").unwrap();
    Objects::with_transport(config, store)
}
