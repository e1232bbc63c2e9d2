use http::HeaderValue;
use s3s::{S3, S3Error, S3ErrorCode, S3Request, S3Response, S3Result, dto::*};
use s3s_fs::FileSystem;
use time::OffsetDateTime;
use url::form_urlencoded;

use super::{event::Event, outbox::Outbox, small::SmallObjects};
use crate::Peer;

/// Files as S3 objects, with an event for every object created.
pub(super) struct Store {
    files: FileSystem,
    small: SmallObjects,
    outbox: Outbox,
    region: String,
    quiet_buckets: Vec<String>,
}

/// The properties of a request, kept because the operation consumes it.
struct Origin {
    bucket: String,
    key: String,
    access_key: String,
    source: String,
}

impl Origin {
    fn new<I>(request: &S3Request<I>, bucket: &str, key: &str) -> Self {
        Self {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            access_key: request
                .credentials
                .as_ref()
                .map(|credentials| credentials.access_key.clone())
                .unwrap_or_default(),
            source: request
                .extensions
                .get::<Peer>()
                .map(|peer| peer.0.ip().to_string())
                .unwrap_or_default(),
        }
    }
}

impl Store {
    pub(super) fn new(
        files: FileSystem,
        small: SmallObjects,
        outbox: Outbox,
        region: &str,
        quiet_buckets: &[String],
    ) -> Self {
        Self {
            files,
            small,
            outbox,
            region: region.to_owned(),
            quiet_buckets: quiet_buckets.to_vec(),
        }
    }

    /// Records the event before the client gets its answer.
    async fn created<T>(
        &self,
        kind: &str,
        origin: Origin,
        e_tag: Option<&ETag>,
        response: &mut S3Response<T>,
    ) -> S3Result<()> {
        if self.quiet_buckets.contains(&origin.bucket) {
            return Ok(());
        }
        let head = self.head(&origin).await?;
        let mut request_id = String::new();
        self.outbox
            .push(|sequencer| {
                request_id = format!("{sequencer:016X}");
                Event {
                    sequencer,
                    kind: kind.to_owned(),
                    time: OffsetDateTime::now_utc(),
                    region: self.region.clone(),
                    bucket: origin.bucket,
                    key: origin.key,
                    size: head
                        .content_length
                        .and_then(|length| u64::try_from(length).ok())
                        .unwrap_or(0),
                    e_tag: e_tag
                        .or(head.e_tag.as_ref())
                        .map(|e_tag| e_tag.value().to_owned())
                        .unwrap_or_default(),
                    content_type: head.content_type,
                    access_key: origin.access_key,
                    source: origin.source,
                    request_id: request_id.clone(),
                }
            })
            .await
            .map_err(|error| S3Error::with_source(S3ErrorCode::InternalError, error.into()))?;
        if let Ok(request_id) = HeaderValue::try_from(request_id) {
            response.headers.insert("x-amz-request-id", request_id);
        }
        Ok(())
    }

    async fn head(&self, origin: &Origin) -> S3Result<HeadObjectOutput> {
        let request = internal(HeadObjectInput {
            bucket: origin.bucket.clone(),
            key: origin.key.clone(),
            ..Default::default()
        });
        Ok(self.files.head_object(request).await?.output)
    }

    /// Checks that a bucket exists: the files would make any; S3 answers `NoSuchBucket`.
    async fn bucket_exists(&self, bucket: &str) -> S3Result<()> {
        let request = internal(HeadBucketInput {
            bucket: bucket.to_owned(),
            ..Default::default()
        });
        self.files.head_bucket(request).await.map(drop)
    }
}

/// A request that comes from the store itself.
fn internal<I>(input: I) -> S3Request<I> {
    S3Request {
        input,
        method: http::Method::HEAD,
        uri: http::Uri::default(),
        headers: http::HeaderMap::new(),
        extensions: http::Extensions::new(),
        credentials: None,
        region: None,
        service: None,
        trailing_headers: None,
    }
}

/// Encodes the keys of a listing where the client asked for it: s3s-fs says that they are
/// encoded, and leaves them as they are.
fn encode_keys(listing: &mut ListObjectsV2Output) {
    if listing.encoding_type.as_ref().map(EncodingType::as_str) != Some(EncodingType::URL) {
        return;
    }
    let objects = listing.contents.iter_mut().flatten();
    let keys = objects.map(|object| &mut object.key);
    let prefixes = listing.common_prefixes.iter_mut().flatten();
    let prefixes = prefixes.map(|prefix| &mut prefix.prefix);
    let asked = [&mut listing.prefix, &mut listing.start_after];
    for text in keys.chain(prefixes).chain(asked).flatten() {
        *text = form_urlencoded::byte_serialize(text.as_bytes()).collect();
    }
}

/// Implements [`S3`]: the listed operations go to the files unchanged, the written-out
/// ones are added, and all others are not implemented.
macro_rules! store {
    ({ $($operation:ident: $input:ty => $output:ty,)* } $($created:item)*) => {
        #[async_trait::async_trait]
        impl S3 for Store {
            $(
                async fn $operation(
                    &self,
                    request: S3Request<$input>,
                ) -> S3Result<S3Response<$output>> {
                    self.files.$operation(request).await
                }
            )*
            $($created)*
        }
    };
}

store! {
    {
        abort_multipart_upload: AbortMultipartUploadInput => AbortMultipartUploadOutput,
        create_bucket: CreateBucketInput => CreateBucketOutput,
        delete_bucket: DeleteBucketInput => DeleteBucketOutput,
        delete_objects: DeleteObjectsInput => DeleteObjectsOutput,
        get_bucket_location: GetBucketLocationInput => GetBucketLocationOutput,
        head_bucket: HeadBucketInput => HeadBucketOutput,
        head_object: HeadObjectInput => HeadObjectOutput,
        list_buckets: ListBucketsInput => ListBucketsOutput,
        list_objects: ListObjectsInput => ListObjectsOutput,
        list_parts: ListPartsInput => ListPartsOutput,
        upload_part: UploadPartInput => UploadPartOutput,
        upload_part_copy: UploadPartCopyInput => UploadPartCopyOutput,
    }

    async fn get_object(
        &self,
        request: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        let bucket = request.input.bucket.clone();
        match self.files.get_object(request).await {
            Ok(response) => Ok(response),
            // The files miss the object, whether it or its bucket is not there.
            Err(error) => {
                self.bucket_exists(&bucket).await?;
                Err(error)
            }
        }
    }

    async fn delete_object(
        &self,
        request: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        self.bucket_exists(&request.input.bucket).await?;
        self.files.delete_object(request).await
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let mut response = self.files.list_objects_v2(request).await?;
        encode_keys(&mut response.output);
        Ok(response)
    }

    async fn put_object(
        &self,
        request: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        let origin = Origin::new(&request, &request.input.bucket, &request.input.key);
        self.bucket_exists(&origin.bucket).await?;
        let mut response = match SmallObjects::takes(&request) {
            true => self.small.put(request).await?,
            false => self.files.put_object(request).await?,
        };
        let e_tag = response.output.e_tag.clone();
        self.created("Put", origin, e_tag.as_ref(), &mut response).await?;
        Ok(response)
    }

    async fn post_object(
        &self,
        request: S3Request<PostObjectInput>,
    ) -> S3Result<S3Response<PostObjectOutput>> {
        let origin = Origin::new(&request, &request.input.bucket, &request.input.key);
        self.bucket_exists(&origin.bucket).await?;
        let mut response = self.files.post_object(request).await?;
        let e_tag = response.output.e_tag.clone();
        self.created("Post", origin, e_tag.as_ref(), &mut response).await?;
        Ok(response)
    }

    async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        self.bucket_exists(&request.input.bucket).await?;
        self.files.create_multipart_upload(request).await
    }

    async fn copy_object(
        &self,
        request: S3Request<CopyObjectInput>,
    ) -> S3Result<S3Response<CopyObjectOutput>> {
        let origin = Origin::new(&request, &request.input.bucket, &request.input.key);
        let mut response = self.files.copy_object(request).await?;
        self.created("Copy", origin, None, &mut response).await?;
        Ok(response)
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let origin = Origin::new(&request, &request.input.bucket, &request.input.key);
        let mut response = self.files.complete_multipart_upload(request).await?;
        if let Some(result) = response.output.future.take() {
            response.output = result.await?;
        }
        let e_tag = response.output.e_tag.clone();
        self.created("CompleteMultipartUpload", origin, e_tag.as_ref(), &mut response).await?;
        Ok(response)
    }
}
