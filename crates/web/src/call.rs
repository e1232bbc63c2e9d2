//! A request, as an endpoint sees it.

use base::Trace;
use std::rc::Rc;

use http::Method;
use http::request::Parts;
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;

use crate::ApiError;

/// A request with its whole body.
pub struct Call {
    pub(crate) parts: Rc<Parts>,
    pub(crate) body: Vec<u8>,
    /// The ids that follow the request.
    pub trace: Trace,
}

impl Call {
    /// A header, where it is there and readable.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.parts.headers.get(name)?.to_str().ok()
    }

    /// Whether a header is there, readable or not.
    pub fn has_header(&self, name: &str) -> bool {
        self.parts.headers.contains_key(name)
    }

    /// The values of a header that is a list, also of one that was sent in several
    /// lines (RFC 9110, 5.3); none where it was not sent. One that is not readable
    /// is empty.
    pub fn list(&self, name: &str) -> Option<String> {
        let values = self.parts.headers.get_all(name).iter();
        let values: Vec<_> = values
            .map(|value| value.to_str().unwrap_or_default())
            .collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    /// The method.
    pub fn method(&self) -> &Method {
        &self.parts.method
    }

    /// The path, as it was sent.
    pub fn path(&self) -> &str {
        self.parts.uri.path()
    }

    /// The last segment of the path, percent-decoded.
    pub fn last_segment(&self) -> String {
        let path = self.path().trim_end_matches('/');
        let segment = path.rsplit('/').next().unwrap_or_default();
        percent_decode_str(segment).decode_utf8_lossy().into_owned()
    }

    /// The query's names and values in their order, decoded.
    pub fn query(&self) -> Vec<(String, String)> {
        let query = self.parts.uri.query().unwrap_or_default();
        url::form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect()
    }

    /// The body as it was sent.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body as JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        serde_json::from_slice(&self.body).map_err(|error| {
            ApiError::bad_request(
                "invalid_json",
                format!("the body is not the JSON expected: {error}"),
            )
        })
    }
}
