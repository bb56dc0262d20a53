//! `weft exec --jsonl`: one script a line, one answer a line.

use std::io::{BufRead, Write};

use weft_warpscript::jsonl;

use super::Host;

/// Answers the lines of standard input.
pub(super) fn serve(host: &Host) -> Result<(), String> {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(|error| error.to_string())?;
        let mut failed = None;
        let answer = jsonl::answer_with(&line, &mut |script| {
            host.run(script).unwrap_or_else(|error| {
                failed = Some(error);
                host.machine("")
            })
        });
        if let Some(error) = failed {
            return Err(error);
        }
        writeln!(out, "{answer}").and_then(|()| out.flush()).map_err(|error| error.to_string())?;
    }
    Ok(())
}
