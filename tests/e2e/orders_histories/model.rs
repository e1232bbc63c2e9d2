//! The expected order, and the expected answers.

use super::plan::{Content, Method, Spoilt};

/// A version of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    pub(crate) status: String,
    pub(crate) description: String,
    pub(crate) register_date: String,
    pub(crate) updated_by: String,
}

/// The caller of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) subject: &'static str,
    pub(crate) is_admin: bool,
}

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    Read,
    Write {
        method: Method,
        content: Content,
        if_match: Option<IfMatch>,
    },
    Spoilt(Spoilt),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IfMatch {
    Any,
    Version(usize),
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The order has this version.
    Shown(usize, Version),
    /// The order is as requested, with this version and status.
    Accepted(usize, String),
    /// The status and code of a refusal.
    Refused(u16, String),
}

/// A request and its answer.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    pub(crate) caller: Caller,
    pub(crate) request: Request,
    pub(crate) answer: Answer,
    /// The moments of sending and of the answer, in one sequence.
    pub(crate) sent: usize,
    pub(crate) answered: usize,
}

/// Checks the versions of an order, the oldest first, against all exchanges
/// about it.
pub(crate) fn check(versions: &[Version], exchanges: &[Exchange]) {
    for (before, after) in versions.iter().zip(versions.iter().skip(1)) {
        assert_ne!(before.content(), after.content(), "nothing changed");
        assert!(
            permitted(&before.status, &after.status),
            "{before:?} -> {after:?}"
        );
    }
    // The earliest moment at which each version can exist.
    let mut earliest = vec![0];
    for version in 1..=versions.len() {
        let makers = exchanges
            .iter()
            .filter(|exchange| exchange.may_have_made(versions, version));
        let sent = makers.map(|exchange| exchange.sent).min();
        assert!(sent.is_some(), "nobody was told of making {version}");
        earliest.extend(sent);
    }
    let mut made_by = vec![0; versions.len() + 1];
    for exchange in exchanges {
        // Versions answered before the request was sent must be known by then.
        let known = exchanges
            .iter()
            .filter(|other| other.answered < exchange.sent)
            .map(|other| other.answer.version())
            .max()
            .unwrap_or(0);
        let latest = (0..earliest.len())
            .filter(|version| earliest[*version] < exchange.answered)
            .max()
            .unwrap_or(0);
        let right: Vec<_> = (known..=latest)
            .filter(|version| exchange.is_right_at(versions, *version))
            .collect();
        assert!(
            !right.is_empty(),
            "between {known} and {latest} this is never right: {exchange:?}"
        );
        let version = exchange.answer.version();
        if right.iter().all(|at| at + 1 == version) && exchange.may_have_made(versions, version) {
            made_by[version] += 1;
        }
    }
    assert!(
        made_by.iter().all(|writers| *writers <= 1),
        "a version was made by one writer each, not by so many: {made_by:?}"
    );
}

impl Version {
    fn content(&self) -> (&str, &str, &str) {
        (&self.status, &self.description, &self.register_date)
    }

    /// Whether the version has the content already.
    fn is(&self, content: &Content) -> bool {
        self.status == content.status
            && self.description == content.description
            && content
                .register_date
                .is_none_or(|date| date == self.register_date)
    }
}

impl Answer {
    /// A version that the order had at the time of the answer, or 0.
    fn version(&self) -> usize {
        match self {
            Self::Shown(version, _) | Self::Accepted(version, _) => *version,
            Self::Refused(..) => 0,
        }
    }
}

impl Exchange {
    /// Whether the answer is right for an order with `there` versions.
    fn is_right_at(&self, versions: &[Version], there: usize) -> bool {
        let now = self.should_be_answered(&versions[..there]);
        now == self.answer
            && (!matches!(now, Answer::Accepted(version, _) if version > there)
                || self.may_have_made(versions, there + 1))
    }

    /// Whether the request leads to a version, after the one before it.
    fn may_have_made(&self, versions: &[Version], version: usize) -> bool {
        let Request::Write { content, .. } = &self.request else {
            return false;
        };
        let before = &versions[..version - 1];
        let Some(made) = versions.get(version - 1) else {
            return false;
        };
        let keeps_date = content.register_date.is_some()
            || before
                .last()
                .is_none_or(|before| before.register_date == made.register_date);
        let accepted = Answer::Accepted(version, content.status.to_owned());
        self.answer == accepted
            && self.should_be_answered(before) == accepted
            && made.is(content)
            && keeps_date
            && made.updated_by == self.caller.subject
    }

    /// The rules. `versions` are the existing ones.
    fn should_be_answered(&self, versions: &[Version]) -> Answer {
        let refused = |status, code: &str| Answer::Refused(status, code.to_owned());
        let there = versions.len();
        // The creator of the first version owns the order.
        let is_anothers = versions
            .first()
            .is_some_and(|first| !self.caller.is_admin && first.updated_by != self.caller.subject);
        let (method, content, if_match) = match &self.request {
            Request::Spoilt(spoilt) => return refused(400, spoilt.code()),
            Request::Read => {
                return match versions.last() {
                    Some(latest) if !is_anothers => Answer::Shown(there, latest.clone()),
                    _ => refused(404, "unknown_order"),
                };
            }
            Request::Write {
                method,
                content,
                if_match,
            } => (*method, content, *if_match),
        };
        let accepted = |version| Answer::Accepted(version, content.status.to_owned());
        if is_anothers {
            return refused(409, "order_id_taken");
        }
        let holds = match if_match {
            None => true,
            Some(IfMatch::Any) => there > 0,
            Some(IfMatch::Version(version)) => there > 0 && version == there,
        };
        match versions {
            [first, ..] if method == Method::Post && first.is(content) => return accepted(1),
            // The requested state is there already (RFC 9110, 13.1.1).
            [.., latest] if latest.is(content) => return accepted(there),
            _ if !holds => return refused(412, "precondition_failed"),
            _ => {}
        }
        let Some(latest) = versions.last() else {
            return accepted(1);
        };
        match method {
            Method::Post => refused(409, "order_exists"),
            Method::Put if !permitted(&latest.status, content.status) => {
                refused(409, "illegal_transition")
            }
            Method::Put => accepted(there + 1),
        }
    }
}

impl Spoilt {
    fn code(self) -> &'static str {
        match self {
            Self::NoJson => "invalid_json",
            Self::NoStatus | Self::NoDescription => "missing_field",
            Self::UnknownStatus => "unknown_status",
            Self::NoDate => "invalid_field",
            Self::OtherId => "order_id_mismatch",
            Self::NoTag => "invalid_if_match",
        }
    }
}

fn permitted(from: &str, to: &str) -> bool {
    from == to
        || matches!(
            (from, to),
            ("received", "inprocess" | "canceled") | ("inprocess", "completed" | "canceled")
        )
}
