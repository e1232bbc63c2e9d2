use std::path::PathBuf;

use clap::Args;
use objects::{Objects, StoreConfig};
use serde::Deserialize;

use crate::{Error, Https};

/// The bucket of the archive. Values that are not given come from the variables of the
/// application (SPIN_VARIABLE_S3_ENDPOINT and so on), then from those of AWS
/// (AWS_ACCESS_KEY_ID and so on), then from the data folder of `scripts/up`.
#[derive(Args, Debug, Clone)]
pub struct Connection {
    /// The URL of the store
    #[arg(long)]
    endpoint: Option<String>,
    /// The region of the bucket
    #[arg(long)]
    region: Option<String>,
    /// The place of the bucket's name in URLs: path or virtual
    #[arg(long)]
    addressing: Option<String>,
    /// The bucket of the archive
    #[arg(long)]
    bucket: Option<String>,
    /// The data folder of `scripts/up`, which has the keys of its store
    #[arg(long, default_value = ".orilla")]
    data_dir: PathBuf,
}

/// The keys of the store of `scripts/up`, in `secrets.json` of its data folder.
#[derive(Deserialize)]
struct Secrets {
    s3_access_key: String,
    s3_secret_key: String,
}

impl Connection {
    /// The bucket, over HTTP or HTTPS.
    ///
    /// # Errors
    /// [`Error::Connection`] if a setting is missing or wrong.
    pub fn open(&self) -> Result<Objects<Https>, Error> {
        let env = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let config = self.config(env)?;
        Ok(Objects::with_transport(config, Https::default()))
    }

    fn config(&self, env: impl Fn(&str) -> Option<String>) -> Result<StoreConfig, Error> {
        let own = |name: &str| env(&format!("SPIN_VARIABLE_{}", name.to_uppercase()));
        let first = |names: &[&str]| names.iter().find_map(|name| env(name));
        let has_own_keys = own("s3_access_key_id").is_some();
        let has_aws_keys = !has_own_keys && env("AWS_ACCESS_KEY_ID").is_some();
        let secrets = match has_own_keys || has_aws_keys {
            true => None,
            false => Some(self.secrets()?),
        };
        let region = self
            .region
            .clone()
            .or_else(|| own("s3_region"))
            .or_else(|| first(&["AWS_REGION", "AWS_DEFAULT_REGION"]))
            .unwrap_or_else(|| "us-east-1".to_owned());
        let endpoint = self
            .endpoint
            .clone()
            .or_else(|| own("s3_endpoint"))
            .or_else(|| first(&["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"]));
        let is_aws = endpoint.is_none() && has_aws_keys;
        let endpoint = endpoint.unwrap_or_else(|| match is_aws {
            true => format!("https://s3.{region}.amazonaws.com"),
            false => "http://127.0.0.1:9000".to_owned(),
        });

        let variable = |name: &str| match name {
            "s3_endpoint" => Some(endpoint.clone()),
            "s3_region" => Some(region.clone()),
            "s3_addressing" => self
                .addressing
                .clone()
                .or_else(|| own(name))
                .or_else(|| is_aws.then(|| "virtual".to_owned())),
            "compras_bucket" => self
                .bucket
                .clone()
                .or_else(|| own(name))
                .or_else(|| Some("compras".to_owned())),
            // All of one place: an id of one and a token of another fit no lock.
            _ if has_own_keys => own(name),
            _ if has_aws_keys => env(&name.replacen("s3", "aws", 1).to_uppercase()),
            "s3_access_key_id" => secrets
                .as_ref()
                .map(|secrets| secrets.s3_access_key.clone()),
            "s3_secret_access_key" => secrets
                .as_ref()
                .map(|secrets| secrets.s3_secret_key.clone()),
            _ => None,
        };
        StoreConfig::from_variables(variable, "compras_bucket")
            .map_err(|error| Error::Connection(error.to_string()))
    }

    fn secrets(&self) -> Result<Secrets, Error> {
        let path = self.data_dir.join("secrets.json");
        let no_keys = |reason: String| {
            Error::Connection(format!(
                "there are no keys: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name the \
                 data folder of a stack with --data-dir ({}: {reason})",
                path.display()
            ))
        };
        let text = std::fs::read(&path).map_err(|error| no_keys(error.to_string()))?;
        serde_json::from_slice(&text).map_err(|error| no_keys(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    fn connection(data_dir: PathBuf) -> Connection {
        Connection {
            endpoint: None,
            region: None,
            addressing: None,
            bucket: None,
            data_dir,
        }
    }

    /// The URL of an object, which shows the configured values.
    fn url(connection: &Connection, env: &[(&str, &str)]) -> Result<String, Error> {
        let get = |name: &str| {
            let found = env.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let config = connection.config(get)?;
        let read = config.presign_read(
            &http::Method::GET,
            "k",
            Duration::from_secs(1),
            SystemTime::now(),
        );
        Ok(read?.url)
    }

    #[test]
    fn a_running_stack_needs_no_settings() {
        let dir = tempfile::tempdir().unwrap();
        let secrets = r#"{"jwt_secret":"x","s3_access_key":"ORILLA1","s3_secret_key":"y"}"#;
        std::fs::write(dir.path().join("secrets.json"), secrets).unwrap();
        let url = url(&connection(dir.path().into()), &[]).unwrap();
        assert!(url.starts_with("http://127.0.0.1:9000/compras/k?"), "{url}");
        assert!(url.contains("Credential=ORILLA1%2F"), "{url}");
    }

    #[test]
    fn the_keys_of_aws_mean_aws_unless_an_endpoint_says_otherwise() {
        let aws = [
            ("AWS_ACCESS_KEY_ID", "AKID"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_SESSION_TOKEN", "token"),
            ("AWS_REGION", "eu-west-1"),
        ];
        let mut connection = connection("nowhere".into());
        let told = url(&connection, &aws).unwrap();
        assert!(
            told.starts_with("https://compras.s3.eu-west-1.amazonaws.com/k?"),
            "{told}"
        );
        assert!(
            told.contains("eu-west-1") && told.contains("Security-Token=token"),
            "{told}"
        );

        connection.endpoint = Some("http://minio:9000".into());
        connection.bucket = Some("archive".into());
        let told = url(&connection, &aws).unwrap();
        assert!(told.starts_with("http://minio:9000/archive/k?"), "{told}");
    }

    #[test]
    fn the_variables_of_the_application_come_before_those_of_aws() {
        let both = [
            ("AWS_ACCESS_KEY_ID", "AKID"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_SESSION_TOKEN", "token"),
            ("SPIN_VARIABLE_S3_ACCESS_KEY_ID", "OWN"),
            ("SPIN_VARIABLE_S3_SECRET_ACCESS_KEY", "own"),
            ("SPIN_VARIABLE_S3_ENDPOINT", "http://store:9000"),
            ("SPIN_VARIABLE_COMPRAS_BUCKET", "own-bucket"),
        ];
        let url = url(&connection("nowhere".into()), &both).unwrap();
        assert!(url.starts_with("http://store:9000/own-bucket/k?"), "{url}");
        assert!(
            url.contains("Credential=OWN") && !url.contains("token"),
            "{url}"
        );
    }

    #[test]
    fn without_keys_it_says_where_they_are_looked_for() {
        let error = url(&connection("nowhere".into()), &[])
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("AWS_ACCESS_KEY_ID") && error.contains("--data-dir"),
            "{error}"
        );
    }
}
