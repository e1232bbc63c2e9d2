use base::{Failure, Timestamp};
use http::StatusCode;
use queue::{Change, Effect, Group, Message, QueueNames};
use serde_json::json;
use stores::SpinRedis;
use uuid::Uuid;
use web::{Call, Reply};
use webhooks::{CloudEvent, Delivery, Fact, Notification, TEST, event_id, keys};

use crate::common::{Target, find};

/// Sends an event that only says that the endpoint works.
pub(crate) async fn send(call: Call) -> Reply {
    let redis = SpinRedis::open()?;
    let target = find(call.path("id"), &webhooks::load(&redis)?)?;
    let queue = worker::open(&redis, keys::QUEUE)?;
    let id = event_id(&format!("webhooks/test/{}", Uuid::now_v7()));
    queue.commit(&Change::new().with(message(&call, &target, &id)?))?;
    worker::notify(&queue, &call.trace).await;
    web::json(StatusCode::ACCEPTED, &json!({"event": id}))
}

fn message(call: &Call, target: &Target, id: &str) -> Result<Effect, Failure> {
    let webhook = call.path("id");
    let data = json!({
        "webhook": webhook,
        "message": "This is a test: nothing has happened.",
    });
    let (data, trace) = (data.to_string(), call.trace.continued());
    let fact = Fact {
        id: id.to_owned(),
        source: "/webhooks",
        kind: TEST,
        subject: webhook,
        version: 1,
        time: Timestamp::now().to_string(),
        data: &data,
    };
    let event = CloudEvent::new(fact, trace.traceparent()).map_err(Failure::internal)?;
    let (id, event) = (id.to_owned(), event.encode()?);
    let (receiver, message) = match target {
        Target::Made(endpoint) => {
            let delivery = Delivery {
                endpoint: endpoint.id.clone(),
                id,
                kind: TEST.to_owned(),
                event,
            };
            (endpoint.id.as_str(), delivery.encode(&trace)?)
        }
        Target::Listed(url) => {
            let notification = Notification {
                url: Some(url.clone()),
                id,
                event,
            };
            (url.as_str(), notification.encode(&trace)?)
        }
    };
    let group = Group {
        key: keys::group(receiver, 0),
        ahead: None,
    };
    Ok(QueueNames::new(keys::QUEUE).send_in(group, message))
}
