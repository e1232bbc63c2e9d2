use std::collections::HashSet;
use std::time::{Duration, Instant};

use http::StatusCode;
use ipp_domain::{Mode, ValidateRequest, ValidationView};
use stores::SpinRedis;
use web::{Call, Reply};

use crate::common::databricks;

/// The time for a statement: platforms end a request after 30 s.
const TIME: Duration = Duration::from_secs(20);

pub(crate) async fn validate(call: Call) -> Reply {
    let request = ValidateRequest::parse(call.body())?;
    let sql = ipp_storage::sql()?;
    let redis = SpinRedis::open()?;
    let databricks = databricks(&call, &redis)?;
    let until = Instant::now() + TIME;
    let view = match request {
        ValidateRequest::Automatic => {
            let valid = ipp_storage::configured(&databricks, &sql, None, until).await?;
            ValidationView::new(Mode::Automatic, valid, Vec::new())
        }
        ValidateRequest::Manual(ids) => {
            let valid = match ids.valid.is_empty() {
                true => Vec::new(),
                false => {
                    ipp_storage::configured(&databricks, &sql, Some(&ids.valid), until).await?
                }
            };
            let known: HashSet<_> = valid.iter().collect();
            let missing = ids.valid.iter().filter(|id| !known.contains(id));
            let missing = missing.map(ToString::to_string);
            let invalid = ids.invalid.into_iter().chain(missing).collect();
            ValidationView::new(Mode::Manual, valid, invalid)
        }
    };
    web::json(StatusCode::OK, &view)
}
