//! The endpoints of webhooks.

use http::Uri;
use http::uri::{Authority, Scheme};

/// The problem of a list of endpoints, as a text that follows the name of the variable. It
/// names a URL by its position, for the URL may contain a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("(URL {position}) {reason}")]
pub struct InvalidEndpoint {
    /// The position of the URL, from 1.
    pub position: usize,
    /// The problem.
    pub reason: &'static str,
}

/// The URLs to which webhooks are sent, each once. Their queries may contain secrets, so an
/// endpoint is identified by its address: its URL without the query.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoints(Vec<Uri>);

impl Endpoints {
    /// Reads absolute `http` and `https` URLs, separated by commas or white space. They may
    /// have paths and queries; a comma in one is written `%2C`. The list may be empty.
    ///
    /// # Errors
    /// A URL is invalid, contains credentials, which no client sends, or has the address of
    /// another one.
    pub fn parse(list: &str) -> Result<Self, InvalidEndpoint> {
        let mut endpoints = Self::default();
        for (place, text) in super::parts(list).enumerate() {
            endpoints.add(text).map_err(|reason| InvalidEndpoint {
                position: place + 1,
                reason,
            })?;
        }
        Ok(endpoints)
    }

    fn add(&mut self, text: &str) -> Result<(), &'static str> {
        let endpoint = parse_one(text)?;
        match self.find(&endpoint) {
            None => self.0.push(endpoint),
            Some(same) if *same == endpoint => {}
            Some(_) => return Err("differs from an earlier one only in its query"),
        }
        Ok(())
    }

    /// Whether there is no endpoint.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The addresses of the endpoints, in the order of the list. A message that names an
    /// endpoint contains its address.
    pub fn addresses(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|url| {
            let (scheme, authority, path) = address(url);
            let scheme = scheme.map_or("", |scheme| scheme.as_str());
            let authority = authority.map_or("", |authority| authority.as_str());
            format!("{scheme}://{authority}{path}")
        })
    }

    /// The endpoint at an address; `None` if the list has none, perhaps no longer.
    pub fn find(&self, at: &Uri) -> Option<&Uri> {
        self.0.iter().find(|url| address(url) == address(at))
    }
}

fn address(url: &Uri) -> (Option<&Scheme>, Option<&Authority>, &str) {
    (url.scheme(), url.authority(), url.path())
}

fn parse_one(text: &str) -> Result<Uri, &'static str> {
    let url: Uri = text
        .parse()
        .map_err(|_| "is no URL: it looks like https://receiver.example.com/orders")?;
    if !matches!(url.scheme_str(), Some("http" | "https")) {
        return Err("has to start with http:// or https://");
    }
    let authority = url.authority().ok_or("has no host")?;
    if authority.as_str().contains('@') {
        return Err("can't hold credentials: receivers know the sender by the signature");
    }
    if authority.as_str() != authority.host() && !matches!(authority.port_u16(), Some(1..)) {
        return Err("has to have a number from 1 to 65535 for its port");
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_each_endpoint_once_and_tells_no_query() {
        let list =
            "https://a.example/hook?key=1, http://127.0.0.1:8080\n\thttps://a.example/hook?key=1,";
        let endpoints = Endpoints::parse(list).unwrap();
        let addresses: Vec<_> = endpoints.addresses().collect();
        assert_eq!(
            addresses,
            ["https://a.example/hook", "http://127.0.0.1:8080/"]
        );
        assert!(Endpoints::parse(" , \n").unwrap().is_empty());
    }

    #[test]
    fn an_endpoint_is_found_by_its_address_and_no_other() {
        let endpoints = Endpoints::parse("https://a.example/hook?key=1 http://b.example").unwrap();
        let found = |url: &str| endpoints.find(&url.parse().unwrap()).map(Uri::to_string);
        let hook = Some("https://a.example/hook?key=1".to_owned());
        assert_eq!(found("https://a.example/hook"), hook);
        assert_eq!(found("https://A.example/hook?key=old"), hook);
        assert_eq!(found("http://b.example"), Some("http://b.example/".into()));
        for other in [
            "https://a.example/other",
            "http://a.example/hook",
            "https://a.example:8443/hook",
            "https://c.example/hook",
        ] {
            assert_eq!(found(other), None, "{other}");
        }
    }

    #[test]
    fn what_nothing_can_be_sent_to_is_told_by_its_place() {
        for (text, hint) in [
            ("receiver.example", "http://"),
            ("/orders", "http://"),
            ("ftp://receiver.example", "http://"),
            ("http://user:hunter2@receiver.example", "credentials"),
            ("http://", "no URL"),
            ("http://receiver.example:hunter2", "port"),
            ("http://receiver.example:70000", "port"),
            ("https://a.example?key=hunter2", "query"),
        ] {
            let list = format!("https://a.example {text}");
            let problem = Endpoints::parse(&list).unwrap_err().to_string();
            assert!(problem.starts_with("(URL 2) "), "{text}: {problem}");
            assert!(problem.contains(hint), "{text}: {problem}");
            assert!(!problem.contains("hunter2"), "{problem}");
        }
    }
}
