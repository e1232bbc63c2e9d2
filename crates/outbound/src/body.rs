use futures::{Stream, StreamExt};
use http::header::CONTENT_LENGTH;

use crate::Error;

/// The reason why a body was not read to its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// It is longer than the caller's limit.
    #[error("the body is longer than {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: u64,
        /// The length of the body, if `content-length` says it.
        length: Option<u64>,
    },
    /// The connection broke before its end.
    #[error(transparent)]
    Transport(#[from] Error),
}

/// Reads the body of `response`, up to `limit` bytes, into one buffer.
///
/// # Errors
/// [`ReadError::TooLarge`] at once if `content-length` is above `limit`, else after more
/// than `limit` bytes; [`ReadError::Transport`] if the connection breaks.
pub async fn collect<B>(
    response: http::Response<B>,
    limit: u64,
) -> Result<http::Response<Vec<u8>>, ReadError>
where
    B: Stream<Item = Result<Vec<u8>, Error>> + Unpin,
{
    let (head, mut body) = response.into_parts();
    let length = content_length(&head.headers);
    if length.is_some_and(|length| length > limit) {
        return Err(ReadError::TooLarge { limit, length });
    }

    // One allocation for the whole body where its length is known.
    let mut bytes = Vec::with_capacity(length.and_then(|n| n.try_into().ok()).unwrap_or(0));
    while let Some(chunk) = body.next().await {
        let chunk = chunk?;
        if (bytes.len() + chunk.len()) as u64 > limit {
            return Err(ReadError::TooLarge { limit, length });
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(http::Response::from_parts(head, bytes))
}

fn content_length(headers: &http::HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;
    use futures::stream;

    use super::*;

    fn answer(
        length: Option<u64>,
        chunks: Vec<Result<Vec<u8>, Error>>,
    ) -> http::Response<impl Stream<Item = Result<Vec<u8>, Error>> + Unpin> {
        let mut response = http::Response::new(stream::iter(chunks));
        if let Some(length) = length {
            response.headers_mut().insert(CONTENT_LENGTH, length.into());
        }
        response
    }

    #[test]
    fn a_body_of_the_announced_length_is_read_into_one_buffer() {
        let chunks = vec![Ok(vec![1, 2]), Ok(vec![3])];
        let response = block_on(collect(answer(Some(3), chunks), 3)).unwrap();
        assert_eq!(response.body(), &[1, 2, 3]);
        assert_eq!(response.body().capacity(), 3);
    }

    #[test]
    fn a_body_that_announces_too_much_is_not_read() {
        let chunks = vec![Err(Error::Unreachable {
            host: "http://a".into(),
            reason: "must not be polled".into(),
        })];
        let error = block_on(collect(answer(Some(4), chunks), 3)).unwrap_err();
        assert_eq!(
            error,
            ReadError::TooLarge {
                limit: 3,
                length: Some(4)
            }
        );
    }

    #[test]
    fn a_body_of_unknown_length_is_cut_off_at_the_limit() {
        let exact = vec![Ok(vec![0; 2]), Ok(vec![0; 2])];
        assert!(block_on(collect(answer(None, exact), 4)).is_ok());

        let over = vec![Ok(vec![0; 2]), Ok(vec![0; 3])];
        assert_eq!(
            block_on(collect(answer(None, over), 4)).unwrap_err(),
            ReadError::TooLarge {
                limit: 4,
                length: None
            }
        );
    }

    #[test]
    fn a_broken_connection_is_not_an_end() {
        let broken = Error::Unreachable {
            host: "http://a".into(),
            reason: "reset".into(),
        };
        let chunks = vec![Ok(vec![1]), Err(broken.clone())];
        assert_eq!(
            block_on(collect(answer(Some(9), chunks), 9)).unwrap_err(),
            ReadError::Transport(broken)
        );
    }
}
