//! Keys that verify signatures, and the reasons that make one unfit.

use std::ops::RangeInclusive;

use ed25519_dalek::VerifyingKey as Ed25519Key;
use jwt_compact::alg::Hs256Key;
use p256::NistP256;
use p256::ecdsa::VerifyingKey as P256Key;
use rsa::pkcs1;
use rsa::pkcs8::der::{Decode, Header, Reader, SliceReader, Tag, TagNumber};
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

/// A key with the one algorithm that it verifies.
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

    /// A secret of HS256.
    ///
    /// # Errors
    /// It has less than 32 bytes (RFC 7518, 3.2).
    pub fn hs256(secret: &[u8]) -> Result<Self, &'static str> {
        if secret.len() < MIN_SECRET_BYTES {
            return Err("is too short: HS256 needs at least 32 bytes");
        }
        Ok(Self::Hs256(Hs256Key::new(secret)))
    }

    /// A key of RS256 by its two numbers, the most significant byte first.
    ///
    /// # Errors
    /// The modulus has not 2048 to 4096 bits, or the numbers are none of an RSA key.
    pub fn rs256(modulus: &[u8], exponent: &[u8]) -> Result<Self, String> {
        let [modulus, exponent] = [modulus, exponent].map(BigUint::from_bytes_be);
        let bits = modulus.bits();
        if !RSA_BITS.contains(&bits) {
            let (min, max) = (RSA_BITS.start(), RSA_BITS.end());
            return Err(format!(
                "has {bits} bits: set an RSA key of {min} to {max} bits"
            ));
        }
        RsaPublicKey::new(modulus, exponent)
            .map(Self::Rs256)
            .map_err(|error| format!("cannot be used, for RSA says {error}: make a new key"))
    }

    /// A key of ES256 by its point in the form of SEC 1, 2.3.3.
    ///
    /// # Errors
    /// The bytes are no point of the curve, or the point at infinity.
    pub fn es256(point: &[u8]) -> Result<Self, &'static str> {
        P256Key::from_sec1_bytes(point)
            .map(Self::Es256)
            .map_err(|_| "holds no point of the curve P-256: copy the key anew")
    }

    /// A key of EdDSA on Curve25519 (RFC 8032, 5.1.5).
    ///
    /// # Errors
    /// The bytes are not 32, no point, not in canonical form, or a point for which anyone
    /// can sign.
    pub fn ed25519(bytes: &[u8]) -> Result<Self, &'static str> {
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
        Ok(Self::EdDsa(key))
    }

    /// The key of `algorithm` in a SubjectPublicKeyInfo (RFC 5280, 4.1.2.7) in DER.
    ///
    /// # Errors
    /// The bytes are something else, which is named, or the key is damaged, weak or of
    /// another kind than the algorithm needs.
    pub fn from_der(algorithm: &str, der: &[u8]) -> Result<Self, String> {
        let damaged = "is damaged: its bytes are no SubjectPublicKeyInfo; copy the key anew";
        let info = SubjectPublicKeyInfoRef::from_der(der);
        let info = info.map_err(|_| other_content(der).unwrap_or(damaged))?;
        let bytes = info.subject_public_key.as_bytes().ok_or(damaged)?;
        match (algorithm, kind(&info)) {
            ("RS256", "an RSA key") => {
                let key = pkcs1::RsaPublicKey::from_der(bytes)
                    .map_err(|_| "is damaged: it has no modulus and exponent; copy the key anew")?;
                Self::rs256(key.modulus.as_bytes(), key.public_exponent.as_bytes())
            }
            ("ES256", "a P-256 key") => Ok(Self::es256(bytes)?),
            ("EdDSA", "an Ed25519 key") => Ok(Self::ed25519(bytes)?),
            (_, kind) => Err(format!(
                "is {kind}, which {algorithm} cannot use: set another key or another `jwt_algorithm`"
            )),
        }
    }
}

/// The reason for the refusal of a certificate in place of a key.
pub const CERTIFICATE: &str =
    "is a certificate: set the key in it, which `openssl x509 -pubkey -noout` writes";

/// The reason for the refusal of a private key in place of a public one.
pub const PRIVATE_KEY: &str = "holds a private key, which is the issuer's alone: make a new one, \
     and set its public key, which `openssl pkey -pubout` writes";

/// The reason for the refusal of an RSA key without its algorithm (RFC 8017, A.1.1).
pub const PKCS1: &str =
    "is in the form of PKCS #1: set the output of `openssl rsa -RSAPublicKey_in -pubout` instead";

/// The reason for the refusal of DER that is something else than a SubjectPublicKeyInfo,
/// where its kind shows by its first values.
fn other_content(der: &[u8]) -> Option<&'static str> {
    let mut reader = SliceReader::new(der).ok()?;
    let mut header = || Header::decode(&mut reader).ok();
    match (header()?.tag, header()?) {
        // RFC 5280, 4.1: the version, or the serial number where there is none.
        (
            Tag::Sequence,
            Header {
                tag: Tag::Sequence, ..
            },
        ) => {
            let version = Tag::ContextSpecific {
                constructed: true,
                number: TagNumber::N0,
            };
            let first = reader.peek_tag().ok()?;
            (first == version || first == Tag::Integer).then_some(CERTIFICATE)
        }
        // The version of PKCS #8, PKCS #1 or SEC 1 has one byte; a modulus has many.
        (
            Tag::Sequence,
            Header {
                tag: Tag::Integer,
                length,
            },
        ) => Some(if u32::from(length) == 1 {
            PRIVATE_KEY
        } else {
            PKCS1
        }),
        _ => None,
    }
}

/// The kind of a key, for a person to read.
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
