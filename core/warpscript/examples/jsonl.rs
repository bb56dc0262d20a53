//! Judges' view of the engine: reads JSON lines, writes JSON lines. `--conf FILE` configures keys.

#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "an example does IO")]

use std::io::{BufRead, Write};
use std::sync::Arc;
use std::time::Instant;

use weft_warpscript::jsonl;
use weft_warpscript::machine::Clock;

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let path = arguments.iter().position(|a| a == "--conf").and_then(|i| arguments.get(i + 1));
    let properties = match path {
        Some(path) => std::fs::read_to_string(path)?,
        None => String::new(),
    };
    let config = Arc::new(jsonl::config(&properties));
    let start = Instant::now();
    let mut clock = || {
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
