//! What groups have done, as the embedded log keeps it: read, or told to be damaged.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| weft_log::fuzzing::commits(bytes));
