//! Leases of messages that a worker has claimed.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use base::Failure;
use queue::{Delivery, Policy, Queue};
use stores::Redis;

/// Starts the leases of messages anew.
type Extend<'a> = dyn Fn(&[Rc<Delivery>]) -> Result<(), Failure> + 'a;

/// The messages of a worker, under their leases.
pub struct Leases<'a> {
    pub(crate) held: RefCell<BTreeMap<String, Rc<Delivery>>>,
    extended: RefCell<Instant>,
    extend: Box<Extend<'a>>,
    period: Duration,
}

impl<'a> Leases<'a> {
    pub(crate) fn new<R: Redis>(queue: &'a Queue<'_, R>, policy: &Policy) -> Self {
        Self {
            held: RefCell::default(),
            extended: RefCell::new(Instant::now()),
            extend: Box::new(|held| queue.extend(held.iter().map(|one| &**one))),
            period: policy.lease / 3,
        }
    }

    /// Starts the leases anew after a third of their time, and does nothing before.
    /// [`run`](crate::run()) calls it between calls of [`Work::work`](crate::Work::work); work that may take longer than
    /// that in one call has to call it itself.
    ///
    /// # Errors
    /// Redis is out of reach.
    pub fn extend(&self) -> Result<(), Failure> {
        if self.extended.borrow().elapsed() > self.period {
            let held: Vec<_> = self.held.borrow().values().cloned().collect();
            (self.extend)(&held)?;
            self.extended.replace(Instant::now());
        }
        Ok(())
    }
}
