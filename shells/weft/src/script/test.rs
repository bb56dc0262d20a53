//! `weft test FILE…`: scripts that check themselves.

use std::path::PathBuf;
use std::time::Instant;

use super::{Host, run};

/// Runs each script; an error names how many failed.
pub(crate) fn test(files: &[PathBuf], conf: &[PathBuf]) -> Result<(), String> {
    let host = Host::new(conf)?;
    let mut failed = 0;
    for file in files {
        let begun = Instant::now();
        match check(file, &host) {
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

fn check(file: &std::path::Path, host: &Host) -> Result<(), String> {
    let (name, script) = run::read(file)?;
    let machine = host.run(&script)?;
    match machine.failure() {
        None => Ok(()),
        Some(failure) => Err(run::report(&name, &script, failure, &machine)),
    }
}
