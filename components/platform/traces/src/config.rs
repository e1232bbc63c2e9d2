//! The address of the collector, from variables.

use http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use http::uri::PathAndQuery;
use http::{HeaderMap, header};
use outbound::BaseUrl;
use percent_encoding::percent_decode_str;

use base::Failure;

/// The collector, and the name of this application in it.
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) url: String,
    pub(crate) headers: HeaderMap,
    pub(crate) service: String,
}

impl Config {
    /// Reads the configuration from variables.
    ///
    /// | variable | meaning |
    /// |---|---|
    /// | `otlp_host` | scheme, host and port of the collector |
    /// | `otlp_path` | the path of its traces |
    /// | `otlp_headers` | headers as in `OTEL_EXPORTER_OTLP_HEADERS`: `name=value`, separated by commas, values percent-encoded |
    /// | `otlp_service_name` | the attribute `service.name` |
    ///
    /// # Errors
    /// [`Failure::Misconfigured`] for the first variable that is invalid. The text has no
    /// value of a header, which may be a secret.
    pub fn from_variables(get: impl Fn(&str) -> Result<String, Failure>) -> Result<Self, Failure> {
        let host = get("otlp_host")?;
        let host = BaseUrl::parse(host.trim())
            .map_err(|problem| Failure::variable("otlp_host", problem))?;
        let path = get("otlp_path")?;
        let path = path.trim();
        if !path.starts_with('/') || path.parse::<PathAndQuery>().is_err() {
            return Err(Failure::variable(
                "otlp_path",
                "must be a path, such as /v1/traces",
            ));
        }
        let listed = get("otlp_headers")?;
        let headers = headers(&listed).ok_or_else(|| {
            let problem =
                "must be headers as name=value, separated by commas, values percent-encoded";
            Failure::variable("otlp_headers", problem)
        })?;
        let service = get("otlp_service_name")?.trim().to_owned();
        if service.is_empty() {
            return Err(Failure::variable("otlp_service_name", "must not be empty"));
        }
        Ok(Self {
            url: format!("{host}{path}"),
            headers,
            service,
        })
    }
}

/// Reads a list of headers
/// (<https://opentelemetry.io/docs/specs/otel/protocol/exporter/#specifying-headers-via-environment-variables>).
fn headers(list: &str) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    let members = list.split(',').map(str::trim);
    for member in members.filter(|member| !member.is_empty()) {
        let (name, value) = member.split_once('=')?;
        let name: HeaderName = name.trim().parse().ok()?;
        let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
        let mut value = HeaderValue::from_str(&value).ok()?;
        value.set_sensitive(name == AUTHORIZATION);
        // The exporter's own.
        if name != header::CONTENT_TYPE && name != header::CONTENT_LENGTH && name != header::HOST {
            headers.append(name, value);
        }
    }
    Some(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn config(changes: &[(&str, &str)]) -> Result<Config, Failure> {
        let defaults = [
            ("otlp_host", "http://collector:4318"),
            ("otlp_path", "/v1/traces"),
            ("otlp_headers", ""),
            ("otlp_service_name", "orilla"),
        ];
        Config::from_variables(|name| {
            let all = changes.iter().chain(&defaults);
            let found = all.into_iter().find(|(variable, _)| *variable == name);
            Ok(found.unwrap().1.to_owned())
        })
    }

    #[test]
    fn headers_are_written_as_for_other_exporters() {
        let list = " authorization=Basic%20dTpw, x-scope = team%2Ca ,";
        let config = config(&[("otlp_headers", list), ("otlp_host", "https://C:443/")]).unwrap();
        assert_eq!(config.headers["authorization"], "Basic dTpw");
        assert_eq!(config.headers["x-scope"], "team,a");
        assert_eq!(config.url, "https://c/v1/traces");
        assert!(!format!("{config:?}").contains("dTpw"));
    }

    #[test]
    fn a_wrong_variable_is_named_without_its_secret() {
        for (name, value) in [
            ("otlp_host", "collector:4318"),
            ("otlp_host", "http://collector/otlp"),
            ("otlp_path", "v1/traces"),
            ("otlp_path", ""),
            ("otlp_headers", "s3cret"),
            ("otlp_headers", "a b=s3cret"),
            ("otlp_headers", "a=s3cret%0A"),
            ("otlp_service_name", " "),
        ] {
            let error = config(&[(name, value)]).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
    }
}
