//! Shared parts of the tests: a client that signs with AWS's own crate, and a
//! receiver of event notifications.
#![allow(dead_code, reason = "each test binary uses its part of this file")]

use std::{
    collections::VecDeque,
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{
        PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningSettings,
        UriPathNormalizationMode, sign,
    },
    sign::v4::SigningParams,
};
use devstack::{S3, Server};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use serde_json::Value;
use tokio::sync::watch;

/// An application without components: each of its routes is a 404.
pub const MANIFEST: &str = r#"
spin_manifest_version = 2

[application]
name = "empty"
version = "0.1.0"

[trigger]
http = []

[variables]
redis_scheme = { default = "" }
redis_host = { default = "" }
redis_credentials = { default = "" }
jwt_algorithm = { default = "" }
jwt_secret = { default = "" }
events_token = { default = "" }
compras_stream_token = { default = "" }
s3_endpoint = { default = "" }
s3_region = { default = "" }
s3_access_key_id = { default = "" }
s3_secret_access_key = { default = "" }
rekognition_endpoint = { default = "" }
rekognition_region = { default = "" }
rekognition_access_key_id = { default = "" }
rekognition_secret_access_key = { default = "" }
databricks_workspace_url = { default = "" }
databricks_access_token = { default = "" }
databricks_job1_id = { default = "" }
databricks_job2_id = { default = "" }
databricks_warehouse_id = { default = "" }
ipp_events_token = { default = "" }
"#;

pub struct Presign<'a> {
    pub method: &'a str,
    pub url: &'a str,
    pub access_key: &'a str,
    pub secret_key: &'a str,
    pub session_token: Option<&'a str>,
    pub time: SystemTime,
    pub expires_in: Duration,
    pub headers: &'a [(&'a str, &'a str)],
}

impl Presign<'_> {
    pub fn sign(&self) -> String {
        let identity = Credentials::new(
            self.access_key,
            self.secret_key,
            self.session_token.map(str::to_owned),
            None,
            "test",
        )
        .into();
        let mut settings = SigningSettings::default();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(self.expires_in);
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        let params = SigningParams::builder()
            .identity(&identity)
            .region("us-east-1")
            .name("s3")
            .time(self.time)
            .settings(settings)
            .build()
            .unwrap()
            .into();
        let request = SignableRequest::new(
            self.method,
            self.url,
            self.headers.iter().copied(),
            SignableBody::UnsignedPayload,
        )
        .unwrap();
        let (instructions, _) = sign(request, &params).unwrap().into_parts();
        let mut url = url::Url::parse(self.url).unwrap();
        url.query_pairs_mut().extend_pairs(
            instructions
                .params()
                .iter()
                .map(|(name, value)| (name, value)),
        );
        url.to_string()
    }
}

pub fn presigned(s3: &S3, method: &str, path: &str) -> String {
    Presign {
        method,
        url: &format!("{}/{path}", s3.url()),
        access_key: s3.access_key(),
        secret_key: s3.secret_key(),
        session_token: None,
        time: SystemTime::now(),
        expires_in: Duration::from_secs(60),
        headers: &[],
    }
    .sign()
}

pub async fn put(s3: &S3, path: &str, body: &str) -> reqwest::Response {
    reqwest::Client::new()
        .put(presigned(s3, "PUT", path))
        .body(body.to_owned())
        .send()
        .await
        .unwrap()
}

/// Accepts notifications; a test can set the first answers, all others are 200.
pub struct Receiver {
    pub server: Server,
    pub seen: watch::Receiver<Vec<Notification>>,
}

#[derive(Clone, Debug)]
pub struct Notification {
    pub authorization: String,
    pub content_type: String,
    pub body: Value,
    pub answered: StatusCode,
}

impl Notification {
    pub fn object(&self) -> &Value {
        &self.body["Records"][0]["s3"]["object"]
    }
}

impl Receiver {
    pub async fn start(first_answers: &[u16]) -> Self {
        let answers: VecDeque<_> = first_answers.to_vec().into();
        let answers = Arc::new(Mutex::new(answers));
        let (sender, seen) = watch::channel(Vec::new());
        let sender = Arc::new(sender);
        let service = tower::service_fn(move |request: Request<Incoming>| {
            let (answers, sender) = (answers.clone(), sender.clone());
            async move {
                let (parts, body) = request.into_parts();
                let body = body.collect().await.unwrap().to_bytes();
                let next = answers.lock().unwrap().pop_front();
                let answered = StatusCode::from_u16(next.unwrap_or(200)).unwrap();
                let header = |name: &str| parts.headers[name].to_str().unwrap().to_owned();
                sender.send_modify(|seen| {
                    seen.push(Notification {
                        authorization: header("authorization"),
                        content_type: header("content-type"),
                        body: serde_json::from_slice(&body).unwrap(),
                        answered,
                    });
                });
                let mut response = Response::new(Empty::<Bytes>::new());
                *response.status_mut() = answered;
                Ok::<_, Infallible>(response)
            }
        });
        let server = Server::start(SocketAddr::from(([127, 0, 0, 1], 0)), service)
            .await
            .unwrap();
        Self { server, seen }
    }

    pub async fn wait_for(&mut self, count: usize) -> Vec<Notification> {
        self.seen
            .wait_for(|seen| seen.len() >= count)
            .await
            .unwrap()
            .clone()
    }
}
