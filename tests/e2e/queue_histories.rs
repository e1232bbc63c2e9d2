//! For any steps of workers: no message is settled without its effect,
//! none has its effect twice, none is lost, versions have no gaps and come in
//! their order. Generated histories, on a real Redis.

mod step;
mod threads;
mod world;

use std::cell::{Cell, RefCell};

use proptest::prelude::{BoxedStrategy, Just, Strategy};
use proptest::test_runner::Config;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest};
use stores::native::NativeRedis;
use tests::{OwnRedis, Seed};

use step::Step;
use world::World;

thread_local! {
    /// The connection of the test, for a state machine starts without arguments.
    static REDIS: RefCell<Option<&'static NativeRedis>> = const { RefCell::new(None) };
    static HISTORIES: Cell<u32> = const { Cell::new(0) };
}

/// Any step may follow any other: [`World`] knows the result of each.
struct Steps;

impl ReferenceStateMachine for Steps {
    type State = ();
    type Transition = Step;

    fn init_state() -> BoxedStrategy<()> {
        Just(()).boxed()
    }

    fn transitions((): &()) -> BoxedStrategy<Step> {
        step::step().boxed()
    }

    fn apply((): (), _: &Step) {}
}

struct Histories;

impl StateMachineTest for Histories {
    type SystemUnderTest = World<'static>;
    type Reference = Steps;

    /// Each history has its own queue, apart from those of earlier ones.
    fn init_test((): &()) -> World<'static> {
        HISTORIES.set(HISTORIES.get() + 1);
        let name = format!("h{}", HISTORIES.get());
        World::new(REDIS.with_borrow(|redis| redis.unwrap()), &name)
    }

    fn apply(mut world: World<'static>, (): &(), step: Step) -> World<'static> {
        world.take(&step);
        world
    }

    fn check_invariants(world: &World<'static>, (): &()) {
        world.check();
    }

    fn teardown(world: World<'static>, (): ()) {
        world.finish();
    }
}

#[tokio::test]
async fn no_history_loses_a_message_or_has_its_effect_twice() {
    let server = OwnRedis::start().await;
    REDIS.set(Some(Box::leak(Box::new(server.connect()))));
    let config = Config {
        cases: 100,
        ..Config::default()
    };
    let histories = Steps::sequential_strategy(1..60);
    let outcome = Seed::new()
        .runner(config.clone())
        .run(&histories, |(state, steps, seen)| {
            Histories::test_sequential(config.clone(), state, steps, seen);
            Ok(())
        });
    outcome.unwrap();
}
