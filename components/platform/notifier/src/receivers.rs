//! The endpoints of `notification_urls`, and the secrets that sign for them.

use http::Uri;
use outbound::webhooks::{Endpoints, Signer};

/// The endpoints that the component's variables name.
#[derive(Clone, Debug)]
pub struct Receivers {
    endpoints: Endpoints,
    /// Present if there are endpoints.
    signer: Option<Signer>,
}

impl Receivers {
    /// Reads the values of `notification_urls` and `notification_secret`. Without
    /// receivers no secret is needed.
    ///
    /// # Errors
    /// The variable that is wrong, and the reason. The text holds no URL and no secret.
    pub fn parse(urls: &str, secrets: &str) -> Result<Self, String> {
        let endpoints = Endpoints::parse(urls)
            .map_err(|error| format!("the variable notification_urls {error}"))?;
        let signer = match endpoints.is_empty() {
            true => None,
            false => Some(
                Signer::parse(secrets)
                    .map_err(|error| format!("the variable notification_secret {error}"))?,
            ),
        };
        Ok(Self { endpoints, signer })
    }

    /// Their addresses.
    pub fn addresses(&self) -> impl Iterator<Item = String> {
        self.endpoints.addresses()
    }

    /// The endpoint at an address with its signer, if it is still a receiver.
    pub fn find(&self, address: &Uri) -> Option<(&Uri, &Signer)> {
        self.endpoints.find(address).zip(self.signer.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

    #[test]
    fn only_configured_receivers_are_told() {
        let receivers = Receivers::parse("https://a.example/hook?key=1", SECRET).unwrap();
        let is_told = |url: &str| receivers.find(&url.parse().unwrap()).is_some();
        assert!(is_told("https://a.example/hook"));
        assert!(!is_told("https://a.example/"));
        assert!(!is_told("https://b.example/hook"));
    }

    #[test]
    fn where_nobody_is_told_no_secret_is_needed() {
        let nobody = Receivers::parse(" ", "").unwrap();
        assert!(
            nobody
                .find(&Uri::from_static("https://a.example"))
                .is_none()
        );
    }

    #[test]
    fn what_is_wrong_is_told_with_the_variable_and_without_its_value() {
        for (urls, secrets, variable) in [
            ("a.example/hunter2", SECRET, "notification_urls"),
            ("https://u:hunter2@a.example", SECRET, "notification_urls"),
            ("https://a.example", "", "notification_secret"),
            ("https://a.example", "whsec_hunter2", "notification_secret"),
            ("https://a.example", "hunter2", "notification_secret"),
        ] {
            let error = Receivers::parse(urls, secrets).unwrap_err();
            assert!(
                error.starts_with(&format!("the variable {variable} ")),
                "{error}"
            );
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
