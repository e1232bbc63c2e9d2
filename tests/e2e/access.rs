//! Access: the tokens that are accepted and refused.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ed25519_dalek::pkcs8::{DecodePublicKey, EncodePrivateKey, EncodePublicKey};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use p256::elliptic_curve::sec1::ToEncodedPoint;
use p256::pkcs8::LineEnding;
use reqwest::{Method, Response};
use rsa::traits::PublicKeyParts;
use serde_json::{Value, json};
use tests::{App, Manifest, Photo, SamplePhoto, USER, body, refusal};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub const FAR: u64 = 4_102_444_800;

/// A token made by another implementation than the verifying one.
pub fn token(algorithm: Algorithm, key: &EncodingKey, claims: &Value) -> String {
    jsonwebtoken::encode(&Header::new(algorithm), claims, key).unwrap()
}

pub fn hs256(app: &App, claims: &Value) -> String {
    token(
        Algorithm::HS256,
        &EncodingKey::from_secret(app.stack.jwt_secret().as_bytes()),
        claims,
    )
}

/// The application with an issuer's public key in PEM.
pub async fn verifying(algorithm: Algorithm, public: &str) -> App {
    let name = format!("{algorithm:?}");
    App::with(&[("jwt_algorithm", &name), ("jwt_public_key", public)]).await
}

/// The algorithms with a public key, and issuers' keys for them: private and public.
pub fn issuers() -> [(Algorithm, EncodingKey, String); 3] {
    let mut random = rsa::rand_core::OsRng;
    let rsa = rsa::RsaPrivateKey::new(&mut random, 2048).unwrap();
    let p256 = p256::SecretKey::random(&mut random);
    let ed25519 = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
    let pem = |key: rsa::pkcs8::der::zeroize::Zeroizing<String>| key.to_string().into_bytes();
    let line_end = LineEnding::LF;
    [
        (
            Algorithm::RS256,
            EncodingKey::from_rsa_pem(&pem(rsa.to_pkcs8_pem(line_end).unwrap())).unwrap(),
            rsa.to_public_key().to_public_key_pem(line_end).unwrap(),
        ),
        (
            Algorithm::ES256,
            EncodingKey::from_ec_pem(&pem(p256.to_pkcs8_pem(line_end).unwrap())).unwrap(),
            p256.public_key().to_public_key_pem(line_end).unwrap(),
        ),
        (
            Algorithm::EdDSA,
            EncodingKey::from_ed_pem(&pem(ed25519.to_pkcs8_pem(line_end).unwrap())).unwrap(),
            ed25519.verifying_key().to_public_key_pem(line_end).unwrap(),
        ),
    ]
}

pub async fn scan(app: &App, token: &str) -> Response {
    app.request(Method::GET, "/scan")
        .bearer_auth(token)
        .send()
        .await
        .unwrap()
}

pub async fn is_refused(app: &App, token: &str) -> bool {
    let response = scan(app, token).await;
    let challenge = response.headers()["www-authenticate"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(
        challenge.starts_with("Bearer ") && challenge.contains(r#"error="invalid_token""#),
        "{challenge}"
    );
    ["invalid_token", "malformed_token"].contains(&refusal(response, 401).await.as_str())
}

#[tokio::test]
async fn without_a_token_nothing_opens() {
    let app = App::start().await;
    let photo = Photo::of("camera.png").file_name(USER);
    for (method, path) in [
        (Method::POST, "/receiver".to_owned()),
        (Method::POST, "/receiver/complete".to_owned()),
        (Method::GET, format!("/obtain/{photo}")),
        (Method::GET, format!("/images/{photo}")),
        (Method::GET, "/scan".to_owned()),
        (Method::POST, "/events/s3".to_owned()),
        (Method::POST, "/ops/queues/images/drain".to_owned()),
    ] {
        let response = app
            .request(method.clone(), &path)
            .json(&json!({}))
            .send()
            .await
            .unwrap();
        assert_eq!(
            response.headers()["www-authenticate"],
            r#"Bearer realm="orilla""#,
            "{path}"
        );
        assert_eq!(
            refusal(response, 401).await,
            "missing_token",
            "{method} {path}"
        );
    }
    app.stop().await;
}

#[tokio::test]
async fn only_a_token_that_holds_opens() {
    let app = App::with(&[("jwt_issuer", "travel-log"), ("jwt_audience", "orilla")]).await;
    let good = json!({"sub": USER, "exp": FAR, "iss": "travel-log", "aud": ["orilla", "other"]});
    body(scan(&app, &hs256(&app, &good)).await, 200).await;

    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        claims
    };
    let without = |name: &str| {
        let mut claims = good.clone();
        claims.as_object_mut().unwrap().remove(name);
        claims
    };
    for claims in [
        with("exp", json!(1_000_000_000)),
        with("nbf", json!(FAR - 1)),
        with("iss", json!("somebody")),
        with("aud", json!("other")),
        without("exp"),
        without("iss"),
        without("aud"),
        without("sub"),
    ] {
        assert!(is_refused(&app, &hs256(&app, &claims)).await, "{claims}");
    }

    let good = hs256(&app, &good);
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (header, payload) = signed.split_once('.').unwrap();
    let none = BASE64_URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
    let other = BASE64_URL_SAFE_NO_PAD.encode(format!(r#"{{"sub":"1","exp":{FAR}}}"#));
    // At the max depth, and deeper.
    let nested = [126, 127, 1000].map(|depth| {
        let (open, close) = ("[".repeat(depth), "]".repeat(depth));
        let header = format!(r#"{{"alg":"HS256","x":{open}{close}}}"#);
        let header = BASE64_URL_SAFE_NO_PAD.encode(header);
        format!("{header}.{payload}.{signature}")
    });
    let forged = [
        format!("{none}.{payload}."),
        format!("{header}.{other}.{signature}"),
        format!("{header}.{payload}."),
        "not-a-token".to_owned(),
    ];
    for forged in forged.into_iter().chain(nested) {
        assert!(is_refused(&app, &forged).await, "{forged}");
    }
    let secret = EncodingKey::from_secret(b"another secret of more than 32 bytes, which is not it");
    let claims = json!({"sub": USER, "exp": FAR, "iss": "travel-log", "aud": "orilla"});
    assert!(is_refused(&app, &token(Algorithm::HS256, &secret, &claims)).await);
    let longer = token(
        Algorithm::HS512,
        &EncodingKey::from_secret(app.stack.jwt_secret().as_bytes()),
        &claims,
    );
    assert!(
        is_refused(&app, &longer).await,
        "the algorithm is the configuration's, not the token's"
    );
    app.stop().await;
}

#[tokio::test]
async fn each_algorithm_takes_its_own_tokens_and_no_others() {
    let claims = json!({"sub": 456, "exp": FAR});
    for (algorithm, key, public) in &issuers() {
        let app = verifying(*algorithm, public).await;
        body(scan(&app, &token(*algorithm, key, &claims)).await, 200).await;
        assert!(
            is_refused(&app, &hs256(&app, &claims)).await,
            "{algorithm:?}"
        );
        // The public key is public: a token signed with it as a secret must not hold.
        let confused = EncodingKey::from_secret(public.as_bytes());
        assert!(
            is_refused(&app, &token(Algorithm::HS256, &confused, &claims)).await,
            "{algorithm:?}"
        );
        app.stop().await;
    }
}

fn encode(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// The public halves of issuers as a JSON Web Key Set. The `kid` of each is the name of its
/// algorithm.
pub fn key_set(issuers: &[(Algorithm, EncodingKey, String)]) -> Value {
    let keys = issuers.iter().map(|(algorithm, _, public)| {
        let mut jwk = match algorithm {
            Algorithm::RS256 => {
                let key = rsa::RsaPublicKey::from_public_key_pem(public).unwrap();
                let [n, e] = [key.n(), key.e()].map(|number| encode(&number.to_bytes_be()));
                json!({"kty": "RSA", "n": n, "e": e})
            }
            Algorithm::ES256 => {
                let key = p256::PublicKey::from_public_key_pem(public).unwrap();
                // The byte before the coordinates says that there are two (SEC 1, 2.3.3).
                let point = key.to_encoded_point(false).to_bytes();
                let (x, y) = point[1..].split_at(32);
                json!({"kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y)})
            }
            _ => {
                let key = ed25519_dalek::VerifyingKey::from_public_key_pem(public).unwrap();
                json!({"kty": "OKP", "crv": "Ed25519", "x": encode(key.as_bytes())})
            }
        };
        jwk["kid"] = format!("{algorithm:?}").into();
        jwk
    });
    json!({ "keys": keys.collect::<Vec<_>>() })
}

/// A token that names the key with this `kid`.
pub fn named(algorithm: Algorithm, key: &EncodingKey, kid: &str) -> String {
    let mut header = Header::new(algorithm);
    header.kid = Some(kid.to_owned());
    jsonwebtoken::encode(&header, &json!({"sub": USER, "exp": FAR}), key).unwrap()
}

#[tokio::test]
async fn each_key_of_a_set_takes_its_own_tokens_and_no_others() {
    let issuers = issuers();
    let set = key_set(&issuers).to_string();
    let app = App::with(&[("jwt_jwks", &set), ("jwt_secret", "")]).await;
    for (algorithm, key, _) in &issuers {
        let own = format!("{algorithm:?}");
        body(scan(&app, &named(*algorithm, key, &own)).await, 200).await;
        for kid in ["RS256", "ES256", "EdDSA", "other"] {
            let token = named(*algorithm, key, kid);
            assert!(kid == own || is_refused(&app, &token).await, "{own}: {kid}");
        }
        let nameless = token(*algorithm, key, &json!({"sub": USER, "exp": FAR}));
        assert!(is_refused(&app, &nameless).await, "{own}");
    }
    app.stop().await;

    // The stack sets a secret.
    let app = App::with(&[("jwt_jwks", &set)]).await;
    let (algorithm, key, _) = &issuers[0];
    let answer = body(scan(&app, &named(*algorithm, key, "RS256")).await, 500).await;
    let error = answer["error"].as_str().unwrap();
    assert!(
        error.contains("`jwt_jwks` and `jwt_secret` are both set"),
        "{error}"
    );
    app.stop().await;
}

#[tokio::test]
async fn a_deployment_without_a_proper_secret_lets_nobody_in_and_says_so() {
    for secret in ["", "shorter than 32 bytes"] {
        let app = App::with(&[("jwt_secret", secret)]).await;
        let key = EncodingKey::from_secret(secret.as_bytes());
        let token = token(Algorithm::HS256, &key, &json!({"sub": USER, "exp": FAR}));
        let answer = body(scan(&app, &token).await, 500).await;
        assert_eq!(answer["code"], "misconfigured");
        assert!(
            answer["error"].as_str().unwrap().contains("jwt_secret"),
            "{answer}"
        );
        app.stop().await;
    }
}

/// As after an upgrade with a `spin.toml` of one's own.
#[tokio::test]
async fn a_component_without_the_variable_of_tokens_says_what_to_add() {
    let manifest = Manifest::shipped().without_variable("images-scan", "jwt");
    let app = App::of(manifest, &[]).await;
    let token = hs256(&app, &json!({"sub": USER, "exp": FAR}));
    let answer = body(scan(&app, &token).await, 500).await;
    assert_eq!(answer["code"], "misconfigured");
    let error = answer["error"].as_str().unwrap();
    assert!(
        error.contains("`jwt` is not given to this component: add"),
        "{error}"
    );
    app.stop().await;
}

#[tokio::test]
async fn the_subject_may_be_in_another_claim() {
    let app = App::with(&[("jwt_subject_claim", "user_id")]).await;
    let photo = Photo::of("camera.png");
    let token = hs256(
        &app,
        &json!({"sub": "somebody", "user_id": 456, "exp": FAR}),
    );
    let response = app
        .request(Method::POST, "/receiver")
        .bearer_auth(token)
        .json(&photo.announcement(USER, 1))
        .send()
        .await
        .unwrap();
    assert_eq!(
        body(response, 200).await["file_name"],
        photo.file_name(USER)
    );
    app.stop().await;
}

#[tokio::test]
async fn nobody_announces_reads_or_completes_for_another() {
    let app = App::start().await;
    let photo = Photo::of("camera.png");
    let response = app
        .post("7", "/receiver", &photo.announcement(USER, 1))
        .await;
    assert_eq!(refusal(response, 403).await, "not_your_user_id");
    let file = photo.file_name(USER);
    assert_eq!(
        app.get(USER, &format!("/images/{file}")).await.status(),
        404,
        "nothing was stored"
    );

    app.upload(USER, &photo).await;
    for (response, status) in [
        (app.get("7", &format!("/images/{file}")).await, 404),
        (app.get("7", &format!("/obtain/{file}")).await, 401),
        (
            app.post("7", "/receiver/complete", &json!({"file_name": file}))
                .await,
            403,
        ),
    ] {
        refusal(response, status).await;
    }
    assert_eq!(app.scan("7", "").await["total_count"], 0);
    app.stop().await;
}

#[tokio::test]
async fn only_operators_drain_queues() {
    let app = App::start().await;
    let drain = |token: String| {
        app.request(Method::POST, "/ops/queues/images/drain")
            .bearer_auth(token)
            .send()
    };
    assert_eq!(
        refusal(drain(app.token(USER)).await.unwrap(), 403).await,
        "missing_role"
    );
    let answer = body(
        drain(app.stack.token("operator", &["ops"]).unwrap())
            .await
            .unwrap(),
        200,
    )
    .await;
    assert_eq!(answer, json!({"queue": "images", "handled": 0}));
    app.stop().await;
}

#[tokio::test]
async fn who_is_not_let_in_is_refused_before_the_body_is_read() {
    let app = App::start().await;
    let address = app
        .stack
        .base_url()
        .trim_start_matches("http://")
        .to_owned();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = "POST /submit-job HTTP/1.1\r\nHost: orilla\r\nContent-Type: application/json\r\nContent-Length: 8000000\r\n\r\n{";
    stream.write_all(head.as_bytes()).await.unwrap();
    // The rest of the request never comes.
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 401");
    app.stop().await;
}
