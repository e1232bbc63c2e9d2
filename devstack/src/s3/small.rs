//! Small objects, which are written in one step.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use http_body_util::BodyExt;
use s3s::{
    Body, S3Error, S3ErrorCode, S3Request, S3Response, S3Result, StdError,
    crypto::{Checksum, Md5},
    dto::{ETag, PutObjectInput, PutObjectOutput},
};
use serde_json::json;

/// The max bytes of a small object: those of a line of the archive of purchases.
const MAX_BYTES: i64 = 4 << 20;

/// The max bytes of a file's name on Linux.
const MAX_NAME_BYTES: usize = 255;

/// Writes objects to the files that s3s-fs 0.14 has for them, in one step off the runtime
/// where s3s-fs takes twelve.
///
/// It takes keys of S3's 1,024 bytes, too, if no part between slashes has more than 255.
/// s3s-fs stores an object whose key has more than some 160 bytes, but then fails: it has the
/// whole key in the names of two files of its properties. Here such an object has no media
/// type, and its entity tag is computed when it is read.
pub(super) struct SmallObjects {
    root: PathBuf,
    next: AtomicU64,
}

impl SmallObjects {
    /// Objects in the folder of all buckets.
    pub(super) fn new(root: PathBuf) -> Self {
        Self {
            root,
            next: AtomicU64::new(0),
        }
    }

    /// Whether a request stores a small object and asks for nothing that s3s-fs has to see
    /// to: conditions, checksums, properties other than the media type, unusual keys.
    pub(super) fn takes(request: &S3Request<PutObjectInput>) -> bool {
        let is_plain = matches!(
            &request.input,
            PutObjectInput {
                body: Some(_),
                content_length: Some(0..=MAX_BYTES),
                cache_control: None,
                checksum_algorithm: None,
                checksum_crc32: None,
                checksum_crc32c: None,
                checksum_crc64nvme: None,
                checksum_sha1: None,
                checksum_sha256: None,
                content_disposition: None,
                content_encoding: None,
                content_language: None,
                content_md5: None,
                expires: None,
                if_match: None,
                if_none_match: None,
                metadata: None,
                storage_class: None,
                website_redirect_location: None,
                ..
            }
        );
        let mut parts = request.input.key.split('/');
        is_plain
            && request.trailing_headers.is_none()
            && parts.all(|part| !matches!(part, "" | "." | ".."))
    }

    /// Stores the object of a request that it [takes](Self::takes). The bucket exists.
    pub(super) async fn put(
        &self,
        request: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        let PutObjectInput {
            body,
            bucket,
            key,
            content_type,
            ..
        } = request.input;
        let body = body.map(Body::from).unwrap_or_default();
        let bytes = body.collect().await.map_err(failed)?.to_bytes();
        let mut md5 = Md5::new();
        md5.update(&bytes);
        let e_tag = hex::encode(md5.finalize());

        let [bucket_name, key_name] =
            [&*bucket, &*key].map(|text| BASE64_URL_SAFE_NO_PAD.encode(text));
        let property = |kind: &str| {
            let name = format!(".bucket-{bucket_name}.object-{key_name}.{kind}.json");
            (name.len() <= MAX_NAME_BYTES).then(|| self.root.join(name))
        };
        let attributes = match content_type {
            Some(content_type) => json!({"content_type": content_type}),
            None => json!({}),
        };
        let properties = [
            (property("metadata"), attributes),
            (property("internal"), json!({"e_tag": e_tag})),
        ];
        // s3s-fs removes files of this form when it starts.
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let temporary = self.root.join(format!(".tmp.small-{number}.internal.part"));
        let path = self.root.join(&*bucket).join(&*key);
        let write = move || {
            write(&temporary, &path, &bytes)?;
            for (path, value) in properties {
                if let Some(path) = path {
                    write(&temporary, &path, value.to_string().as_bytes())?;
                }
            }
            Ok(())
        };
        let written: io::Result<()> = tokio::task::spawn_blocking(write).await.map_err(failed)?;
        written.map_err(|error| match error.kind() {
            io::ErrorKind::InvalidFilename => S3ErrorCode::KeyTooLongError.into(),
            _ => failed(error),
        })?;
        Ok(S3Response::new(PutObjectOutput {
            e_tag: Some(ETag::Strong(e_tag)),
            ..Default::default()
        }))
    }
}

/// Writes a file that others see as a whole or not at all.
fn write(temporary: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let moved = fs::write(temporary, bytes).and_then(|()| {
        fs::rename(temporary, path).or_else(|error| match (error.kind(), path.parent()) {
            (io::ErrorKind::NotFound, Some(folder)) => {
                fs::create_dir_all(folder)?;
                fs::rename(temporary, path)
            }
            _ => Err(error),
        })
    });
    if moved.is_err() {
        // It is not there if it could not be written.
        _ = fs::remove_file(temporary);
    }
    moved
}

fn failed(error: impl Into<StdError>) -> S3Error {
    S3Error::with_source(S3ErrorCode::InternalError, error.into())
}
