//! Scripts: none may panic, hang or pass a limit. Every request of theirs fails.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| weft_fuzz::run(&String::from_utf8_lossy(bytes)));
