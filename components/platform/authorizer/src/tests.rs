mod broken;
mod claims;
mod keys;

use std::fmt::Debug;
use std::sync::LazyLock;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ed25519_dalek::Signer;
use hmac::{Hmac, KeyInit, Mac};
use p256::pkcs8::{EncodePublicKey, LineEnding};
use rsa::pkcs1v15::Pkcs1v15Sign;
use rsa::rand_core::{OsRng, RngCore};
use rsa::sha2::{Digest, Sha256};
use rsa::{BigUint, RsaPrivateKey, RsaPublicKey, traits::PublicKeyParts};
use serde_json::{Value, json};

use crate::config::{Config, ConfigError};
use crate::verify::{Denial, Principal, bearer_token, verify};

const SECRET: &str = "a secret of more than thirty-two bytes";
const NOW: i64 = 1_795_330_800;

/// What is said of a signature that does not match.
const UNSIGNED: &str = "its signature does not match";

/// An issuer of tokens: the private half of what the authorizer is configured with.
enum Issuer {
    Hs256(&'static str),
    Rs256(&'static RsaPrivateKey),
    Es256(p256::ecdsa::SigningKey),
    EdDsa(ed25519_dalek::SigningKey),
}

/// One for all tests, as primes take their time.
static RSA: LazyLock<RsaPrivateKey> =
    LazyLock::new(|| RsaPrivateKey::new(&mut OsRng, 2048).expect("generates a key"));

impl Issuer {
    fn hs256() -> Self {
        Self::Hs256(SECRET)
    }

    fn es256() -> Self {
        Self::Es256(p256::ecdsa::SigningKey::random(&mut OsRng))
    }

    fn eddsa() -> Self {
        let mut seed = [0; 32];
        OsRng.fill_bytes(&mut seed);
        Self::EdDsa(ed25519_dalek::SigningKey::from_bytes(&seed))
    }

    /// One of each kind.
    fn all() -> [Self; 4] {
        let rs256 = Self::Rs256(&RSA);
        [Self::hs256(), rs256, Self::es256(), Self::eddsa()]
    }

    fn algorithm(&self) -> &'static str {
        match self {
            Self::Hs256(_) => "HS256",
            Self::Rs256(_) => "RS256",
            Self::Es256(_) => "ES256",
            Self::EdDsa(_) => "EdDSA",
        }
    }

    fn public_key(&self) -> String {
        match self {
            Self::Hs256(_) => String::new(),
            Self::Rs256(key) => pem(&key.to_public_key()),
            Self::Es256(key) => pem(key.verifying_key()),
            Self::EdDsa(key) => pem(&key.verifying_key()),
        }
    }

    /// The authorizer's variables, for tokens of this issuer.
    fn config(&self, changes: &[(&str, &str)]) -> Config {
        let public_key = self.public_key();
        let secret = match self {
            Self::Hs256(secret) => secret,
            _ => "",
        };
        let own = [
            ("jwt_algorithm", self.algorithm()),
            ("jwt_secret", secret),
            ("jwt_public_key", &public_key),
        ];
        configure(&[changes, &own].concat()).expect("is a configuration")
    }

    fn sign(&self, message: &str) -> Vec<u8> {
        let message = message.as_bytes();
        match self {
            Self::Hs256(secret) => Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes())
                .expect("is a key")
                .chain_update(message)
                .finalize()
                .into_bytes()
                .to_vec(),
            Self::Rs256(key) => key
                .sign(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(message))
                .expect("signs"),
            Self::Es256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(message);
                signature.to_bytes().to_vec()
            }
            Self::EdDsa(key) => key.sign(message).to_bytes().to_vec(),
        }
    }

    fn header(&self) -> Value {
        json!({"alg": self.algorithm(), "typ": "JWT"})
    }

    fn token(&self, claims: &Value) -> String {
        self.token_of(&self.header().to_string(), &claims.to_string())
    }

    /// A token of texts that need not be JSON.
    fn token_of(&self, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", encode(header), encode(claims));
        let signature = encode(self.sign(&message));
        format!("{message}.{signature}")
    }
}

fn pem(key: &impl EncodePublicKey) -> String {
    key.to_public_key_pem(LineEnding::LF).expect("encodes")
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

fn decode(part: &str) -> Vec<u8> {
    BASE64_URL_SAFE_NO_PAD.decode(part).expect("decodes")
}

fn configure(variables: &[(&str, &str)]) -> Result<Config, String> {
    let value = |name: &str| {
        let variable = variables.iter().find(|(variable, _)| *variable == name);
        Ok(variable.map(|(_, value)| (*value).to_owned()))
    };
    Config::from_variables(value).map_err(|error: ConfigError| error.to_string())
}

/// What a back end puts into its tokens.
fn claims() -> Value {
    json!({"sub": "456", "iat": NOW, "exp": NOW + 3600})
}

fn with(name: &str, value: impl Into<Value>) -> Value {
    let mut claims = claims();
    claims[name] = value.into();
    claims
}

fn check_at(config: &Config, token: &str, now: i64) -> Result<Principal, Denial> {
    let now = Duration::from_secs(u64::try_from(now).expect("is after 1970"));
    verify(config, token, now)
}

fn check(config: &Config, token: &str) -> Result<Principal, Denial> {
    check_at(config, token, NOW)
}

/// What comes of these claims with this configuration.
fn outcome(changes: &[(&str, &str)], claims: &Value) -> Result<Principal, Denial> {
    let issuer = Issuer::hs256();
    check(&issuer.config(changes), &issuer.token(claims))
}

fn reason<T: Debug>(result: Result<T, Denial>) -> String {
    match result {
        Err(Denial::Invalid(text)) => text,
        other => panic!("not invalid: {other:?}"),
    }
}

#[test]
fn a_signed_token_lets_its_user_in_with_every_algorithm() {
    for issuer in Issuer::all() {
        let claims = json!({
            "sub": "456",
            "exp": NOW + 3600,
            "roles": ["ops", "admin"],
            "email": "ana@example.com",
            "name": "Ana",
        });
        assert_eq!(
            check(&issuer.config(&[]), &issuer.token(&claims)),
            Ok(Principal {
                subject: "456".into(),
                roles: vec!["ops".into(), "admin".into()],
                email: Some("ana@example.com".into()),
                name: Some("Ana".into()),
                expires_at: (NOW + 3600) as u64,
            }),
            "{}",
            issuer.algorithm()
        );
    }
}

#[test]
fn a_token_signed_with_another_key_is_invalid() {
    let other_modulus = RsaPublicKey::new(RSA.n() + BigUint::from(2u8), RSA.e().clone())
        .expect("has the form of a key");
    let rs256 = Issuer::Rs256(&RSA).config(&[("jwt_public_key", &pem(&other_modulus))]);
    let hs256 = Issuer::Hs256("another secret of more than thirty-two bytes").config(&[]);
    let others = [
        hs256,
        rs256,
        Issuer::es256().config(&[]),
        Issuer::eddsa().config(&[]),
    ];
    for (issuer, config) in Issuer::all().iter().zip(others) {
        assert_eq!(reason(check(&config, &issuer.token(&claims()))), UNSIGNED);
    }
}

#[test]
fn the_token_does_not_choose_the_algorithm() {
    for expected in Issuer::all() {
        let config = expected.config(&[]);
        let other_algorithm = format!("it is not signed with {}", expected.algorithm());
        for other in Issuer::all() {
            if other.algorithm() == expected.algorithm() {
                continue;
            }
            // Neither by saying what it is ...
            assert_eq!(
                reason(check(&config, &other.token(&claims()))),
                other_algorithm
            );
            // ... nor by claiming to be what is expected.
            let disguised = other.token_of(&expected.header().to_string(), &claims().to_string());
            assert_eq!(reason(check(&config, &disguised)), UNSIGNED);
        }
        let lower_case = expected.algorithm().to_lowercase();
        for odd in [
            json!("none"),
            json!("None"),
            json!("NONE"),
            json!(""),
            json!(lower_case),
            json!([expected.algorithm()]),
            Value::Null,
        ] {
            let header = json!({ "alg": odd }).to_string();
            let signed = expected.token_of(&header, &claims().to_string());
            let unsigned = &signed[..=signed.rfind('.').expect("has parts")];
            for token in [&signed, unsigned] {
                assert_eq!(reason(check(&config, token)), other_algorithm, "{header}");
            }
        }
    }
}

#[test]
fn the_examples_of_rfc_7515_and_rfc_8037_hold() {
    // RFC 7515, A.1 and A.3. They have no `sub`, so the issuer has to do for one.
    let payload = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let key =
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
    let mut config = Issuer::hs256().config(&[("jwt_subject_claim", "iss")]);
    config.key = crate::config::Key::Hs256(Hmac::new_from_slice(&decode(key)).expect("is a key"));
    let hs256 = (
        config,
        format!(
            "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{payload}.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
        ),
    );
    let point = [
        vec![4],
        decode("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"),
        decode("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"),
    ];
    let es256 = (
        configure(&[
            ("jwt_algorithm", "ES256"),
            ("jwt_public_key", &keys::p256(&point.concat())),
            ("jwt_subject_claim", "iss"),
        ])
        .expect("is a configuration"),
        format!(
            "eyJhbGciOiJFUzI1NiJ9.{payload}.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
        ),
    );
    for (config, token) in [hs256, es256] {
        let principal = check_at(&config, &token, 1_300_819_379).expect("holds");
        assert_eq!(principal.subject, "joe");
        assert_eq!(principal.expires_at, 1_300_819_380);
        assert_eq!(reason(check(&config, &token)), "it has expired");
    }

    // RFC 8037, A.4: its payload is a plain text, which is read once the signature holds.
    let key = decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
    let config = configure(&[
        ("jwt_algorithm", "EdDSA"),
        ("jwt_public_key", &keys::ed25519(&key)),
    ]);
    let token = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    assert_eq!(
        reason(check(&config.expect("is a configuration"), token)),
        "its claims are not a JSON object"
    );
}

#[test]
fn the_header_has_to_hold_a_bearer_token() {
    for missing in [None, Some(""), Some("  ")] {
        assert_eq!(bearer_token(missing), Err(Denial::Missing));
    }
    for sent in [
        "Bearer a.b.c",
        "bearer a.b.c",
        "BEARER a.b.c",
        "Bearer   a.b.c ",
    ] {
        assert_eq!(bearer_token(Some(sent)), Ok("a.b.c"));
    }
    let max = "a".repeat(8192);
    assert_eq!(bearer_token(Some(&format!("Bearer {max}"))), Ok(&*max));
    for malformed in [
        "a.b.c",
        "Bearer",
        "Bearer  ",
        "Basic dXNlcjpwYXNz",
        &format!("Bearer {max}a"),
    ] {
        let token = bearer_token(Some(malformed));
        assert!(matches!(token, Err(Denial::Malformed(_))), "{malformed}");
    }
}
