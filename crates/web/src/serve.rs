//! From Spin's request to an endpoint, and back.

use base::{Trace, log, text};
use std::pin::pin;
use std::rc::Rc;
use std::time::Instant;

use futures::StreamExt;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Request, Response, Uri};
use serde_json::json;
use spin_sdk::http::{Headers, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

use crate::rules::Endpoint;
use crate::{ApiError, Call, Reply};

/// Serves one request: applies the rules that hold for all, lets `handler`
/// answer, and logs what came of it.
pub async fn serve<F: Future<Output = Reply>>(
    request: IncomingRequest,
    out: ResponseOutparam,
    endpoint: Endpoint,
    handler: impl FnOnce(Call) -> F,
) {
    let started = Instant::now();
    let (parts, understood) = parts(&request);
    let parts = Rc::new(parts);
    let header = |name: &str| {
        parts
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    let trace = Trace::from_headers(header("x-request-id"), header("traceparent"));

    let early = understood
        .err()
        .map(Err)
        .or_else(|| endpoint.answer_early(&parts));
    let reply = match early {
        Some(reply) => reply,
        None => match read_body(request, &endpoint).await {
            Ok(body) => {
                handler(Call {
                    parts: parts.clone(),
                    body,
                    trace: trace.clone(),
                })
                .await
            }
            Err(error) => Err(error),
        },
    };

    let mut fields = json!({
        "method": parts.method.as_str(),
        "path": parts.uri.path(),
        "status": reply.as_ref().map_or_else(|error| error.status, |reply| reply.status()).as_u16(),
    });
    let mut failed = false;
    if let (Err(error), Some(fields)) = (&reply, fields.as_object_mut()) {
        failed = error.status.is_server_error();
        fields.insert("code".into(), error.code.into());
        // A 4xx is the client's to mend and its text is in the answer.
        if failed {
            fields.insert("error".into(), error.message.clone().into());
            fields.insert("detail".into(), error.detail.clone().into());
        }
    }
    let origins = || text("allowed_origins").unwrap_or_default();
    let response = endpoint.finish(&parts, origins, &trace, reply);
    if let (Err(error), Some(fields)) = (send(out, response), fields.as_object_mut()) {
        fields.insert("sendError".into(), error.into());
    }
    if let Some(fields) = fields.as_object_mut() {
        fields.insert("durationMs".into(), millis(started).into());
    }
    let write = if failed { log::error } else { log::info };
    write(&trace, "request", fields);
}

fn millis(started: Instant) -> f64 {
    (started.elapsed().as_secs_f64() * 100_000.0).round() / 100.0
}

/// The head of a request, and what of it cannot be understood.
fn parts(request: &IncomingRequest) -> (Parts, Result<(), ApiError>) {
    let mut parts = Request::new(()).into_parts().0;
    let mut understood = Ok(());
    match Method::from_bytes(request.method().to_string().as_bytes()) {
        Ok(method) => parts.method = method,
        Err(_) => understood = Err(ApiError::bad_request("invalid_method", "this is no method")),
    }
    match request.path_with_query().unwrap_or_default().parse::<Uri>() {
        Ok(uri) => parts.uri = uri,
        Err(_) => {
            let message = "the path or query has characters that must be percent-encoded";
            understood = Err(ApiError::bad_request("invalid_path", message));
        }
    }
    for (name, value) in request.headers().entries() {
        // What the platform says about the route, which nobody here asks for.
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

/// Sends an answer. The body goes out as fast as the client takes it.
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

/// Reads the body, and no more of it than the endpoint takes.
async fn read_body(request: IncomingRequest, endpoint: &Endpoint) -> Result<Vec<u8>, ApiError> {
    let mut body = Vec::new();
    if endpoint.body_limit == 0 {
        return Ok(body);
    }
    let mut chunks = pin!(request.into_body_stream());
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| {
            ApiError::bad_request("incomplete_body", "the body broke off")
                .detail(format!("{error:?}"))
        })?;
        let length = body.len().saturating_add(chunk.len());
        if let Some(error) = endpoint.refuse_body(u64::try_from(length).unwrap_or(u64::MAX)) {
            return Err(error);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
