//! A client of the application: calls of its routes in [`routes`], and the client that
//! sends them. None of its errors and outputs holds a token or the query of a URL, where
//! signatures are.

mod call;
mod photo;
pub mod routes;

use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use http::{HeaderValue, Method, header};
use serde::de::DeserializeOwned;

pub use call::{Answer, Call};
pub use photo::{Photo, Post};

/// The maximum time that an answer may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long tokens are valid.
const VALID_FOR: Duration = Duration::from_secs(60 * 60);

/// Calls `look` every `pause` until it finds something, for at most `patience`.
///
/// # Errors
/// A look fails, or finds nothing in that time.
pub async fn eventually<T>(
    what: &str,
    (pause, patience): (Duration, Duration),
    mut look: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let waiting = async {
        loop {
            if let Some(found) = look().await? {
                return Ok(found);
            }
            tokio::time::sleep(pause).await;
        }
    };
    let waited = tokio::time::timeout(patience, waiting).await;
    waited.with_context(|| format!("this did not come about in {patience:?}: {what}"))?
}

/// Sends calls to the application and to the URLs that it gives.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base_url: String,
    jwt_secret: String,
}

impl Client {
    /// A client that follows no redirect.
    ///
    /// # Errors
    /// The system gives no random bytes, or the like.
    pub fn new(base_url: impl Into<String>, jwt_secret: &str) -> Result<Self> {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(PATIENCE)
            .build()?;
        Ok(Self {
            http,
            base_url: base_url.into(),
            jwt_secret: jwt_secret.to_owned(),
        })
    }

    /// A request without a token, for the caller to complete and send.
    pub fn request(&self, method: Method, uri: &str) -> reqwest::RequestBuilder {
        let base_url = if uri.starts_with('/') {
            &*self.base_url
        } else {
            ""
        };
        self.http.request(method, format!("{base_url}{uri}"))
    }

    /// The application as a user sees it.
    ///
    /// # Errors
    /// The secret can't be a key.
    pub fn user(&self, subject: &str) -> Result<User<'_>> {
        self.holder_of(&crate::token(&self.jwt_secret, subject, &[], VALID_FOR)?)
    }

    /// The application as a user of a tenant with roles sees it.
    ///
    /// # Errors
    /// The secret can't be a key.
    pub fn member(&self, subject: &str, tenant: &str, roles: &[&str]) -> Result<User<'_>> {
        let token = crate::tenant_token(&self.jwt_secret, subject, tenant, roles, VALID_FOR)?;
        self.holder_of(&token)
    }

    /// The application as seen by a forger that signs a user's token without the secret.
    ///
    /// # Errors
    /// The secret can't be a key.
    pub fn forger(&self, subject: &str) -> Result<User<'_>> {
        let other: String = self.jwt_secret.chars().rev().collect();
        self.holder_of(&crate::token(&other, subject, &[], VALID_FOR)?)
    }

    /// The application as a client without a token sees it.
    pub fn nobody(&self) -> User<'_> {
        User {
            client: self,
            authorization: None,
        }
    }

    /// The application as the holder of a bearer token sees it.
    ///
    /// # Errors
    /// The token can't be in a header.
    pub fn holder_of(&self, token: &str) -> Result<User<'_>> {
        Ok(User {
            client: self,
            authorization: Some(format!("Bearer {token}").parse()?),
        })
    }
}

/// The application as a user sees it.
pub struct User<'a> {
    client: &'a Client,
    authorization: Option<HeaderValue>,
}

impl User<'_> {
    /// Sends a call. Its answer may have any status.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn answer<T>(&self, call: &Call<T>) -> Result<Answer> {
        let mut request = call.request(&self.client.base_url)?;
        if let Some(token) = &self.authorization {
            let headers = request.headers_mut();
            headers.insert(header::AUTHORIZATION, token.clone());
        }
        let unsent = |error: reqwest::Error| anyhow!(error.without_url()).context(call.name());
        let request = request.try_into().map_err(unsent)?;
        let sent = self.client.http.execute(request).await;
        let response = sent.map_err(unsent)?;
        Ok(Answer {
            to: call.name(),
            status: response.status(),
            headers: response.headers().clone(),
            body: response.bytes().await.map_err(unsent)?,
        })
    }

    /// Sends a call and reads the JSON of its answer.
    ///
    /// # Errors
    /// There is no answer; or its status or the shape of its JSON is another than the call expects.
    pub async fn ask<T: DeserializeOwned>(&self, call: &Call<T>) -> Result<T> {
        call.accept(self.answer(call).await?)?.json()
    }

    /// Sends a call that should be refused, and returns the message of the refusal.
    ///
    /// # Errors
    /// There is no answer, or it is another one.
    pub async fn is_refused<T>(&self, call: &Call<T>, status: u16, code: &str) -> Result<String> {
        self.answer(call).await?.refused(status, code)
    }

    /// Sends bytes to the URL in the answer to an announcement.
    ///
    /// # Errors
    /// The store refuses them.
    pub async fn upload(&self, received: &routes::Received, bytes: Vec<u8>) -> Result<()> {
        let call = routes::upload(received, bytes)?;
        let answer = self.client.nobody().answer(&call).await?;
        call.accept(answer).map(drop)
    }
}
