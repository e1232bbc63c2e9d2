//! A double of AWS Security Token Service's `AssumeRoleWithWebIdentity` for tests: it checks
//! the token as the real one does, and gives keys that an [`S3`](crate::S3) accepts until they
//! end.
//!
//! Shapes and errors are those of the API reference of STS.

use std::{
    collections::HashMap,
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{Result, Server, s3::Sessions, token};

/// The role that may be assumed.
pub const ROLE: &str = "arn:aws:iam::123456789012:role/orilla";

/// The audience of tokens, as EKS has it.
const AUDIENCE: &str = "sts.amazonaws.com";

/// The subject of tokens: a service account of Kubernetes.
const SUBJECT: &str = "system:serviceaccount:default:orilla";

/// The secret that tokens are signed with. The real one takes RSA and elliptic curves only;
/// for a caller the kind of key makes no difference.
const SECRET: &str = "a secret of the cluster's issuer, for tests";

/// The max size of a body, in bytes.
const BODY_LIMIT: usize = 64 * 1024;

/// The running double. Dropping it ends it.
#[derive(Debug)]
pub struct Sts {
    server: Server,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    sessions: Sessions,
    life: Duration,
    given: usize,
    down: bool,
}

/// How a request is refused: status, code and message.
type Refusal = (StatusCode, &'static str, &'static str);

impl Sts {
    /// Starts the double. The keys that it gives end after `life` (the real one gives 15
    /// minutes at least), and are let in by `sessions` until then.
    ///
    /// # Errors
    /// There is no free port.
    pub async fn start(sessions: Sessions, life: Duration) -> Result<Self> {
        let state = Arc::new(Mutex::new(State {
            sessions,
            life,
            given: 0,
            down: false,
        }));
        let shared = state.clone();
        let service = tower::service_fn(move |request: Request<Incoming>| {
            let shared = shared.clone();
            async move { Ok::<_, Infallible>(answer(&shared, request).await) }
        });
        let server = Server::start(SocketAddr::from(([127, 0, 0, 1], 0)), service).await?;
        Ok(Self { server, state })
    }

    /// The base URL.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// A token that the role trusts, valid for an hour.
    ///
    /// # Errors
    /// It cannot be signed.
    pub fn token() -> Result<String> {
        let exp = (OffsetDateTime::now_utc() + Duration::from_secs(3600)).unix_timestamp();
        token::sign(
            SECRET,
            &json!({"sub": SUBJECT, "aud": [AUDIENCE], "exp": exp}),
        )
    }

    /// The number of times that the role was assumed.
    pub fn given(&self) -> usize {
        lock(&self.state).given
    }

    /// Answers 503 to everything, or no more.
    pub fn set_down(&self, down: bool) {
        lock(&self.state).down = down;
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn answer(state: &Mutex<State>, request: Request<Incoming>) -> Response<String> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, BODY_LIMIT).collect().await;
    let body = body.map(|body| body.to_bytes()).unwrap_or_default();
    let media = head.headers.get(header::CONTENT_TYPE);
    let media = media
        .and_then(|media| media.to_str().ok())
        .unwrap_or_default();
    let is_form = media.starts_with("application/x-www-form-urlencoded");
    let outcome = match head.method == Method::POST && head.uri.path() == "/" && is_form {
        true => assume(state, &body),
        false => Err((StatusCode::NOT_FOUND, "InvalidAction", "Send a form to /")),
    };
    let (status, body) = match outcome {
        Ok(body) => (StatusCode::OK, body),
        Err((status, code, message)) => {
            let kind = if status.is_server_error() {
                "Receiver"
            } else {
                "Sender"
            };
            let body = format!(
                "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
                 <Error><Type>{kind}</Type><Code>{code}</Code><Message>{message}</Message></Error>\
                 <RequestId>c6104cbe-af31-11e0-8154-cbc7ccf896c7</RequestId></ErrorResponse>"
            );
            (status, body)
        }
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let xml = header::HeaderValue::from_static("text/xml");
    response.headers_mut().insert(header::CONTENT_TYPE, xml);
    response
}

fn assume(state: &Mutex<State>, body: &[u8]) -> std::result::Result<String, Refusal> {
    let mut state = lock(state);
    if state.down {
        return Err((
            StatusCode::SERVICE_UNAVAILABLE,
            "ServiceUnavailable",
            "Down",
        ));
    }
    let form: HashMap<_, _> = url::form_urlencoded::parse(body).into_owned().collect();
    let field = |name: &str| form.get(name).map(String::as_str);
    let invalid = |message| Err((StatusCode::BAD_REQUEST, "ValidationError", message));
    if field("Action") != Some("AssumeRoleWithWebIdentity") {
        return Err((StatusCode::BAD_REQUEST, "InvalidAction", "No such action"));
    }
    if field("Version") != Some("2011-06-15") {
        return Err((StatusCode::BAD_REQUEST, "InvalidAction", "No such version"));
    }
    if !field("RoleSessionName").is_some_and(|name| (2..=64).contains(&name.len())) {
        return invalid("RoleSessionName must have 2 to 64 characters");
    }
    let Some(token) = field("WebIdentityToken").filter(|token| token.len() >= 4) else {
        return invalid("WebIdentityToken must have at least 4 characters");
    };
    check(token)?;
    if field("RoleArn") != Some(ROLE) {
        let message = "Not authorized to perform sts:AssumeRoleWithWebIdentity";
        return Err((StatusCode::FORBIDDEN, "AccessDenied", message));
    }
    state.given += 1;
    let number = state.given;
    let ends = OffsetDateTime::now_utc() + state.life;
    let (key, secret) = (format!("ASIAORILLA{number}"), format!("secret/{number}+"));
    let session = format!("session/{number}+=");
    state.sessions.add(&key, &secret, &session, ends);
    let ends = ends.format(&Rfc3339).unwrap_or_default();
    Ok(format!(
        "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
         <AssumeRoleWithWebIdentityResult><Audience>{AUDIENCE}</Audience><AssumedRoleUser>\
         <AssumedRoleId>AROA:orilla</AssumedRoleId><Arn>{ROLE}</Arn></AssumedRoleUser>\
         <Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey>\
         <SessionToken>{session}</SessionToken><Expiration>{ends}</Expiration></Credentials>\
         <SubjectFromWebIdentityToken>{SUBJECT}</SubjectFromWebIdentityToken>\
         </AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
    ))
}

/// Checks a token: signature, end, audience and subject.
fn check(token: &str) -> std::result::Result<(), Refusal> {
    let invalid = |message| Err((StatusCode::BAD_REQUEST, "InvalidIdentityToken", message));
    let claims = token.split('.').nth(1);
    let claims = claims.and_then(|claims| BASE64_URL_SAFE_NO_PAD.decode(claims).ok());
    let claims = claims.and_then(|claims| serde_json::from_slice::<Value>(&claims).ok());
    let Some(claims) = claims else {
        return invalid("The ID Token provided is not a valid JWT");
    };
    let claim = |name: &str| claims.get(name);
    if !token::sign(SECRET, &claims).is_ok_and(|signed| signed == token) {
        return invalid("Token signature invalid");
    }
    if claim("exp").and_then(Value::as_i64) <= Some(OffsetDateTime::now_utc().unix_timestamp()) {
        let message = "Token expired";
        return Err((StatusCode::BAD_REQUEST, "ExpiredTokenException", message));
    }
    if claim("aud") != Some(&json!([AUDIENCE])) {
        return invalid("Incorrect token audience");
    }
    if claim("sub").and_then(Value::as_str) != Some(SUBJECT) {
        let message = "Not authorized to perform sts:AssumeRoleWithWebIdentity";
        return Err((StatusCode::FORBIDDEN, "AccessDenied", message));
    }
    Ok(())
}
