use base::{Failure, Trace, log};
use serde_json::json;

/// A host that no one has (RFC 2606, 2). `spin.toml` has it where no collector is set, since
/// `allowed_outbound_hosts` takes no empty text.
const NO_HOST: &str = ".invalid";

/// The records that are made of requests and queue work.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Settings {
    /// Whether requests are counted.
    pub counts: bool,
    /// The share, 0 to 1, of the traces beginning here whose spans are exported. The caller
    /// decides on traces that begin elsewhere, by the flag in `traceparent`. `None` exports
    /// no spans.
    pub ratio: Option<f64>,
}

impl Settings {
    /// The settings of this component. Where they are wrong, nothing is recorded and a
    /// warning is logged: the records never fail a request or a message.
    pub fn read(trace: &Trace) -> Self {
        Self::from_variable().unwrap_or_else(|failure| {
            let fields = json!({"error": failure.to_string()});
            log::warn(trace, "nothing is recorded for operators", fields);
            Self::default()
        })
    }

    /// Reads the variable `observability`: `request_metrics`, `trace_sample_ratio` and
    /// `otlp_host` with a blank between. One variable for the three takes one call of the
    /// platform for each request.
    ///
    /// # Errors
    /// [`Failure::Misconfigured`] where one of them is not as `docs/configure.md` says.
    fn from_variable() -> Result<Self, Failure> {
        // Native tests of workers have no variables.
        if !cfg!(target_family = "wasm") {
            return Ok(Self::default());
        }
        Self::parse(&base::text("observability")?)
    }

    fn parse(text: &str) -> Result<Self, Failure> {
        let [counts, ratio, host] = base::split("observability", text, ' ')?.map(str::trim);
        let counts = counts.parse();
        let counts =
            counts.map_err(|_| Failure::variable("request_metrics", "must be true or false"))?;
        let ratio = base::decimal(ratio);
        let ratio = ratio.filter(|ratio| (0.0..=1.0).contains(ratio));
        let ratio = ratio.ok_or_else(|| {
            Failure::variable(
                "trace_sample_ratio",
                "must be a number from 0 to 1, such as 0.25",
            )
        })?;
        let host = host.trim_end_matches('/');
        let is_set = !host.is_empty() && !host.ends_with(NO_HOST);
        Ok(Self {
            counts,
            ratio: is_set.then_some(ratio),
        })
    }

    /// Decides whether the spans of a trace that begins here are exported.
    pub fn sample(&self, trace: &mut Trace) {
        if let Some(ratio) = self.ratio {
            trace.sample(ratio);
        }
    }

    /// Whether the spans of a trace are exported.
    pub fn exports(&self, trace: &Trace) -> bool {
        self.ratio.is_some() && trace.is_sampled()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_exported_where_there_is_a_collector() {
        for (text, counts, ratio) in [
            ("true 1 https://collector.invalid", true, None),
            ("false 0.5 ", false, None),
            ("false 0.5 http://collector:4318", false, Some(0.5)),
            ("true 1 https://collector.example/", true, Some(1.0)),
            ("true 0 https://collector.example", true, Some(0.0)),
        ] {
            assert_eq!(
                Settings::parse(text).unwrap(),
                Settings { counts, ratio },
                "{text}"
            );
        }
    }

    #[test]
    fn a_wrong_value_is_named() {
        for (text, name) in [
            ("yes 1 http://c", "request_metrics"),
            (" 1 http://c", "request_metrics"),
            ("true  http://c", "trace_sample_ratio"),
            ("true 1.1 http://c", "trace_sample_ratio"),
            ("true NaN http://c", "trace_sample_ratio"),
            ("", "observability"),
        ] {
            let error = Settings::parse(text).unwrap_err().to_string();
            assert!(error.contains(name), "{text}: {error}");
        }
    }
}
