//! Whatever workers do, in whatever order: no message is settled without its
//! effect, none has its effect twice, none is lost, versions have no gaps and
//! come in their order. Generated histories, on a real Redis.

mod step;
mod threads;
mod world;

use std::cell::Cell;

use proptest::collection::vec;
use proptest::test_runner::{Config, TestRunner};
use tests::OwnRedis;

use world::World;

#[tokio::test]
async fn no_history_loses_a_message_or_has_its_effect_twice() {
    let server = OwnRedis::start().await;
    let redis = server.connect();
    let mut runner = TestRunner::new(Config {
        cases: 100,
        failure_persistence: None,
        ..Config::default()
    });
    let histories = Cell::new(0);
    runner
        .run(&vec(step::step(), 1..60), |history| {
            // Its own queue, so that a history has nothing to do with those before it.
            histories.set(histories.get() + 1);
            let mut world = World::new(&redis, &format!("h{}", histories.get()));
            for step in &history {
                world.take(step);
                world.check();
            }
            world.finish();
            Ok(())
        })
        .unwrap();
}
