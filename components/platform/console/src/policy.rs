//! The content security policy of the page.

use origins::serialize;

/// The content security policy of the page: the sources that it may load from. Photos come by
/// presigned links, whose hosts are not known here. It may call nothing but the application,
/// and the issuer that signs people in with its further hosts.
pub fn policy(issuer: &str, hosts: &str) -> String {
    let allowed: String = std::iter::once(issuer)
        .chain(hosts.split_whitespace())
        .filter_map(origin)
        .map(|origin| format!(" {origin}"))
        .collect();
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' https: http:; \
         connect-src 'self'{allowed}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}

/// The origin of a URL of the web.
fn origin(url: &str) -> Option<String> {
    let (scheme, rest) = url.trim().split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let origin = serialize(&format!("{scheme}://{authority}")).ok()?;
    // A policy is a list of words that `;` and `,` end.
    let is_plain = !origin.contains([';', ',', '\'']);
    (is_plain && ["http", "https"].contains(&scheme)).then_some(origin)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connects(issuer: &str, hosts: &str) -> String {
        let policy = policy(issuer, hosts);
        let (_, rest) = policy.split_once("connect-src ").unwrap();
        rest.split(';').next().unwrap().to_owned()
    }

    #[test]
    fn the_page_calls_the_application_and_the_issuer_alone() {
        assert_eq!(connects("", ""), "'self'");
        assert_eq!(
            connects("https://Id.example/tenant/v2.0", ""),
            "'self' https://id.example"
        );
        assert_eq!(
            connects(
                "https://id.example:8443",
                " https://token.example  http://[::1]:9 "
            ),
            "'self' https://id.example:8443 https://token.example http://[::1]:9"
        );
    }

    #[test]
    fn what_is_no_url_opens_nothing() {
        for wrong in [
            "id.example",
            "*",
            "https:",
            "https://*",
            "https://a;script-src",
            "https://a,b",
            "ftp://id.example",
            "https://a b",
        ] {
            let allowed = connects(wrong, "");
            assert!(
                ["'self'", "'self' https://a"].contains(&&*allowed),
                "{wrong}: {allowed}"
            );
        }
    }
}
