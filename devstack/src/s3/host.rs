use s3s::{
    S3Result,
    host::{S3Host, VirtualHost},
};

/// Finds the bucket in `<bucket>.<domain>[:port]`. A host under none of
/// the domains, an IP address for example, is addressed path-style.
pub(super) struct Domains(Vec<String>);

impl Domains {
    pub(super) fn new(domains: &[String]) -> Self {
        Self(
            domains
                .iter()
                .map(|domain| format!(".{}", domain.to_ascii_lowercase()))
                .collect(),
        )
    }
}

impl S3Host for Domains {
    fn parse_host_header<'a>(&'a self, host: &'a str) -> S3Result<VirtualHost<'a>> {
        let name = host
            .rsplit_once(':')
            .map_or(host, |(name, _port)| name)
            .to_ascii_lowercase();
        Ok(self
            .0
            .iter()
            .find_map(|domain| {
                let bucket = name.strip_suffix(domain.as_str())?;
                (!bucket.is_empty())
                    .then(|| VirtualHost::new(domain.as_str()).with_bucket(bucket.to_owned()))
            })
            .unwrap_or_else(|| VirtualHost::new(host)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_found_only_below_a_domain() {
        let domains = Domains::new(&["localhost".into(), "s3.example.com".into()]);
        let bucket = |host| {
            domains
                .parse_host_header(host)
                .unwrap()
                .bucket()
                .map(str::to_owned)
        };
        assert_eq!(bucket("images.localhost:9000").as_deref(), Some("images"));
        assert_eq!(bucket("Images.Localhost").as_deref(), Some("images"));
        assert_eq!(bucket("a.b.s3.example.com").as_deref(), Some("a.b"));
        for path_style in [
            "localhost:9000",
            "127.0.0.1:9000",
            "[::1]:9000",
            "s3.example.com",
            "elsewhere.example.com",
        ] {
            assert_eq!(bucket(path_style), None, "{path_style}");
        }
    }
}
