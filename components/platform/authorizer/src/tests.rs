mod broken;
mod kept;
mod keys;
mod sets;

use std::rc::Rc;
use std::sync::LazyLock;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jwks::Key;
use jwt_compact::alg::{Ed25519, Es256, Hs256, Hs256Key, Rsa};
use jwt_compact::{Algorithm, AlgorithmSignature};
use p256::pkcs8::{EncodePublicKey, LineEnding};
use rsa::rand_core::{OsRng, RngCore};
use rsa::{BigUint, RsaPrivateKey, RsaPublicKey, traits::PublicKeyParts};
use serde_json::{Value, json};

use crate::config::{Config, KeptConfig, Keys, Source};
use crate::verify::{Denial, Principal, bearer_token, verify};

const SECRET: &str = "a secret of more than thirty-two bytes";
const NOW: i64 = 1_795_330_800;

/// The reason for the refusal of a signature that does not match.
const UNSIGNED: &str = "its signature does not match";

/// The reason for the refusal of claims that cannot be read.
const UNREADABLE: &str = "its claims are not a JSON object with numeric dates and each member once";

/// An issuer of tokens: the signing half of the keys that the authorizer is configured with.
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
        self.token_of(&header.to_string(), &claims.to_string())
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

/// The variables of the application, in the order of `jwt`.
const VARIABLES: [&str; 9] = [
    "jwt_algorithm",
    "jwt_secret",
    "jwt_public_key",
    "jwt_jwks_url",
    "jwt_jwks",
    "jwt_issuer",
    "jwt_audience",
    "jwt_subject_claim",
    "jwt_tenant_claim",
];

/// The variable `jwt` where these variables are set and the others are empty.
fn jwt(variables: &[(&str, &str)]) -> String {
    for (name, _) in variables {
        assert!(VARIABLES.contains(name), "{name}");
    }
    let values = VARIABLES.map(|name| {
        let set = variables.iter().find(|(variable, _)| *variable == name);
        set.map_or("", |(_, value)| value)
    });
    values.join("\u{1f}")
}

fn configure(variables: &[(&str, &str)]) -> Result<Config, String> {
    Config::parse(&jwt(variables)).map_err(|error| error.to_string())
}

/// The claims that a back end puts into its tokens.
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
    let Source::Keys(keys) = &config.source else {
        panic!("the keys are at a URL");
    };
    verify(config, keys, token, now)
}

fn check(config: &Config, token: &str) -> Result<Principal, Denial> {
    check_at(config, token, NOW)
}

/// The verdict on these claims with this configuration.
fn outcome(changes: &[(&str, &str)], claims: &Value) -> Result<Principal, Denial> {
    let issuer = Issuer::hs256();
    check(&issuer.config(changes), &issuer.token(claims))
}

fn reason<T: std::fmt::Debug>(result: Result<T, Denial>) -> String {
    match result {
        Err(Denial::Invalid(text) | Denial::UnknownKey { reason: text, .. }) => text,
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
            "tenant_id": "cafe-azul",
        });
        assert_eq!(
            check(&issuer.config(&[]), &issuer.token(&claims)),
            Ok(Principal {
                subject: "456".into(),
                tenant: Some("cafe-azul".into()),
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
        assert_eq!(reason(check(&config, &issuer.token(&claims()))), UNSIGNED);
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
            // Neither by naming its own algorithm ...
            assert_eq!(
                reason(check(&config, &other.token(&claims()))),
                format!("it is not signed with {}", expected.algorithm())
            );
            // ... nor by naming the expected one.
            let disguised =
                other.token_with_header(&json!({"alg": expected.algorithm()}), &claims());
            assert_eq!(reason(check(&config, &disguised)), UNSIGNED);
        }
        let lower_case = expected.algorithm().to_lowercase();
        for odd in ["none", "None", "NONE", "", &lower_case] {
            let signed = expected.token_with_header(&json!({ "alg": odd }), &claims());
            let unsigned = &signed[..=signed.rfind('.').expect("has parts")];
            for token in [&signed, unsigned] {
                assert_eq!(
                    reason(check(&config, token)),
                    format!("it is not signed with {}", expected.algorithm())
                );
            }
        }
    }
}

#[test]
fn the_examples_of_rfc_7515_and_rfc_8037_hold() {
    // RFC 7515, A.1. It has no `sub`, so its issuer has to do for one.
    let token = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9\
                 .eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ\
                 .dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    let key =
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
    let config = Config {
        source: Source::Keys(Keys::One(Key::Hs256(Hs256Key::new(decode(key))))),
        issuer: Some("joe".into()),
        audience: None,
        subject_claim: "iss".into(),
        tenant_claim: "tenant_id".into(),
    };
    let principal = check_at(&config, token, 1_300_819_379).expect("holds");
    assert_eq!(principal.subject, "joe");
    assert_eq!(principal.expires_at, 1_300_819_380);
    assert_eq!(reason(check(&config, token)), "it has expired");

    // RFC 7515, A.3, with the same claims.
    let (_, claims) = token.split_once('.').expect("has parts");
    let (claims, _) = claims.split_once('.').expect("has parts");
    let point = [
        vec![4],
        decode("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"),
        decode("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"),
    ];
    let token = format!(
        "eyJhbGciOiJFUzI1NiJ9.{claims}.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
    );
    let key = keys::p256(&point.concat());
    let config = configure(&[
        ("jwt_algorithm", "ES256"),
        ("jwt_public_key", &key),
        ("jwt_subject_claim", "iss"),
    ]);
    let config = config.expect("is a configuration");
    let principal = check_at(&config, &token, 1_300_819_379).expect("holds");
    assert_eq!(principal.subject, "joe");

    // RFC 8037, A.4. It signs a plain text, so there are no claims to judge.
    let message = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    let seed = decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A");
    let seed = <&[u8; 32]>::try_from(&*seed).expect("is a key");
    let issuer = Issuer::EdDsa(ed25519_dalek::SigningKey::from_bytes(seed));
    assert_eq!(
        encode(issuer.sign(message)),
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
    );
    let token = format!("{message}.{}", encode(issuer.sign(message)));
    assert_eq!(reason(check(&issuer.config(&[]), &token)), UNREADABLE);
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
    for past in [json!(-1), json!(0), json!(-0.0), json!(-62_000_000_000i64)] {
        assert_eq!(reason(outcome(&[], &with("exp", past))), "it has expired");
    }
    for claim in ["exp", "nbf", "iat"] {
        for odd in [
            json!("tomorrow"),
            json!("1795334400"),
            json!({}),
            json!([NOW + 60]),
            json!(true),
            Value::Null,
            json!(i64::MIN),
            json!(i64::MAX),
            json!(u64::MAX),
            json!(1e300),
        ] {
            assert_eq!(reason(outcome(&[], &with(claim, odd))), UNREADABLE);
        }
        // Milliseconds would be good for 55,000 years.
        for late in [253_402_300_800, (NOW + 60) * 1000] {
            assert_eq!(
                reason(outcome(&[], &with(claim, late))),
                format!("its `{claim}` is after the year 9999: dates count seconds since 1970")
            );
        }
    }
    assert!(outcome(&[], &with("exp", 253_402_300_799i64)).is_ok());
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
        with("aud", json!([["orilla"]])),
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
        json!({"id": "456"}),
    ] {
        assert_eq!(
            reason(subject(&[], with("sub", odd))),
            "its `sub` is no integer and no text that could name a user"
        );
    }
}

#[test]
fn the_tenant_is_a_number_or_a_text_in_the_configured_claim() {
    let tenant = |changes: &[(&str, &str)], claims| {
        outcome(changes, &claims).map(|principal| principal.tenant)
    };
    let named = |text: &str| Ok(Some(text.to_owned()));
    assert_eq!(
        tenant(&[], with("tenant_id", "cafe-azul")),
        named("cafe-azul")
    );
    assert_eq!(tenant(&[], with("tenant_id", 7)), named("7"));
    assert_eq!(tenant(&[], with("tenant_id", -7)), named("-7"));
    assert_eq!(
        tenant(&[], with("tenant_id", u64::MAX)),
        named("18446744073709551615")
    );
    // The authorizer takes a tenant of any form; the systems that use it check its form.
    assert_eq!(tenant(&[], with("tenant_id", " ../x ")), named(" ../x "));

    for name in ["custom:tenant_id", "https://example.com/tenant", "org_id"] {
        let claim = [("jwt_tenant_claim", name)];
        let mut claims = with(name, "cafe-azul");
        claims["tenant_id"] = json!("another");
        assert_eq!(tenant(&claim, claims), named("cafe-azul"));
        assert_eq!(tenant(&claim, with("tenant_id", "cafe-azul")), Ok(None));
    }
    for unset in ["", "  "] {
        let claim = [("jwt_tenant_claim", unset)];
        assert_eq!(tenant(&claim, with("tenant_id", "a")), named("a"));
    }
}

#[test]
fn a_user_may_have_no_tenant_but_not_one_that_cannot_be_read() {
    let tenant = |claims| outcome(&[], &claims).map(|principal| principal.tenant);
    assert_eq!(tenant(claims()), Ok(None));
    assert_eq!(tenant(with("tenant_id", Value::Null)), Ok(None));
    for odd in [
        json!(""),
        json!(" "),
        json!(4.5),
        json!(7.0),
        json!(true),
        json!(["cafe-azul"]),
        json!({"id": "cafe-azul"}),
    ] {
        assert_eq!(
            reason(tenant(with("tenant_id", odd))),
            "its `tenant_id` is no integer and no text that could name a tenant"
        );
    }
    let claim = [("jwt_tenant_claim", "custom:tenant_id")];
    assert_eq!(
        reason(outcome(&claim, &with("custom:tenant_id", true))),
        "its `custom:tenant_id` is no integer and no text that could name a tenant"
    );
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
    for missing in [None, Some(""), Some("  ")] {
        assert_eq!(bearer_token(missing), Err(Denial::Missing));
    }
    for sent in ["Bearer a.b.c", "bearer a.b.c", "BEARER   a.b.c "] {
        assert_eq!(bearer_token(Some(sent)), Ok("a.b.c"));
    }
    let max = "a".repeat(8192);
    assert_eq!(bearer_token(Some(&format!("Bearer {max}"))), Ok(&*max));
    let long = format!("Bearer {max}a");
    for malformed in ["a.b.c", "Bearer", "Bearer  ", "Basic dXNlcjpwYXNz", &long] {
        let token = bearer_token(Some(malformed));
        assert!(matches!(token, Err(Denial::Malformed(_))), "{malformed}");
    }
}

#[test]
fn the_claims_are_one_json_object_whose_members_have_different_names() {
    let issuer = Issuer::hs256();
    let config = issuer.config(&[]);
    let deep = format!(r#"{{"sub":{}{}}}"#, "[".repeat(2000), "]".repeat(2000));
    for claims in [
        "",
        "null",
        "[]",
        r#"[{"sub":"1","exp":1795334400}]"#,
        "\u{feff}{}",
        r#"{"sub":"1","exp":1795334400"#,
        r#"{"sub":"1","exp":1795334400}{}"#,
        r#"{"sub":"1","exp":1e400}"#,
        r#"{"sub":"1","exp":01795334400}"#,
        r#"{"sub":"1","exp":1795334400,"sub":"2"}"#,
        r#"{"sub":"1","exp":1795334400,"\u0073ub":"2"}"#,
        r#"{"sub":"1","exp":1,"exp":1795334400}"#,
        r#"{"sub":"1","exp":1795334400,"x":"\ud800"}"#,
        &deep,
    ] {
        let token = issuer.token_of(r#"{"alg":"HS256"}"#, claims);
        assert_eq!(reason(check(&config, &token)), UNREADABLE, "{claims}");
    }
}

#[test]
fn headers_that_cannot_be_followed_are_refused() {
    let issuer = Issuer::hs256();
    let config = issuer.config(&[]);
    let outcome = |header: &str| check(&config, &issuer.token_of(header, &claims().to_string()));
    assert!(outcome(r#"{"alg":"HS256","kid":"7","typ":"at+jwt","x":[7]}"#).is_ok());
    for critical in [
        r#"{"alg":"HS256","crit":["b64"],"b64":false}"#,
        r#"{"alg":"HS256","crit":["exp"],"exp":1}"#,
        r#"{"alg":"HS256","crit":[]}"#,
        r#"{"alg":"HS256","crit":null}"#,
        r#"{"alg":"HS256","cr\u0069t":"b64"}"#,
    ] {
        assert_eq!(
            reason(outcome(critical)),
            "it has critical header fields, and none is known",
            "{critical}"
        );
    }
    for malformed in [
        "",
        "HS256",
        r#""HS256""#,
        r#"{"typ":"JWT"}"#,
        r#"{"alg":["HS256"]}"#,
        r#"{"alg":null}"#,
        r#"{"alg":"none","alg":"HS256"}"#,
        r#"{"alg":"HS256","kid":"1","kid":"2"}"#,
        r#"{"alg":"HS256","x":1,"x":2}"#,
        r#"{"alg":"HS256","crit":["b64"],"crit":[]}"#,
        r#"{"alg":"HS256"} {}"#,
        r#"{"alg":"HS256","kid":7}"#,
        // Claims that are a token or another format.
        r#"{"alg":"HS256","cty":"JWT"}"#,
    ] {
        let result = outcome(malformed);
        assert!(matches!(result, Err(Denial::Malformed(_))), "{malformed}");
    }
}

#[test]
fn a_configuration_is_kept_as_long_as_its_variable_has_the_same_text() {
    let kept = KeptConfig::new();
    let read = |secret| kept.config(jwt(&[("jwt_algorithm", "HS256"), ("jwt_secret", secret)]));
    let first = read(SECRET).expect("is valid");
    assert!(Rc::ptr_eq(&first, &read(SECRET).expect("is valid")));
    let other = read("another secret of more than thirty-two bytes").expect("is valid");
    assert!(!Rc::ptr_eq(&first, &other));
    // A wrong variable is refused although a valid one was kept, and the next is read anew.
    assert!(read("short").is_err());
    assert!(!Rc::ptr_eq(&other, &read(SECRET).expect("is valid")));
}

#[test]
fn the_variable_has_nine_fields_and_any_other_number_is_refused() {
    let valid = jwt(&[("jwt_algorithm", "HS256"), ("jwt_secret", SECRET)]);
    assert!(Config::parse(&valid).is_ok());
    // The line of another version, and a value that holds the separator.
    let shorter = valid.trim_end_matches('\u{1f}');
    let longer = jwt(&[
        ("jwt_algorithm", "HS256"),
        (
            "jwt_secret",
            "thirty-two bytes or more,\u{1f}and the separator",
        ),
    ]);
    for (wrong, count) in [("", 1), (shorter, 2), (&longer, 10)] {
        let error = Config::parse(wrong).err().expect("is refused").to_string();
        let expected = format!("the variable `jwt` has {count} fields and not nine: ");
        assert!(error.starts_with(&expected), "{error}");
        assert!(!error.contains("thirty"), "{error}");
    }
}

#[test]
fn a_secret_is_taken_as_it_is() {
    let secret = " \n \"a| secret; of {{ all }} characters\u{1e}\r\n\t";
    let issuer = Issuer::Hs256(secret);
    let token = issuer.token(&claims());
    assert!(check(&issuer.config(&[]), &token).is_ok());
    let trimmed = Issuer::Hs256(secret.trim()).config(&[]);
    assert_eq!(reason(check(&trimmed, &token)), UNSIGNED);
}
