//! `POST /orders` and `GET /orders`, `PUT /orders/{orderId}` and
//! `GET /orders/{orderId}`: orders, and what becomes of them.

#![allow(unsafe_code, reason = "spin-sdk's macro generates the exports")]

mod change;
mod read;

use http::Method;
use orders_domain::{Caller, Invalid};
use spin_sdk::http::{IncomingRequest, ResponseOutparam};
use spin_sdk::http_component;
use web::{ApiError, Call, Endpoint, Reply};

/// Room for all fields of an order, whatever of them is escaped.
const BODY_LIMIT: usize = 256 * 1024;

const ORDERS: Endpoint = Endpoint {
    methods: &[Method::GET, Method::POST],
    body_limit: BODY_LIMIT,
};

const ORDER: Endpoint = Endpoint {
    methods: &[Method::GET, Method::PUT],
    body_limit: BODY_LIMIT,
};

#[http_component]
async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    let path = request.path_with_query().unwrap_or_default();
    let path = path.split('?').next().unwrap_or_default();
    if path.trim_end_matches('/') == "/orders" {
        web::serve(request, out, ORDERS, orders).await;
    } else {
        web::serve(request, out, ORDER, order).await;
    }
}

async fn orders(call: Call) -> Reply {
    match *call.method() {
        Method::POST => change::create(&call).await,
        _ => read::list(&call),
    }
}

async fn order(call: Call) -> Reply {
    match *call.method() {
        Method::PUT => change::put(&call).await,
        _ => read::order(&call),
    }
}

fn caller(principal: &web::Principal) -> Caller<'_> {
    Caller {
        subject: &principal.subject,
        is_admin: principal.has_role("admin"),
    }
}

fn bad_request(invalid: Invalid) -> ApiError {
    ApiError::bad_request(invalid.code, invalid.message)
}
