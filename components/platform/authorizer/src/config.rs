//! The key and the claims that tokens are held against.

use std::fmt;
use std::ops::RangeInclusive;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ed25519_dalek::VerifyingKey as Ed25519Key;
use jwt_compact::alg::Hs256Key;
use p256::NistP256;
use p256::ecdsa::VerifyingKey as P256Key;
use rsa::pkcs1;
use rsa::pkcs8::der::Decode;
use rsa::pkcs8::{AssociatedOid, ObjectIdentifier, SubjectPublicKeyInfoRef};
use rsa::{BigUint, RsaPublicKey};

/// A secret of HS256 is at least as long as the hash (RFC 7518, 3.2).
const MIN_SECRET_BYTES: usize = 32;

/// The sizes of RSA keys in bits: as RFC 7518, 3.3 has it, up to where strangers could
/// have the authorizer work for long.
const RSA_BITS: RangeInclusive<usize> = 2048..=RsaPublicKey::MAX_SIZE;

/// The algorithm of elliptic curve keys, whose parameter names the curve (RFC 5480, 2.1.1).
const EC_OID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");

/// RSA keys for PSS alone, which RS256 is not (RFC 4055, 1.2).
const RSA_PSS_OID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");

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
    /// The claim that holds the tenant of the user.
    pub tenant_claim: String,
}

impl Config {
    /// Reads the configuration from variables; one that is unset may as well be empty.
    ///
    /// | variable | meaning |
    /// |---|---|
    /// | `jwt_algorithm` | `HS256`, `RS256`, `ES256` or `EdDSA` |
    /// | `jwt_secret` | for HS256: the shared secret, at least 32 bytes of UTF-8 |
    /// | `jwt_public_key` | for the others: the key in PEM (SubjectPublicKeyInfo); blanks or `\n` may stand for line ends |
    /// | `jwt_issuer`, `jwt_audience` | what `iss` and `aud` are compared with, if set |
    /// | `jwt_subject_claim` | the claim with the id of the user, `sub` if unset |
    /// | `jwt_tenant_claim` | the claim with the tenant of the user, `tenant_id` if unset |
    ///
    /// # Errors
    /// [`ConfigError`] if the algorithm is unknown, or its key is missing, weak,
    /// damaged or of another kind; and any error of `get`, for a variable that cannot
    /// be read is not the same as one that is unset.
    pub fn from_variables<E: From<ConfigError>>(
        get: impl Fn(&str) -> Result<Option<String>, E>,
    ) -> Result<Self, E> {
        let optional = |name: &str| -> Result<Option<String>, E> {
            let value = get(name)?.map(|value| value.trim().to_owned());
            Ok(value.filter(|value| !value.is_empty()))
        };
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
        Ok(Self {
            key,
            issuer: optional("jwt_issuer")?,
            audience: optional("jwt_audience")?,
            subject_claim: optional("jwt_subject_claim")?.unwrap_or_else(|| "sub".to_owned()),
            tenant_claim: optional("jwt_tenant_claim")?.unwrap_or_else(|| "tenant_id".to_owned()),
        })
    }
}

/// The key of HS256, or why the text is none.
fn secret(text: &str) -> Result<Key, &'static str> {
    if text.is_empty() {
        return Err("is not set, and HS256 needs it");
    }
    if text.len() < MIN_SECRET_BYTES {
        return Err("is too short: HS256 needs at least 32 bytes");
    }
    if pem_labels(text).any(|label| label.ends_with("PUBLIC KEY") || label == "CERTIFICATE") {
        // Anyone may have it, so anyone could sign.
        return Err(
            "is a public key, which is no secret: set `jwt_public_key` and its algorithm instead",
        );
    }
    Ok(Key::Hs256(Hs256Key::new(text)))
}

/// What the blocks of a PEM file say that they hold (RFC 7468, 2).
fn pem_labels(text: &str) -> impl Iterator<Item = &str> {
    let blocks = text.split("-----BEGIN ").skip(1);
    blocks.filter_map(|block| Some(block.split_once("-----")?.0))
}

/// The key of an algorithm with a public key, or why the text is none.
fn public_key(algorithm: &str, pem: &str) -> Result<Key, String> {
    let der = public_key_der(pem)?;
    let damaged = "is damaged: what it holds is no SubjectPublicKeyInfo; copy the key anew";
    let info = SubjectPublicKeyInfoRef::from_der(&der).map_err(|_| damaged)?;
    let bytes = info.subject_public_key.as_bytes().ok_or(damaged)?;
    match (algorithm, kind(&info)) {
        ("RS256", "an RSA key") => Ok(Key::Rs256(rsa_key(bytes)?)),
        ("ES256", "a P-256 key") => P256Key::from_sec1_bytes(bytes)
            .map(Key::Es256)
            .map_err(|_| "holds no point of the curve P-256: copy the key anew".to_owned()),
        ("EdDSA", "an Ed25519 key") => Ok(Key::EdDsa(ed25519_key(bytes)?)),
        (_, kind) => Err(format!(
            "is {kind}, which {algorithm} cannot use: set another key or another `jwt_algorithm`"
        )),
    }
}

/// The bytes of a PEM file that holds one public key. Its lines may be of any
/// length, for variables often come with other line ends than the file had.
fn public_key_der(pem: &str) -> Result<Vec<u8>, &'static str> {
    let labels: Vec<&str> = pem_labels(pem).collect();
    let problem = match labels.as_slice() {
        _ if labels.iter().any(|label| label.ends_with("PRIVATE KEY")) => {
            "holds a private key, which is the issuer's alone: make a new one, and set its \
             public key, which `openssl pkey -pubout` writes"
        }
        ["CERTIFICATE", ..] => {
            "is a certificate: set the key in it, which `openssl x509 -pubkey -noout` writes"
        }
        ["RSA PUBLIC KEY"] => {
            "is in the form of PKCS #1: set what `openssl rsa -RSAPublicKey_in -pubout` makes of it"
        }
        [_, _, ..] => "holds more than one key: set the one that tokens are signed with",
        ["PUBLIC KEY"] => {
            let body = pem.split_once("-----BEGIN PUBLIC KEY-----");
            let body = body.and_then(|(_, rest)| rest.split_once("-----END PUBLIC KEY-----"));
            let (body, _) = body.ok_or("is cut off: it has no -----END PUBLIC KEY-----")?;
            let body: String = body.replace("\\n", " ").split_whitespace().collect();
            return BASE64_STANDARD
                .decode(body)
                .map_err(|_| "is damaged: it is no base64 between its first and last line");
        }
        _ if pem.is_empty() => "is not set, and `jwt_algorithm` needs it",
        _ => "is no key in PEM, which begins with -----BEGIN PUBLIC KEY-----",
    };
    Err(problem)
}

/// What a key is, for a person to read.
fn kind(info: &SubjectPublicKeyInfoRef<'_>) -> &'static str {
    match info.algorithm.oid {
        pkcs1::ALGORITHM_OID => "an RSA key",
        RSA_PSS_OID => "an RSA key for PSS alone",
        ed25519_dalek::pkcs8::ALGORITHM_OID => "an Ed25519 key",
        EC_OID => match info.algorithm.parameters_oid() {
            Ok(NistP256::OID) => "a P-256 key",
            _ => "a key of another elliptic curve",
        },
        _ => "a key of another kind",
    }
}

fn rsa_key(bytes: &[u8]) -> Result<RsaPublicKey, String> {
    let key = pkcs1::RsaPublicKey::from_der(bytes)
        .map_err(|_| "is damaged: it has no modulus and exponent; copy the key anew")?;
    let [modulus, exponent] =
        [key.modulus, key.public_exponent].map(|number| BigUint::from_bytes_be(number.as_bytes()));
    let bits = modulus.bits();
    if !RSA_BITS.contains(&bits) {
        let (min, max) = (RSA_BITS.start(), RSA_BITS.end());
        return Err(format!(
            "has {bits} bits: set an RSA key of {min} to {max} bits"
        ));
    }
    RsaPublicKey::new(modulus, exponent)
        .map_err(|error| format!("cannot be used, for RSA says {error}: make a new key"))
}

fn ed25519_key(bytes: &[u8]) -> Result<Ed25519Key, &'static str> {
    let bytes = <&[u8; 32]>::try_from(bytes)
        .map_err(|_| "is damaged: an Ed25519 key has 32 bytes; copy the key anew")?;
    let key = Ed25519Key::from_bytes(bytes)
        .map_err(|_| "holds no point of the curve of Ed25519: copy the key anew")?;
    if key.is_weak() {
        // RFC 8032, 8.9, and `VerifyingKey::is_weak`.
        return Err("is a point of small order, for which anyone can sign: make a new key");
    }
    if key.to_edwards().compress().as_bytes() != bytes {
        return Err("is not in canonical form (RFC 8032, 5.1.3): make a new key");
    }
    Ok(key)
}
