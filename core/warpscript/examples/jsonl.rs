//! Judges' view of the engine: reads JSON lines, writes JSON lines. `--conf FILE` configures keys;
//! with `--steady-clock` time goes on a millisecond a slice from a fixed instant, so that the same
//! lines give the same bytes on every machine and every target (`.ci/wasm` compares two).

#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "an example does IO")]

use std::io::{BufRead, Write};
use std::sync::Arc;
use std::time::Instant;

use weft_warpscript::jsonl;
use weft_warpscript::machine::Clock;

/// 2023-11-14T22:13:20Z.
const STEADY_FROM_NS: i64 = 1_700_000_000_000_000_000;

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let path = arguments.iter().position(|a| a == "--conf").and_then(|i| arguments.get(i + 1));
    let properties = match path {
        Some(path) => std::fs::read_to_string(path)?,
        None => String::new(),
    };
    let config = Arc::new(jsonl::config(&properties));
    let start = Instant::now();
    let steady = arguments.iter().any(|a| a == "--steady-clock");
    let mut slices = 0u32;
    let mut clock = || {
        if steady {
            slices = slices.wrapping_add(1);
            let since_ns = i64::from(slices) * 1_000_000;
            return Clock { wall_ns: STEADY_FROM_NS + since_ns, mono_ns: since_ns as u64 };
        }
        let wall = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Clock {
            wall_ns: wall.map_or(0, |d| d.as_nanos() as i64),
            mono_ns: start.elapsed().as_nanos() as u64,
        }
    };
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let answer = jsonl::answer(&line?, &config, &mut clock, [7; 32]);
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(())
}
