use base::Failure;
use outbound::BaseUrl;
use outbound::sigv4::Credentials;

/// The endpoint of Rekognition and the credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    pub(crate) endpoint: BaseUrl,
    pub(crate) region: String,
    pub(crate) credentials: Credentials,
}

impl Config {
    /// Reads the configuration from variables. An empty variable counts as unset.
    ///
    /// | variable | meaning |
    /// |---|---|
    /// | `rekognition_endpoint` | its URL, such as `https://rekognition.us-east-1.amazonaws.com` |
    /// | `rekognition_region` | region in the signature |
    /// | `rekognition_access_key_id`, `rekognition_secret_access_key` | credentials |
    /// | `rekognition_session_token` | session token of temporary credentials |
    ///
    /// # Errors
    /// [`Failure::Misconfigured`] for the first variable that is missing or can't be used.
    pub fn from_variables(get: impl Fn(&str) -> Option<String>) -> Result<Self, Failure> {
        let optional = |name: &str| {
            get(name)
                .map(|value| value.trim().to_owned())
                .filter(|value| !value.is_empty())
        };
        let required =
            |variable| optional(variable).ok_or_else(|| Failure::variable(variable, "is not set"));
        Ok(Self {
            endpoint: BaseUrl::parse(&required("rekognition_endpoint")?)
                .map_err(|problem| Failure::variable("rekognition_endpoint", problem))?,
            region: required("rekognition_region")?,
            credentials: Credentials {
                access_key_id: required("rekognition_access_key_id")?,
                secret_access_key: required("rekognition_secret_access_key")?,
                session_token: optional("rekognition_session_token"),
            },
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn config(changes: &[(&str, &str)]) -> Result<Config, Failure> {
        let defaults = [
            (
                "rekognition_endpoint",
                "https://rekognition.us-east-1.amazonaws.com",
            ),
            ("rekognition_region", "us-east-1"),
            ("rekognition_access_key_id", "AKIDEXAMPLE"),
            ("rekognition_secret_access_key", "very-secret"),
        ];
        Config::from_variables(|name| {
            let mut all = changes.iter().chain(&defaults);
            all.find(|(variable, _)| *variable == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn a_variable_that_is_missing_or_wrong_is_named() {
        for variable in [
            "rekognition_endpoint",
            "rekognition_region",
            "rekognition_access_key_id",
            "rekognition_secret_access_key",
        ] {
            assert_eq!(
                config(&[(variable, " ")]).unwrap_err().to_string(),
                format!("the variable {variable} is not set")
            );
        }
        let error = config(&[("rekognition_endpoint", "rekognition.example")]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the variable rekognition_endpoint has to start with http:// or https://"
        );
    }
}
