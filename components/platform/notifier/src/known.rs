//! The endpoints that operators made, as this worker knows them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use base::Failure;
use stores::Redis;
use webhooks::{Endpoints, Secrets};

/// The endpoints at one version.
pub(crate) struct State {
    pub(crate) endpoints: Endpoints,
    pub(crate) secrets: BTreeMap<String, Secrets>,
}

/// The endpoints, read again once they have changed: an event that occurred after an endpoint
/// was made is sent there.
pub(crate) struct Known<'a, R> {
    redis: &'a R,
    state: RefCell<Option<Rc<State>>>,
}

impl<'a, R: Redis> Known<'a, R> {
    pub(crate) fn new(redis: &'a R) -> Self {
        Self {
            redis,
            state: RefCell::default(),
        }
    }

    /// The endpoints as they are now.
    pub(crate) fn get(&self) -> Result<Rc<State>, Failure> {
        let version = webhooks::version(self.redis)?;
        if let Some(state) = &*self.state.borrow()
            && state.endpoints.version == version
        {
            return Ok(state.clone());
        }
        let state = Rc::new(State {
            endpoints: webhooks::load(self.redis)?,
            secrets: webhooks::load_secrets(self.redis)?,
        });
        self.state.replace(Some(state.clone()));
        Ok(state)
    }
}
