//! The objects of a finished day become few.

use base::Failure;
use purchases_domain::Compact;
use worker::{Leases, Verdict};

use crate::work::{Maintainer, Task};

impl Maintainer<'_> {
    pub(crate) async fn compact(
        &self,
        _compact: &Compact,
        _task: &Task<'_>,
        _leases: &Leases<'_>,
    ) -> Result<Verdict, Failure> {
        Ok(Verdict::Drop("not written yet"))
    }
}
