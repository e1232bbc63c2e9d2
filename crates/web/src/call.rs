//! A request, as a handler sees it.

use std::cell::RefCell;
use std::rc::Rc;

use base::{Failure, Preconditions, Query, Tenant, Trace};
use http::Method;
use http::request::Parts;
use serde::de::DeserializeOwned;

use crate::access::{Admitted, Principal};
use crate::{ApiError, Invalid};

/// The maximum length of an `Idempotency-Key` in characters.
const MAX_KEY_LENGTH: usize = 255;

/// Work that waits for the answer of a request.
pub(crate) type Deferred = Rc<RefCell<Vec<Box<dyn FnOnce(&Trace)>>>>;

/// An admitted request with its whole body.
pub struct Call {
    pub(crate) parts: Rc<Parts>,
    pub(crate) caller: Admitted,
    pub(crate) path: Vec<(&'static str, String)>,
    pub(crate) query: Query,
    pub(crate) body: Vec<u8>,
    pub(crate) deferred: Deferred,
    /// The ids that follow the request.
    pub trace: Trace,
}

impl Call {
    /// The user who sent the request.
    ///
    /// # Errors
    /// The route admits others than users: a fault in the table of routes.
    pub fn principal(&self) -> Result<&Principal, Failure> {
        match &self.caller {
            Admitted::User(principal) => Ok(principal),
            _ => Err(Failure::internal("the route is not for users alone")),
        }
    }

    /// The tenant of the user who sent the request: the one whose data the route is about.
    ///
    /// # Errors
    /// 403 `missing_tenant` if the token names none, 403 `invalid_tenant` if the claim is no
    /// [`Tenant`], and the errors of [`Call::principal`].
    pub fn tenant(&self) -> Result<Tenant, ApiError> {
        let Some(tenant) = &self.principal()?.tenant else {
            return Err(ApiError::forbidden(
                "missing_tenant",
                "the token names no tenant: this route needs the claim that `jwt_tenant_claim` \
                 names",
            ));
        };
        tenant.parse().map_err(|error| {
            let message = format!("the tenant that the token names {error}");
            ApiError::forbidden("invalid_tenant", message)
        })
    }

    /// Does `work` once the answer was sent, so that the client does not wait for it. It must
    /// be work that may be lost: a platform may end the component as soon as it answered.
    pub fn after_answer(&self, work: impl FnOnce(&Trace) + 'static) {
        self.deferred.borrow_mut().push(Box::new(work));
    }

    /// Whether a machine sent the request, with the token of a variable.
    pub fn is_machine(&self) -> bool {
        matches!(self.caller, Admitted::Machine)
    }

    /// The method.
    pub fn method(&self) -> &Method {
        &self.parts.method
    }

    /// A parameter of the path, percent-decoded once; empty if the pattern has no
    /// parameter of that name.
    pub fn path(&self, name: &str) -> &str {
        let mut path = self.path.iter();
        path.find(|(own, _)| *own == name)
            .map_or("", |(_, value)| value)
    }

    /// The parameters of the query.
    pub fn query(&self) -> &Query {
        &self.query
    }

    /// The body as it was sent, on routes for JSON without a byte order mark.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// The body is no JSON, or not of the type `T`.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Invalid> {
        base::json_body(&self.body)
    }

    /// The body as a JSON object. Serde alone would take an array for it, too.
    ///
    /// # Errors
    /// The body is no JSON object, or not of the type `T`.
    pub fn object<T: DeserializeOwned>(&self) -> Result<T, Invalid> {
        base::object_body(&self.body)
    }

    /// The conditions of `If-Match` and `If-None-Match` on the version to be changed.
    ///
    /// # Errors
    /// One of them is not well formed.
    pub fn preconditions(&self) -> Result<Preconditions, Invalid> {
        let [if_match, if_none_match] = ["if-match", "if-none-match"].map(|name| self.list(name));
        Preconditions::parse(if_match.as_deref(), if_none_match.as_deref())
    }

    /// The `Idempotency-Key`, where one was sent
    /// (draft-ietf-httpapi-idempotency-key-header, with or without its quotes).
    ///
    /// # Errors
    /// It is empty, too long, or not of visible ASCII characters.
    pub fn idempotency_key(&self) -> Result<Option<&str>, Invalid> {
        let Some(key) = self.parts.headers.get("idempotency-key") else {
            return Ok(None);
        };
        let key = key.to_str().unwrap_or_default().trim().trim_matches('"');
        let is_visible = key.bytes().all(|byte| byte.is_ascii_graphic());
        let is_key = is_visible && (1..=MAX_KEY_LENGTH).contains(&key.len());
        is_key.then_some(Some(key)).ok_or_else(|| {
            Invalid::new(
                "invalid_idempotency_key",
                format!("Idempotency-Key must have 1 to {MAX_KEY_LENGTH} visible ASCII characters"),
            )
        })
    }

    /// Whether the client prefers one media type over another, by `Accept` (RFC 9110,
    /// 12.5.1). Without a preference, the other one counts.
    pub fn prefers(&self, media_type: &str, over: &str) -> bool {
        let accepted = self.list("accept").unwrap_or_default();
        quality(&accepted, media_type) > quality(&accepted, over)
    }

    /// The values of a list header, joined by commas if it was sent in several lines (RFC
    /// 9110, 5.3); `None` if it was not sent. A value that is not text counts as empty.
    pub(crate) fn list(&self, name: &str) -> Option<String> {
        let values = self.parts.headers.get_all(name).iter();
        let values: Vec<_> = values.map(|v| v.to_str().unwrap_or_default()).collect();
        (!values.is_empty()).then(|| values.join(", "))
    }
}

/// The weight in thousandths that a value of `Accept` gives a media type: that of the most
/// specific range that it is in.
fn quality(accepted: &str, media_type: &str) -> u32 {
    let kind = media_type.split('/').next().unwrap_or_default();
    let ranges = accepted.split(',').filter_map(|range| {
        let mut words = range.split(';').map(str::trim);
        let range = words.next()?.to_ascii_lowercase();
        let specificity = match &*range {
            "*/*" => 1,
            range if range.strip_suffix("/*") == Some(kind) => 2,
            range if range == media_type => 3,
            _ => return None,
        };
        let weight = words.find_map(|word| word.strip_prefix("q="));
        let weight = weight.map_or(Some(1.0), base::decimal)?;
        Some((specificity, (weight.min(1.0) * 1_000.0).round() as u32))
    });
    ranges.max().map_or(0, |(_, weight)| weight)
}

#[cfg(test)]
pub(crate) mod tests {
    use http::Request;

    use super::*;

    pub(crate) fn call(headers: &[(&str, &str)]) -> Call {
        let mut request = Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Call {
            parts: request.body(()).unwrap().into_parts().0.into(),
            caller: Admitted::Anybody,
            path: vec![("orderId", "ORD-1".to_owned())],
            query: Query::default(),
            body: Vec::new(),
            deferred: Deferred::default(),
            trace: Trace::new(),
        }
    }

    #[test]
    fn a_media_type_is_chosen_by_its_most_specific_range() {
        for (accept, is_csv) in [
            ("text/csv", true),
            ("TEXT/CSV; charset=utf-8", true),
            ("text/*", true),
            ("application/json;q=0.9, text/csv;q=0.8", false),
            ("application/json;q=0.5, text/csv", true),
            ("application/json;q=0.5, text/csv;q=1.", true),
            ("application/json;q=0.12, text/csv;q=0.121", true),
            ("text/csv;q=0, */*", false),
            ("*/*", false),
            ("", false),
            ("text/csv;q=x", false),
        ] {
            let call = call(&[("accept", accept)]);
            assert_eq!(
                call.prefers("text/csv", "application/json"),
                is_csv,
                "{accept}"
            );
        }
        assert!(!call(&[]).prefers("text/csv", "application/json"));
    }

    #[test]
    fn an_idempotency_key_may_have_quotes() {
        let key = |value: &str| {
            let call = call(&[("idempotency-key", value)]);
            call.idempotency_key().map(|key| key.map(str::to_owned))
        };
        assert_eq!(key("\"a-1\""), Ok(Some("a-1".into())));
        assert_eq!(key("a-1"), Ok(Some("a-1".into())));
        for wrong in ["", "\"\"", "a 1", "a\t1", &"x".repeat(256)] {
            assert_eq!(key(wrong).unwrap_err().code, "invalid_idempotency_key");
        }
        assert_eq!(call(&[]).idempotency_key(), Ok(None));
    }

    #[test]
    fn an_array_is_no_object() {
        #[derive(serde::Deserialize)]
        struct All {
            all: bool,
        }
        let read = |body: &str| {
            let mut call = call(&[]);
            call.body = body.into();
            call.object::<All>().map(|read| read.all)
        };
        assert_eq!(read(r#" {"all": true}"#), Ok(true));
        for wrong in ["[true]", " [true]", "true", "", "{}"] {
            assert_eq!(read(wrong).unwrap_err().code, "invalid_json", "{wrong}");
        }
    }

    #[test]
    fn preconditions_may_be_spread_over_lines() {
        let call = call(&[("if-match", "\"1\""), ("if-match", "\"2\"")]);
        assert_eq!(call.preconditions().unwrap().check(Some(2)), Ok(()));
        assert!(call.preconditions().unwrap().check(Some(3)).is_err());
    }

    #[test]
    fn a_user_acts_for_the_tenant_that_the_token_names() {
        let tenant = |named: Option<&str>| {
            let mut call = call(&[]);
            call.caller = Admitted::User(Principal {
                subject: "456".into(),
                tenant: named.map(str::to_owned),
                roles: vec!["admin".into()],
                email: None,
                name: None,
                expires_at: 0,
            });
            call.tenant()
                .map_err(|error| (error.status.as_u16(), error.code, error.message))
        };
        assert_eq!(tenant(Some("cafe-azul")).unwrap().as_str(), "cafe-azul");

        let (status, code, message) = tenant(None).unwrap_err();
        assert_eq!((status, code), (403, "missing_tenant"));
        assert!(message.contains("`jwt_tenant_claim`"), "{message}");
        for wrong in ["", "..", "café", "a/b", &"x".repeat(65)] {
            let (status, code, message) = tenant(Some(wrong)).unwrap_err();
            assert_eq!((status, code), (403, "invalid_tenant"), "{wrong}");
            assert!(message.contains("1 to 64 characters"), "{message}");
        }
    }

    #[test]
    fn a_route_that_others_may_call_has_no_user() {
        assert!(call(&[]).principal().is_err());
        assert_eq!(call(&[]).tenant().unwrap_err().code, "internal");
        assert_eq!(call(&[]).path("orderId"), "ORD-1");
        assert_eq!(call(&[]).path("other"), "");
    }
}
