//! Chance that can be had again: a seed that is printed, and numbers that follow from it.

use std::{
    env,
    hash::{BuildHasher, RandomState},
    io::Write,
};

/// A row of numbers that follows from its seed.
pub(crate) struct Chance(u64);

impl Chance {
    /// Takes the seed of `CCCI_CRASH_SEED`, or one that nobody foresees, and prints it.
    #[expect(
        clippy::disallowed_methods,
        reason = "a person chooses the seed of a test by its environment"
    )]
    pub(crate) fn new(purpose: &str) -> Self {
        let given = env::var("CCCI_CRASH_SEED").ok();
        let given = given.map(|text| text.parse().expect("CCCI_CRASH_SEED is a number"));
        let seed: u64 = given.unwrap_or_else(|| RandomState::new().hash_one(purpose) >> 32);
        say(&format!("{purpose}: CCCI_CRASH_SEED={seed}"));
        Self(seed)
    }

    /// Returns the next number below a limit.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        // Steele's mixing of a counter; each seed gives a row of its own.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}

/// Prints a line past the capture of the test harness, as counts are worth reading when all is well.
pub(crate) fn say(line: &str) {
    let mut out = std::io::stderr().lock();
    writeln!(out, "crash: {line}").expect("standard error takes a line");
}

/// Tells whether every kill point is wanted, not a sample.
#[expect(
    clippy::disallowed_methods,
    reason = "a person asks for the long test by its environment"
)]
pub(crate) fn wants_all() -> bool {
    env::var("CCCI_CRASH_ALL").is_ok_and(|value| value == "1")
}
