//! What the machine does itself is what the words do: a word at the top level is called, inside of a
//! macro the machine may take its short way.

use std::sync::Arc;

use proptest::prelude::*;
use weft_warpscript::{Clock, Config, Limits, Machine, Run};

/// The stack as JSON; nothing when the script fails.
fn run(script: &str, depth: i64) -> Option<String> {
    let soft = Limits { depth, ..Limits::MAX };
    let mut machine = Machine::new(Arc::new(Config { soft, ..Config::default() }), script);
    while machine.run(1_000, Clock::default(), [7; 32]) != Run::Done {}
    match machine.failure() {
        None => Some(machine.stack_json().expect("numbers can be written")),
        Some(_) => None,
    }
}

fn value() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "0", "1", "-7", "MAXLONG", "MINLONG", "0.5", "-0.0", "1e300", "NaN", "T", "'a'", "NULL",
        "[ 1 ]", "10 ->BD",
    ])
}

proptest! {
    #[test]
    fn inside_a_macro_as_outside(
        values in prop::collection::vec(value(), 0..4),
        word in prop::sample::select(vec!["DROP", "DUP", "SWAP", "+", "-", "*", "<", "<=", ">", ">="]),
        depth in 2..6i64,
    ) {
        let values = values.join(" ");
        let outside = run(&format!("{values} {word}"), depth);
        let inside = run(&format!("<% {values} {word} %> EVAL"), depth);
        prop_assert_eq!(outside, inside);
    }
}

#[test]
fn loops_stop_where_they_should() {
    assert_eq!(run("1 3 <% %> FOR", 10), Some("[3,2,1]".into()));
    assert_eq!(
        run("MAXLONG 1 - MAXLONG <% %> FOR", 10),
        Some(format!("[{},{}]", i64::MAX, i64::MAX - 1))
    );
    assert_eq!(run("2 1 <% %> FOR", 10), Some("[]".into()));
    assert_eq!(run("1 9 <% %> FOR", 5), None);
}

#[test]
fn lists_are_mapped_in_the_short_way_as_in_the_long_one() {
    assert_eq!(run("[ 1 2 3 4 ] <% + %> LMAP", 10), Some("[[1,3,5,7]]".into()));
    assert_eq!(run("[ 1 2 3 4 ] <% 2 * %> false LMAP", 10), Some("[[2,4,6,8]]".into()));
    // What a round leaves behind stays, as in the reference.
    assert_eq!(run("[ 7 8 9 ] <% DUP %> LMAP SIZE", 10), Some("[3,2,9,1,8,0,7]".into()));
    // A round that leaves nothing takes what is below; then there is nothing.
    assert_eq!(run("5 6 [ 7 8 ] <% DROP DROP %> LMAP", 10), Some("[[6,5]]".into()));
    assert_eq!(run("5 [ 7 8 9 ] <% DROP DROP %> LMAP", 10), None);
    // The list changes while it is walked.
    assert_eq!(
        run("[ 1 2 3 ] 'l' STORE $l <% DROP $l 9 2 SET DROP %> LMAP", 10),
        Some("[[1,2,9]]".into())
    );
    assert_eq!(run("[ 1 2 3 4 ] 'l' STORE $l <% DROP $l 3 REMOVE DROP DROP %> LMAP", 10), None);
    // Values and their places have to fit.
    assert_eq!(run("[ 1 2 3 ] <% + %> LMAP", 2), None);
}

#[test]
fn lists_are_walked_in_the_short_way_as_in_the_long_one() {
    assert_eq!(run("[ 1 2 3 ] <% 2 * %> FOREACH", 10), Some("[6,4,2]".into()));
    assert_eq!(run("[ 5 6 ] <% %> true FOREACH", 10), Some("[1,6,0,5]".into()));
    assert_eq!(run("[ 1 2 3 ] <% DUP 2 == <% BREAK %> IFT %> FOREACH", 10), Some("[2,1]".into()));
    assert_eq!(run("[ 1 2 3 ] 'l' STORE $l <% DROP $l 9 +! DROP %> FOREACH", 10), None);
    assert_eq!(run("[ 1 2 3 ] <% %> FOREACH", 2), None);
    assert_eq!(run("[ 1 2 ] <% %> true FOREACH", 4), Some("[1,2,0,1]".into()));
    assert_eq!(run("[ 1 2 ] <% %> true FOREACH", 3), None);
}
