//! `weft exec --jsonl`: one script a line, one answer a line.

use std::io::{BufRead, Write};
use std::sync::Arc;

use weft_warpscript::{Config, jsonl};

use super::{Clocks, entropy};

/// Answers the lines of standard input.
pub(super) fn serve(config: &Arc<Config>) -> Result<(), String> {
    let clocks = Clocks::new();
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(|error| error.to_string())?;
        let answer = jsonl::answer(&line, config, &mut || clocks.now(), entropy()?);
        writeln!(out, "{answer}").and_then(|()| out.flush()).map_err(|error| error.to_string())?;
    }
    Ok(())
}
