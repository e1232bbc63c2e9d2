use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const ANA: Caller = Caller {
    subject: "ana",
    is_admin: false,
};
const BOB: Caller = Caller {
    subject: "bob",
    is_admin: false,
};
const ROOT: Caller = Caller {
    subject: "root",
    is_admin: true,
};

const FREE: Rules = Rules {
    transitions: Transitions::Strict,
    requires_if_match: false,
};
const CAREFUL: Rules = Rules {
    requires_if_match: true,
    ..FREE
};

fn request(status: &str, members: Value) -> OrderRequest {
    let mut body = json!({"orderId": "ORD-001", "status": status, "description": "a chair"});
    for (name, value) in members.as_object().unwrap() {
        body[name] = value.clone();
    }
    OrderRequest::parse(body.to_string().as_bytes(), None).unwrap()
}

fn plain(status: &str) -> OrderRequest {
    request(status, json!({}))
}

/// An order with all its versions, as a store holds them.
#[derive(Default)]
struct History {
    versions: Vec<Versioned<Order>>,
    preconditions: Preconditions,
}

impl History {
    /// An order of `ana` in its first version.
    fn begun(status: &str) -> Self {
        let mut history = Self::default();
        assert_eq!(history.post(ANA, &plain(status)), Ok(1));
        history
    }

    /// The same, with an `If-Match` for the next request.
    fn if_match(mut self, header: &str) -> Self {
        self.preconditions = Preconditions::parse(Some(header), None).unwrap();
        self
    }

    /// The same, with `If-None-Match: *` for the next request.
    fn if_none(mut self) -> Self {
        self.preconditions = Preconditions::parse(None, Some("*")).unwrap();
        self
    }

    fn change<'a>(&'a self, caller: Caller<'a>, request: &'a OrderRequest) -> Change<'a> {
        Change {
            request,
            preconditions: &self.preconditions,
            caller,
            now: Timestamp::from_millis(1_000 * (self.versions.len() as u64 + 1)),
        }
    }

    fn post(&mut self, caller: Caller, request: &OrderRequest) -> Result<u64, Refusal> {
        let existing = self.versions.first().map(|first| Existing {
            first,
            latest: self.versions.last().unwrap(),
        });
        let decision = post(&self.change(caller, request), existing)?;
        Ok(self.take(decision))
    }

    fn put(&mut self, caller: Caller, request: &OrderRequest) -> Result<u64, Refusal> {
        self.put_by(Transitions::Strict, caller, request)
    }

    fn patch(&mut self, rules: Rules, caller: Caller, body: Value) -> Result<u64, Refusal> {
        let id = "ORD-001".parse().unwrap();
        let change = Change {
            request: &OrderPatch::parse(body.to_string().as_bytes(), &id).unwrap(),
            preconditions: &self.preconditions,
            caller,
            now: Timestamp::from_millis(1_000 * (self.versions.len() as u64 + 1)),
        };
        let decision = patch(&change, self.versions.last(), rules)?;
        Ok(self.take(decision))
    }

    fn put_by(
        &mut self,
        transitions: Transitions,
        caller: Caller,
        request: &OrderRequest,
    ) -> Result<u64, Refusal> {
        let change = self.change(caller, request);
        let rules = Rules {
            transitions,
            ..FREE
        };
        let decision = put(&change, self.versions.last(), rules)?;
        Ok(self.take(decision))
    }

    /// Stores the next version, and returns the version that answers the request.
    fn take(&mut self, decision: Decision<Order>) -> u64 {
        match decision {
            Decision::Unchanged { version } => version,
            Decision::Next(document) => {
                let version = self.versions.len() as u64 + 1;
                self.versions.push(Versioned {
                    version,
                    document: *document,
                });
                version
            }
        }
    }

    fn latest(&self) -> &Order {
        &self.versions.last().unwrap().document
    }
}

#[test]
fn an_order_is_created_by_either_method_with_any_status() {
    for status in ["received", "inprocess", "completed", "canceled"] {
        let request = request(status, json!({"deliveryDate": "2026-12-01T00:00:00Z"}));
        let mut posted = History::default();
        assert_eq!(posted.post(ANA, &request), Ok(1));
        let mut put = History::default();
        assert_eq!(put.put(ANA, &request), Ok(1));
        assert_eq!(posted.latest(), put.latest());

        let order = posted.latest();
        assert_eq!(order.status().as_str(), status);
        assert_eq!(order.content.register_date, "1970-01-01T00:00:01.000Z");
        assert_eq!(order.content.delivery_date, "2026-12-01T00:00:00Z");
        assert_eq!(
            (order.owner.as_str(), order.updated_by.as_str()),
            ("ana", "ana")
        );
        assert_eq!(order.created_at, order.updated_at);
    }
}

#[test]
fn a_repeated_post_is_answered_as_before_and_makes_no_version() {
    let mut history = History::begun("received");
    assert_eq!(history.post(ANA, &plain("Received")), Ok(1));
    assert_eq!(history.put(ANA, &plain("inprocess")), Ok(2));
    assert_eq!(
        history.post(ANA, &plain("received")),
        Ok(1),
        "the first one again"
    );
    assert_eq!(
        history.post(ANA, &plain("inprocess")),
        Ok(2),
        "it says what is there"
    );
    assert_eq!(history.put(ANA, &plain("completed")), Ok(3));
    assert_eq!(history.post(ANA, &plain("inprocess")), Err(Refusal::Exists));
    assert_eq!(history.versions.len(), 3);
}

#[test]
fn a_post_with_other_content_is_refused() {
    let mut history = History::begun("received");
    for other in [
        json!({"description": "a table"}),
        json!({"deliveryDate": "2026-12-01T00:00:00Z"}),
        json!({"reasonForCancellation": "too dear"}),
        json!({"registerDate": "2026-12-01T00:00:00Z"}),
        json!({"status": "canceled"}),
    ] {
        let refused = history.post(ANA, &request("received", other.clone()));
        assert_eq!(refused, Err(Refusal::Exists), "{other}");
    }
    assert_eq!(history.versions.len(), 1);
}

#[test]
fn a_put_takes_the_place_of_all_but_the_date_of_registration() {
    let registered = "2026-11-01T08:00:00+02:00";
    let mut history = History::default();
    let first = json!({"registerDate": registered, "deliveryDate": "2026-12-01T00:00:00Z"});
    assert_eq!(history.put(ANA, &request("received", first)), Ok(1));
    assert_eq!(history.put(ANA, &plain("received")), Ok(2));
    assert_eq!(history.latest().content.register_date, registered);
    assert_eq!(history.latest().content.delivery_date, "");

    let later = json!({"registerDate": "2026-11-02T08:00:00Z"});
    assert_eq!(history.put(ANA, &request("received", later)), Ok(3));
    assert_eq!(
        history.latest().content.register_date,
        "2026-11-02T08:00:00Z"
    );
    assert_eq!(
        history.latest().created_at,
        history.versions[0].document.created_at
    );
    assert!(history.latest().updated_at > history.latest().created_at);
}

#[test]
fn a_put_of_what_is_there_makes_no_version() {
    let mut history = History::begun("received");
    assert_eq!(history.put(ANA, &plain("received")), Ok(1));
    let same = json!({"registerDate": "1970-01-01T00:00:01.000Z", "deliveryDate": ""});
    assert_eq!(history.put(ANA, &request("received", same)), Ok(1));
    assert_eq!(history.put(ROOT, &plain("received")), Ok(1));
    assert_eq!(history.latest().updated_by, "ana");
}

#[test]
fn the_way_of_an_order_is_kept_to() {
    let ways = [
        (
            "received",
            "inprocess",
            "received (other fields), inprocess, canceled",
        ),
        (
            "inprocess",
            "completed",
            "inprocess (other fields), completed, canceled",
        ),
        ("completed", "", "completed (other fields)"),
        ("canceled", "", "canceled (other fields)"),
    ];
    for (from, next, allowed) in ways {
        for to in Status::ALL.map(Status::as_str) {
            let mut history = History::begun(from);
            let result = history.put(ANA, &request(to, json!({"description": "a table"})));
            if to == from || allowed.contains(&format!(", {to}")) {
                assert_eq!(result, Ok(2), "{from} to {to}");
                assert_eq!(history.latest().status().as_str(), to);
                continue;
            }
            assert_ne!(to, next);
            let refusal = result.unwrap_err();
            assert!(matches!(refusal, Refusal::IllegalTransition { .. }));
            assert_eq!(
                refusal.to_string(),
                format!("an order that is {from} cannot become {to}; allowed: {allowed}")
            );
            assert_eq!(history.latest().content.description, "a chair");
        }
    }
}

#[test]
fn who_wants_no_ways_may_go_back() {
    let mut history = History::begun("canceled");
    let any = Transitions::Any;
    assert_eq!(history.put_by(any, ANA, &plain("received")), Ok(2));
    assert_eq!(history.put_by(any, ANA, &plain("completed")), Ok(3));
}

#[test]
fn an_order_belongs_to_whom_created_it() {
    let mut history = History::begun("received");
    for request in [plain("received"), plain("completed"), plain("inprocess")] {
        assert_eq!(history.post(BOB, &request), Err(Refusal::IdTaken));
        assert_eq!(history.put(BOB, &request), Err(Refusal::IdTaken));
    }
    // The refusal does not reveal the version.
    let mut history = history.if_match("\"7\"");
    assert_eq!(history.put(BOB, &plain("inprocess")), Err(Refusal::IdTaken));
    assert!(ANA.may_use(&history.latest().owner) && !BOB.may_use(&history.latest().owner));
}

#[test]
fn an_admin_changes_the_orders_of_others_and_they_stay_theirs() {
    let mut history = History::begun("received");
    assert_eq!(history.post(ROOT, &plain("received")), Ok(1));
    assert_eq!(history.post(ROOT, &plain("canceled")), Err(Refusal::Exists));
    assert_eq!(history.put(ROOT, &plain("inprocess")), Ok(2));
    assert_eq!(history.latest().owner, "ana");
    assert_eq!(history.latest().updated_by, "root");
    assert_eq!(history.put(ANA, &plain("completed")), Ok(3));
}

#[test]
fn only_the_version_that_the_client_knows_is_changed() {
    let mut history = History::begun("received").if_match("\"1\"");
    assert_eq!(history.put(ANA, &plain("inprocess")), Ok(2));
    let refusal = history.put(ANA, &plain("completed")).unwrap_err();
    assert_eq!(
        refusal,
        Refusal::PreconditionFailed(Unmet {
            header: "If-Match",
            current: Some(2),
            is_weak: false,
        })
    );
    assert!(matches!(refusal, Refusal::PreconditionFailed(_)));
    assert!(refusal.to_string().contains("version 2"));
    // The stale version is reported before the illegal transition.
    assert_eq!(history.put(ANA, &plain("received")), Err(refusal));
    let mut history = history.if_match("\"1\", \"2-abc\"");
    assert_eq!(history.put(ANA, &plain("completed")), Ok(3));
}

#[test]
fn what_is_not_there_matches_nothing() {
    for header in ["*", "\"1\"", "\"0\""] {
        let refused = Err(Refusal::PreconditionFailed(Unmet {
            header: "If-Match",
            current: None,
            is_weak: false,
        }));
        let mut history = History::default().if_match(header);
        assert_eq!(history.put(ANA, &plain("received")), refused);
        assert_eq!(history.post(ANA, &plain("received")), refused);
        assert!(history.versions.is_empty());
    }
    let mut history = History::begun("received").if_match("*");
    assert_eq!(history.put(ANA, &plain("inprocess")), Ok(2));
}

#[test]
fn a_conditional_request_that_is_sent_again_after_it_was_done_is_answered_as_before() {
    // The answer to the first request was lost; its state is reached (RFC 9110, 13.1.1).
    let mut history = History::begun("received").if_match("\"1\"");
    assert_eq!(history.put(ANA, &plain("inprocess")), Ok(2));
    assert_eq!(history.put(ANA, &plain("inprocess")), Ok(2));
    let mut created = History::default().if_none();
    assert_eq!(created.put(ANA, &plain("received")), Ok(1));
    assert_eq!(created.put(ANA, &plain("received")), Ok(1));
    assert_eq!(created.post(ANA, &plain("received")), Ok(1));
    for other in [
        plain("canceled"),
        request("received", json!({"description": "a table"})),
    ] {
        let refusal = created.put(ANA, &other).unwrap_err();
        assert!(matches!(refusal, Refusal::PreconditionFailed(_)));
        assert_eq!(created.post(ANA, &other), Err(refusal));
    }
    assert_eq!((history.versions.len(), created.versions.len()), (2, 1));
}

#[test]
fn a_weak_tag_changes_nothing_even_of_the_version_that_it_names() {
    let mut history = History::begun("received").if_match("W/\"1\"");
    let refusal = history.put(ANA, &plain("inprocess")).unwrap_err();
    assert!(matches!(refusal, Refusal::PreconditionFailed(_)));
    let told = refusal.to_string();
    assert!(told.contains("weak") && told.contains("proxy"), "{told}");
    assert_eq!(history.versions.len(), 1);
}

#[test]
fn a_patch_changes_what_it_names_by_the_rules_of_a_put() {
    let mut history = History::begun("received");
    let next = json!({"status": "inprocess", "deliveryDate": "2026-12-01T00:00:00Z"});
    assert_eq!(history.patch(FREE, ANA, next.clone()), Ok(2));
    assert_eq!(history.latest().content.description, "a chair");
    assert_eq!(
        history.patch(FREE, ANA, next),
        Ok(2),
        "nothing is different"
    );
    assert_eq!(history.patch(FREE, ANA, json!({})), Ok(2));
    let back = history.patch(FREE, ANA, json!({"status": "received"}));
    let illegal = Refusal::IllegalTransition {
        from: Status::Inprocess,
        to: Status::Received,
    };
    assert_eq!(back, Err(illegal));
    let registered = history.latest().content.register_date.clone();
    assert_eq!(
        history.patch(FREE, ROOT, json!({"deliveryDate": null})),
        Ok(3)
    );
    let latest = history.latest();
    assert_eq!(latest.content.delivery_date, "");
    assert_eq!(latest.content.register_date, registered);
    assert_eq!((&*latest.owner, &*latest.updated_by), ("ana", "root"));

    let mut history = history.if_match("\"2\"");
    let stale = history.patch(FREE, ANA, json!({"description": "a table"}));
    assert!(matches!(stale, Err(Refusal::PreconditionFailed(_))));
    let mut history = history.if_match("\"3\"");
    let changed = history.patch(CAREFUL, ANA, json!({"description": "a table"}));
    assert_eq!(changed, Ok(4));
}

#[test]
fn a_patch_of_what_is_not_the_callers_is_one_of_what_is_not_there() {
    let body = || json!({"status": "inprocess"});
    let mut nothing = History::default();
    assert_eq!(nothing.patch(FREE, ANA, body()), Err(Refusal::Unknown));
    let mut nothing = nothing.if_match("*");
    assert_eq!(nothing.patch(CAREFUL, ANA, body()), Err(Refusal::Unknown));
    let mut history = History::begun("received");
    assert_eq!(history.patch(FREE, BOB, body()), Err(Refusal::Unknown));
    assert_eq!(history.patch(CAREFUL, BOB, body()), Err(Refusal::Unknown));
    assert_eq!(history.versions.len(), 1);
}

#[test]
fn where_it_is_required_no_change_is_made_without_if_match() {
    let mut history = History::default();
    let careful = |history: &mut History, request: &OrderRequest| {
        let change = history.change(ANA, request);
        let decision = put(&change, history.versions.last(), CAREFUL)?;
        Ok(history.take(decision))
    };
    assert_eq!(careful(&mut history, &plain("received")), Ok(1), "created");
    assert_eq!(careful(&mut history, &plain("received")), Ok(1), "repeated");
    let missing = Refusal::Unconditional { current: 1 };
    // The missing header is reported before the illegal transition.
    for status in ["inprocess", "completed"] {
        assert_eq!(careful(&mut history, &plain(status)), Err(missing.clone()));
    }
    let patched = history.patch(CAREFUL, ANA, json!({"status": "inprocess"}));
    assert_eq!(patched, Err(missing.clone()));
    let told = missing.to_string();
    assert!(
        told.contains("If-Match") && told.contains("\"1\""),
        "{told}"
    );

    // A condition that does not hold is told first.
    let mut history = history.if_none();
    let refused: Result<u64, _> = careful(&mut history, &plain("inprocess"));
    assert!(matches!(refused, Err(Refusal::PreconditionFailed(_))));
    let mut history = history.if_match("\"1\"");
    assert_eq!(careful(&mut history, &plain("inprocess")), Ok(2));
}

#[derive(Clone, Debug)]
struct Call {
    is_post: bool,
    caller: usize,
    status: Status,
    description: &'static str,
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    let call = (
        any::<bool>(),
        0..3_usize,
        prop::sample::select(Status::ALL.to_vec()),
        prop::sample::select(vec!["a chair", "a table"]),
    );
    let call = call.prop_map(|(is_post, caller, status, description)| Call {
        is_post,
        caller,
        status,
        description,
    });
    prop::collection::vec(call, 1..30)
}

proptest! {
    #[test]
    fn whatever_is_asked_for_the_history_keeps_the_rules(calls in calls()) {
        let mut history = History::default();
        for call in calls {
            let caller = [ANA, BOB, ROOT][call.caller];
            let wanted = request(call.status.as_str(), json!({"description": call.description}));
            let before = history.versions.clone();
            let result = if call.is_post {
                history.post(caller, &wanted)
            } else {
                history.put(caller, &wanted)
            };
            let added = history.versions.len() - before.len();
            prop_assert!(history.versions.starts_with(&before), "versions stay as they are");
            match result {
                Err(_) => prop_assert_eq!(added, 0),
                Ok(version) => {
                    let answered = &history.versions[version as usize - 1].document;
                    prop_assert_eq!(answered.status(), call.status);
                    prop_assert_eq!(&answered.content.description, call.description);
                    prop_assert!(added <= 1 && (added == 0 || version as usize == history.versions.len()));
                    prop_assert!(!call.is_post || before.is_empty() || added == 0);
                    prop_assert!(caller.may_use(&answered.owner));
                }
            }
        }
        for pair in history.versions.windows(2) {
            let (before, after) = (&pair[0].document, &pair[1].document);
            prop_assert_ne!(&before.content, &after.content);
            prop_assert!(Transitions::Strict.permit(before.status(), after.status()));
            prop_assert_eq!((&before.owner, before.created_at), (&after.owner, after.created_at));
            prop_assert_eq!(&before.content.register_date, &after.content.register_date);
        }
    }
}
