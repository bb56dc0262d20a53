//! A manifest and a file of blocks, each part hostile, checksums right: read, or told to be damaged.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| weft_table::fuzzing::files(bytes));
