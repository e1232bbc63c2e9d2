use std::time::SystemTime;

use base::{Failure, Trace};
use futures::future::join_all;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use outbound::{ReadError, Spin, Transport, collect, role};

use crate::response::{content_type, etag, failure, size};
use crate::{Error, Listing, StoreConfig};

/// The max bytes of an error's body, more than any error of S3 has.
const MAX_ERROR_BYTES: u64 = 64 * 1024;

/// The values of the variable `s3`, in its order.
const VARIABLES: [&str; 7] = [
    "s3_endpoint",
    "s3_public_endpoint",
    "s3_region",
    "s3_addressing",
    "s3_access_key_id",
    "s3_secret_access_key",
    "s3_session_token",
];

/// The properties of an object, without its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectInfo {
    /// The length in bytes.
    pub size: u64,
    /// The entity tag, which changes with the content; without quotes.
    pub etag: Option<String>,
    /// The media type of its upload.
    pub content_type: Option<String>,
}

/// An object with its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// The content.
    pub bytes: Vec<u8>,
    /// The entity tag, which changes with the content; without quotes.
    pub etag: Option<String>,
    /// The media type of its upload.
    pub content_type: Option<String>,
}

/// Reads and writes the objects of a bucket. It does not retry: the caller knows whether
/// there is time.
#[derive(Debug, Clone)]
pub struct Objects<T = Spin> {
    config: StoreConfig,
    transport: T,
    headers: HeaderMap,
}

impl Objects {
    /// The objects of the bucket that the variable `bucket_variable` names, through the
    /// Spin runtime. The variable `s3` has the others of [`StoreConfig::from_variables`].
    /// Where no access key is set, the credentials are those of a role: [`role::assumed`].
    ///
    /// # Errors
    /// [`Failure::Misconfigured`], with the name of the variable, and those of
    /// [`role::assumed`].
    pub async fn from_variables(bucket_variable: &str) -> Result<Self, Failure> {
        let packed = base::text("s3")?;
        let values: [_; VARIABLES.len()] = base::split("s3", &packed, base::UNIT_SEPARATOR)?;
        let bucket = base::text(bucket_variable)?;
        let own = |name: &str| {
            let mut variables = VARIABLES.into_iter().zip(values);
            let value = variables.find(|(variable, _)| *variable == name);
            Some(value.map_or(&*bucket, |(_, value)| value).to_owned())
        };
        let variable = role::variables(&Spin, "s3", own).await?;
        Ok(Self::new(StoreConfig::from_variables(
            variable,
            bucket_variable,
        )?))
    }

    /// The objects of the bucket, through the Spin runtime.
    pub fn new(config: StoreConfig) -> Self {
        Self::with_transport(config, Spin)
    }
}

impl<T: Transport> Objects<T> {
    /// The objects of the bucket, through another transport.
    pub fn with_transport(config: StoreConfig, transport: T) -> Self {
        Self {
            config,
            transport,
            headers: HeaderMap::new(),
        }
    }

    /// The same objects, for the work of one request or message: the store gets its ids in
    /// headers that are not signed.
    #[must_use]
    pub fn traced(&self, trace: &Trace) -> Self
    where
        T: Clone,
    {
        Self {
            headers: trace.headers(),
            ..self.clone()
        }
    }

    /// The configuration of the bucket, for presigning.
    pub fn config(&self) -> &StoreConfig {
        &self.config
    }

    /// The properties of the object `key`, or `None` if there is none.
    ///
    /// # Errors
    /// Any [`Error`] except [`Error::TooLarge`].
    pub async fn head(&self, key: &str) -> Result<Option<ObjectInfo>, Error> {
        let request = self
            .config
            .bare_request(Method::HEAD, key, SystemTime::now())?;
        let response = self.send(request).await?;
        if response.status() != StatusCode::OK {
            // An answer to HEAD has no body (RFC 9110, 9.3.2).
            return failure(response.status(), &[]).map_or(Ok(None), Err);
        }
        Ok(Some(ObjectInfo {
            size: size(response.headers())?,
            etag: etag(response.headers()),
            content_type: content_type(response.headers()),
        }))
    }

    /// The object `key` with its content, or `None` if there is none.
    ///
    /// # Errors
    /// [`Error::TooLarge`] if it has more than `max_bytes`: before it is read if the store
    /// says its size. Any other [`Error`].
    pub async fn get(&self, key: &str, max_bytes: u64) -> Result<Option<Object>, Error> {
        let request = self
            .config
            .bare_request(Method::GET, key, SystemTime::now())?;
        let response = self.send(request).await?;
        if response.status() != StatusCode::OK {
            return self.failed(response).await.map_or(Ok(None), Err);
        }
        let response = collect(response, max_bytes).await?;
        Ok(Some(Object {
            etag: etag(response.headers()),
            content_type: content_type(response.headers()),
            bytes: response.into_body(),
        }))
    }

    /// Stores `bytes` as the object `key`, in place of an older one.
    ///
    /// # Errors
    /// Any [`Error`] except [`Error::TooLarge`].
    pub async fn put(&self, key: &str, bytes: Vec<u8>, content_type: &str) -> Result<(), Error> {
        let request = self
            .config
            .put_request(key, bytes, content_type, SystemTime::now())?;
        self.change(request).await?.ok_or_else(no_bucket)
    }

    /// Removes the object `key`; a missing object is no error.
    ///
    /// # Errors
    /// Any [`Error`] except [`Error::TooLarge`].
    pub async fn delete(&self, key: &str) -> Result<(), Error> {
        let request = self
            .config
            .bare_request(Method::DELETE, key, SystemTime::now())?;
        self.change(request).await.map(|_| ())
    }

    /// Removes objects, all at the same time; the caller limits their number. Missing ones are
    /// no error.
    ///
    /// # Errors
    /// The first one of [`Self::delete`], after all were tried.
    pub async fn delete_all<K: AsRef<str>>(
        &self,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<(), Error> {
        let removals = keys
            .into_iter()
            .map(async |key| self.delete(key.as_ref()).await);
        join_all(removals).await.into_iter().collect()
    }

    /// A page of the objects whose keys start with `prefix`, in the order of their keys
    /// (UTF-8 bytes): at most `max` from the first key after `after`, which need not exist.
    /// S3 itself gives at most 1,000.
    ///
    /// # Errors
    /// [`Error::Unexpected`] if the answer is no listing, is longer than one of `max` objects
    /// or would not lead on; any other [`Error`] except [`Error::TooLarge`].
    pub async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        max: u32,
    ) -> Result<Listing, Error> {
        let request = self
            .config
            .list_request(prefix, after, max, SystemTime::now())?;
        let response = self.send(request).await?;
        if response.status() != StatusCode::OK {
            return Err(self.failed(response).await.unwrap_or_else(no_bucket));
        }
        let limit = Listing::max_bytes(max);
        let response = match collect(response, limit).await {
            Err(ReadError::TooLarge { .. }) => Err(Error::Unexpected(format!(
                "a listing of more than {limit} bytes"
            ))),
            read => Ok(read?),
        }?;
        Listing::parse(response.body(), prefix, after)
    }

    /// Removes the object `key`, unless another one than `etag` is there by now. Without an
    /// `etag` it removes any.
    ///
    /// # Errors
    /// Those of [`Self::head`] and [`Self::delete`].
    pub async fn delete_unless_replaced(&self, key: &str, etag: Option<&str>) -> Result<(), Error> {
        match self.head(key).await? {
            Some(object) if etag.is_none() || object.etag.as_deref() == etag => {
                self.delete(key).await
            }
            _ => Ok(()),
        }
    }

    async fn send(&self, mut request: Request<Vec<u8>>) -> Result<Response<T::Body>, Error> {
        request.headers_mut().extend(self.headers.clone());
        Ok(self.transport.send(request).await?)
    }

    /// Sends a request whose answer has no content; `None` is a 404.
    async fn change(&self, request: Request<Vec<u8>>) -> Result<Option<()>, Error> {
        let response = self.send(request).await?;
        if response.status().is_success() {
            return Ok(Some(()));
        }
        self.failed(response).await.map_or(Ok(None), Err)
    }

    async fn failed(&self, response: Response<T::Body>) -> Option<Error> {
        let status = response.status();
        // If the body cannot be read, the status alone decides.
        let body = collect(response, MAX_ERROR_BYTES).await;
        failure(
            status,
            body.as_ref().map_or(&[], |response| response.body()),
        )
    }
}

fn no_bucket() -> Error {
    Error::Misconfigured("404: the bucket does not exist at this endpoint".into())
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::future::Future;

    use futures::executor::block_on;
    use futures::stream;
    use outbound::Error as OutboundError;

    use super::*;
    use crate::config::tests::config;

    type Chunks = Vec<Result<Vec<u8>, OutboundError>>;

    /// A store that gives one answer and remembers its requests.
    struct Store {
        answer: RefCell<Option<Result<Response<Chunks>, OutboundError>>>,
        asked: RefCell<Vec<Request<Vec<u8>>>>,
    }

    impl Transport for &Store {
        type Body = stream::Iter<std::vec::IntoIter<Result<Vec<u8>, OutboundError>>>;

        fn send(
            &self,
            request: Request<Vec<u8>>,
        ) -> impl Future<Output = Result<Response<Self::Body>, OutboundError>> {
            self.asked.borrow_mut().push(request);
            let answer = self.answer.borrow_mut().take().expect("asked once");
            async move { answer.map(|response| response.map(stream::iter)) }
        }
    }

    fn store(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Store {
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        let chunks = body.chunks(4).map(|chunk| Ok(chunk.to_vec())).collect();
        Store {
            answer: RefCell::new(Some(Ok(response.body(chunks).unwrap()))),
            asked: RefCell::default(),
        }
    }

    fn objects(store: &Store) -> Objects<&Store> {
        Objects::with_transport(config(&[]).unwrap(), store)
    }

    #[test]
    fn an_object_is_read_with_its_version_and_type() {
        let headers = [
            ("content-length", "5"),
            ("etag", "\"abc\""),
            ("content-type", "image/png"),
        ];
        let store = store(200, &headers, b"bytes");
        let object = block_on(objects(&store).get("1-a.png", 5))
            .unwrap()
            .unwrap();
        assert_eq!(
            object,
            Object {
                bytes: b"bytes".to_vec(),
                etag: Some("abc".into()),
                content_type: Some("image/png".into()),
            }
        );
        let asked = store.asked.borrow();
        assert_eq!(asked[0].method(), Method::GET);
        assert_eq!(asked[0].uri(), "http://127.0.0.1:9000/images/1-a.png");
        assert!(asked[0].headers().contains_key("authorization"));
    }

    #[test]
    fn an_object_that_is_too_large_is_not_kept() {
        let store = store(200, &[("content-length", "6")], b"bytes!");
        assert_eq!(
            block_on(objects(&store).get("a", 5)),
            Err(Error::TooLarge {
                limit: 5,
                size: Some(6)
            })
        );
    }

    #[test]
    fn what_does_not_exist_is_none() {
        let missing = b"<Error><Code>NoSuchKey</Code></Error>";
        assert_eq!(
            block_on(objects(&store(404, &[], missing)).get("a", 5)),
            Ok(None)
        );
        assert_eq!(block_on(objects(&store(404, &[], b"")).head("a")), Ok(None));
        assert_eq!(
            block_on(objects(&store(404, &[], missing)).delete("a")),
            Ok(())
        );
    }

    #[test]
    fn a_missing_bucket_is_not_a_missing_object() {
        let body = b"<Error><Code>NoSuchBucket</Code></Error>";
        let get = block_on(objects(&store(404, &[], body)).get("a", 5));
        assert!(matches!(get, Err(Error::Misconfigured(_))), "{get:?}");
        let put = block_on(objects(&store(404, &[], b"")).put("a", vec![1], "image/png"));
        assert!(matches!(put, Err(Error::Misconfigured(_))), "{put:?}");
    }

    #[test]
    fn head_tells_size_and_version() {
        let store = store(
            200,
            &[("content-length", "15728640"), ("etag", "\"v1\"")],
            b"",
        );
        let info = block_on(objects(&store).head("a")).unwrap().unwrap();
        assert_eq!(info.size, 15_728_640);
        assert_eq!(info.etag.as_deref(), Some("v1"));
        assert_eq!(store.asked.borrow()[0].method(), Method::HEAD);
    }

    #[test]
    fn an_object_is_stored_with_its_type() {
        let store = store(200, &[("etag", "\"v1\"")], b"");
        block_on(objects(&store).put("a", b"bytes".to_vec(), "image/png")).unwrap();
        let asked = store.asked.borrow();
        assert_eq!(asked[0].method(), Method::PUT);
        assert_eq!(asked[0].body(), b"bytes");
        assert_eq!(asked[0].headers()["content-type"], "image/png");
    }

    #[test]
    fn an_object_is_removed() {
        let store = store(204, &[], b"");
        assert_eq!(block_on(objects(&store).delete("a")), Ok(()));
        assert_eq!(store.asked.borrow()[0].method(), Method::DELETE);
    }

    #[test]
    fn a_page_of_a_listing_says_where_the_next_one_starts() {
        let body = b"<ListBucketResult><IsTruncated>true</IsTruncated><Contents><Key>p/a</Key>\
            <Size>3</Size></Contents></ListBucketResult>";
        let store = store(200, &[], body);
        let page = block_on(objects(&store).list("p/", Some("p/"), 1)).unwrap();
        assert_eq!(page.objects.len(), 1);
        assert_eq!(page.objects[0].key, "p/a");
        assert_eq!(page.next.as_deref(), Some("p/a"));
        let asked = store.asked.borrow();
        assert_eq!(asked[0].method(), Method::GET);
        assert!(asked[0].headers().contains_key("authorization"));
    }

    #[test]
    fn a_bucket_that_is_missing_or_closed_has_no_listing() {
        for (status, body) in [(404, &b""[..]), (404, b"<Code>NoSuchBucket</Code>")] {
            let list = block_on(objects(&store(status, &[], body)).list("", None, 9));
            assert!(matches!(list, Err(Error::Misconfigured(_))), "{list:?}");
        }
        let denied = store(403, &[], b"<Code>AccessDenied</Code>");
        let list = block_on(objects(&denied).list("", None, 9));
        assert!(matches!(list, Err(Error::Denied(_))), "{list:?}");
    }

    #[test]
    fn a_listing_without_an_end_is_not_kept() {
        let endless = vec![b' '; 80 * 1024];
        let list = block_on(objects(&store(200, &[], &endless)).list("", None, 1));
        assert!(matches!(list, Err(Error::Unexpected(_))), "{list:?}");
    }

    #[test]
    fn a_store_that_is_down_or_forbidden_is_told_apart() {
        let failing = |error: OutboundError| Store {
            answer: RefCell::new(Some(Err(error))),
            asked: RefCell::default(),
        };
        let down = failing(OutboundError::Unreachable {
            host: "http://127.0.0.1:9000".into(),
            reason: "it refused the connection".into(),
        });
        let error = block_on(objects(&down).head("a")).unwrap_err();
        assert!(matches!(error, Error::Unavailable(_)), "{error}");

        let forbidden = failing(OutboundError::NotAllowed {
            host: "http://127.0.0.1:9000".into(),
        });
        let error = block_on(objects(&forbidden).head("a")).unwrap_err();
        assert!(matches!(error, Error::Misconfigured(_)), "{error}");
        assert!(error.to_string().contains("allowed_outbound_hosts"));
    }

    #[test]
    fn a_connection_that_breaks_within_the_object_is_an_error() {
        let broken = OutboundError::Unreachable {
            host: "http://127.0.0.1:9000".into(),
            reason: "reset".into(),
        };
        let response = Response::new(vec![Ok(vec![1, 2]), Err(broken)]);
        let store = Store {
            answer: RefCell::new(Some(Ok(response))),
            asked: RefCell::default(),
        };
        let error = block_on(objects(&store).get("a", 5)).unwrap_err();
        assert!(matches!(error, Error::Unavailable(_)), "{error}");
    }
}
