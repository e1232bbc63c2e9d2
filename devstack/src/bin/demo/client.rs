//! A thin HTTP client. No error and no output of it holds a token or the query
//! of a URL, where signatures are.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use reqwest::{RequestBuilder, redirect};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use url::Url;

/// The longest that an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long tokens are valid.
const VALID_FOR: Duration = Duration::from_secs(60 * 60);

/// Sends requests to the application and to the URLs that it gives.
pub struct Client {
    http: reqwest::Client,
    base_url: String,
    jwt_secret: String,
}

impl Client {
    pub fn new(base_url: String, jwt_secret: &str) -> Result<Self> {
        let http = reqwest::Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .timeout(PATIENCE)
            .build()?;
        Ok(Self {
            http,
            base_url,
            jwt_secret: jwt_secret.to_owned(),
        })
    }

    /// The application as it is for a user.
    pub fn user(&self, subject: &str) -> Result<Session<'_>> {
        self.holder_of(devstack::token(&self.jwt_secret, subject, &[], VALID_FOR)?)
    }

    /// The application as it is for who signs a user's token without knowing the secret.
    pub fn forger(&self, subject: &str) -> Result<Session<'_>> {
        let other: String = self.jwt_secret.chars().rev().collect();
        self.holder_of(devstack::token(&other, subject, &[], VALID_FOR)?)
    }

    /// The application as it is for who has no token.
    pub fn nobody(&self) -> Session<'_> {
        Session {
            client: self,
            authorization: None,
        }
    }

    fn holder_of(&self, token: String) -> Result<Session<'_>> {
        Ok(Session {
            client: self,
            authorization: Some(format!("Bearer {token}").parse()?),
        })
    }

    /// Gets a URL that the application gave.
    pub async fn get(&self, url: &str) -> Result<Answer> {
        send(Method::GET, url, |url| self.http.get(url)).await
    }

    /// Puts bytes to a URL that the application gave, with the headers that it gave.
    pub async fn put(&self, url: &str, headers: HeaderMap, bytes: Vec<u8>) -> Result<Answer> {
        send(Method::PUT, url, |url| {
            self.http.put(url).headers(headers).body(bytes)
        })
        .await
    }
}

/// The application as it is for someone.
pub struct Session<'a> {
    client: &'a Client,
    authorization: Option<HeaderValue>,
}

impl Session<'_> {
    /// Gets a path, which may have a query.
    pub async fn get(&self, path: &str) -> Result<Answer> {
        self.send(Method::GET, path, |request| request).await
    }

    pub async fn post(&self, path: &str, body: &impl Serialize) -> Result<Answer> {
        self.send(Method::POST, path, |request| request.json(body))
            .await
    }

    pub async fn put(&self, path: &str, body: &impl Serialize) -> Result<Answer> {
        self.send(Method::PUT, path, |request| request.json(body))
            .await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        complete: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Result<Answer> {
        let url = format!("{}{path}", self.client.base_url);
        send(method.clone(), &url, |url| {
            let request = complete(self.client.http.request(method, url));
            match &self.authorization {
                Some(value) => request.header(header::AUTHORIZATION, value),
                None => request,
            }
        })
        .await
    }
}

async fn send(
    method: Method,
    url: &str,
    request: impl FnOnce(Url) -> RequestBuilder,
) -> Result<Answer> {
    let url: Url = url.parse().context("the application gave no URL")?;
    let to = format!("{method} {}", url.path());
    let unsent = |error: reqwest::Error| anyhow!(error.without_url()).context(to.clone());
    let response = request(url).send().await.map_err(unsent)?;
    Ok(Answer {
        status: response.status(),
        headers: response.headers().clone(),
        body: response.bytes().await.map_err(unsent)?.to_vec(),
        to,
    })
}

/// What was answered.
pub struct Answer {
    /// The request, without what is secret in it.
    to: String,
    status: StatusCode,
    headers: HeaderMap,
    pub body: Vec<u8>,
}

/// The body of a refusal.
#[derive(Deserialize)]
struct Refusal {
    error: String,
    code: String,
}

impl Answer {
    /// The answer, if it has the status that it should have.
    pub fn expect(self, status: StatusCode) -> Result<Self> {
        if self.status == status {
            return Ok(self);
        }
        let Self {
            to, status: found, ..
        } = &self;
        match self.json::<Refusal>() {
            Ok(Refusal { error, code }) => {
                bail!("{to} should answer {status} and answered {found}: {error} ({code})")
            }
            // What a store writes may quote the request, signature and all.
            Err(_) => bail!("{to} should answer {status} and answered {found}"),
        }
    }

    /// Checks that this is a refusal for the reason that `code` names, and
    /// returns what is said about it.
    pub fn refused(self, status: StatusCode, code: &str) -> Result<String> {
        let answer = self.expect(status)?;
        let refusal: Refusal = answer.json()?;
        ensure!(
            refusal.code == code,
            "{} should be refused as {code} and was as {}: {}",
            answer.to,
            refusal.code,
            refusal.error
        );
        if status == StatusCode::UNAUTHORIZED {
            let challenge = answer.header(&header::WWW_AUTHENTICATE)?;
            ensure!(
                challenge.starts_with("Bearer"),
                "{} should be answered with a challenge for Bearer",
                answer.to
            );
            return Ok(format!("401 {code}, WWW-Authenticate: Bearer"));
        }
        Ok(format!("{} {code}", status.as_u16()))
    }

    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.body)
            .with_context(|| format!("{} answered what was not understood", self.to))
    }

    pub fn header(&self, name: &header::HeaderName) -> Result<&str> {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .with_context(|| format!("{} answered without {name}", self.to))
    }
}
