//! The URLs that endpoints may have.
//!
//! An operator names the hosts of events in the variable `notification_hosts`. Addresses of
//! the machine itself and of private networks must be named there: `*` does not cover them,
//! since otherwise any user that may make an endpoint could reach services that no client
//! reaches.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hosts::AllowedHost;
use http::Uri;
use url::{Host, Url};

/// The max length of a URL in bytes.
const MAX_URL: usize = 2048;

/// Names that resolve to the machine itself, to its network or to the application.
const LOCAL_NAMES: [&str; 5] = ["localhost", "local", "internal", "alt", "arpa"];

/// Why a URL is refused, as a text that follows the name of its field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoAddress {
    /// It is no URL that events can be sent to.
    #[error("{0}")]
    Form(&'static str),
    /// Its host is not allowed.
    #[error(
        "must be at a host that the variable notification_hosts allows; {0} is not: ask the \
         operator to add it"
    )]
    Host(String),
    /// Its host is an address of the machine or of a private network.
    #[error(
        "must not be at an address of this machine or of a private network, as {0} is, unless \
         the variable notification_hosts names it"
    )]
    Private(String),
}

/// The hosts that events may be sent to.
#[derive(Clone, Debug)]
pub struct Allowed(Vec<AllowedHost>);

impl Allowed {
    /// Reads the value of `notification_hosts`: entries of `allowed_outbound_hosts`, separated
    /// by commas or white space.
    ///
    /// # Errors
    /// An entry is malformed; the text says how.
    pub fn parse(list: &str) -> Result<Self, String> {
        list.split(|c: char| c == ',' || c.is_whitespace())
            .filter(|entry| !entry.is_empty())
            .map(AllowedHost::parse)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Checks the URL of an endpoint, and returns it as it is sent to: numbers that stand for
    /// an address are written as the address.
    ///
    /// # Errors
    /// See [`NoAddress`]. The text has of the URL only the host.
    pub fn check(&self, text: &str) -> Result<String, NoAddress> {
        if text.len() > MAX_URL {
            return Err(NoAddress::Form("must have at most 2048 bytes"));
        }
        let form = "must be a URL such as https://shop.example.com/hooks";
        let url = Url::parse(text).map_err(|_| NoAddress::Form(form))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(NoAddress::Form("must start with https:// or http://"));
        }
        let host = url.host().ok_or(NoAddress::Form(form))?;
        if !url.username().is_empty() || url.password().is_some() {
            let reason = "must not have a user or a password: receivers know the sender by the \
                          signature";
            return Err(NoAddress::Form(reason));
        }
        if url.fragment().is_some() {
            return Err(NoAddress::Form("must not have a fragment (#)"));
        }
        if url.port() == Some(0) {
            return Err(NoAddress::Form("must have a port from 1 to 65535"));
        }
        if url.as_str().parse::<Uri>().is_err() {
            return Err(NoAddress::Form(form));
        }
        let mut allowed = self.0.iter().filter(|entry| entry.allows(&url)).peekable();
        if allowed.peek().is_none() {
            return Err(NoAddress::Host(host.to_string()));
        }
        if is_private(&host) && !allowed.any(|entry| entry.names(&host)) {
            return Err(NoAddress::Private(host.to_string()));
        }
        Ok(url.into())
    }
}

/// Whether a host is the machine itself, or in a network that is not public.
fn is_private(host: &Host<&str>) -> bool {
    match host {
        Host::Ipv4(ip) => is_private_v4(*ip),
        Host::Ipv6(ip) => is_private_v6(*ip),
        Host::Domain(name) => {
            let name = name.trim_end_matches('.');
            // A name without a dot is one of the network.
            let last = name.rsplit_once('.').map_or("local", |(_, last)| last);
            LOCAL_NAMES
                .iter()
                .any(|local| last.eq_ignore_ascii_case(local))
        }
    }
}

/// Whether an address is one of the special blocks of RFC 6890, or of multicast.
fn is_private_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_documentation()
        || a == 0
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (18..20).contains(&b))
        // Multicast, reserved, broadcast.
        || a >= 224
}

/// The same for IPv6. Public addresses are in 2000::/3 alone (IANA).
fn is_private_v6(ip: Ipv6Addr) -> bool {
    if let IpAddr::V4(mapped) = ip.to_canonical() {
        return is_private_v4(mapped);
    }
    let [a, b, c, d, e, f, g, h] = ip.segments();
    let within = |high: u16, low: u16| {
        let ([one, two], [three, four]) = (high.to_be_bytes(), low.to_be_bytes());
        is_private_v4(Ipv4Addr::new(one, two, three, four))
    };
    // Addresses that stand for one of IPv4: NAT64 (RFC 6052) and 6to4 (RFC 3056).
    if [a, b, c, d, e, f] == [0x64, 0xff9b, 0, 0, 0, 0] {
        return within(g, h);
    }
    if a == 0x2002 {
        return within(b, c);
    }
    let is_documentation = a == 0x2001 && b == 0xdb8;
    // Teredo (RFC 4380) and other protocols in 2001::/23.
    let is_protocol = a == 0x2001 && b < 0x200;
    a & 0xe000 != 0x2000 || is_documentation || is_protocol
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(hosts: &str, url: &str) -> Result<String, NoAddress> {
        Allowed::parse(hosts).unwrap().check(url)
    }

    #[test]
    fn only_hosts_that_the_operator_allows_get_events() {
        let hosts = "https://*.example.com, http://shop.example:8080\nhttps://erp.example";
        for url in [
            "https://a.example.com/hook?key=7f3a",
            "https://a.b.example.com/",
            "http://shop.example:8080/",
            "https://erp.example/a%20b",
        ] {
            assert_eq!(check(hosts, url).as_deref(), Ok(url));
        }
        for url in [
            "https://example.com/",
            "http://a.example.com/",
            "https://a.example.com:8443/",
            "https://a.example.com.evil.example/",
            "http://shop.example/",
        ] {
            let error = check(hosts, url).unwrap_err();
            assert!(matches!(error, NoAddress::Host(_)), "{url}: {error}");
        }
        assert!(check("http://self.alt", "https://a.example").is_err());
        assert!(Allowed::parse("example.com").is_err());
    }

    #[test]
    fn a_url_is_written_in_one_way() {
        for (sent, written) in [
            ("HTTPS://A.Example", "https://a.example/"),
            ("https://a.example:443/x", "https://a.example/x"),
            ("https://a.example/x y", "https://a.example/x%20y"),
            ("https://a.example/../x", "https://a.example/x"),
        ] {
            assert_eq!(check("https://*", sent).as_deref(), Ok(written));
        }
    }

    #[test]
    fn what_is_no_address_of_a_receiver_is_told_without_its_secrets() {
        for (url, told) in [
            ("", "must be a URL"),
            ("a.example", "must be a URL"),
            ("/hooks", "must be a URL"),
            ("https://", "must be a URL"),
            ("https://a b.example", "must be a URL"),
            ("ftp://a.example", "must start with"),
            ("file:///etc/passwd", "must start with"),
            ("javascript:alert(1)", "must start with"),
            ("https://user:hunter2@a.example", "a user or a password"),
            ("https://hunter2@a.example", "a user or a password"),
            ("https://a.example#hunter2", "fragment"),
            ("https://a.example:0/", "port"),
            ("https://a.example:70000/", "must be a URL"),
        ] {
            let error = check("*://*:*", url).unwrap_err().to_string();
            assert!(error.contains(told), "{url}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
        let long = format!("https://a.example/{}", "x".repeat(MAX_URL));
        assert!(check("https://*", &long).is_err());
    }

    #[test]
    fn an_address_of_a_private_network_must_be_named() {
        for host in [
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f.0.0.1",
            "0177.0.0.1",
            "0",
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "192.168.1.1",
            "192.0.0.8",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "[::1]",
            "[::]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[::ffff:a01:203]",
            "[::127.0.0.1]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
            "[2001:db8::1]",
            "[2001::1]",
            "[fe80::1]",
            "[fc00::1]",
            "[fd12:3456::1]",
            "[ff02::1]",
            "localhost",
            "LOCALHOST.",
            "a.localhost",
            "intranet",
            "printer.local",
            "jwks-reader.spin.internal",
            "metadata.google.internal",
            "self.alt",
        ] {
            let error = check("http://*:*", &format!("http://{host}:8080/")).unwrap_err();
            assert!(matches!(error, NoAddress::Private(_)), "{host}: {error}");
        }
        for host in [
            "8.8.8.8",
            "100.63.0.1",
            "172.32.0.1",
            "198.20.0.1",
            "[2606:4700::1111]",
            "[64:ff9b::808:808]",
            "[::ffff:8.8.8.8]",
            "a.example",
            "localhost.example",
        ] {
            let checked = check("http://*:*", &format!("http://{host}:8080/"));
            assert!(checked.is_ok(), "{host}: {checked:?}");
        }
    }

    #[test]
    fn a_private_address_that_is_named_is_allowed_in_all_its_forms() {
        for (hosts, url) in [
            ("http://127.0.0.1:*", "http://127.0.0.1:8090/"),
            ("http://127.0.0.1:*", "http://2130706433:8090/"),
            ("http://*, http://10.0.0.0/8", "http://10.1.2.3/"),
            ("http://[::1]:8090", "http://[::1]:8090/"),
            ("http://localhost:8090", "http://localhost:8090/"),
            ("http://receiver:8090", "http://receiver:8090/"),
        ] {
            assert!(check(hosts, url).is_ok(), "{hosts} {url}");
        }
        let written = check("http://127.0.0.1:*", "http://0x7f.1:8090/").unwrap();
        assert_eq!(written, "http://127.0.0.1:8090/");
        // Another form of it that is another address.
        assert!(check("http://127.0.0.1:*", "http://[::ffff:127.0.0.1]:8090/").is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(https?://)?[\\[\\]a-f0-9.:@/?#%x ]{0,30}|.{0,40}") {
            let _ = check("*://*:*", &text);
        }
    }
}
