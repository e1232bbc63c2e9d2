use std::fmt;

use http::Uri;

/// The URL of a service in a variable: scheme, host and port. It has no path, for Spin's
/// `allowed_outbound_hosts`, which contains it, allows none.
///
/// It has the form of `Host`, which signatures cover: lower case, and without the default
/// port of its scheme.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl {
    scheme: &'static str,
    host: String,
    port: Option<u16>,
}

impl BaseUrl {
    /// Reads an absolute `http` or `https` URL.
    ///
    /// # Errors
    /// The problem, as a text that follows the name of the variable.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let uri: Uri = text
            .parse()
            .map_err(|_| "is no URL: it looks like https://service.example.com")?;
        let (scheme, default_port) = match uri.scheme_str() {
            Some("https") => ("https", 443),
            Some("http") => ("http", 80),
            _ => return Err("has to start with http:// or https://"),
        };
        let authority = uri.authority().ok_or("has no host")?;
        if authority.as_str().contains('@') {
            return Err("can't hold credentials: they have variables of their own");
        }
        if uri.path() != "/" || uri.query().is_some() {
            return Err("can't have a path or a query");
        }
        Ok(Self {
            scheme,
            host: authority.host().to_ascii_lowercase(),
            port: authority.port_u16().filter(|port| *port != default_port),
        })
    }

    /// The name or address of the host; an IPv6 address is in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The same service at another host.
    pub fn with_host(self, host: String) -> Self {
        Self { host, ..self }
    }
}

/// The URL without a slash at its end.
impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_written_as_clients_send_them() {
        for (text, written) in [
            ("http://127.0.0.1:9000", "http://127.0.0.1:9000"),
            ("https://Store.Example:443/", "https://store.example"),
            ("http://store.example:80", "http://store.example"),
            ("http://store.example:443", "http://store.example:443"),
            ("http://[::1]:9000/", "http://[::1]:9000"),
        ] {
            assert_eq!(BaseUrl::parse(text).unwrap().to_string(), written);
        }
    }

    #[test]
    fn what_is_no_base_url_is_refused_with_the_reason() {
        for (text, hint) in [
            ("127.0.0.1:9000", "http://"),
            ("store.example", "http://"),
            ("ftp://store.example", "http://"),
            ("/store", "http://"),
            ("http://key:secret@store.example", "credentials"),
            ("http://store.example/?a=b", "query"),
            ("http://store.example/s3", "path"),
            ("http://bad host", "no URL"),
            ("", "no URL"),
        ] {
            let problem = BaseUrl::parse(text).unwrap_err();
            assert!(problem.contains(hint), "{text}: {problem}");
        }
    }
}
