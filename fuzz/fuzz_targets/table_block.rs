//! The contents of a block of the embedded table: cells or damage.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| weft_table::fuzzing::block(bytes));
