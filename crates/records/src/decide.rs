//! The decision on a client's request: the next version of a document, no change, or a
//! refusal.

use base::{Caller, Preconditions, Unmet};

use crate::{Document, Versioned};

/// A document that belongs to a user.
pub trait Owned: Document {
    /// The subject that owns it.
    fn owner(&self) -> &str;

    /// Whether this version says that the document was removed.
    fn is_removed(&self) -> bool {
        false
    }
}

/// A request for a document with certain content.
pub trait Request<D> {
    /// The user who sent it.
    fn caller(&self) -> Caller<'_>;

    /// The conditions on the current version.
    fn preconditions(&self) -> &Preconditions;

    /// The first version of a document with the wanted content.
    fn create(&self) -> D;

    /// Whether the document has the wanted content already.
    fn is_met_by(&self, document: &D) -> bool;

    /// The document with the wanted content in place of its own.
    fn change(&self, document: &D) -> D;
}

/// The existing document, when a request would create one of its id.
#[derive(Clone, Copy, Debug)]
pub struct Existing<'a, D> {
    /// Its first version.
    pub first: &'a Versioned<D>,
    /// Its latest version.
    pub latest: &'a Versioned<D>,
}

/// The outcome of a permitted request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision<D> {
    /// Nothing changes: this version of the document is the wanted one.
    Unchanged {
        /// The version.
        version: u64,
    },
    /// The document becomes this, as its next version.
    Next(Box<D>),
}

/// Why a request is refused. Nothing changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The document belongs to another user.
    Taken,
    /// There is a document of this id with other content.
    Exists,
    /// There was a document of this id, and it was removed.
    Removed,
    /// A condition on the version does not hold.
    Unmet(Unmet),
}

impl From<Unmet> for Refusal {
    fn from(unmet: Unmet) -> Self {
        Self::Unmet(unmet)
    }
}

/// Decides a request that creates a document. If the document exists, the request is a
/// repetition or is refused. One that was removed is not created again: the request may be
/// a late repetition.
///
/// # Errors
/// The request is refused.
pub fn post<D: Owned>(
    request: &impl Request<D>,
    existing: Option<Existing<'_, D>>,
) -> Result<Decision<D>, Refusal> {
    let Some(Existing { first, latest }) = existing else {
        request.preconditions().check(None)?;
        return Ok(Decision::Next(Box::new(request.create())));
    };
    check_owner(request, latest)?;
    if latest.document.is_removed() {
        return Err(Refusal::Removed);
    }
    for Versioned { version, document } in [first, latest] {
        if request.is_met_by(document) {
            return Ok(Decision::Unchanged { version: *version });
        }
    }
    request.preconditions().check(Some(latest.version))?;
    Err(Refusal::Exists)
}

/// Decides a request that changes a document to the wanted content, or creates it.
///
/// A request whose state is reached already succeeds without its preconditions: it
/// repeats a request whose answer was lost (RFC 9110, 13.1.1).
///
/// # Errors
/// The request is refused.
pub fn put<D: Owned>(
    request: &impl Request<D>,
    latest: Option<&Versioned<D>>,
) -> Result<Decision<D>, Refusal> {
    let Some(latest) = latest else {
        request.preconditions().check(None)?;
        return Ok(Decision::Next(Box::new(request.create())));
    };
    check_owner(request, latest)?;
    let Versioned { version, document } = latest;
    if document.is_removed() {
        request.preconditions().check(None)?;
        return Ok(Decision::Next(Box::new(request.create())));
    }
    if request.is_met_by(document) {
        return Ok(Decision::Unchanged { version: *version });
    }
    request.preconditions().check(Some(*version))?;
    Ok(Decision::Next(Box::new(request.change(document))))
}

fn check_owner<D: Owned>(request: &impl Request<D>, latest: &Versioned<D>) -> Result<(), Refusal> {
    match request.caller().may_use(latest.document.owner()) {
        true => Ok(()),
        false => Err(Refusal::Taken),
    }
}
