//! From Spin's request to a handler, and back.

use std::pin::pin;
use std::rc::Rc;
use std::time::Instant;

use base::{Failure, Trace, log, text};
use futures::StreamExt;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use serde::Serialize;
use spin_sdk::http::{Headers, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

use crate::answer::{Cors, finish};
use crate::call::Deferred;
use crate::message::{add_accept_patch, check_single, is_doubled};
use crate::observe::Observation;
use crate::route::{self, Body, Route};
use crate::{ApiError, Call, cors};

/// Serves one request by a table of routes: finds the route, admits the caller, reads the
/// body, calls the handler, and logs the outcome.
///
/// A path that is no route is answered 404, a method that the path does not have 405 with
/// `Allow`, and `OPTIONS` with `Allow` and the headers of a preflight. Callers that are
/// not admitted are refused before the body is read.
pub async fn serve<'a>(
    request: IncomingRequest,
    out: ResponseOutparam,
    routes: impl IntoIterator<Item = Route<'a>>,
) {
    let started = Instant::now();
    let (parts, understood) = parts(&request);
    let parts = Rc::new(parts);
    let header = |name: &str| {
        let header = parts.headers.get(name)?.to_str().ok();
        header.filter(|_| !is_doubled(&parts.headers, name))
    };
    // Of several fields, the values are one list (W3C Trace Context, 3.3).
    let state = parts.headers.get_all("tracestate").iter();
    let state: Option<Vec<_>> = state.map(|value| value.to_str().ok()).collect();
    let state = state.unwrap_or_default().join(",");
    let mut trace =
        Trace::from_headers(header("x-request-id"), header("traceparent"), Some(&state));
    let routes: Vec<_> = routes.into_iter().collect();
    let observer = routes.iter().find_map(|route| route.observer);
    let observation = Observation::begin(observer, started, &mut trace);

    let deferred = Deferred::default();
    let mut allowed = Vec::new();
    let mut pattern = None;
    let reply = async {
        understood?;
        let mut found = route::find(routes, &parts.method, parts.uri.path())?;
        allowed.clone_from(&found.allowed);
        pattern = Some(found.pattern);
        check_single(&parts.headers)?;
        if parts.method == Method::OPTIONS {
            let mut response = crate::empty(StatusCode::NO_CONTENT);
            let list = cors::list(&found.allowed);
            response.headers_mut().insert(header::ALLOW, list);
            add_accept_patch(&found.allowed, response.headers_mut());
            return Ok(response);
        }
        let route = found.route.take();
        let route = route.ok_or_else(|| found.method_not_allowed(&parts.method))?;
        let caller = route.access.admit(&parts.headers, &trace)?;
        route.body.check_headers(&parts.headers)?;
        let body = read_body(request, route.body).await?;
        let query = parts.uri.query().unwrap_or_default();
        let call = Call {
            parts: parts.clone(),
            caller,
            path: found.parameters,
            query: url::form_urlencoded::parse(query.as_bytes())
                .into_owned()
                .collect(),
            body: route.body.check(body)?,
            deferred: deferred.clone(),
            trace: trace.clone(),
        };
        (route.handler)(call).await
    }
    .await;

    let error = reply.as_ref().err();
    let code = error.map(|error| error.code);
    // The answer has the text of a 4xx, for the client to correct the request.
    let failure = error
        .filter(|error| error.status.is_server_error())
        .map(|error| (error.message.clone(), error.detail.clone()));
    // Without the variable, browsers of other sites may not read the answer.
    let cors = || Cors::parse(&text("cors").unwrap_or_default());
    let response = finish(&parts, &allowed, cors, &trace, reply);
    let status = response.status();
    let write = match failure {
        Some(_) => log::error,
        None => log::info,
    };
    let (error, detail) = failure.unzip();
    let line = Line {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        status: status.as_u16(),
        code,
        error,
        detail: detail.flatten(),
        send_error: send(out, response).err(),
        duration_ms: millis(started),
    };
    write(&trace, "request", line);
    observation.record(&parts, pattern, status, &trace);
    for work in deferred.take() {
        work(&trace);
    }
    observation.end();
}

/// The fields of the log line of a request.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    method: &'a str,
    path: &'a str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    send_error: Option<String>,
    duration_ms: f64,
}

/// The variable `allowed_origins`, as the component got it.
///
/// # Errors
/// The component has no variable `cors`, or the platform's provider fails.
pub fn allowed_origins() -> Result<String, Failure> {
    Ok(Cors::parse(&text("cors")?).origins)
}

fn millis(started: Instant) -> f64 {
    (started.elapsed().as_secs_f64() * 100_000.0).round() / 100.0
}

/// The head of a request, and an error if part of it is invalid.
fn parts(request: &IncomingRequest) -> (Parts, Result<(), ApiError>) {
    let mut parts = Request::new(()).into_parts().0;
    let mut understood = Ok(());
    match Method::from_bytes(request.method().to_string().as_bytes()) {
        Ok(method) => parts.method = method,
        Err(_) => {
            understood = Err(ApiError::bad_request(
                "invalid_method",
                "the method of the request is not valid",
            ))
        }
    }
    match request.path_with_query().unwrap_or_default().parse::<Uri>() {
        Ok(uri) => parts.uri = uri,
        Err(_) => {
            let message = "the path or query has characters that must be percent-encoded";
            understood = Err(ApiError::bad_request("invalid_path", message));
        }
    }
    for (name, value) in request.headers().entries() {
        // Spin's own headers about the route are not used.
        if name.starts_with("spin-") {
            continue;
        }
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(&value)) {
            parts.headers.append(name, value);
        }
    }
    (parts, understood)
}

/// Sends an answer, as fast as the client takes it.
fn send(out: ResponseOutparam, response: Response<Vec<u8>>) -> Result<(), String> {
    let (head, body) = response.into_parts();
    let entries: Vec<_> = head
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
        .collect();
    let headers = Headers::from_list(&entries).map_err(|error| error.to_string())?;
    let response = OutgoingResponse::new(headers);
    let unusable = |()| "the platform refuses the answer".to_owned();
    response
        .set_status_code(head.status.as_u16())
        .map_err(unusable)?;
    let outgoing = response.body().map_err(unusable)?;
    let stream = outgoing.write().map_err(unusable)?;
    out.set(response);
    let mut rest = body.as_slice();
    while !rest.is_empty() {
        let room = stream.check_write().map_err(|error| error.to_string())?;
        let room = usize::try_from(room).unwrap_or(usize::MAX).min(rest.len());
        let (now, later) = rest.split_at(room);
        if now.is_empty() {
            stream.subscribe().block();
        } else {
            stream.write(now).map_err(|error| error.to_string())?;
        }
        rest = later;
    }
    drop(stream);
    OutgoingBody::finish(outgoing, None).map_err(|error| format!("{error:?}"))
}

/// Reads the body, up to the limit of the route.
async fn read_body(request: IncomingRequest, kind: Body) -> Result<Vec<u8>, ApiError> {
    let mut body = Vec::new();
    if kind == Body::Ignored {
        return Ok(body);
    }
    let mut chunks = pin!(request.into_body_stream());
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| {
            ApiError::bad_request("incomplete_body", "the body ended too early; send it again")
                .detail(format!("{error:?}"))
        })?;
        let length = body.len().saturating_add(chunk.len());
        kind.check_length(u64::try_from(length).unwrap_or(u64::MAX))?;
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
