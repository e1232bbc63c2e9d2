//! Key sets, and which of their keys can verify tokens.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::key::{Key, PRIVATE_KEY};

/// The maximum length of a set in bytes. Sets with the certificates of ten keys have a
/// third of it.
pub const MAX_BYTES: usize = 64 * 1024;

/// The maximum number of keys in a set, of all kinds.
pub const MAX_KEYS: usize = 64;

/// Where a set comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A variable, which may hold secrets.
    Variable,
    /// A URL, whose answer is public: a key of HS256 in it is no secret.
    Url,
}

/// The keys of a set that verify signatures of tokens, each with its one algorithm.
///
/// A key counts if its `use` and `key_ops` allow to verify, and if its `kty`, `crv` and
/// `alg` are those of RS256, ES256, EdDSA on Ed25519 or HS256. Where `alg` is missing, its
/// kind says it; but that of a secret has to be written (RFC 8725, 3.1). Other keys are
/// passed over (RFC 7517, 5).
#[derive(Clone)]
pub struct KeySet {
    keys: Vec<(Jwk, Key)>,
}

/// Why a text is no set to verify tokens with, as a text that follows a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetError(&'static str);

impl fmt::Display for SetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for SetError {}

/// A key that is meant to verify tokens, and is not fit to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfit {
    /// Its `kid`, or its number in the set.
    key: String,
    problem: String,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the key {} {}", self.key, self.problem)
    }
}

/// The members of a key that count here (RFC 7517, 4; RFC 7518, 6; RFC 8037, 2). One of an
/// unexpected type makes its key unfit, and not the set.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Jwk {
    #[serde(skip_serializing_if = "Value::is_null")]
    kty: Value,
    #[serde(rename = "use")]
    #[serde(skip_serializing_if = "Value::is_null")]
    purpose: Value,
    #[serde(skip_serializing_if = "Value::is_null")]
    key_ops: Value,
    #[serde(skip_serializing_if = "Value::is_null")]
    alg: Value,
    #[serde(skip_serializing_if = "Value::is_null")]
    kid: Value,
    #[serde(skip_serializing_if = "Value::is_null")]
    crv: Value,
    #[serde(skip_serializing_if = "Value::is_null")]
    n: Value,
    #[serde(skip_serializing_if = "Value::is_null")]
    e: Value,
    #[serde(skip_serializing_if = "Value::is_null")]
    x: Value,
    #[serde(skip_serializing_if = "Value::is_null")]
    y: Value,
    #[serde(skip_serializing_if = "Value::is_null")]
    k: Value,
    #[serde(skip_serializing_if = "Value::is_null")]
    d: Value,
}

/// The use of a key of a set.
enum Use {
    Verify(Key),
    Other,
}

impl KeySet {
    /// Reads a set, and says which of its keys are meant to verify tokens and are damaged,
    /// weak or private, or secrets at a URL.
    ///
    /// # Errors
    /// The text is longer than [`MAX_BYTES`], is no set, or has more than [`MAX_KEYS`] keys,
    /// a member twice (RFC 7517, 4), or no key that verifies tokens.
    pub fn parse(text: &str, origin: Origin) -> Result<(Self, Vec<Unfit>), SetError> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<Jwk>,
        }

        if text.len() > MAX_BYTES {
            return Err(SetError("is longer than 64 KiB: remove old keys and `x5c`"));
        }
        let set = serde_json::from_slice::<Set>(text.as_bytes()).map_err(|_| no_set(text))?;
        if set.keys.len() > MAX_KEYS {
            return Err(SetError("has more than 64 keys: remove old keys"));
        }
        let (set, unfit) = Self::of(set.keys, origin);
        if set.is_empty() && unfit.is_empty() {
            return Err(SetError(
                "has no key that verifies RS256, ES256, EdDSA or HS256",
            ));
        }
        Ok((set, unfit))
    }

    /// The keys that count, and those that are unfit.
    pub(crate) fn of(jwks: Vec<Jwk>, origin: Origin) -> (Self, Vec<Unfit>) {
        let mut unfit = Vec::new();
        let mut keys = Vec::new();
        for (index, jwk) in jwks.into_iter().enumerate() {
            match jwk.read(origin) {
                Ok(Use::Verify(key)) => keys.push((jwk, key)),
                Ok(Use::Other) => {}
                Err(problem) => unfit.push(Unfit {
                    key: match &jwk.kid {
                        Value::String(kid) => format!("`{kid}`"),
                        _ => format!("number {}", index + 1),
                    },
                    problem,
                }),
            }
        }
        (Self { keys }, unfit)
    }

    pub(crate) fn into_jwks(self) -> Vec<Jwk> {
        self.keys.into_iter().map(|(jwk, _)| jwk).collect()
    }

    /// The keys that may have signed a token with this `kid`. Several have one `kid` where
    /// they are of different kinds (RFC 7517, 4.5) or the issuer errs. A token without a
    /// `kid` may be signed with the only key alone.
    pub fn named(&self, kid: Option<&str>) -> impl Iterator<Item = &Key> {
        let is_only = self.keys.len() == 1;
        self.keys.iter().filter_map(move |(jwk, key)| {
            let is_meant = match kid {
                Some(kid) => jwk.kid.as_str() == Some(kid),
                None => is_only,
            };
            is_meant.then_some(key)
        })
    }

    /// The number of keys that verify tokens.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether no key verifies tokens.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

/// Why a text is no set. Nothing of it is quoted, for it may hold secrets.
fn no_set(text: &str) -> SetError {
    let value = serde_json::from_slice::<Value>(text.as_bytes());
    SetError(match value {
        Err(_) if text.contains("-----BEGIN ") => {
            "holds PEM: set `jwt_public_key` and `jwt_algorithm` instead, or a JSON Web Key Set"
        }
        Ok(value) if value.get("kty").is_some() => {
            "is one key: put it into a set, {\"keys\": [...]}"
        }
        Ok(value) if value.get("keys").is_some() => {
            "has `keys` that are no list of objects with each member once"
        }
        _ => "is no JSON Web Key Set, which looks like {\"keys\": [...]}",
    })
}

impl Jwk {
    fn read(&self, origin: Origin) -> Result<Use, String> {
        let [kty, purpose, alg, crv] = [
            ("kty", &self.kty),
            ("use", &self.purpose),
            ("alg", &self.alg),
            ("crv", &self.crv),
        ]
        .map(|(name, value)| text(name, value));
        // It must be a text too, since tokens name their key by it.
        text("kid", &self.kid)?;
        if purpose?.is_some_and(|purpose| purpose != "sig") || !self.may_verify()? {
            return Ok(Use::Other);
        }
        let algorithm = match (kty?, crv?, alg?) {
            (None, ..) => return Err("has no `kty`".to_owned()),
            (Some("RSA"), _, None | Some("RS256")) => "RS256",
            (Some("EC"), Some("P-256"), None | Some("ES256")) => "ES256",
            (Some("OKP"), Some("Ed25519"), None | Some("EdDSA")) => "EdDSA",
            (Some("oct"), ..) if origin == Origin::Url => {
                return Err(
                    "is a secret, which is none at a URL: let the issuer remove it and \
                            make a new one"
                        .to_owned(),
                );
            }
            (Some("oct"), _, Some("HS256")) => "HS256",
            (Some("oct"), _, None) => {
                return Err("is a secret without its algorithm: set its `alg` to HS256".to_owned());
            }
            _ => return Ok(Use::Other),
        };
        if !self.d.is_null() {
            return Err(PRIVATE_KEY.to_owned());
        }
        let key = match algorithm {
            "RS256" => Key::rs256(&bytes("n", &self.n)?, &bytes("e", &self.e)?)?,
            "ES256" => Key::es256(&point(&bytes("x", &self.x)?, &bytes("y", &self.y)?)?)?,
            "EdDSA" => Key::ed25519(&bytes("x", &self.x)?)?,
            _ => Key::hs256(&bytes("k", &self.k)?)?,
        };
        Ok(Use::Verify(key))
    }

    /// Whether `key_ops` allows to verify signatures (RFC 7517, 4.3).
    fn may_verify(&self) -> Result<bool, String> {
        match &self.key_ops {
            Value::Null => Ok(true),
            Value::Array(all) => Ok(all.iter().any(|one| one == "verify")),
            _ => Err("has `key_ops` that are no list: copy the key anew".to_owned()),
        }
    }
}

/// A member that is a text if it is there.
fn text<'a>(name: &str, value: &'a Value) -> Result<Option<&'a str>, String> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text)),
        _ => Err(format!("has a `{name}` that is no text: copy the key anew")),
    }
}

/// A member that holds bytes in base64url without padding (RFC 7515, 2).
fn bytes(name: &str, value: &Value) -> Result<Vec<u8>, String> {
    let text = text(name, value)?.ok_or_else(|| format!("has no `{name}`: copy the key anew"))?;
    BASE64_URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_| format!("has a `{name}` that is no base64url: copy the key anew"))
}

/// The point of coordinates that each have the full length (RFC 7518, 6.2.1.2), in the
/// form of SEC 1.
fn point(x: &[u8], y: &[u8]) -> Result<Vec<u8>, &'static str> {
    if [x, y].iter().any(|coordinate| coordinate.len() != 32) {
        return Err("has an `x` or `y` that has not 32 bytes: copy the key anew");
    }
    Ok([&[4], x, y].concat())
}
