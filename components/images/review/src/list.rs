use base::{Failure, Invalid};
use http::{Method, StatusCode};
use images_domain::ImageRecord;
use objects::Link;
use records::Place;
use serde::Serialize;
use stores::{SpinKeyValue, SpinRedis};
use web::{Call, Reply};

/// The body of the answer.
#[derive(Serialize)]
struct Listed {
    images: Vec<Image>,
    cursor: Option<String>,
}

/// A photo that waits for a reviewer.
#[derive(Serialize)]
struct Image {
    #[serde(flatten)]
    record: ImageRecord,
    /// A link to the photo.
    #[serde(flatten)]
    link: Link,
}

/// The photos of a page by default, and the most.
const LIMIT: u32 = 20;
const MAX_LIMIT: u32 = 100;

pub(crate) async fn list(call: Call) -> Reply {
    let query = call.query();
    if query.once("status")? != Some("under_review") {
        let message = "status must be under_review: photos of another status are not listed";
        return Err(Invalid::query(message).into());
    }
    let limit = query.limit(LIMIT, MAX_LIMIT)?;
    let after: Option<Place> = query.cursor()?;
    let objects = images_storage::objects(&call.trace).await?;
    let (redis, store) = (SpinRedis::open()?, SpinKeyValue::open()?);
    let page = images_storage::under_review(&redis, &store, after.as_ref(), limit)?;
    let images = page.documents.into_iter().map(|found| {
        let record = found.document;
        Ok::<_, Failure>(Image {
            link: objects.link(&Method::GET, record.object_key())?,
            record: record.shown_to_reviewers(),
        })
    });
    let listed = Listed {
        images: images.collect::<Result<_, _>>()?,
        cursor: page.last.as_ref().map(Place::to_string),
    };
    web::json(StatusCode::OK, &listed)
}
