use std::net::{Ipv4Addr, Ipv6Addr};

use base::Failure;
use outbound::BaseUrl;
use outbound::sigv4::Credentials;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::Error;

/// The max length of a key in S3, in bytes of UTF-8.
const MAX_KEY_BYTES: usize = 1024;

/// Everything but the unreserved characters of RFC 3986.
const ENCODED_IN_QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Everything but those and the slash.
const ENCODED_IN_KEY: &AsciiSet = &ENCODED_IN_QUERY.remove(b'/');

/// The place of the bucket's name in a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Addressing {
    /// `https://host/bucket/key`, for MinIO and other local stores.
    #[default]
    Path,
    /// `https://bucket.host/key`, for AWS.
    Virtual,
}

/// The address of one bucket, and the access key for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreConfig {
    pub(crate) endpoint: Endpoint,
    pub(crate) public_endpoint: Option<Endpoint>,
    pub(crate) region: String,
    pub(crate) bucket: String,
    pub(crate) credentials: Credentials,
}

impl StoreConfig {
    /// Reads the configuration from variables. An empty variable counts as unset.
    ///
    /// | variable | meaning |
    /// |---|---|
    /// | `s3_endpoint` | URL of the store for this component |
    /// | `s3_public_endpoint` | URL of the store for clients, in presigned URLs; `s3_endpoint` if unset |
    /// | `s3_region` | region in the signature |
    /// | `s3_addressing` | `path` (if unset) or `virtual`; see [`Addressing`] |
    /// | `s3_access_key_id`, `s3_secret_access_key` | the access key |
    /// | `s3_session_token` | the token of temporary credentials |
    ///
    /// `bucket_variable` is the name of the variable that has the bucket's name. With virtual
    /// addressing the host of an endpoint may start with `<bucket>.` already, so that
    /// `allowed_outbound_hosts` can list one host.
    ///
    /// # Errors
    /// [`Failure::Misconfigured`] for the first variable that is missing or invalid.
    pub fn from_variables(
        get: impl Fn(&str) -> Option<String>,
        bucket_variable: &str,
    ) -> Result<Self, Failure> {
        let optional = |name: &str| get(name).filter(|value| !value.trim().is_empty());
        let required = |name: &str| {
            optional(name)
                .map(|value| value.trim().to_owned())
                .ok_or_else(|| Failure::variable(name, "is not set"))
        };

        let addressing = match optional("s3_addressing").as_deref().map(str::trim) {
            None | Some("path") => Addressing::Path,
            Some("virtual") => Addressing::Virtual,
            Some(_) => {
                return Err(Failure::variable(
                    "s3_addressing",
                    "has to be `path` or `virtual`",
                ));
            }
        };
        let bucket = required(bucket_variable)?;
        if !is_bucket_name(&bucket) {
            return Err(Failure::variable(
                bucket_variable,
                "is no bucket name: use 3 to 63 of a-z, 0-9, `.` and `-`",
            ));
        }
        let endpoint = |variable: &str, value: &str| {
            Endpoint::parse(value, addressing, &bucket)
                .map_err(|problem| Failure::variable(variable, problem))
        };

        Ok(Self {
            endpoint: endpoint("s3_endpoint", &required("s3_endpoint")?)?,
            public_endpoint: optional("s3_public_endpoint")
                .map(|value| endpoint("s3_public_endpoint", value.trim()))
                .transpose()?,
            region: required("s3_region")?,
            credentials: Credentials {
                access_key_id: required("s3_access_key_id")?,
                secret_access_key: required("s3_secret_access_key")?,
                session_token: optional("s3_session_token").map(|token| token.trim().to_owned()),
            },
            bucket,
        })
    }

    /// The name of the bucket.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }
}

/// The URL of a bucket, without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint(String);

impl Endpoint {
    fn parse(text: &str, addressing: Addressing, bucket: &str) -> Result<Self, &'static str> {
        let base = BaseUrl::parse(text)?;
        Ok(Self(match addressing {
            Addressing::Path => format!("{base}/{bucket}"),
            Addressing::Virtual if is_address(base.host()) => {
                return Err("is an IP address, which has no subdomains: set s3_addressing = path");
            }
            Addressing::Virtual if base.host().starts_with(&format!("{bucket}.")) => {
                base.to_string()
            }
            Addressing::Virtual => {
                let host = format!("{bucket}.{}", base.host());
                base.with_host(host).to_string()
            }
        }))
    }

    /// The URL of a question to the bucket itself, with its parameters percent-encoded.
    pub(crate) fn bucket_url(&self, parameters: &[(&str, &str)]) -> String {
        let mut url = format!("{}/", self.0);
        for (n, (name, value)) in parameters.iter().enumerate() {
            url.push(if n == 0 { '?' } else { '&' });
            url.push_str(name);
            url.push('=');
            url.extend(utf8_percent_encode(value, ENCODED_IN_QUERY));
        }
        url
    }

    /// The URL of the object `key`, percent-encoded once (RFC 3986, 2.1).
    pub(crate) fn object_url(&self, key: &str) -> Result<String, Error> {
        if key.is_empty() || key.len() > MAX_KEY_BYTES {
            return Err(Error::InvalidKey(format!(
                "it has {} bytes, and keys have 1 to {MAX_KEY_BYTES}",
                key.len()
            )));
        }
        // Clients resolve dot segments (RFC 3986, 5.2.4) and would ask for another object.
        if key.split('/').any(|segment| matches!(segment, "." | "..")) {
            return Err(Error::InvalidKey("it has a `.` or `..` segment".into()));
        }
        Ok(format!(
            "{}/{}",
            self.0,
            utf8_percent_encode(key, ENCODED_IN_KEY)
        ))
    }
}

fn is_address(host: &str) -> bool {
    host.parse::<Ipv4Addr>().is_ok()
        || host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .parse::<Ipv6Addr>()
            .is_ok()
}

/// The rules of S3 for the name of a new bucket, without its list of reserved prefixes.
fn is_bucket_name(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    (3..=63).contains(&name.len())
        && name.chars().all(inner)
        && name.starts_with(edge)
        && name.ends_with(edge)
        && !name.contains("..")
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A local store, as development has it, with some variables changed.
    pub(crate) fn config(changes: &[(&str, &str)]) -> Result<StoreConfig, Failure> {
        let defaults = [
            ("s3_endpoint", "http://127.0.0.1:9000"),
            ("s3_region", "us-east-1"),
            ("s3_addressing", "path"),
            ("s3_access_key_id", "AKIDEXAMPLE"),
            ("s3_secret_access_key", "very-secret"),
            ("s3_session_token", ""),
            ("images_bucket_name", "images"),
        ];
        StoreConfig::from_variables(
            |name| {
                let all = changes.iter().chain(&defaults);
                all.into_iter()
                    .find(|(variable, _)| *variable == name)
                    .map(|(_, value)| (*value).to_owned())
            },
            "images_bucket_name",
        )
    }

    fn url(changes: &[(&str, &str)], key: &str) -> String {
        config(changes).unwrap().endpoint.object_url(key).unwrap()
    }

    #[test]
    fn path_addressing_puts_the_bucket_into_the_path() {
        assert_eq!(url(&[], "1-a.jpg"), "http://127.0.0.1:9000/images/1-a.jpg");
        assert_eq!(
            url(&[("s3_endpoint", "https://Store.Example:443/")], "a/b"),
            "https://store.example/images/a/b"
        );
        assert_eq!(
            url(&[("s3_endpoint", "http://[::1]:9000/")], "a"),
            "http://[::1]:9000/images/a"
        );
    }

    #[test]
    fn virtual_addressing_puts_the_bucket_into_the_host() {
        let aws = [
            ("s3_endpoint", "https://s3.eu-west-1.amazonaws.com"),
            ("s3_addressing", "virtual"),
        ];
        assert_eq!(
            url(&aws, "a.jpg"),
            "https://images.s3.eu-west-1.amazonaws.com/a.jpg"
        );
    }

    #[test]
    fn a_virtual_host_that_names_the_bucket_already_is_left_alone() {
        let named = [
            ("s3_endpoint", "https://images.s3.amazonaws.com"),
            ("s3_addressing", "virtual"),
        ];
        assert_eq!(
            url(&named, "a.jpg"),
            "https://images.s3.amazonaws.com/a.jpg"
        );
    }

    #[test]
    fn keys_are_encoded_once_and_completely() {
        assert_eq!(
            url(&[], "año 1/a+b%20c?d#e&f=g~h_i-j.jpg"),
            "http://127.0.0.1:9000/images/a%C3%B1o%201/a%2Bb%2520c%3Fd%23e%26f%3Dg~h_i-j.jpg"
        );
    }

    #[test]
    fn keys_that_no_client_can_ask_for_are_refused() {
        let endpoint = config(&[]).unwrap().endpoint;
        for key in ["", "../secrets", "a/./b", &"x".repeat(1025)] {
            assert!(
                matches!(endpoint.object_url(key), Err(Error::InvalidKey(_))),
                "{key}"
            );
        }
    }

    #[test]
    fn a_missing_variable_is_named() {
        for variable in [
            "s3_endpoint",
            "s3_region",
            "s3_access_key_id",
            "s3_secret_access_key",
            "images_bucket_name",
        ] {
            assert_eq!(
                config(&[(variable, " ")]),
                Err(Failure::variable(variable, "is not set"))
            );
        }
    }

    #[test]
    fn a_value_that_can_not_be_used_is_named_with_the_reason() {
        for (variable, value, hint) in [
            ("s3_endpoint", "127.0.0.1:9000", "http://"),
            ("s3_endpoint", "ftp://store.example", "http://"),
            (
                "s3_endpoint",
                "http://key:secret@store.example",
                "credentials",
            ),
            ("s3_endpoint", "http://store.example/?a=b", "query"),
            ("s3_endpoint", "http://bad host", "no URL"),
            ("s3_public_endpoint", "store.example", "http://"),
            ("s3_addressing", "virtual-hosted", "`path` or `virtual`"),
            ("images_bucket_name", "My_Images", "bucket name"),
            ("images_bucket_name", "a..b", "bucket name"),
        ] {
            let error = config(&[(variable, value)]).unwrap_err().to_string();
            let expected = format!("the variable {variable} ");
            assert!(error.starts_with(&expected), "{error}");
            assert!(error.contains(hint), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
        let error = config(&[("s3_addressing", "virtual")]).unwrap_err();
        assert!(
            error.to_string().contains("s3_addressing = path"),
            "{error}"
        );
    }

    #[test]
    fn debug_output_keeps_the_secret() {
        assert!(!format!("{:?}", config(&[])).contains("very-secret"));
    }
}
