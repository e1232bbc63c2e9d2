//! The routes: the request for each, and the members of its answer that are read.
#![allow(
    missing_docs,
    reason = "members are named as in the JSON that README.md describes"
)]

use std::collections::HashMap;

use anyhow::Result;
use http::{HeaderMap, Method, StatusCode};
use hyper::body::Bytes;
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};
use url::form_urlencoded;

use super::call::Call;

/// The answer of `POST /receiver`.
#[derive(Debug, Deserialize)]
pub struct Received {
    pub file_name: String,
    pub upload_url: String,
    pub upload_headers: HashMap<String, String>,
    pub already_uploaded: bool,
}

/// The answer of `GET /images/{file}`.
#[derive(Debug, Deserialize)]
pub struct Record {
    pub status: String,
    #[serde(default, rename = "rekognition_results")]
    pub labels: Vec<Label>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Label {
    pub name: String,
    pub confidence: f64,
}

impl Record {
    /// Whether its labels are known.
    pub fn is_analyzed(&self) -> bool {
        ["approved", "under_review", "rejected"].contains(&self.status.as_str())
    }
}

/// The answer of `GET /scan`.
#[derive(Debug, Deserialize)]
pub struct Found {
    pub total_count: u32,
    pub images: Vec<String>,
}

/// The answer of `GET /jobs/{jobId}`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Job {
    pub status: String,
    pub processed_toons: usize,
    pub failed_toons: usize,
}

/// The answer of `GET /compras/report`.
#[derive(Debug, Deserialize)]
pub struct PurchaseReport {
    pub filas: Vec<ReportRow>,
    pub totales: Vec<ReportRow>,
    pub pendientes: u64,
}

/// A row of the report. Amounts are as they came, with all their digits.
#[derive(Debug, Deserialize)]
pub struct ReportRow {
    pub nombre: Option<String>,
    pub moneda: String,
    pub compras: u64,
    pub ingresos: Box<RawValue>,
}

fn get<T>(uri: String) -> Call<T> {
    Call::new(Method::GET, uri)
}

/// `POST /receiver`
pub fn announce(announcement: &Value) -> Call<Received> {
    Call::new(Method::POST, "/receiver").with_json(announcement.to_string())
}

/// The `PUT` that an announcement asks for.
///
/// # Errors
/// It asks for invalid headers.
pub fn upload(received: &Received, bytes: impl Into<Bytes>) -> Result<Call> {
    let headers = HeaderMap::try_from(&received.upload_headers)?;
    let call = Call::new(Method::PUT, &received.upload_url);
    Ok(call.with_headers(headers).with_body(bytes))
}

/// `GET /images/{file}`
pub fn record(file: &str) -> Call<Record> {
    get(format!("/images/{file}"))
}

/// `GET /obtain/{file}`
pub fn obtain(file: &str) -> Call {
    get(format!("/obtain/{file}")).expecting(StatusCode::FOUND)
}

/// The target of [`obtain`]'s redirect.
pub fn stored(location: &str) -> Call {
    get(location.to_owned())
}

/// `GET /scan`, with a query as people write it, or with an encoded one.
pub fn scan<T>(query: &str) -> Call<T> {
    let pairs = form_urlencoded::parse(query.as_bytes());
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish();
    get(format!("/scan?{query}"))
}

/// `POST /submit-job`, with JSON.
pub fn submit_job(job: impl Into<Bytes>) -> Call {
    let call = Call::new(Method::POST, "/submit-job").with_json(job);
    call.expecting(StatusCode::ACCEPTED)
}

/// `GET /jobs/{jobId}`, answered after `wait` seconds or when the job has ended.
pub fn job(id: &str, wait: u32) -> Call<Job> {
    let query = if wait == 0 {
        String::new()
    } else {
        format!("?wait={wait}")
    };
    get(format!("/jobs/{id}{query}"))
}

/// `GET /results`, the first page.
pub fn results(id: &str, limit: usize) -> Call {
    get(format!("/results?jobId={id}&limit={limit}"))
}

/// The page of the same route after a cursor.
pub fn results_after(id: &str, limit: usize, cursor: &str) -> Call {
    get(format!("/results?jobId={id}&limit={limit}&cursor={cursor}"))
}

/// `POST /orders`
pub fn create_order(order: &Value) -> Call {
    Call::new(Method::POST, "/orders").with_json(order.to_string())
}

/// `PUT /orders/{orderId}`
pub fn change_order(id: &str, order: &Value) -> Call {
    Call::new(Method::PUT, format!("/orders/{id}")).with_json(order.to_string())
}

/// `GET /orders/{orderId}`
pub fn order(id: &str) -> Call {
    get(format!("/orders/{id}"))
}

/// The same route, with all versions.
pub fn order_history(id: &str) -> Call {
    get(format!("/orders/{id}?history=true"))
}

/// `POST /compras`
pub fn create_purchase(purchase: &Value) -> Call {
    let call = Call::new(Method::POST, "/compras").with_json(purchase.to_string());
    call.expecting(StatusCode::CREATED)
}

/// `PUT /compras/{compra_id}`
pub fn change_purchase(id: &str, purchase: &Value) -> Call {
    Call::new(Method::PUT, format!("/compras/{id}")).with_json(purchase.to_string())
}

/// `DELETE /compras/{compra_id}`
pub fn remove_purchase(id: &str) -> Call {
    Call::new(Method::DELETE, format!("/compras/{id}")).expecting(StatusCode::NO_CONTENT)
}

/// `GET /compras/{compra_id}`
pub fn purchase(id: &str) -> Call {
    get(format!("/compras/{id}"))
}

/// The same route, with all versions.
pub fn purchase_history(id: &str) -> Call {
    get(format!("/compras/{id}?history=true"))
}

/// `POST /compras/stream`, with records of a DynamoDB stream.
pub fn stream(records: &[Value]) -> Call {
    let body = json!({ "Records": records });
    Call::new(Method::POST, "/compras/stream").with_json(body.to_string())
}

/// `GET /compras/report`, by day, product or user: `dia`, `producto` or `usuario`.
pub fn purchase_report(from: &str, to: &str, by: &str) -> Call<PurchaseReport> {
    let query = format!("desde={from}&hasta={to}&por={by}");
    get(format!("/compras/report?{query}"))
}

/// `POST /ipp/validate-clients`
pub fn validate_clients(mostradores: &[&str]) -> Call {
    let body = json!({ "mostradores": mostradores });
    Call::new(Method::POST, "/ipp/validate-clients").with_json(body.to_string())
}

/// `POST /ipp/start`
pub fn start_ipp(mostradores: &[&str]) -> Call {
    let body = json!({ "mostradores": mostradores });
    Call::new(Method::POST, "/ipp/start").with_json(body.to_string())
}

/// `GET /ipp/status/{job_id}`, answered after `wait` seconds or when the status changes.
pub fn ipp_status(id: &str, wait: u32) -> Call {
    get(format!("/ipp/status/{id}?wait={wait}"))
}

/// `GET /ipp/results/{job_id}`
pub fn ipp_results(id: &str) -> Call {
    get(format!("/ipp/results/{id}"))
}

/// `POST /ops/queues/{queue}/drain`: an operator has the request work on a queue.
pub fn drain(queue: &str) -> Call {
    Call::new(Method::POST, format!("/ops/queues/{queue}/drain"))
}

/// `GET /ops/queues/{queue}/dead`, the first page.
pub fn dead_letters(queue: &str) -> Call {
    get(format!("/ops/queues/{queue}/dead"))
}

/// `POST /ops/queues/{queue}/dead/redrive`, of `{"all": true}` or of `{"ids": [...]}`.
pub fn redrive(queue: &str, which: &Value) -> Call {
    let call = Call::new(Method::POST, format!("/ops/queues/{queue}/dead/redrive"));
    call.with_json(which.to_string())
}
