//! `weft vectors`: golden vectors.

use std::path::Path;

/// Checks a folder and prints what held.
pub(crate) fn check(dir: &Path) -> Result<(), String> {
    let (report, missing) = weft_vectors::run(dir).map_err(|error| error.to_string())?;
    if report.is_empty() {
        return Err(format!("{}: no file of vectors that is known", dir.display()));
    }
    for name in missing {
        println!("{name}: not there, skipped");
    }
    let (mut passed, mut failed) = (0, 0);
    for ((file, kind), tally) in &report {
        let kind = if kind.is_empty() { String::new() } else { format!(" {kind}") };
        println!(
            "{file}{kind}: {} checked, {} failed, {} skipped",
            tally.passed + tally.failed,
            tally.failed,
            tally.skipped
        );
        for (line, message) in &tally.failures {
            println!("  line {line}: {message}");
        }
        passed += tally.passed;
        failed += tally.failed;
    }
    println!("{passed} passed, {failed} failed");
    if failed > 0 { Err(format!("{failed} vectors failed")) } else { Ok(()) }
}
