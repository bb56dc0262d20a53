//! Scripts made of words and values: every two bytes pick one. None may panic, hang or pass a limit.
//! With `SHOW` in the environment each script is printed before it runs.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use weft_warpscript::registry::families;

/// What scripts of all kinds work on.
const VALUES: &[&str] = &[
    "0",
    "1",
    "2",
    "-1",
    "7",
    "100",
    "1.5",
    "-0.5",
    "NaN",
    "Infinity",
    "MINLONG",
    "MAXLONG",
    "T",
    "F",
    "NULL",
    "''",
    "'a'",
    "'b'",
    "'UTC'",
    "'PT1S'",
    "'2020-01-01T00:00:00Z'",
    "'é😀'",
    "'00ff'",
    "'=a'",
    "'~.*'",
    "[",
    "]",
    "{",
    "}",
    "(",
    ")",
    "[[",
    "]]",
    "<%",
    "%>",
    "[",
    "]",
    "<%",
    "%>",
    "MARK",
    "NEWGTS",
    "NEWENCODER",
    "$x",
    "'x'",
    "[ 1 2 3 ]",
    "[ 1.5 'a' NULL ]",
    "{ 'a' 1 'b' [ 2 ] }",
    "[ [ 1 2 ] [ 3 4 ] ]",
    "<% DUP %>",
    "<% + %>",
    "<% T %>",
    "<% DROP %>",
    "10 ->BD",
    "'a' 'UTF-8' ->BYTES",
    "'POLYGON((0 0,1 0,1 1,0 0))'",
    "{ 'k' 'v' } RELABEL",
    "NEWGTS 0 NaN NaN NaN 'x' ADDVALUE MAXLONG NaN NaN NaN 'y' ADDVALUE",
    "NEWGTS 'g' RENAME 1 48.0 2.0 10 1.5 ADDVALUE 7 NaN NaN NaN 2.5 ADDVALUE",
    "NEWGTS 'h' RENAME 1 NaN NaN NaN 1 ADDVALUE 2 NaN NaN NaN 2 ADDVALUE 4 NaN NaN NaN 3 ADDVALUE",
    "NEWGTS 0 NaN NaN NaN T ADDVALUE [ SWAP bucketizer.last 0 10 5 ] BUCKETIZE",
];

static NAMES: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let words = families().iter().flat_map(|family| family.words);
    words.map(|word| word.name).collect()
});

static SHOW: LazyLock<bool> = LazyLock::new(|| std::env::var_os("SHOW").is_some());

fuzz_target!(|bytes: &[u8]| {
    let mut script = String::new();
    for pair in bytes.chunks_exact(2).take(40) {
        let n = usize::from(u16::from_be_bytes([pair[0], pair[1]]));
        // One word in two.
        let (from, n) = (if n % 2 == 0 { VALUES } else { NAMES.as_slice() }, n / 2);
        script.push_str(from[n % from.len()]);
        script.push(' ');
    }
    if *SHOW {
        eprintln!("{script}");
    }
    weft_fuzz::run(&script);
});
