//! For any requests of concurrent clients: no change of an order is lost, its
//! versions have no gaps, each follows from the one before by the rules, every
//! answer was right at some moment while its client waited, and each version is
//! processed once, in order. Generated histories, on a running application.

mod clients;
mod model;
mod plan;

use std::cell::Cell;
use std::time::Duration;

use proptest::collection::vec;
use proptest::test_runner::Config;
use tests::{App, Manifest, Seed, Service};
use tokio::runtime::Runtime;

use clients::Clients;
use plan::CLIENTS;

const HISTORIES: u32 = 48;

/// The max number of actions of a client.
const ACTIONS: usize = 30;

/// Long enough for versions to wait, and for a batch to have several.
const HANDLING: Duration = Duration::from_millis(5);

#[test]
fn no_history_loses_a_change_or_processes_one_twice_or_too_early() {
    let runtime = Runtime::new().unwrap();
    let service = runtime.block_on(Service::start(HANDLING));
    let url = service.url();
    let manifest = Manifest::shipped().with_http_handler();
    let app = runtime.block_on(App::of(manifest, &[("handler_url", &url)]));
    let config = Config {
        cases: HISTORIES,
        max_shrink_time: 20_000,
        ..Config::default()
    };
    let mut runner = Seed::new().runner(config);
    let histories = Cell::new(0);
    let plans = vec(vec(plan::action(), 1..ACTIONS), CLIENTS);
    let outcome = runner.run(&plans, |plans| {
        // Each history has its own orders, apart from those of earlier ones.
        histories.set(histories.get() + 1);
        let clients = Clients::new(&app, &service, histories.get());
        runtime.block_on(clients.follow(&plans));
        Ok(())
    });
    runtime.block_on(app.stop());
    outcome.unwrap();
}
