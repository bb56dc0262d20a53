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
