//! Entries of `allowed_outbound_hosts`: where a component may connect to.
//!
//! An entry is `scheme://host[:port]`. The scheme may be `*`; the host may be
//! `*`, `*.domain`, an address, a network in CIDR form, or `self`; the port may be
//! `*` or a range `from..to` that leaves `to` out. Without a port it is the scheme's.

use std::net::IpAddr;
use std::ops::Range;

use ipnet::IpNet;
use url::{Host, Url};

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedHost {
    scheme: Option<String>,
    host: HostRule,
    port: PortRule,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum HostRule {
    Any,
    Itself,
    Exactly(Host),
    Below(String),
    Network(IpNet),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum PortRule {
    Any,
    Exactly(u16),
    Within(Range<u16>),
}

impl AllowedHost {
    /// Parses an entry in which no variables are left.
    ///
    /// # Errors
    /// The entry is malformed; the text says how.
    pub fn parse(entry: &str) -> Result<Self, String> {
        let wrong = |reason: &str| format!("`{entry}`: {reason}");
        let (scheme, rest) = entry
            .trim()
            .split_once("://")
            .ok_or_else(|| wrong("write it as scheme://host[:port], where each part may be `*`"))?;
        if scheme != "*" && (scheme.is_empty() || !scheme.chars().all(char::is_alphabetic)) {
            return Err(wrong("a scheme is a word such as `https`, or `*`"));
        }
        let (host, port) = split_port(rest).map_err(|reason| wrong(&reason))?;
        Ok(Self {
            scheme: (scheme != "*").then(|| scheme.to_owned()),
            host: HostRule::parse(host).map_err(|reason| wrong(&reason))?,
            port: PortRule::parse(port, scheme).map_err(|reason| wrong(&reason))?,
        })
    }

    /// Whether a component with this entry may connect to a URL.
    pub fn allows(&self, url: &Url) -> bool {
        let scheme_fits = self.scheme.as_deref().is_none_or(|s| s == url.scheme());
        let host_fits = url
            .host_str()
            .and_then(|host| Host::parse(host).ok())
            .is_some_and(|host| self.host.allows(&host));
        let port = url.port().or_else(|| known_port(url.scheme()));
        scheme_fits && host_fits && self.port.allows(port)
    }

    /// Whether the entry names this host itself, or a network with its address, and does not
    /// only stand for many names.
    pub fn names(&self, host: &Host<&str>) -> bool {
        let address = match host {
            Host::Domain(_) => None,
            Host::Ipv4(ip) => Some(IpAddr::V4(*ip)),
            Host::Ipv6(ip) => Some(IpAddr::V6(*ip)),
        };
        match (&self.host, address) {
            (HostRule::Exactly(named), _) => *named == host.to_owned(),
            (HostRule::Network(network), Some(ip)) => {
                network.prefix_len() > 0 && network.contains(&ip)
            }
            _ => false,
        }
    }

    /// Whether the entry lets a component call the application's own HTTP routes.
    pub fn allows_self(&self) -> bool {
        let is_http = |scheme: &str| matches!(scheme, "http" | "https");
        matches!(self.host, HostRule::Any | HostRule::Itself)
            && self.scheme.as_deref().is_none_or(is_http)
    }
}

impl HostRule {
    fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if let Ok(network) = text.parse::<IpNet>() {
            return Ok(Self::Network(network.trunc()));
        }
        match text {
            "*" => return Ok(Self::Any),
            "self" | "self.alt" => return Ok(Self::Itself),
            _ => {}
        }
        if text.contains('/') {
            return Err("an entry has no path".to_owned());
        }
        if let Some(domain) = text.strip_prefix("*.") {
            return match parse_host(domain)? {
                Host::Domain(domain) if !domain.contains('*') => {
                    Ok(Self::Below(format!(".{domain}")))
                }
                _ => Err("`*.` stands before a domain only".to_owned()),
            };
        }
        if text.contains('*') {
            return Err("`*` stands for the whole host or for its subdomains".to_owned());
        }
        parse_host(text).map(Self::Exactly)
    }

    fn allows(&self, host: &Host) -> bool {
        match (self, host) {
            (Self::Any, _) => true,
            (Self::Itself, _) => false,
            (Self::Exactly(allowed), host) => allowed == host,
            (Self::Below(suffix), Host::Domain(domain)) => domain.ends_with(suffix),
            (Self::Network(network), Host::Ipv4(ip)) => {
                network.contains(&std::net::IpAddr::V4(*ip))
            }
            (Self::Network(network), Host::Ipv6(ip)) => {
                network.contains(&std::net::IpAddr::V6(*ip))
            }
            (Self::Below(_) | Self::Network(_), _) => false,
        }
    }
}

impl PortRule {
    fn parse(text: &str, scheme: &str) -> Result<Self, String> {
        let number = |text: &str| {
            text.parse::<u16>()
                .map_err(|_| format!("`{text}` is not a port number"))
        };
        match (text, text.split_once("..")) {
            ("", _) => known_port(scheme)
                .map(Self::Exactly)
                .ok_or_else(|| format!("`{scheme}` has no usual port: give one, or `:*`")),
            ("*", _) => Ok(Self::Any),
            (_, Some((from, to))) => Ok(Self::Within(number(from)?..number(to)?)),
            (_, None) => number(text).map(Self::Exactly),
        }
    }

    fn allows(&self, port: Option<u16>) -> bool {
        match (self, port) {
            (Self::Any, _) => true,
            (Self::Exactly(allowed), Some(port)) => *allowed == port,
            (Self::Within(range), Some(port)) => range.contains(&port),
            (_, None) => false,
        }
    }
}

/// The scheme, host and port of a URL. The parts that may be secret are left out.
pub fn origin(url: &str, default_scheme: &str) -> Option<String> {
    let url = parse_url(url, default_scheme)?;
    let port = url.port().or_else(|| known_port(url.scheme()));
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    Some(format!("{}://{}{port}", url.scheme(), url.host_str()?))
}

/// Cuts `host[:port][/]` in two. The colons of an IPv6 address or network belong to the host.
fn split_port(rest: &str) -> Result<(&str, &str), String> {
    let rest = match rest.strip_suffix('/') {
        Some(short) if short.ends_with('/') => return Err("an entry has no path".to_owned()),
        Some(short) => short,
        None => rest,
    };
    match rest.rsplit_once(':') {
        Some(_) if rest.parse::<IpNet>().is_ok() || rest.ends_with(']') => Ok((rest, "")),
        Some((host, port)) if port.contains('/') && host.parse::<IpNet>().is_err() => {
            Err("an entry has no path".to_owned())
        }
        Some((host, port)) => Ok((host, port)),
        None => Ok((rest, "")),
    }
}

fn parse_host(text: &str) -> Result<Host, String> {
    Host::parse(text).map_err(|error| format!("`{text}` is not a host: {error}"))
}

fn known_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        "redis" => Some(6379),
        "mqtt" => Some(1883),
        "mysql" => Some(3306),
        "postgres" => Some(5432),
        _ => None,
    }
}

/// Parses a URL after taking out user and password, which may hold characters
/// that would have to be escaped.
pub fn parse_url(url: &str, default_scheme: &str) -> Option<Url> {
    let (scheme, rest) = match url.split_once("://") {
        Some((scheme, rest)) => (scheme, rest),
        None => (default_scheme, url),
    };
    // The text after the authority (RFC 3986, 3.2) holds no user.
    let authority = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let user = rest.get(..authority)?.rfind('@').map_or(0, |at| at + 1);
    let without_user = rest.get(user..)?;
    Url::parse(&format!("{scheme}://{without_user}"))
        .ok()
        .filter(Url::has_host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(entry: &str, url: &str) -> bool {
        let entry = AllowedHost::parse(entry).unwrap_or_else(|reason| panic!("{reason}"));
        parse_url(url, "https").is_some_and(|url| entry.allows(&url))
    }

    #[test]
    fn entries_allow_what_spin_documents() {
        for (entry, url, expected) in [
            ("https://example.com", "https://example.com/a?b", true),
            ("https://example.com/", "https://example.com:443/", true),
            ("https://example.com", "http://example.com", false),
            ("https://example.com", "https://example.com:444", false),
            ("https://example.com", "https://example.org", false),
            ("https://example.com", "https://a.example.com", false),
            ("https://EXAMPLE.com", "https://example.COM", true),
            ("http://example.com:8080", "http://example.com:8080/x", true),
            ("http://example.com:8080", "http://example.com", false),
            (
                "http://example.com:8000..9000",
                "http://example.com:8000",
                true,
            ),
            (
                "http://example.com:8000..9000",
                "http://example.com:9000",
                false,
            ),
            ("http://example.com:*", "http://example.com:1", true),
            ("*://example.com:443", "https://example.com", true),
            ("*://*:*", "anything://host:1", true),
            ("https://*", "https://any.host", true),
            ("https://*", "https://any.host:1", false),
            ("http://*.example.com", "http://a.b.example.com", true),
            ("http://*.example.com", "http://example.com", false),
            ("http://*.example.com", "http://myexample.com", false),
            ("redis://127.0.0.1", "redis://127.0.0.1:6379/0", true),
            ("redis://127.0.0.1", "redis://user:p%23ss@127.0.0.1", true),
            ("redis://127.0.0.1", "redis://evil.com?@127.0.0.1", false),
            ("redis://127.0.0.1", "redis://evil.com#@127.0.0.1", false),
            ("redis://10.0.0.1", "redis://10.0.0.1@127.0.0.1", false),
            ("redis://127.0.0.1", "rediss://127.0.0.1:6379", false),
            ("*://127.0.0.0/24:80", "http://127.0.0.9", true),
            ("*://127.0.0.0/24:80", "http://127.0.1.9", false),
            ("http://10.0.0.0/8", "http://10.9.9.9", true),
            ("http://[::1]", "http://[::1]/", true),
            ("http://[::1]:81", "http://[::1]", false),
            ("http://2001:db8::/32", "http://[2001:db8::1]", true),
            ("http://2001:db8::/32:443", "http://[2001:db8::1]", false),
            ("https://example.com", "example.com/path", true),
            ("http://self", "http://self", false),
        ] {
            assert_eq!(allows(entry, url), expected, "{entry} {url}");
        }
    }

    #[test]
    fn wrong_entries_are_refused() {
        for entry in [
            "",
            "*",
            "example.com",
            "example.com:80",
            "insecure:allow-all",
            "http://",
            "http://example.com/path",
            "http://example.com:80/path",
            "http://example.com//",
            "http://a.*.com",
            "http://*.127.0.0.1",
            "http://example.com:port",
            "http://example.com:1..70000",
            "tcp://example.com",
            "*://example.com",
            "1://example.com",
            "http://[::1",
            "http://exa[mple",
        ] {
            assert!(AllowedHost::parse(entry).is_err(), "{entry:?}");
        }
    }

    #[test]
    fn origins_hold_no_secrets() {
        let origin = |url| origin(url, "redis");
        assert_eq!(
            origin("redis://:secret@127.0.0.1/0?x").as_deref(),
            Some("redis://127.0.0.1:6379")
        );
        assert_eq!(origin("user:p@host:1").as_deref(), Some("redis://host:1"));
    }

    #[test]
    fn an_entry_names_a_host_only_if_it_is_about_that_host() {
        let names = |entry: &str, url: &str| {
            let url = Url::parse(url).unwrap();
            AllowedHost::parse(entry)
                .unwrap()
                .names(&url.host().unwrap())
        };
        assert!(names("http://127.0.0.1:*", "http://127.0.0.1:81"));
        assert!(names("http://127.0.0.1", "http://2130706433/"));
        assert!(names("http://10.0.0.0/8", "http://10.9.9.9"));
        assert!(names("http://[::1]", "http://[0:0::1]"));
        assert!(names("https://shop.local", "https://shop.local"));
        assert!(!names("http://*:*", "http://127.0.0.1"));
        assert!(!names("http://0.0.0.0/0", "http://127.0.0.1"));
        assert!(!names("http://*.local", "http://shop.local"));
        assert!(!names("http://127.0.0.1", "http://[::ffff:127.0.0.1]"));
        assert!(!names("http://127.0.0.1", "http://127.0.0.2"));
    }
}
