//! A client of the application: calls of its routes in [`routes`], and what sends
//! them. No error and no output of it holds a token or the query of a URL, where
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

/// Looks every `pause` until there is something, for at most `patience`.
///
/// # Errors
/// A look fails, or there is nothing in that time.
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

    /// A request that is completed and sent by hand, with no token.
    pub fn request(&self, method: Method, uri: &str) -> reqwest::RequestBuilder {
        let base_url = if uri.starts_with('/') {
            &*self.base_url
        } else {
            ""
        };
        self.http.request(method, format!("{base_url}{uri}"))
    }

    /// The application as it is for a user.
    ///
    /// # Errors
    /// The secret can't be a key.
    pub fn user(&self, subject: &str) -> Result<User<'_>> {
        self.holder_of(&crate::token(&self.jwt_secret, subject, &[], VALID_FOR)?)
    }

    /// The application as it is for who signs a user's token without knowing the secret.
    ///
    /// # Errors
    /// The secret can't be a key.
    pub fn forger(&self, subject: &str) -> Result<User<'_>> {
        let other: String = self.jwt_secret.chars().rev().collect();
        self.holder_of(&crate::token(&other, subject, &[], VALID_FOR)?)
    }

    /// The application as it is for who has no token.
    pub fn nobody(&self) -> User<'_> {
        User {
            client: self,
            authorization: None,
        }
    }

    fn holder_of(&self, token: &str) -> Result<User<'_>> {
        Ok(User {
            client: self,
            authorization: Some(format!("Bearer {token}").parse()?),
        })
    }
}

/// The application as it is for a user.
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
    /// There is no answer; or it has not the status, or not the JSON, that it should have.
    pub async fn ask<T: DeserializeOwned>(&self, call: &Call<T>) -> Result<T> {
        call.accept(self.answer(call).await?)?.json()
    }

    /// Sends a call that should be refused, and returns what is said about it.
    ///
    /// # Errors
    /// There is no answer, or it is another.
    pub async fn is_refused<T>(&self, call: &Call<T>, status: u16, code: &str) -> Result<String> {
        self.answer(call).await?.refused(status, code)
    }

    /// Sends bytes to the URL that an announcement gave.
    ///
    /// # Errors
    /// The store does not take them.
    pub async fn upload(&self, received: &routes::Received, bytes: Vec<u8>) -> Result<()> {
        let call = routes::upload(received, bytes)?;
        let answer = self.client.nobody().answer(&call).await?;
        call.accept(answer).map(drop)
    }
}
