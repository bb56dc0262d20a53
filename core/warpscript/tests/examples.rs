//! Every example in the documentation of a word gives the answer that it states.

use std::sync::Arc;

use weft_warpscript::machine::Clock;
use weft_warpscript::{jsonl, registry};

#[test]
fn examples_give_their_answers() {
    let classes = registry::Extension::ALL.map(registry::Extension::class).join(",");
    let config = Arc::new(jsonl::config(&format!("warpscript.extensions = {classes}")));
    let mut failed = Vec::new();
    for word in registry::families().iter().flat_map(|f| f.words) {
        for (script, expected) in word.examples {
            let machine = jsonl::run(script, &config, &mut Clock::default, [0; 32]);
            let answer = match machine.failure() {
                Some(failure) => format!("!{}", failure.error),
                None => machine.stack_json().unwrap_or_else(|f| format!("!{}", f.into_error())),
            };
            let matches = match expected.strip_prefix('!') {
                Some(text) => answer.starts_with('!') && answer.contains(text),
                None => answer == *expected,
            };
            if !matches {
                failed.push(format!("{}: {script}\n  {answer}\n  {expected}", word.name));
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn a_word_of_an_extension_is_there_when_that_is_loaded() {
    let run = |properties: &str, script: &str| {
        let config = Arc::new(jsonl::config(properties));
        let machine = jsonl::run(script, &config, &mut Clock::default, [0; 32]);
        match machine.failure() {
            Some(failure) => failure.error.to_string(),
            None => machine.stack_json().expect("JSON"),
        }
    };
    assert!(run("", "'a' WSNAME").contains("Unknown function 'WSNAME'"));
    assert!(run("", "'WSNAME' MAN").contains("Unknown function name"));
    let class = registry::Extension::StackPs.class();
    let loads = format!("warpscript.extension.stackps = {class}");
    assert_eq!(run(&loads, &format!("'a' WSNAME '{class}' EXTLOADED")), "[true,\"a\"]");
    assert!(run(&loads, "<% 's' SHMLOAD %>").contains("Unknown function 'SHMLOAD'"));
    // Words that 3.0 dropped have a key of our own.
    assert!(run("weft.warpscript.legacy = false", "UNIXTIMEEND").contains("Unknown function"));
    assert_eq!(run("weft.warpscript.legacy = true", "7 UNIXTIMEALIGN"), "[7]");
}

#[test]
fn words_are_documented_and_registered_once() {
    let mut names = std::collections::BTreeSet::new();
    for word in registry::families().iter().flat_map(|f| f.words) {
        assert!(names.insert(word.name), "{} is registered twice", word.name);
        assert!(!word.doc.is_empty() && !word.since.is_empty(), "{}", word.name);
        let forms = word.signatures.lines();
        assert!(
            forms.clone().count() > 0
                && forms.clone().all(|f| f.split_whitespace().any(|w| w == word.name)),
            "{}: {}",
            word.name,
            word.signatures
        );
    }
}
