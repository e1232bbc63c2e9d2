//! Clients that follow their plans at the same time, and the check of the result.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::join_all;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tests::{App, RequestBuilder, Service, USER, body, eventually};

use super::model::{self, Answer, Caller, Exchange, IfMatch, Request, Version};
use super::plan::{Action, CLIENTS, Content, Guard, Method, ORDERS, Spoilt, Write};

const ADMIN: Caller = Caller {
    subject: "boss",
    is_admin: true,
};

/// The clients' callers: three of one user, an operator, and another user.
const CALLERS: [Caller; CLIENTS] = [user(USER), user(USER), user(USER), ADMIN, user("other")];

const fn user(subject: &'static str) -> Caller {
    Caller {
        subject,
        is_admin: false,
    }
}

/// The clients of one history.
pub(crate) struct Clients<'a> {
    app: &'a App,
    service: &'a Service,
    history: usize,
    moments: AtomicUsize,
}

/// A client's exchanges so far, by their orders.
type Done = Vec<(usize, Exchange)>;

impl<'a> Clients<'a> {
    pub(crate) fn new(app: &'a App, service: &'a Service, history: usize) -> Self {
        Self {
            app,
            service,
            history,
            moments: AtomicUsize::new(0),
        }
    }

    /// Lets all clients follow their plans, and then checks everything.
    pub(crate) async fn follow(&self, plans: &[Vec<Action>]) {
        let clients = CALLERS.into_iter().zip(plans);
        let done = join_all(clients.map(|(caller, plan)| self.act(caller, plan))).await;
        let done: Done = done.into_iter().flatten().collect();
        for order in 0..ORDERS {
            let exchanges = done.iter().filter(|(about, _)| *about == order);
            let exchanges: Vec<_> = exchanges.map(|(_, exchange)| exchange.clone()).collect();
            let versions = self.processed(order).await;
            model::check(&versions, &exchanges);
            self.was_handled_in_order(order, &versions);
        }
    }

    async fn act(&self, caller: Caller, plan: &[Action]) -> Done {
        let mut done = Done::new();
        for action in plan {
            match *action {
                Action::Read { order } => {
                    let exchange = self.exchange(caller, order, Request::Read).await;
                    done.push((order, exchange));
                }
                Action::Write { order, ref write } => {
                    let if_match = self.if_match(caller, order, write, &mut done).await;
                    let request = Request::Write {
                        method: write.method,
                        content: write.content.clone(),
                        if_match,
                    };
                    done.push((order, self.exchange(caller, order, request).await));
                }
                Action::Repeat => {
                    let is_write =
                        |exchange: &Exchange| matches!(exchange.request, Request::Write { .. });
                    let last = done.iter().rfind(|(_, exchange)| is_write(exchange));
                    if let Some((order, exchange)) = last {
                        let (order, request) = (*order, exchange.request.clone());
                        done.push((order, self.exchange(caller, order, request).await));
                    }
                }
                Action::Spoilt { order, spoilt } => {
                    let request = Request::Spoilt(spoilt);
                    done.push((order, self.exchange(caller, order, request).await));
                }
            }
        }
        done
    }

    /// The value of `If-Match`, if there is one.
    async fn if_match(
        &self,
        caller: Caller,
        order: usize,
        write: &Write,
        done: &mut Done,
    ) -> Option<IfMatch> {
        let before = match write.guard {
            Guard::Nothing => return None,
            Guard::Any => return Some(IfMatch::Any),
            Guard::Seen => 0,
            Guard::Older => 1,
        };
        let seen = self.exchange(caller, order, Request::Read).await;
        let version = match seen.answer {
            Answer::Shown(version, _) => version,
            _ => 1,
        };
        done.push((order, seen));
        Some(IfMatch::Version(version.saturating_sub(before)))
    }

    /// Sends a request until it is answered. A request whose answer is to come again
    /// later has no effect, for nothing breaks here.
    async fn exchange(&self, caller: Caller, order: usize, request: Request) -> Exchange {
        let sent = self.moment();
        let answer = eventually("a client is answered", || async {
            let response = self.request(caller, order, &request).send().await.unwrap();
            let status = response.status();
            if status == StatusCode::SERVICE_UNAVAILABLE {
                return None;
            }
            let tag = response.headers().get("etag");
            let tag = tag.map(|tag| tag.to_str().unwrap().to_owned());
            let body = body(response, status.as_u16()).await;
            Some(answer(status, tag.as_deref(), &body, &request))
        })
        .await;
        Exchange {
            caller,
            request,
            answer,
            sent,
            answered: self.moment(),
        }
    }

    fn request(&self, caller: Caller, order: usize, request: &Request) -> RequestBuilder {
        let id = self.id(order);
        let path = format!("/orders/{id}");
        let of = |method, path: &str| {
            self.app
                .request(method, path)
                .bearer_auth(self.token(caller))
        };
        match request {
            Request::Read => of(reqwest::Method::GET, &path),
            Request::Write {
                method,
                content,
                if_match,
            } => {
                let mut order = document(content);
                let request = match method {
                    Method::Put => of(reqwest::Method::PUT, &path),
                    Method::Post => {
                        order["orderId"] = id.into();
                        of(reqwest::Method::POST, "/orders")
                    }
                };
                let request = request.json(&order);
                match if_match {
                    None => request,
                    Some(IfMatch::Any) => request.header("if-match", "*"),
                    Some(IfMatch::Version(version)) => {
                        request.header("if-match", format!("\"{version}\""))
                    }
                }
            }
            Request::Spoilt(spoilt) => {
                let mut order = json!({"status": "received", "description": "a chair"});
                let request = of(reqwest::Method::PUT, &path);
                match spoilt {
                    Spoilt::NoJson => return request.body("{"),
                    Spoilt::NoStatus => order["status"] = Value::Null,
                    Spoilt::NoDescription => order["description"] = Value::Null,
                    Spoilt::UnknownStatus => order["status"] = "lost".into(),
                    Spoilt::NoDate => order["deliveryDate"] = "tomorrow".into(),
                    Spoilt::OtherId => order["orderId"] = "another".into(),
                    Spoilt::NoTag => return request.json(&order).header("if-match", "1"),
                }
                request.json(&order)
            }
        }
    }

    /// The versions of an order, after all of them have been processed.
    async fn processed(&self, order: usize) -> Vec<Version> {
        let id = self.id(order);
        let get = async |query: &str| {
            let path = format!("/orders/{id}{query}");
            let request = self.app.request(reqwest::Method::GET, &path);
            let request = request.bearer_auth(self.token(ADMIN));
            request.send().await.unwrap()
        };
        if get("").await.status() == 404 {
            return Vec::new();
        }
        eventually(&format!("{id} is processed"), || async {
            let order = body(get("").await, 200).await;
            (order["processing"]["state"] == "processed").then_some(())
        })
        .await;
        let mut versions = Vec::new();
        let mut cursor = String::new();
        while let Some(next) = {
            let query = format!("?history=true&limit=4{cursor}");
            let mut page = body(get(&query).await, 200).await;
            versions.append(page["versions"].as_array_mut().unwrap());
            page["cursor"].as_str().map(str::to_owned)
        } {
            cursor = format!("&cursor={next}");
        }
        let mut processed_at = "";
        for (number, version) in (1_u64..).zip(&versions) {
            assert_eq!(version["version"], number, "there is no gap");
            let processing = &version["processing"];
            assert_eq!(processing["attempts"], 1, "{version}");
            let piece = Service::version(&id, number);
            assert_eq!(processing["result"], Service::result(&piece));
            let at = processing["processedAt"].as_str().unwrap();
            assert!(processed_at <= at, "{version} was processed too early");
            processed_at = at;
        }
        versions.iter().map(version).collect()
    }

    /// Checks that each version was handled once, and none before its predecessor was done.
    fn was_handled_in_order(&self, order: usize, versions: &[Version]) {
        let id = self.id(order);
        let visits = self.service.visits().into_iter();
        let visits: Vec<_> = visits
            .filter(|visit| visit.content["orderId"] == *id)
            .collect();
        let pieces: Vec<_> = visits.iter().map(|visit| visit.piece.as_str()).collect();
        let expected = (1..).take(versions.len());
        let expected: Vec<_> = expected
            .map(|number| Service::version(&id, number))
            .collect();
        assert_eq!(pieces, expected);
        for (before, after) in visits.iter().zip(visits.iter().skip(1)) {
            let (_, done) = before.answered.unwrap();
            assert!(done <= after.asked, "{after:?} came too early");
        }
        let handled = visits.iter().map(|visit| version(&visit.content));
        assert!(handled.eq(versions.iter().cloned()), "{visits:?}");
    }

    fn id(&self, order: usize) -> String {
        format!("history:{}.{order}", self.history)
    }

    fn token(&self, caller: Caller) -> String {
        let roles: &[&str] = if caller.is_admin { &["admin"] } else { &[] };
        self.app.stack.token(caller.subject, roles).unwrap()
    }

    fn moment(&self) -> usize {
        self.moments.fetch_add(1, Ordering::SeqCst) + 1
    }
}

fn document(content: &Content) -> Value {
    let mut document = json!({
        "status": content.status,
        "description": content.description,
    });
    if let Some(date) = content.register_date {
        document["registerDate"] = date.into();
    }
    document
}

/// The version in an order's JSON, of any form.
fn version(order: &Value) -> Version {
    let text = |name: &str| order[name].as_str().unwrap().to_owned();
    Version {
        status: text("status"),
        description: text("description"),
        register_date: text("registerDate"),
        updated_by: text("updatedBy"),
    }
}

fn answer(status: StatusCode, tag: Option<&str>, body: &Value, request: &Request) -> Answer {
    if status != StatusCode::OK {
        let code = body["code"].as_str().unwrap().to_owned();
        return Answer::Refused(status.as_u16(), code);
    }
    let number = usize::try_from(body["version"].as_u64().unwrap()).unwrap();
    let tag = tag.unwrap();
    match request {
        Request::Read => {
            assert!(tag.starts_with(&format!("\"{number}-")), "{tag}");
            Answer::Shown(number, version(body))
        }
        _ => {
            assert_eq!(tag, format!("\"{number}\""));
            Answer::Accepted(number, body["status"].as_str().unwrap().to_owned())
        }
    }
}
