//! The workspace and the credentials.

use base::{Failure, text};
use http::HeaderValue;
use outbound::BaseUrl;

/// A workspace and the credentials for it.
#[derive(Clone)]
pub struct Config {
    pub(crate) workspace: BaseUrl,
    pub(crate) credentials: Credentials,
}

/// How requests are authorized.
#[derive(Clone)]
pub(crate) enum Credentials {
    /// A personal access token.
    Token(String),
    /// OAuth client credentials of a service principal.
    Client { id: String, secret: String },
}

impl Config {
    /// The workspace `databricks_workspace_url`, with the personal token
    /// `databricks_access_token` or, without one, the OAuth client `databricks_client_id`
    /// and `databricks_client_secret`.
    ///
    /// # Errors
    /// [`Failure::Misconfigured`], naming the variable that is missing or wrong.
    pub fn from_variables() -> Result<Self, Failure> {
        Self::read(|name| Ok(text(name)?.trim().to_owned()))
    }

    /// The same, with any source of variables.
    ///
    /// # Errors
    /// Those of [`Self::from_variables`].
    pub fn read(variable: impl Fn(&str) -> Result<String, Failure>) -> Result<Self, Failure> {
        let workspace = variable("databricks_workspace_url")?;
        let workspace = BaseUrl::parse(&workspace)
            .map_err(|problem| Failure::variable("databricks_workspace_url", problem))?;
        let token = variable("databricks_access_token")?;
        let credentials = match token.is_empty() {
            false => Credentials::Token(token),
            true => Credentials::Client {
                id: variable("databricks_client_id")?,
                secret: variable("databricks_client_secret")?,
            },
        };
        match &credentials {
            Credentials::Client { id, secret } if id.is_empty() || secret.is_empty() => {
                Err(Failure::misconfigured(
                    "the variable databricks_access_token, or databricks_client_id and \
                     databricks_client_secret, must be set",
                ))
            }
            Credentials::Token(token) if HeaderValue::from_str(token).is_err() => {
                Err(Failure::variable(
                    "databricks_access_token",
                    "has characters that no header takes",
                ))
            }
            _ => Ok(Self {
                workspace,
                credentials,
            }),
        }
    }
}
