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
    /// The component does not have the variable `jwt`.
    pub fn undefined() -> Self {
        let problem = "is not given to this component: add its line of Orilla's spin.toml";
        Self::new("jwt", problem)
    }

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
    /// This key for every token, with any `kid` or none.
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

/// The requirements that a token has to meet.
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

/// The separator of the fields of the variable `jwt`: keys and secrets may hold any other
/// character.
const SEPARATOR: char = '\u{1f}';

impl Config {
    /// Parses the variable `jwt`, which has the application's variables in this order, with
    /// U+001F between them. One that is unset is empty.
    ///
    /// | variable | meaning |
    /// |---|---|
    /// | `jwt_algorithm` | `HS256`, `RS256`, `ES256` or `EdDSA` |
    /// | `jwt_secret` | for HS256: the shared secret, at least 32 bytes of UTF-8 |
    /// | `jwt_public_key` | for the others: the key in PEM (SubjectPublicKeyInfo), in any shape of [`pem::public_key_der`] |
    /// | `jwt_jwks_url` | in place of these: the URL of a JSON Web Key Set |
    /// | `jwt_jwks` | in place of all these: a JSON Web Key Set |
    /// | `jwt_issuer`, `jwt_audience` | the values that `iss` and `aud` must have, if set |
    /// | `jwt_subject_claim` | the claim with the id of the user, `sub` if unset |
    /// | `jwt_tenant_claim` | the claim with the tenant of the user, `tenant_id` if unset |
    ///
    /// # Errors
    /// [`ConfigError`] if there is another number of fields, the algorithm is unknown, or a
    /// key is missing, weak, damaged, of another kind or set in two ways.
    pub fn parse(jwt: &str) -> Result<Self, ConfigError> {
        let fields: Vec<_> = jwt.split(SEPARATOR).collect();
        let &[
            algorithm,
            secret,
            public_key,
            url,
            set,
            issuer,
            audience,
            subject_claim,
            tenant_claim,
        ] = fields.as_slice()
        else {
            let problem = format!(
                "has {} fields and not nine: take its line from Orilla's spin.toml, and remove \
                 U+001F from the values of the variables `jwt_...`",
                fields.len()
            );
            return Err(ConfigError::new("jwt", problem));
        };
        let one_key = [("jwt_secret", secret), ("jwt_public_key", public_key)];
        let source = match (url.trim(), set.trim()) {
            ("", "") => Source::Keys(Keys::One(key(algorithm.trim(), secret, public_key.trim())?)),
            (url, "") => {
                let name = "jwt_jwks_url";
                check_alone(name, &one_key)?;
                check_url(url).map_err(|problem| ConfigError::new(name, problem))?;
                Source::Url(url.to_owned())
            }
            (url, set) => {
                let name = "jwt_jwks";
                check_alone(name, &one_key)?;
                check_alone(name, &[("jwt_jwks_url", url)])?;
                let set = key_set(set).map_err(|problem| ConfigError::new(name, problem))?;
                Source::Keys(Keys::Set(set))
            }
        };
        let optional = |text: &str| match text.trim() {
            "" => None,
            text => Some(text.to_owned()),
        };
        Ok(Self {
            source,
            issuer: optional(issuer),
            audience: optional(audience),
            subject_claim: optional(subject_claim).unwrap_or_else(|| "sub".to_owned()),
            tenant_claim: optional(tenant_claim).unwrap_or_else(|| "tenant_id".to_owned()),
        })
    }
}

/// Refuses `name` beside others that are set: nothing says which of them counts.
fn check_alone(name: &'static str, others: &[(&str, &str)]) -> Result<(), ConfigError> {
    match others.iter().find(|(_, value)| !value.trim().is_empty()) {
        None => Ok(()),
        Some((other, _)) => {
            let problem = format!("and `{other}` are both set: leave one of them empty");
            Err(ConfigError::new(name, problem))
        }
    }
}

/// The configuration that an instance keeps from one call to the next: keys take longer to
/// read than most tokens to verify.
#[derive(Default)]
pub struct KeptConfig(RefCell<Option<(String, Rc<Config>)>>);

impl KeptConfig {
    /// Nothing kept so far.
    pub const fn new() -> Self {
        Self(RefCell::new(None))
    }

    /// The configuration of the variable `jwt`: the one that is kept if the variable still
    /// has the same text. It may change while an instance lives.
    ///
    /// # Errors
    /// Those of [`Config::parse`]; nothing is kept then.
    pub fn config(&self, jwt: String) -> Result<Rc<Config>, ConfigError> {
        let kept = self.0.take().filter(|(text, _)| *text == jwt);
        let config = match kept {
            Some((_, config)) => config,
            None => Rc::new(Config::parse(&jwt)?),
        };
        self.0.replace(Some((jwt, config.clone())));
        Ok(config)
    }
}

/// Refuses a text that is plainly no URL; the component that reads the URL checks the rest.
fn check_url(url: &str) -> Result<(), &'static str> {
    match url.split_once("://") {
        Some(("https" | "http", rest)) if !rest.is_empty() => Ok(()),
        _ => Err("is no URL of a key set: it begins with https://"),
    }
}

/// The key that `jwt_algorithm` says how to use. The secret is taken as it is: blanks may be
/// part of it.
fn key(algorithm: &str, secret: &str, public_key: &str) -> Result<Key, ConfigError> {
    match algorithm {
        "HS256" => secret_key(secret).map_err(|problem| ConfigError::new("jwt_secret", problem)),
        "RS256" | "ES256" | "EdDSA" => pem_key(algorithm, public_key)
            .map_err(|problem| ConfigError::new("jwt_public_key", problem)),
        "" => Err(ConfigError::new("jwt_algorithm", "is not set")),
        _ => {
            let problem = "has to be HS256, RS256, ES256 or EdDSA";
            Err(ConfigError::new("jwt_algorithm", problem))
        }
    }
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
fn secret_key(text: &str) -> Result<Key, &'static str> {
    if text.is_empty() {
        return Err("is not set, and HS256 needs it");
    }
    if pem::is_public(text) {
        // The key is public, so anyone could sign with it.
        return Err(
            "is a public key, which is no secret: set `jwt_public_key` and its algorithm instead",
        );
    }
    Key::hs256(text.as_bytes())
}

/// The key of an algorithm with a public key, or why the text is none.
fn pem_key(algorithm: &str, text: &str) -> Result<Key, String> {
    Key::from_der(algorithm, &pem::public_key_der(text)?)
}
