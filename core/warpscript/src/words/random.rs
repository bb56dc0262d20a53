//! Random numbers: from the platform's entropy, or from a seed.

use crate::error::Result;
use crate::machine::Machine;
use crate::random::Random;
use crate::registry::{Family, word};

pub(super) static FAMILY: Family = Family {
    name: "random",
    words: &[
        word(
            "RAND",
            |vm| {
                let number = vm.entropy.next_f64();
                vm.push(number)
            },
            "1.0.0",
            "RAND number<DOUBLE>",
            "A random number from 0 up to but not including 1.",
            &[("RAND 1.0 <", "[true]")],
        ),
        word(
            "PRNG",
            |vm| {
                let seed = vm.pop_long("expects a LONG seed on top of the stack.")?;
                vm.settings.prng = Some(Random::new(seed));
                Ok(())
            },
            "1.2.9",
            "seed<LONG> PRNG",
            "Seeds the generator of SRAND and the other words whose random numbers can be repeated.",
            &[("42 PRNG SRAND", "[0.7275636800328681]"), ("'a' PRNG", "!expects a LONG seed")],
        ),
        word(
            "SRAND",
            seeded,
            "1.2.9",
            "SRAND number<DOUBLE>",
            "The next number of the generator that PRNG seeded, from 0 up to but not including 1.",
            &[("42 PRNG SRAND", "[0.7275636800328681]"), ("SRAND", "!was not initialized.")],
        ),
    ],
};

fn seeded(vm: &mut Machine) -> Result {
    let Some(prng) = &mut vm.settings.prng else {
        return Err(vm.error("seeded PRNG was not initialized."));
    };
    let number = prng.next_double();
    vm.push(number)
}
