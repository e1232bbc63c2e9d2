//! `allowed_outbound_hosts`: where a component may connect to. The entries are those of the
//! crate `hosts`, with variables in them.

use std::collections::BTreeMap;

use hosts::{AllowedHost, parse_url};
use url::Url;

use crate::template::Template;

const INTERNAL: &str = ".spin.internal";

/// Everything that a component may connect to.
#[derive(Clone, Debug, Default)]
pub struct AllowedHosts(Vec<AllowedHost>);

impl AllowedHosts {
    /// Parses the entries of a component, with variables filled in. An entry that
    /// is empty but for a variable, such as the endpoint of an unused service, is
    /// left out, as Spin does.
    ///
    /// # Errors
    /// An entry is malformed; the text says how.
    pub fn parse(entries: &[String], values: &BTreeMap<String, String>) -> Result<Self, String> {
        let mut hosts = Vec::new();
        for entry in entries {
            let template = Template::parse(entry)?;
            let text = template.render(values)?;
            let empty = matches!(text.as_str(), "" | "http://" | "https://");
            if template.is_literal() || !empty {
                hosts.push(AllowedHost::parse(&text)?);
            }
        }
        Ok(Self(hosts))
    }

    /// Whether a component may connect to a URL. Text that is not a URL is read with the
    /// default scheme before it; user and password don't matter.
    pub fn allows(&self, url: &str, default_scheme: &str) -> bool {
        parse_url(url, default_scheme).is_some_and(|url| self.allows_url(&url))
    }

    /// Whether a component may connect to a URL without user and password.
    pub fn allows_url(&self, url: &Url) -> bool {
        self.0.iter().any(|entry| entry.allows(url))
    }

    /// Whether the application may call its own HTTP routes.
    pub fn allows_self(&self) -> bool {
        self.0.iter().any(AllowedHost::allows_self)
    }
}

/// The component that a host name inside the application names:
/// `<component>.spin.internal`.
pub fn internal_component(host: &str) -> Option<&str> {
    host.strip_suffix(INTERNAL)
        .filter(|component| !component.is_empty() && !component.contains('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn itself_is_allowed_by_name_or_by_any_host() {
        let allows_self = |entry: &str| {
            AllowedHosts::parse(&[entry.to_owned()], &BTreeMap::new())
                .is_ok_and(|hosts| hosts.allows_self())
        };
        assert!(allows_self("http://self"));
        assert!(allows_self("https://self.alt"));
        assert!(allows_self("*://*:*"));
        assert!(!allows_self("redis://*"));
        assert!(!allows_self("http://127.0.0.1"));
    }

    #[test]
    fn an_endpoint_that_is_not_set_is_left_out() {
        let values = BTreeMap::from([("endpoint".to_owned(), String::new())]);
        let entries = [
            "{{ endpoint }}".to_owned(),
            "https://{{ endpoint }}".to_owned(),
        ];
        let hosts = AllowedHosts::parse(&entries, &values).unwrap();
        assert!(!hosts.allows("https://example.com", "https"));
    }

    #[test]
    fn internal_names_are_components() {
        assert_eq!(internal_component("images.spin.internal"), Some("images"));
        assert_eq!(internal_component("spin.internal"), None);
        assert_eq!(internal_component("a.b.spin.internal"), None);
        assert_eq!(internal_component("images.spin.internal.example.com"), None);
    }
}
