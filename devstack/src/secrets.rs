use std::{fs::File, io::Write, os::unix::fs::OpenOptionsExt, path::Path};

use serde::{Deserialize, Serialize};

use crate::{Error, Result, error::At};

/// Random secrets, made once for a data folder and kept there, so that tokens and
/// presigned URLs outlive a restart.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secrets {
    /// Signs JWTs (HS256).
    pub jwt_secret: String,
    /// The bearer token of the store's notifications.
    pub events_token: String,
    /// The bearer token of streams of purchases. A folder of an earlier version gets one
    /// of its own.
    #[serde(default)]
    pub stream_token: String,
    /// The token of events of Databricks. A folder of an earlier version gets one of its own.
    #[serde(default)]
    pub ipp_events_token: String,
    /// The access key id of the S3 store.
    pub s3_access_key: String,
    /// Its secret.
    pub s3_secret_key: String,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secrets")
            .field("s3_access_key", &self.s3_access_key)
            .finish_non_exhaustive()
    }
}

impl Secrets {
    /// Reads `secrets.json` in a data folder.
    ///
    /// # Errors
    /// There is no such file, or it is damaged.
    pub fn read(data_dir: &Path) -> Result<Self> {
        let path = data_dir.join("secrets.json");
        let text = std::fs::read(&path).at(&path)?;
        serde_json::from_slice(&text).map_err(|error| Error::Damaged {
            path,
            reason: error.to_string(),
        })
    }

    /// Reads `secrets.json`, after making it if it does not exist. Only its owner may read it.
    ///
    /// # Errors
    /// The file can't be written or is damaged.
    pub fn read_or_make(data_dir: &Path) -> Result<Self> {
        if !data_dir.join("secrets.json").exists() {
            Self::make()?.write(data_dir)?;
        }
        let mut secrets = Self::read(data_dir)?;
        let mut is_changed = false;
        for token in [&mut secrets.stream_token, &mut secrets.ipp_events_token] {
            if token.is_empty() {
                *token = random_hex::<32>()?;
                is_changed = true;
            }
        }
        if is_changed {
            secrets.write(data_dir)?;
        }
        Ok(secrets)
    }

    fn make() -> Result<Self> {
        Ok(Self {
            jwt_secret: random_hex::<32>()?,
            events_token: random_hex::<32>()?,
            stream_token: random_hex::<32>()?,
            ipp_events_token: random_hex::<32>()?,
            s3_access_key: format!("ORILLA{}", random_hex::<7>()?.to_uppercase()),
            s3_secret_key: random_hex::<20>()?,
        })
    }

    /// Writes the whole file or none.
    fn write(&self, data_dir: &Path) -> Result<()> {
        let path = data_dir.join("secrets.json");
        let unfinished = data_dir.join("secrets.json.tmp");
        let text = serde_json::to_vec_pretty(self).map_err(|error| Error::Damaged {
            path: path.clone(),
            reason: error.to_string(),
        })?;
        File::options()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&unfinished)
            .and_then(|mut file| {
                file.write_all(&text)?;
                file.sync_all()
            })
            .and_then(|()| std::fs::rename(&unfinished, &path))
            .at(&path)
    }
}

fn random_hex<const BYTES: usize>() -> Result<String> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::Option(format!("the system gives no random bytes: {error}")))?;
    Ok(hex::encode(bytes))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn secrets_are_made_once_and_for_the_owner_only() {
        let dir = tempfile::tempdir().unwrap();
        let made = Secrets::read_or_make(dir.path()).unwrap();
        assert!(made.jwt_secret.len() >= 32, "the authorizer wants 32 bytes");
        assert!(Secrets::read_or_make(dir.path()).unwrap() == made);
        let metadata = std::fs::metadata(dir.path().join("secrets.json")).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_damaged_file_is_named_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("secrets.json"), "{}").unwrap();
        let error = Secrets::read_or_make(dir.path()).err().unwrap();
        assert!(error.to_string().contains("secrets.json"), "{error}");
    }
}
