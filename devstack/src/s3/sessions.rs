use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use http::HeaderMap;
use s3s::{
    S3Error, S3ErrorCode, S3Result,
    access::{S3Access, S3AccessContext},
    auth::{S3Auth, SecretKey},
};
use time::OffsetDateTime;

use super::Faults;

/// Temporary keys, each with a session token and an end. Clones share their state.
#[derive(Clone, Debug, Default)]
pub struct Sessions(Arc<Mutex<HashMap<String, Session>>>);

#[derive(Clone, Debug)]
struct Session {
    secret_key: String,
    token: String,
    ends: OffsetDateTime,
}

impl Sessions {
    /// Lets requests in that are signed with this key and have this token, until `ends`.
    pub fn add(&self, access_key: &str, secret_key: &str, token: &str, ends: OffsetDateTime) {
        let session = Session {
            secret_key: secret_key.to_owned(),
            token: token.to_owned(),
            ends,
        };
        self.sessions().insert(access_key.to_owned(), session);
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<String, Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Refuses a request with a temporary key that lacks its token or comes after its end,
    /// as AWS does.
    fn check(&self, access_key: &str, sent: Option<&str>) -> S3Result<()> {
        let sessions = self.sessions();
        let Some(session) = sessions.get(access_key) else {
            return Ok(());
        };
        let refuse = |code| Err(S3Error::new(code));
        if sent != Some(session.token.as_str()) {
            return refuse(S3ErrorCode::InvalidToken);
        }
        if session.ends <= OffsetDateTime::now_utc() {
            return refuse(S3ErrorCode::ExpiredToken);
        }
        Ok(())
    }
}

/// The secret of each key: the lasting one, and those of sessions.
pub(super) struct Secrets {
    pub(super) access_key: String,
    pub(super) secret_key: String,
    pub(super) sessions: Sessions,
}

#[async_trait::async_trait]
impl S3Auth for Secrets {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        if access_key == self.access_key {
            return Ok(self.secret_key.clone().into());
        }
        let sessions = self.sessions.sessions();
        match sessions.get(access_key) {
            Some(session) => Ok(session.secret_key.clone().into()),
            None => Err(S3ErrorCode::InvalidAccessKeyId.into()),
        }
    }
}

/// Checks session tokens, and then lets faults happen.
pub(super) struct Guard {
    pub(super) sessions: Sessions,
    pub(super) faults: Faults,
}

#[async_trait::async_trait]
impl S3Access for Guard {
    async fn check(&self, context: &mut S3AccessContext<'_>) -> S3Result<()> {
        if let Some(credentials) = context.credentials() {
            let sent = token(context.headers(), context.uri().query());
            self.sessions
                .check(&credentials.access_key, sent.as_deref())?;
        }
        S3Access::check(&self.faults, context).await
    }
}

/// The session token of a request: in a header, or in the query of a presigned URL.
fn token(headers: &HeaderMap, query: Option<&str>) -> Option<String> {
    const NAME: &str = "x-amz-security-token";
    if let Some(value) = headers.get(NAME) {
        return value.to_str().ok().map(str::to_owned);
    }
    let pairs = url::form_urlencoded::parse(query?.as_bytes());
    let mut found = pairs.filter(|(name, _)| name.eq_ignore_ascii_case(NAME));
    found.next().map(|(_, value)| value.into_owned())
}
