//! The key and the claims that tokens are held against.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use jwks::{Key, KeySet, Origin};

use crate::pem;

/// Why no token can be verified: the variable to change, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    variable: &'static str,
    problem: String,
}

impl ConfigError {
    fn new(variable: &'static str, problem: impl Into<String>) -> Self {
        Self {
            variable,
            problem: problem.into(),
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the variable `{}` {}", self.variable, self.problem)
    }
}

impl std::error::Error for ConfigError {}

/// The keys that tokens may be signed with.
#[derive(Clone)]
pub enum Keys {
    /// This one, whatever the token's `kid`.
    One(Key),
    /// The one that the token's `kid` names.
    Set(KeySet),
}

/// Where the keys are.
#[derive(Clone)]
pub enum Source {
    /// In a variable.
    Keys(Keys),
    /// At a URL, whose set the key-value store keeps.
    Url(String),
}

/// What a token has to fulfil.
#[derive(Clone)]
pub struct Config {
    /// How it has to be signed.
    pub source: Source,
    /// The `iss` that it has to have, if any.
    pub issuer: Option<String>,
    /// The `aud` that it has to have or to contain, if any.
    pub audience: Option<String>,
    /// The claim that holds the id of the user.
    pub subject_claim: String,
    /// The claim that holds the tenant of the user.
    pub tenant_claim: String,
}

impl Config {
    /// Reads the configuration from variables; one that is unset may as well be empty.
    ///
    /// | variable | meaning |
    /// |---|---|
    /// | `jwks` | in place of the next three: the URL of a JSON Web Key Set, `|`, and such a set; at most one of both |
    /// | `jwt_algorithm` | `HS256`, `RS256`, `ES256` or `EdDSA` |
    /// | `jwt_secret` | for HS256: the shared secret, at least 32 bytes of UTF-8 |
    /// | `jwt_public_key` | for the others: the key in PEM (SubjectPublicKeyInfo), in any shape of [`pem::public_key_der`] |
    /// | `jwt_issuer`, `jwt_audience` | what `iss` and `aud` are compared with, if set |
    /// | `jwt_subject_claim` | the claim with the id of the user, `sub` if unset |
    /// | `jwt_tenant_claim` | the claim with the tenant of the user, `tenant_id` if unset |
    ///
    /// # Errors
    /// [`ConfigError`] if the algorithm is unknown, or a key is missing, weak, damaged,
    /// of another kind or set in two ways; and any error of `get`, for a variable that cannot
    /// be read is not the same as one that is unset.
    pub fn from_variables<E: From<ConfigError>>(
        get: impl Fn(&str) -> Result<Option<String>, E>,
    ) -> Result<Self, E> {
        let optional = |name: &str| -> Result<Option<String>, E> {
            let value = get(name)?.map(|value| value.trim().to_owned());
            Ok(value.filter(|value| !value.is_empty()))
        };
        let jwks = optional("jwks")?.unwrap_or_default();
        // No URL has this character (RFC 3986, 2).
        let (url, set) = jwks.split_once('|').unwrap_or(("", &jwks));
        let both = |variable, other| {
            // Neither says which of them counts.
            let problem = format!("and `{other}` are both set: leave one of them empty");
            Err(ConfigError::new(variable, problem))
        };
        let source = match (url.trim(), set.trim()) {
            ("", "") => Source::Keys(Keys::One(one_key(&get, optional)?)),
            (url, set) => {
                let name = if set.is_empty() {
                    "jwt_jwks_url"
                } else {
                    "jwt_jwks"
                };
                for other in ["jwt_secret", "jwt_public_key"] {
                    if optional(other)?.is_some() {
                        both(name, other)?;
                    }
                }
                if set.is_empty() {
                    check_url(url).map_err(|problem| ConfigError::new(name, problem))?;
                    Source::Url(url.to_owned())
                } else {
                    if !url.is_empty() {
                        both(name, "jwt_jwks_url")?;
                    }
                    let set = key_set(set).map_err(|problem| ConfigError::new(name, problem))?;
                    Source::Keys(Keys::Set(set))
                }
            }
        };
        Ok(Self {
            source,
            issuer: optional("jwt_issuer")?,
            audience: optional("jwt_audience")?,
            subject_claim: optional("jwt_subject_claim")?.unwrap_or_else(|| "sub".to_owned()),
            tenant_claim: optional("jwt_tenant_claim")?.unwrap_or_else(|| "tenant_id".to_owned()),
        })
    }
}

/// The variables that a configuration was read from, with their texts.
type Texts = Vec<(String, Option<String>)>;

/// The configuration that an instance keeps from one call to the next: keys take longer to
/// read than most tokens to verify.
#[derive(Default)]
pub struct KeptConfig(RefCell<Option<(Texts, Rc<Config>)>>);

impl KeptConfig {
    /// Nothing kept so far.
    pub const fn new() -> Self {
        Self(RefCell::new(None))
    }

    /// The configuration of variables: the one that is kept if they still have the same
    /// texts. They may change while an instance lives.
    ///
    /// # Errors
    /// Those of [`Config::from_variables`]; nothing is kept then.
    pub fn config<E: From<ConfigError>>(
        &self,
        get: impl Fn(&str) -> Result<Option<String>, E>,
    ) -> Result<Rc<Config>, E> {
        if let Some((texts, config)) = self.0.take() {
            let mut is_same = true;
            for (name, text) in &texts {
                is_same = is_same && get(name)? == *text;
            }
            if is_same {
                self.0.replace(Some((texts, config.clone())));
                return Ok(config);
            }
        }
        let texts = RefCell::new(Texts::new());
        let config = Config::from_variables(|name| {
            let text = get(name)?;
            texts.borrow_mut().push((name.to_owned(), text.clone()));
            Ok::<_, E>(text)
        })?;
        let config = Rc::new(config);
        self.0.replace(Some((texts.into_inner(), config.clone())));
        Ok(config)
    }
}

/// Refuses what is plainly no URL; the component that reads it checks the rest.
fn check_url(url: &str) -> Result<(), &'static str> {
    match url.split_once("://") {
        Some(("https" | "http", rest)) if !rest.is_empty() => Ok(()),
        _ => Err("is no URL of a key set: it begins with https://"),
    }
}

/// The key that `jwt_algorithm` says how to use.
fn one_key<E: From<ConfigError>>(
    get: impl Fn(&str) -> Result<Option<String>, E>,
    optional: impl Fn(&str) -> Result<Option<String>, E>,
) -> Result<Key, E> {
    let key = match optional("jwt_algorithm")?.as_deref() {
        // As it is: blanks may be part of a secret.
        Some("HS256") => secret(&get("jwt_secret")?.unwrap_or_default())
            .map_err(|problem| ConfigError::new("jwt_secret", problem))?,
        Some(algorithm @ ("RS256" | "ES256" | "EdDSA")) => {
            public_key(algorithm, &optional("jwt_public_key")?.unwrap_or_default())
                .map_err(|problem| ConfigError::new("jwt_public_key", problem))?
        }
        other => {
            let problem = match other {
                None => "is not set",
                Some(_) => "has to be HS256, RS256, ES256 or EdDSA",
            };
            return Err(ConfigError::new("jwt_algorithm", problem).into());
        }
    };
    Ok(key)
}

/// The keys of a set, or why one of them or the whole cannot be used: the operator can
/// change a variable.
fn key_set(text: &str) -> Result<KeySet, String> {
    let (set, unfit) = KeySet::parse(text, Origin::Variable).map_err(|error| error.to_string())?;
    match unfit.first() {
        None => Ok(set),
        Some(unfit) => Err(format!("cannot be used: {unfit}")),
    }
}

/// The key of HS256, or why the text is none.
fn secret(text: &str) -> Result<Key, &'static str> {
    if text.is_empty() {
        return Err("is not set, and HS256 needs it");
    }
    if pem::is_public(text) {
        // Anyone may have it, so anyone could sign.
        return Err(
            "is a public key, which is no secret: set `jwt_public_key` and its algorithm instead",
        );
    }
    Key::hs256(text.as_bytes())
}

/// The key of an algorithm with a public key, or why the text is none.
fn public_key(algorithm: &str, text: &str) -> Result<Key, String> {
    Key::from_der(algorithm, &pem::public_key_der(text)?)
}
