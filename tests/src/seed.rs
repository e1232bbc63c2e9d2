//! Repeatable randomness.

use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// The variable that sets the seed of an earlier run.
const VARIABLE: &str = "ORILLA_TEST_SEED";

/// The seed of a test. It is printed, so that a test that fails
/// can be run again with `ORILLA_TEST_SEED` set to the same.
#[derive(Clone, Copy, Debug)]
pub struct Seed(u64);

impl Seed {
    /// The seed in the variable, or else a random one.
    #[expect(clippy::new_without_default, reason = "it is another one each time")]
    pub fn new() -> Self {
        let set = std::env::var(VARIABLE).ok();
        let seed = set.map_or_else(|| fastrand::u64(..), |seed| seed.parse().unwrap());
        println!("{VARIABLE}={seed}");
        Self(seed)
    }

    /// A runner of generated histories. The same seed gives the same histories, so no
    /// failures are written to files.
    pub fn runner(self, config: Config) -> TestRunner {
        let mut random = self.fork(0);
        let seed = [(); 32].map(|()| random.u8(..));
        let config = Config {
            failure_persistence: None,
            ..config
        };
        TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed))
    }

    /// The random numbers of one of the test's actors.
    pub fn fork(self, actor: usize) -> fastrand::Rng {
        fastrand::Rng::with_seed(self.0.wrapping_add(u64::try_from(actor).unwrap()))
    }
}
