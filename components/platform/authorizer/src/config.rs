//! What tokens are held against.

use std::fmt;

use ed25519_dalek::VerifyingKey as Ed25519Key;
use jwt_compact::alg::Hs256Key;
use p256::ecdsa::VerifyingKey as P256Key;
use p256::pkcs8::DecodePublicKey;
use rsa::RsaPublicKey;
use rsa::traits::PublicKeyParts;

/// A secret of HS256 is at least as long as the hash (RFC 7518, 3.2).
const MIN_SECRET_BYTES: usize = 32;

/// The min size of RSA keys (RFC 7518, 3.3).
const MIN_RSA_BITS: usize = 2048;

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

/// The one algorithm that is accepted, with the key to verify with.
#[derive(Clone)]
pub enum Key {
    /// HMAC with SHA-256.
    Hs256(Hs256Key),
    /// RSA (PKCS #1 v1.5) with SHA-256.
    Rs256(RsaPublicKey),
    /// ECDSA on P-256 with SHA-256.
    Es256(P256Key),
    /// EdDSA on Curve25519.
    EdDsa(Ed25519Key),
}

impl Key {
    /// The algorithm's name in the header of a token (RFC 7518, 3.1; RFC 8037, 3.1).
    pub fn algorithm(&self) -> &'static str {
        match self {
            Self::Hs256(_) => "HS256",
            Self::Rs256(_) => "RS256",
            Self::Es256(_) => "ES256",
            Self::EdDsa(_) => "EdDSA",
        }
    }
}

/// What a token has to fulfil.
#[derive(Clone)]
pub struct Config {
    /// How it has to be signed.
    pub key: Key,
    /// The `iss` that it has to have, if any.
    pub issuer: Option<String>,
    /// The `aud` that it has to have or to contain, if any.
    pub audience: Option<String>,
    /// The claim that holds the id of the user.
    pub subject_claim: String,
}

impl Config {
    /// Reads the configuration from variables; one that is unset may as well be empty.
    ///
    /// | variable | meaning |
    /// |---|---|
    /// | `jwt_algorithm` | `HS256`, `RS256`, `ES256` or `EdDSA` |
    /// | `jwt_secret` | for HS256: the shared secret, at least 32 bytes of UTF-8 |
    /// | `jwt_public_key` | for the others: the key in PEM (SubjectPublicKeyInfo); `\n` may stand for line ends |
    /// | `jwt_issuer`, `jwt_audience` | what `iss` and `aud` are compared with, if set |
    /// | `jwt_subject_claim` | the claim with the id of the user, `sub` if unset |
    ///
    /// # Errors
    /// [`ConfigError`] if the algorithm is unknown, or its key is missing, too
    /// short or of another kind.
    pub fn from_variables(get: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let optional = |name: &str| {
            get(name)
                .map(|value| value.trim().to_owned())
                .filter(|value| !value.is_empty())
        };
        let public_key = || {
            optional("jwt_public_key")
                .map(|pem| pem.replace("\\n", "\n"))
                .ok_or_else(|| {
                    ConfigError::new("jwt_public_key", "is not set, and `jwt_algorithm` needs it")
                })
        };

        let key = match optional("jwt_algorithm").as_deref() {
            // As it is: blanks may be part of a secret.
            Some("HS256") => Key::Hs256(secret(&get("jwt_secret").unwrap_or_default())?),
            Some("RS256") => Key::Rs256(rsa_key(&public_key()?)?),
            Some("ES256") => Key::Es256(parse(&public_key()?, "a P-256 key")?),
            Some("EdDSA") => Key::EdDsa(parse(&public_key()?, "an Ed25519 key")?),
            None => return Err(ConfigError::new("jwt_algorithm", "is not set")),
            Some(_) => {
                return Err(ConfigError::new(
                    "jwt_algorithm",
                    "has to be HS256, RS256, ES256 or EdDSA",
                ));
            }
        };
        Ok(Self {
            key,
            issuer: optional("jwt_issuer"),
            audience: optional("jwt_audience"),
            subject_claim: optional("jwt_subject_claim").unwrap_or_else(|| "sub".to_owned()),
        })
    }
}

fn secret(text: &str) -> Result<Hs256Key, ConfigError> {
    let problem = if text.is_empty() {
        "is not set, and HS256 needs it"
    } else if text.len() < MIN_SECRET_BYTES {
        "is too short: HS256 needs at least 32 bytes"
    } else if text.contains("-----BEGIN PUBLIC KEY-----") {
        // Everybody has it, so everybody could sign.
        "is a public key, which is no secret: set `jwt_public_key` and its algorithm instead"
    } else {
        return Ok(Hs256Key::new(text));
    };
    Err(ConfigError::new("jwt_secret", problem))
}

fn rsa_key(pem: &str) -> Result<RsaPublicKey, ConfigError> {
    let key: RsaPublicKey = parse(pem, "an RSA key")?;
    if key.n().bits() < MIN_RSA_BITS {
        return Err(ConfigError::new(
            "jwt_public_key",
            format!("is too short: RS256 needs at least {MIN_RSA_BITS} bits"),
        ));
    }
    Ok(key)
}

fn parse<K: DecodePublicKey>(pem: &str, expected: &str) -> Result<K, ConfigError> {
    K::from_public_key_pem(pem).map_err(|_| {
        ConfigError::new(
            "jwt_public_key",
            format!("is not {expected} in PEM, which begins with -----BEGIN PUBLIC KEY-----"),
        )
    })
}
