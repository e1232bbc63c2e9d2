//! An object store that fails for a while.

use std::time::Duration;

use devstack::s3::Fault;
use futures::future::{join, join_all};
use tests::{App, Manifest, Seed};

use super::PATIENT;
use super::load::Load;

const PHOTOS: usize = 24;

/// The store's operations for every photo: read the upload, put it in its place, remove it.
const OPERATIONS: [&str; 3] = ["GetObject", "PutObject", "DeleteObject"];
const ERRORS: [Fault; 3] = [Fault::InternalError, Fault::SlowDown, Fault::Reset];
const ERRORS_OF_EACH: usize = 5;

/// Longer than a lease.
const STALL: Fault = Fault::Stall(Duration::from_secs(5));

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_with_every_illness_fails_no_photo() {
    let mut random = Seed::new().fork(0);
    let app = App::durable(Manifest::shipped(), &PATIENT).await;
    let (app, load) = (&app, Load::default());
    let faults = app.stack.s3().faults();
    for operation in OPERATIONS {
        let mut ills = ERRORS.repeat(ERRORS_OF_EACH);
        ills.push(STALL);
        random.shuffle(&mut ills);
        for fault in ills {
            faults.next_of(operation, 1, fault);
        }
    }
    let uploads = join_all((0..PHOTOS).map(|number| load.upload(app, number)));
    // Other workers take over messages whose leases have run out meanwhile.
    let others = async {
        for _ in 0..10 {
            app.drain("images").await;
            tokio::time::sleep(Duration::from_millis(random.u64(..500))).await;
        }
    };
    join(uploads, others).await;
    load.is_done_once(app).await;
    for operation in OPERATIONS {
        let requests = usize::try_from(faults.requests(operation)).unwrap();
        assert!(
            requests >= PHOTOS + ERRORS.len() * ERRORS_OF_EACH,
            "{operation} should have failed before it was done"
        );
    }
}
