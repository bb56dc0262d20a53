//! A segment of the embedded log: read, cut, or told to be damaged.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| weft_log::fuzzing::segment(bytes));
