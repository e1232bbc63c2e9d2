//! The origins that browsers may call from: the variable `allowed_origins`.

use std::net::Ipv6Addr;

use http::Uri;

/// A list of origins separated by commas, or `*` for all.
///
/// An entry matches as if a browser wrote it in the header `Origin` (the HTML standard,
/// "ASCII serialization of an origin"): scheme and host in lower case, without the default
/// port of http and https, and without a slash at the end.
#[derive(Debug, Clone, Copy)]
pub struct Origins<'a>(&'a str);

/// The origins that an allowed one stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allowed {
    /// All of them.
    Any,
    /// Just this one.
    This,
}

/// An entry that no browser's origin can match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// The entry, or its number where it has credentials.
    pub name: String,
    /// The problem and its remedy, as a text that follows the name.
    pub problem: &'static str,
}

impl<'a> Origins<'a> {
    /// The origins of the variable's text. Empty entries stand for nothing.
    pub fn new(list: &'a str) -> Self {
        Self(list)
    }

    /// Whether pages of this origin, the value of a header `Origin`, may call.
    pub fn allow(&self, origin: &[u8]) -> Option<Allowed> {
        let mut found = None;
        for entry in self.entries() {
            if entry == "*" {
                return Some(Allowed::Any);
            }
            if serialize(entry).is_ok_and(|own| own.as_bytes() == origin) {
                found = Some(Allowed::This);
            }
        }
        found
    }

    /// The entries that match no origin.
    pub fn wrong(&self) -> Vec<Wrong> {
        let entries = self.entries().enumerate();
        let wrong = entries.filter_map(|(index, entry)| {
            let problem = serialize(entry).err().filter(|_| entry != "*")?;
            // The names are public.
            let name = if entry.contains('@') {
                format!("entry {}", index + 1)
            } else {
                entry.to_owned()
            };
            Some(Wrong { name, problem })
        });
        wrong.collect()
    }

    fn entries(&self) -> impl Iterator<Item = &'a str> {
        let entries = self.0.split(',').map(str::trim);
        entries.filter(|entry| !entry.is_empty())
    }
}

/// An origin as a browser writes it.
///
/// # Errors
/// The text is no origin: the error has the problem and its remedy.
pub fn serialize(entry: &str) -> Result<String, &'static str> {
    // Pages without an origin of their own, such as those of sandboxed frames.
    if entry == "null" {
        return Ok(entry.to_owned());
    }
    let (scheme, rest) = entry
        .split_once("://")
        .ok_or("has no scheme: an origin looks like https://travel.example")?;
    if entry.contains('*') {
        return Err("has a `*`, which stands for all origins and only alone: list each origin");
    }
    if !entry.is_ascii() {
        return Err("has a host that is not in ASCII: write it as browsers do, as xn--...");
    }
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    if rest.is_empty() {
        return Err("has no host: an origin looks like https://travel.example");
    }
    if rest.contains(['/', '?', '#']) {
        return Err("has a path or a query, which origins have not: end it after host and port");
    }
    if rest.contains('@') {
        return Err("has credentials, which origins have not: remove them");
    }
    let malformed = "is no origin, which looks like https://travel.example or http://[::1]:8080";
    // RFC 3986, 3.1.
    let in_scheme = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    let scheme = scheme.to_ascii_lowercase();
    if !scheme.starts_with(|c: char| c.is_ascii_lowercase()) || !scheme.chars().all(in_scheme) {
        return Err(malformed);
    }
    let default_port = match scheme.as_str() {
        "http" => 80,
        "https" => 443,
        // Such as that of an extension, whose host keeps its case.
        _ if rest.contains(|c: char| !c.is_ascii_graphic()) => return Err(malformed),
        _ => return Ok(format!("{scheme}://{rest}")),
    };
    let uri: Uri = format!("{scheme}://{rest}")
        .parse()
        .map_err(|_| malformed)?;
    let authority = uri.authority().ok_or(malformed)?;
    let host = match authority.host() {
        "" => return Err(malformed),
        host => host.to_ascii_lowercase(),
    };
    let host = match host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
    {
        Some(address) => {
            let address: Ipv6Addr = address.parse().map_err(|_| malformed)?;
            format!("[{address}]")
        }
        None => host,
    };
    let port = rest.get(authority.host().len()..).ok_or(malformed)?;
    match port.strip_prefix(':') {
        None | Some("") => Ok(format!("{scheme}://{host}")),
        Some(port) => match port.parse::<u16>().map_err(|_| malformed)? {
            port if port == default_port => Ok(format!("{scheme}://{host}")),
            port => Ok(format!("{scheme}://{host}:{port}")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(list: &str, origin: &str) -> Option<Allowed> {
        Origins::new(list).allow(origin.as_bytes())
    }

    #[test]
    fn only_listed_origins_are_allowed() {
        let list = "https://travel.example, http://localhost:5173";
        for listed in ["https://travel.example", "http://localhost:5173"] {
            assert_eq!(allowed(list, listed), Some(Allowed::This));
        }
        for other in [
            "https://evil.example",
            "https://travel.example.evil",
            "https://travel.example:8443",
            "http://travel.example",
            "http://localhost",
            "https://sub.travel.example",
            "null",
            "",
        ] {
            assert_eq!(allowed(list, other), None, "{other}");
        }
        for empty in ["", " ", ",", " , "] {
            assert_eq!(allowed(empty, ""), None);
            assert_eq!(allowed(empty, "https://travel.example"), None);
            assert_eq!(Origins::new(empty).wrong(), []);
        }
        for all in ["*", "https://travel.example, *", "wrong,*"] {
            assert_eq!(allowed(all, "https://any.example"), Some(Allowed::Any));
        }
        assert_eq!(allowed("null", "null"), Some(Allowed::This));
    }

    #[test]
    fn an_entry_matches_as_a_browser_writes_it() {
        for (entry, origin) in [
            ("https://travel.example/", "https://travel.example"),
            ("HTTPS://Travel.Example", "https://travel.example"),
            ("https://travel.example:443", "https://travel.example"),
            ("https://travel.example:", "https://travel.example"),
            ("https://travel.example:0443/", "https://travel.example"),
            ("http://travel.example:80/", "http://travel.example"),
            ("http://travel.example:443", "http://travel.example:443"),
            ("https://travel.example:80", "https://travel.example:80"),
            ("http://LOCALHOST:5173/", "http://localhost:5173"),
            ("http://127.0.0.1:3000", "http://127.0.0.1:3000"),
            ("http://[::1]:3000/", "http://[::1]:3000"),
            ("http://[0:0::0:1]:80", "http://[::1]"),
            ("https://[2001:DB8::1]", "https://[2001:db8::1]"),
            ("https://xn--caf-dma.example", "https://xn--caf-dma.example"),
            ("chrome-extension://abcdef/", "chrome-extension://abcdef"),
            ("Capacitor://localhost", "capacitor://localhost"),
        ] {
            assert_eq!(allowed(entry, origin), Some(Allowed::This), "{entry}");
            assert_eq!(Origins::new(entry).wrong(), [], "{entry}");
            // Browsers write it in one way.
            assert!(
                entry == origin || allowed(origin, entry).is_none(),
                "{entry}"
            );
        }
    }

    #[test]
    fn what_matches_nothing_is_named_with_the_reason() {
        for (entry, hint) in [
            ("travel.example", "has no scheme"),
            ("localhost:5173", "has no scheme"),
            ("Null", "has no scheme"),
            ("https://*.travel.example", "has a `*`"),
            ("https://*", "has a `*`"),
            ("https://café.example", "not in ASCII"),
            ("https://", "has no host"),
            ("file:///", "has no host"),
            ("https://travel.example/app", "has a path"),
            ("https://travel.example//", "has a path"),
            ("https://travel.example/?a", "has a path"),
            ("https://travel.example#top", "has a path"),
            ("https://a.example;https://b.example", "has a path"),
            ("https://a.example https://b.example", "has a path"),
            ("https://travel.example:99999", "is no origin"),
            ("https://travel.example:port", "is no origin"),
            ("https://:443", "is no origin"),
            ("https://[::g]", "is no origin"),
            ("https://a b", "is no origin"),
            ("\"https://travel.example\"", "is no origin"),
            ("https://travel.example\"", "is no origin"),
            ("chrome-extension://a b", "is no origin"),
        ] {
            let list = format!("https://good.example, {entry},");
            let wrong = Origins::new(&list).wrong();
            let [Wrong { name, problem }] = wrong.as_slice() else {
                panic!("{entry}: {wrong:?}");
            };
            assert_eq!(name, entry);
            assert!(problem.contains(hint), "{entry}: {problem}");
            assert_eq!(allowed(&list, "https://good.example"), Some(Allowed::This));
            assert_eq!(allowed(&list, entry), None, "{entry}");
        }
        let secret = Origins::new("*,https://user:pass@travel.example").wrong();
        assert_eq!(secret.len(), 1);
        assert_eq!(secret[0].name, "entry 2");
        assert!(secret[0].problem.contains("has credentials"));
    }
}
