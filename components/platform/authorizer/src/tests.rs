use std::sync::LazyLock;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jwt_compact::alg::{Ed25519, Es256, Hs256, Hs256Key, Rsa};
use jwt_compact::{Algorithm, AlgorithmSignature};
use p256::pkcs8::{EncodePublicKey, LineEnding};
use rsa::rand_core::{OsRng, RngCore};
use rsa::{BigUint, RsaPrivateKey, RsaPublicKey, traits::PublicKeyParts};
use serde_json::{Value, json};

use crate::config::{Config, Key};
use crate::verify::{Denial, Principal, verify};

const SECRET: &str = "a secret of more than thirty-two bytes";
const NOW: i64 = 1_795_330_800;

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

    fn rs256() -> Self {
        Self::Rs256(&RSA)
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
        [Self::hs256(), Self::rs256(), Self::es256(), Self::eddsa()]
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
        fn bytes<A: Algorithm>(algorithm: &A, key: &A::SigningKey, message: &str) -> Vec<u8> {
            algorithm
                .sign(key, message.as_bytes())
                .as_bytes()
                .into_owned()
        }
        match self {
            Self::Hs256(secret) => bytes(&Hs256, &Hs256Key::new(secret), message),
            Self::Rs256(key) => bytes(&Rsa::rs256(), key, message),
            Self::Es256(key) => bytes(&Es256, key, message),
            Self::EdDsa(key) => bytes(&Ed25519, key, message),
        }
    }

    fn token(&self, claims: &Value) -> String {
        self.token_with_header(&json!({"alg": self.algorithm(), "typ": "JWT"}), claims)
    }

    fn token_with_header(&self, header: &Value, claims: &Value) -> String {
        let message = format!("{}.{}", encode(header), encode(claims));
        let signature = BASE64_URL_SAFE_NO_PAD.encode(self.sign(&message));
        format!("{message}.{signature}")
    }
}

fn pem(key: &impl EncodePublicKey) -> String {
    key.to_public_key_pem(LineEnding::LF).expect("encodes")
}

fn encode(value: &Value) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(value.to_string())
}

fn configure(variables: &[(&str, &str)]) -> Result<Config, String> {
    Config::from_variables(|name| {
        let variable = variables.iter().find(|(variable, _)| *variable == name);
        variable.map(|(_, value)| (*value).to_owned())
    })
    .map_err(|error| error.to_string())
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
    verify(config, Some(&format!("Bearer {token}")), now)
}

fn check(config: &Config, token: &str) -> Result<Principal, Denial> {
    check_at(config, token, NOW)
}

/// What comes of these claims with this configuration.
fn outcome(changes: &[(&str, &str)], claims: &Value) -> Result<Principal, Denial> {
    let issuer = Issuer::hs256();
    check(&issuer.config(changes), &issuer.token(claims))
}

fn reason<T: std::fmt::Debug>(result: Result<T, Denial>) -> String {
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
    for (issuer, config) in [
        (
            Issuer::hs256(),
            Issuer::Hs256("another secret of more than thirty-two bytes").config(&[]),
        ),
        (
            Issuer::rs256(),
            Issuer::rs256().config(&[("jwt_public_key", &pem(&other_modulus))]),
        ),
        (Issuer::es256(), Issuer::es256().config(&[])),
        (Issuer::eddsa(), Issuer::eddsa().config(&[])),
    ] {
        assert_eq!(
            reason(check(&config, &issuer.token(&claims()))),
            "its signature does not match"
        );
    }
}

#[test]
fn a_token_that_was_changed_after_signing_is_invalid() {
    for issuer in Issuer::all() {
        let config = issuer.config(&[]);
        let token = issuer.token(&claims());
        let [header, payload, signature] = token.split('.').collect::<Vec<_>>()[..] else {
            panic!("has three parts");
        };
        let forged = encode(&with("sub", "1"));
        assert_eq!(
            reason(check(&config, &format!("{header}.{forged}.{signature}"))),
            "its signature does not match",
        );

        let bytes = BASE64_URL_SAFE_NO_PAD.decode(signature).expect("decodes");
        let cut = BASE64_URL_SAFE_NO_PAD.encode(&bytes[..bytes.len() - 1]);
        let cut = format!("{header}.{payload}.{cut}");
        assert_eq!(reason(check(&config, &cut)), "its signature does not match");
        let unsigned = &token[..=token.rfind('.').expect("has parts")];
        assert_eq!(
            reason(check(&config, unsigned)),
            "its signature does not match"
        );
    }
}

#[test]
fn the_token_does_not_choose_the_algorithm() {
    for expected in Issuer::all() {
        let config = expected.config(&[]);
        for other in Issuer::all() {
            if other.algorithm() == expected.algorithm() {
                continue;
            }
            // Neither by saying what it is ...
            assert_eq!(
                reason(check(&config, &other.token(&claims()))),
                format!("it is not signed with {}", expected.algorithm())
            );
            // ... nor by claiming to be what is expected.
            let disguised =
                other.token_with_header(&json!({"alg": expected.algorithm()}), &claims());
            assert_eq!(
                reason(check(&config, &disguised)),
                "its signature does not match"
            );
        }
        for none in ["none", "None", "NONE", ""] {
            let token = format!("{}.{}.", encode(&json!({ "alg": none })), encode(&claims()));
            assert_eq!(
                reason(check(&config, &token)),
                format!("it is not signed with {}", expected.algorithm())
            );
        }
    }
}

#[test]
fn a_public_key_is_never_used_as_a_secret() {
    let issuer = Issuer::rs256();
    let public_key: &'static str = issuer.public_key().leak();
    let forged = Issuer::Hs256(public_key).token(&claims());
    assert_eq!(
        reason(check(&issuer.config(&[]), &forged)),
        "it is not signed with RS256"
    );

    let error = configure(&[("jwt_algorithm", "HS256"), ("jwt_secret", public_key)])
        .err()
        .expect("is refused");
    assert!(error.contains("`jwt_secret` is a public key"), "{error}");
}

#[test]
fn the_example_of_rfc_7515_holds_until_it_expires() {
    // Appendix A.1. It has no `sub`, so its issuer has to do for one.
    let token = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9\
                 .eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ\
                 .dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    let key =
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
    let config = Config {
        key: Key::Hs256(Hs256Key::new(
            BASE64_URL_SAFE_NO_PAD.decode(key).expect("is base64url"),
        )),
        issuer: Some("joe".into()),
        audience: None,
        subject_claim: "iss".into(),
    };
    let principal = check_at(&config, token, 1_300_819_379).expect("holds");
    assert_eq!(principal.subject, "joe");
    assert_eq!(principal.expires_at, 1_300_819_380);
    assert_eq!(reason(check(&config, token)), "it has expired");
}

#[test]
fn a_token_expires_half_a_minute_after_it_says() {
    let issuer = Issuer::hs256();
    let config = issuer.config(&[]);
    let token = issuer.token(&with("exp", NOW));
    assert!(check_at(&config, &token, NOW + 29).is_ok());
    for late in [30, 31, 86_400] {
        assert_eq!(
            reason(check_at(&config, &token, NOW + late)),
            "it has expired"
        );
    }
}

#[test]
fn a_token_starts_half_a_minute_before_it_says() {
    let issuer = Issuer::hs256();
    let config = issuer.config(&[]);
    let token = issuer.token(&with("nbf", NOW));
    assert!(check_at(&config, &token, NOW).is_ok());
    assert!(check_at(&config, &token, NOW - 30).is_ok());
    assert_eq!(
        reason(check_at(&config, &token, NOW - 31)),
        "it is not valid yet"
    );
}

#[test]
fn a_token_has_to_say_when_it_ends() {
    assert_eq!(
        reason(outcome(&[], &json!({"sub": "1"}))),
        "it has no `exp`"
    );
    assert_eq!(reason(outcome(&[], &with("exp", -1))), "it has expired");
    for odd in [json!("tomorrow"), json!({}), json!(i64::MAX)] {
        assert_eq!(
            reason(outcome(&[], &with("exp", odd))),
            "its claims are not a JSON object with numeric dates"
        );
    }
    // RFC 7519 allows fractions of a second.
    let principal = outcome(&[], &with("exp", NOW as f64 + 60.5)).expect("holds");
    assert_eq!(principal.expires_at, NOW as u64 + 60);
}

#[test]
fn the_issuer_counts_where_it_is_configured() {
    let ours = [("jwt_issuer", "https://issuer.example")];
    assert!(outcome(&ours, &with("iss", "https://issuer.example")).is_ok());
    assert!(outcome(&[], &with("iss", "https://issuer.example")).is_ok());
    for other in [
        with("iss", "https://issuer.example.evil"),
        with("iss", json!(["https://issuer.example"])),
        claims(),
    ] {
        assert_eq!(reason(outcome(&ours, &other)), "it is of another issuer");
    }
}

#[test]
fn the_audience_counts_where_it_is_configured() {
    let ours = [("jwt_audience", "orilla")];
    assert!(outcome(&ours, &with("aud", "orilla")).is_ok());
    assert!(outcome(&ours, &with("aud", json!(["travel", "orilla"]))).is_ok());
    assert!(outcome(&[], &with("aud", "travel")).is_ok());
    for other in [
        with("aud", "travel"),
        with("aud", json!(["travel"])),
        with("aud", json!([])),
        with("aud", json!({"orilla": true})),
        claims(),
    ] {
        assert_eq!(reason(outcome(&ours, &other)), "it is for another audience");
    }
}

#[test]
fn the_subject_is_a_number_or_a_text_in_the_configured_claim() {
    let subject = |changes: &[(&str, &str)], claims| {
        outcome(changes, &claims).map(|principal| principal.subject)
    };
    assert_eq!(subject(&[], with("sub", "ana")), Ok("ana".into()));
    assert_eq!(subject(&[], with("sub", 456)), Ok("456".into()));
    assert_eq!(
        subject(&[], with("sub", u64::MAX)),
        Ok("18446744073709551615".into())
    );
    let user_id = [("jwt_subject_claim", "user_id")];
    assert_eq!(subject(&user_id, with("user_id", 7)), Ok("7".into()));
    assert_eq!(reason(subject(&user_id, claims())), "it has no `user_id`");

    assert_eq!(
        reason(subject(&[], json!({"exp": NOW + 60}))),
        "it has no `sub`"
    );
    for odd in [
        json!(""),
        json!(" "),
        json!(4.5),
        json!(456.0),
        json!(true),
        Value::Null,
        json!(["456"]),
    ] {
        assert_eq!(
            reason(subject(&[], with("sub", odd))),
            "its `sub` is no integer and no text that could name a user"
        );
    }
}

#[test]
fn roles_are_those_of_the_issuer_and_else_the_scopes() {
    let roles = |claims| outcome(&[], &claims).map(|principal| principal.roles);
    assert_eq!(roles(claims()), Ok(vec![]));
    assert_eq!(
        roles(with("roles", "Content Editor")),
        Ok(vec!["Content Editor".into()])
    );
    assert_eq!(
        roles(with("scope", " ops  admin ")),
        Ok(vec!["ops".into(), "admin".into()])
    );
    let mut both = with("scope", "admin");
    both["roles"] = json!(["ops"]);
    assert_eq!(roles(both.clone()), Ok(vec!["ops".into()]));
    both["roles"] = json!([]);
    assert_eq!(roles(both.clone()), Ok(vec![]));
    both["roles"] = Value::Null;
    assert_eq!(roles(both), Ok(vec!["admin".into()]));

    assert_eq!(
        reason(roles(with("roles", json!(["ops", 1])))),
        "its `roles` are no texts"
    );
    assert_eq!(reason(roles(with("roles", 1))), "its `roles` are no texts");
    assert_eq!(
        reason(roles(with("scope", json!(["ops"])))),
        "its `scope` is no text"
    );
}

#[test]
fn the_header_has_to_hold_a_bearer_token() {
    let issuer = Issuer::hs256();
    let config = issuer.config(&[]);
    let token = issuer.token(&claims());
    let now = Duration::from_secs(NOW as u64);
    let send = |value: Option<&str>| verify(&config, value, now);

    for missing in [None, Some(""), Some("  ")] {
        assert_eq!(send(missing), Err(Denial::Missing));
    }
    for scheme in ["Bearer", "bearer", "BEARER"] {
        assert!(send(Some(&format!("{scheme} {token}"))).is_ok());
    }
    assert!(send(Some(&format!("Bearer   {token} "))).is_ok());

    let long = "a".repeat(8193);
    for malformed in [
        token.clone(),
        "Bearer".into(),
        "Bearer  ".into(),
        "Basic dXNlcjpwYXNz".into(),
        "Bearer not-a-token".into(),
        "Bearer a.b".into(),
        "Bearer a.b.c.d".into(),
        "Bearer {}.{}.{}".into(),
        format!("Bearer {long}"),
        format!("Bearer {token} {token}"),
    ] {
        assert!(
            matches!(send(Some(&malformed)), Err(Denial::Malformed(_))),
            "{malformed}"
        );
    }
}

#[test]
fn a_token_with_critical_extensions_is_invalid() {
    let issuer = Issuer::hs256();
    let token = issuer.token_with_header(
        &json!({"alg": "HS256", "crit": ["b64"], "b64": false}),
        &claims(),
    );
    assert_eq!(
        reason(check(&issuer.config(&[]), &token)),
        "it has critical header fields, and none is known"
    );
}

#[test]
fn a_public_key_may_come_on_one_line() {
    let issuer = Issuer::es256();
    let one_line = issuer.public_key().replace('\n', "\\n");
    let config = issuer.config(&[("jwt_public_key", &one_line)]);
    assert!(check(&config, &issuer.token(&claims())).is_ok());
}

#[test]
fn a_configuration_that_would_be_an_open_door_is_refused() {
    let small_key = RsaPublicKey::new(
        (BigUint::from(1u8) << 1023usize) + BigUint::from(1u8),
        BigUint::from(65_537u32),
    )
    .expect("has the form of a key");
    let small_key = pem(&small_key);
    let p256_key = Issuer::es256().public_key();

    for (variables, problem) in [
        (vec![], "`jwt_algorithm` is not set"),
        (vec![("jwt_algorithm", " ")], "`jwt_algorithm` is not set"),
        (
            vec![("jwt_algorithm", "none")],
            "`jwt_algorithm` has to be HS256, RS256, ES256 or EdDSA",
        ),
        (
            vec![("jwt_algorithm", "HS512")],
            "`jwt_algorithm` has to be",
        ),
        (vec![("jwt_algorithm", "HS256")], "`jwt_secret` is not set"),
        (
            vec![("jwt_algorithm", "HS256"), ("jwt_secret", "")],
            "`jwt_secret` is not set",
        ),
        (
            vec![
                ("jwt_algorithm", "HS256"),
                ("jwt_secret", "only thirty-one bytes, not more"),
            ],
            "`jwt_secret` is too short",
        ),
        (
            vec![("jwt_algorithm", "RS256"), ("jwt_secret", SECRET)],
            "`jwt_public_key` is not set",
        ),
        (
            vec![("jwt_algorithm", "ES256"), ("jwt_public_key", "not PEM")],
            "`jwt_public_key` is not a P-256 key in PEM",
        ),
        (
            vec![("jwt_algorithm", "RS256"), ("jwt_public_key", &p256_key)],
            "`jwt_public_key` is not an RSA key in PEM",
        ),
        (
            vec![("jwt_algorithm", "EdDSA"), ("jwt_public_key", &p256_key)],
            "`jwt_public_key` is not an Ed25519 key in PEM",
        ),
        (
            vec![("jwt_algorithm", "RS256"), ("jwt_public_key", &small_key)],
            "`jwt_public_key` is too short",
        ),
    ] {
        let error = configure(&variables).err().expect("is refused");
        assert!(error.contains(problem), "{error}");
        assert!(!error.contains("thirty"), "{error}");
    }
}

#[test]
fn the_clock_is_whole_as_spin_3_needs_it() {
    let wit = include_str!("../wit/component.wit");
    let (_, clock) = wit.split_once("interface wall-clock").expect("a clock");
    for function in ["now", "resolution"] {
        let declared = format!("{function}: func() -> datetime;");
        assert!(clock.contains(&declared), "{declared}");
    }
}
