//! The URL of a service.

use http::Uri;

/// Reads an absolute `http` or `https` URL, which may have a path and a query.
///
/// # Errors
/// The problem, as a text that follows the name of the variable.
pub(super) fn parse(text: &str) -> Result<Uri, &'static str> {
    if text.is_empty() {
        return Err("is not set");
    }
    let url: Uri = text
        .parse()
        .map_err(|_| "is no URL: it looks like https://service.example.com/path")?;
    if !matches!(url.scheme_str(), Some("http" | "https")) {
        return Err("has to start with http:// or https://");
    }
    let authority = url.authority().ok_or("has no host")?;
    if authority.as_str().contains('@') {
        return Err("can't hold credentials");
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_may_have_a_path() {
        let url = parse("https://service.example/v1/process?fast=1").unwrap();
        assert_eq!(url, "https://service.example/v1/process?fast=1");
        assert_eq!(parse("http://127.0.0.1:8080").unwrap().path(), "/");
    }

    #[test]
    fn what_is_no_url_is_told() {
        for (text, hint) in [
            ("", "not set"),
            ("service.example", "http://"),
            ("/process", "http://"),
            ("ftp://service.example", "http://"),
            ("http://user:secret@service.example", "credentials"),
            ("http://", "no URL"),
            ("http://bad host", "no URL"),
        ] {
            let problem = parse(text).unwrap_err();
            assert!(problem.contains(hint), "{text}: {problem}");
        }
    }
}
