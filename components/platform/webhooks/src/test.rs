use base::{Failure, Timestamp};
use http::StatusCode;
use queue::{Change, Effect};
use serde_json::json;
use stores::SpinRedis;
use uuid::Uuid;
use web::{Call, Reply};
use webhooks::{CloudEvent, Fact, Kept, TEST, Target, event_id, keys, sent};

use crate::common::find;

/// Sends an event that only says that the endpoint works.
pub(crate) async fn send(call: Call) -> Reply {
    let redis = SpinRedis::open()?;
    let target = find(call.path("id"), &webhooks::load(&redis)?)?;
    let id = event_id(&format!("webhooks/test/{}", Uuid::now_v7()));
    let change = Change::new().with(message(&call, &target, &id)?);
    worker::publish(keys::QUEUE, &call.trace, |queue| queue.commit(&change)).await?;
    web::json(StatusCode::ACCEPTED, &json!({"event": id}))
}

fn message(call: &Call, target: &Target, id: &str) -> Result<Effect, Failure> {
    let webhook = target.id();
    let data = json!({
        "webhook": webhook,
        "message": "This is a test: nothing has happened.",
    });
    let data = data.to_string();
    let fact = Fact {
        id: id.to_owned(),
        source: "/webhooks",
        kind: TEST,
        subject: &webhook,
        version: 1,
        time: Timestamp::now().to_string(),
        data: &data,
    };
    let event = CloudEvent::new(fact, &call.trace).map_err(Failure::internal)?;
    let event = Kept {
        id: id.to_owned(),
        kind: TEST.to_owned(),
        event: event.encode()?,
    };
    sent(target, &event, &call.trace)
}
