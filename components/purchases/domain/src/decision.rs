//! The decision on a request: the next version of the purchase, or a refusal.

use base::{Caller, NotChanged, Preconditions, Tenant, Timestamp, Unknown};
use records::{Decision, Existing, Request, Versioned};

use crate::{Event, Fecha, Purchase, PurchaseId, PurchaseRequest, Settings};

/// A wanted purchase with everything that the decision depends on, except the purchase
/// itself.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// The tenant of the caller.
    pub tenant: &'a Tenant,
    /// The id of the purchase.
    pub id: &'a PurchaseId,
    /// The wanted content.
    pub request: &'a PurchaseRequest,
    /// The conditions on the current version.
    pub preconditions: &'a Preconditions,
    /// The caller.
    pub caller: Caller<'a>,
    /// The operator's settings.
    pub settings: &'a Settings,
    /// The current time.
    pub now: Timestamp,
}

/// The wanted change.
#[derive(Clone, Copy, Debug)]
pub enum Intent {
    /// Create a purchase.
    Create,
    /// Create or change a purchase.
    Put,
}

/// There is no such purchase, or it is another's: the caller cannot tell which.
pub const UNKNOWN: Unknown = Unknown {
    code: "unknown_compra",
    message: "you have no such purchase",
};

/// Decides a `POST`, which creates a purchase. If it exists, the request is a repetition or
/// is refused.
///
/// # Errors
/// The request is refused.
pub fn decide_post(
    wish: &Wish<'_>,
    existing: Option<Existing<'_, Purchase>>,
) -> Result<Decision<Purchase>, NotChanged> {
    records::post(wish, existing).map_err(refused)
}

/// Decides a `PUT`, which creates a purchase or gives it other content.
///
/// # Errors
/// The request is refused.
pub fn decide_put(
    wish: &Wish<'_>,
    latest: Option<&Versioned<Purchase>>,
) -> Result<Decision<Purchase>, NotChanged> {
    records::put(wish, latest).map_err(refused)
}

fn refused(refusal: records::Refusal) -> NotChanged {
    match refusal {
        records::Refusal::Taken => NotChanged::conflict(
            "compra_id_taken",
            "the compra_id is taken; choose another one",
        ),
        records::Refusal::Exists => NotChanged::conflict(
            "compra_exists",
            "there is a purchase with this compra_id and other content; change it with PUT, or choose another compra_id",
        ),
        records::Refusal::Removed => NotChanged::conflict(
            "compra_removed",
            "a purchase with this compra_id was removed; create it again with PUT, or choose another compra_id",
        ),
        records::Refusal::Unmet(unmet) => unmet.into(),
    }
}

impl Request<Purchase> for Wish<'_> {
    fn caller(&self) -> Caller<'_> {
        self.caller
    }

    fn preconditions(&self) -> &Preconditions {
        self.preconditions
    }

    fn create(&self) -> Purchase {
        Purchase {
            tenant_id: self.tenant.clone(),
            compra_id: self.id.clone(),
            user_id: self.caller.subject.to_owned(),
            content: self.request.content(Fecha::from_millis(self.now.millis())),
            event: Event::Insert,
            settings: self.settings.clone(),
            created_at: self.now,
            updated_at: self.now,
            updated_by: self.caller.subject.to_owned(),
            is_erased: false,
        }
    }

    fn is_met_by(&self, purchase: &Purchase) -> bool {
        self.request.agrees_with(&purchase.content)
    }

    fn change(&self, purchase: &Purchase) -> Purchase {
        Purchase {
            content: self.request.content(purchase.content.fecha),
            event: Event::Modify,
            settings: self.settings.clone(),
            updated_at: self.now,
            updated_by: self.caller.subject.to_owned(),
            ..purchase.clone()
        }
    }
}

impl Purchase {
    /// Decides the removal of the purchase `latest`. One that was removed already stays as
    /// it is: the request repeats one whose answer was lost.
    ///
    /// # Errors
    /// The request is refused.
    pub fn remove(
        latest: Option<&Versioned<Self>>,
        preconditions: &Preconditions,
        caller: Caller<'_>,
        settings: &Settings,
        now: Timestamp,
    ) -> Result<Decision<Self>, NotChanged> {
        let own = latest.filter(|latest| caller.may_use(&latest.document.user_id));
        let Versioned { version, document } = own.ok_or(UNKNOWN)?;
        if document.is_removed() {
            return Ok(Decision::Unchanged { version: *version });
        }
        preconditions.check(Some(*version))?;
        let next = document.removed(caller.subject, settings, now);
        Ok(Decision::Next(Box::new(next)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::purchase::tests::purchase;

    const ANA: Caller = Caller {
        subject: "ana",
        is_admin: false,
    };
    const BOB: Caller = Caller {
        subject: "bob",
        is_admin: false,
    };

    /// The answer to a request for the content of the seed's purchase with another note.
    fn answer(
        intent: Intent,
        caller: Caller<'_>,
        note: &str,
        preconditions: &Preconditions,
        latest: Option<Versioned<Purchase>>,
    ) -> Result<Option<Event>, &'static str> {
        let body = format!(
            r#"{{"nota": "{note}", "productos": [{{"codigo": "PROD001", "nombre": "Producto Test", "precio_unitario": 99.99, "cantidad": 2}}]}}"#
        );
        let first = purchase(Event::Insert);
        let wish = Wish {
            tenant: &first.tenant_id,
            id: &first.compra_id,
            request: &PurchaseRequest::parse(body.as_bytes(), None).unwrap(),
            preconditions,
            caller,
            settings: &first.settings,
            now: Timestamp::from_millis(5_000),
        };
        let first = &Versioned {
            version: 1,
            document: first.clone(),
        };
        let latest = latest.as_ref();
        let decision = match intent {
            Intent::Create => decide_post(&wish, latest.map(|latest| Existing { first, latest })),
            Intent::Put => decide_put(&wish, latest),
        };
        match decision {
            Ok(Decision::Next(next)) => {
                let is_new = next.event == Event::Insert;
                assert_eq!(next.updated_at.millis(), 5_000);
                assert_eq!(next.created_at.millis() == 5_000, is_new);
                Ok(Some(next.event))
            }
            Ok(Decision::Unchanged { .. }) => Ok(None),
            Err(NotChanged::Conflict { code, .. }) => Err(code),
            Err(NotChanged::Unmet(_)) => Err("precondition_failed"),
            Err(_) => Err("failed"),
        }
    }

    fn version(version: u64, event: Event) -> Option<Versioned<Purchase>> {
        let document = purchase(event);
        Some(Versioned { version, document })
    }

    #[test]
    fn a_purchase_is_created_changed_and_not_created_again_after_its_removal() {
        let none = Preconditions::default();
        let ask = |intent, note, latest| answer(intent, ANA, note, &none, latest);
        let (insert, modify, remove) = (Event::Insert, Event::Modify, Event::Remove);
        let same = "para llevar";
        assert_eq!(ask(Intent::Create, same, None), Ok(Some(insert)));
        assert_eq!(ask(Intent::Create, same, version(3, modify)), Ok(None));
        assert_eq!(
            ask(Intent::Create, "x", version(3, modify)),
            Err("compra_exists")
        );
        assert_eq!(
            ask(Intent::Create, same, version(2, remove)),
            Err("compra_removed")
        );
        assert_eq!(ask(Intent::Put, same, None), Ok(Some(insert)));
        assert_eq!(ask(Intent::Put, same, version(1, insert)), Ok(None));
        assert_eq!(ask(Intent::Put, "x", version(1, insert)), Ok(Some(modify)));
        assert_eq!(ask(Intent::Put, same, version(2, remove)), Ok(Some(insert)));
        let bob = answer(Intent::Put, BOB, "x", &none, version(1, insert));
        assert_eq!(bob, Err("compra_id_taken"));
    }

    #[test]
    fn conditions_are_about_what_is_there() {
        let tag = |text| Preconditions::parse(Some(text), None).unwrap();
        let new = Preconditions::parse(None, Some("*")).unwrap();
        let put =
            |conditions: &Preconditions, latest| answer(Intent::Put, ANA, "x", conditions, latest);
        assert_eq!(
            put(&tag("\"1\""), version(1, Event::Insert)),
            Ok(Some(Event::Modify))
        );
        let failed = Err("precondition_failed");
        assert_eq!(put(&tag("\"1\""), version(2, Event::Modify)), failed);
        assert_eq!(put(&tag("\"2\""), version(2, Event::Remove)), failed);
        assert_eq!(put(&new, version(1, Event::Insert)), failed);
        assert_eq!(
            put(&new, version(2, Event::Remove)),
            Ok(Some(Event::Insert))
        );
    }

    #[test]
    fn a_removal_happens_once_and_is_for_the_owner() {
        let settings = purchase(Event::Insert).settings;
        let remove = |caller, latest: Option<Versioned<Purchase>>| {
            let now = Timestamp::from_millis(5_000);
            let none = Preconditions::default();
            Purchase::remove(latest.as_ref(), &none, caller, &settings, now)
        };
        let Ok(Decision::Next(removed)) = remove(ANA, version(1, Event::Insert)) else {
            panic!("it is not removed");
        };
        assert!(removed.is_removed() && !removed.content.productos.is_empty());
        let again = remove(ANA, version(2, Event::Remove));
        assert_eq!(again, Ok(Decision::Unchanged { version: 2 }));
        assert_eq!(remove(BOB, version(1, Event::Insert)), Err(UNKNOWN.into()));
        assert_eq!(remove(ANA, None), Err(UNKNOWN.into()));
    }
}
