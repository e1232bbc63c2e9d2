//! Randomness that can be had again.

/// The variable that has the seed of an earlier run.
const VARIABLE: &str = "ORILLA_TEST_SEED";

/// The seed of a test. It is printed, so that whoever sees the test fail can
/// run it again with `ORILLA_TEST_SEED` set to the same.
#[derive(Clone, Copy, Debug)]
pub struct Seed(u64);

impl Seed {
    /// The seed that is set, or else any.
    #[expect(clippy::new_without_default, reason = "it is another one each time")]
    pub fn new() -> Self {
        let set = std::env::var(VARIABLE).ok();
        let seed = set.map_or_else(|| fastrand::u64(..), |seed| seed.parse().unwrap());
        println!("{VARIABLE}={seed}");
        Self(seed)
    }

    /// The random numbers of one of the test's actors.
    pub fn fork(self, actor: usize) -> fastrand::Rng {
        fastrand::Rng::with_seed(self.0.wrapping_add(u64::try_from(actor).unwrap()))
    }
}
