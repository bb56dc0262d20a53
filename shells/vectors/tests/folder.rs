//! Every file of `WEFT_VECTORS` holds.

use std::path::PathBuf;

#[test]
fn recorded_vectors_hold() {
    let Some(folder) = std::env::var_os("WEFT_VECTORS").map(PathBuf::from) else {
        println!("skipped: WEFT_VECTORS is not set");
        return;
    };
    let (report, missing) = weft_vectors::run(&folder).expect("the folder can be read");
    for name in missing {
        println!("skipped: {name} is not there");
    }
    let mut failed = 0;
    for ((file, kind), tally) in &report {
        println!(
            "{file} {kind}: {} checked, {} failed, {} skipped",
            tally.passed + tally.failed,
            tally.failed,
            tally.skipped
        );
        for (line, message) in &tally.failures {
            println!("    line {line}: {}", message.chars().take(600).collect::<String>());
        }
        failed += tally.failed;
    }
    assert_eq!(failed, 0, "vectors failed");
}
