//! `weft test FILE…`: scripts that check themselves.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use weft_warpscript::jsonl;

use super::{Clocks, config, entropy, run};

/// Runs each script; an error names how many failed.
pub(crate) fn test(files: &[PathBuf], conf: &[PathBuf]) -> Result<(), String> {
    let config = Arc::new(config(conf)?);
    let mut failed = 0;
    for file in files {
        let begun = Instant::now();
        match check(file, &config) {
            Ok(()) => println!("ok    {} ({:.1?})", file.display(), begun.elapsed()),
            Err(message) => {
                failed += 1;
                println!("FAIL  {} ({:.1?})\n{message}", file.display(), begun.elapsed());
            }
        }
    }
    println!("{} passed, {failed} failed", files.len() - failed);
    if failed == 0 { Ok(()) } else { Err(format!("{failed} of {} failed", files.len())) }
}

fn check(file: &std::path::Path, config: &Arc<weft_warpscript::Config>) -> Result<(), String> {
    let (name, script) = run::read(file)?;
    let clocks = Clocks::new();
    let machine = jsonl::run(&script, config, &mut || clocks.now(), entropy()?);
    match machine.failure() {
        None => Ok(()),
        Some(failure) => Err(run::report(&name, &script, failure, &machine)),
    }
}
