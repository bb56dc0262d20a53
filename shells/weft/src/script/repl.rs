//! `weft repl`: statements as they are typed, on one stack that stays.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Context, Editor, Helper};
use tokio::signal::unix::{SignalKind, signal};
use weft_warpscript::interactive::Open;
use weft_warpscript::jsonl::answer_request;
use weft_warpscript::machine::{Machine, Run};
use weft_warpscript::registry::families;

use super::docs::describe;
use super::{Host, entropy, run};

/// How much a script works between two looks at the keyboard.
const SLICE: u64 = 100_000;

const HELP: &str = "Type WarpScript; an open macro, list, map or string goes on in the next line.
  .stack       show the stack
  .clear       empty the stack
  .doc WORD    documentation of a word
  .help        this text
  .quit        leave (or Ctrl-D)
Tab completes words, Ctrl-C stops a script.";

/// Reads statements and runs them until the input ends.
pub(crate) fn repl(conf: &[PathBuf]) -> Result<(), String> {
    let host = Host::new(conf)?;
    let mut machine = host.run("")?;
    let interrupted = interrupts()?;
    let mut editor = Editor::<Assistant, FileHistory>::new().map_err(|e| e.to_string())?;
    editor.set_helper(Some(Assistant));
    let history = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".weft_history"));
    if let Some(path) = &history {
        // There is none before the first time.
        let _ = editor.load_history(path);
    }
    println!("WarpScript. `.help` tells what else there is.");
    loop {
        let input = match editor.readline("WS> ") {
            Ok(input) => input,
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(error.to_string()),
        };
        if input.trim().is_empty() {
            continue;
        }
        let _ = editor.add_history_entry(input.as_str());
        match input.trim().split_once(' ').unwrap_or_else(|| (input.trim(), "")) {
            (".quit", _) => break,
            (".help", _) => println!("{HELP}"),
            (".stack", _) => println!("{}", run::stack(&machine).trim_start_matches('\n')),
            (".clear", _) => machine.truncate(0),
            (".doc", name) => match weft_warpscript::registry::find(name.trim()) {
                Some(word) => print!("{}", describe(word)),
                None => println!("there is no word {}", name.trim()),
            },
            _ => {
                interrupted.store(false, Ordering::Relaxed);
                evaluate(&mut machine, &input, &host, &interrupted)?;
            }
        }
    }
    if let Some(path) = history {
        // A history that cannot be kept is no mistake.
        let _ = editor.save_history(&path);
    }
    Ok(())
}

/// Runs one input, and shows what came of it.
fn evaluate(
    machine: &mut Machine,
    input: &str,
    host: &Host,
    interrupted: &AtomicBool,
) -> Result<(), String> {
    machine.go_on(input);
    loop {
        if interrupted.swap(false, Ordering::Relaxed) {
            machine.abort("Stopped by Ctrl-C.");
        }
        match machine.run(SLICE, host.clocks.now(), entropy()?) {
            Run::Done => break,
            Run::Need(id, request) => {
                answer_request(machine, id, &request, &mut |ask| host.ask(ask));
            }
            Run::OutOfFuel | Run::Cancel(_) => {}
            Run::Waiting => machine.abort("The script waits for what nobody gives."),
        }
    }
    match machine.failure() {
        Some(failure) => println!("{}", run::report("input", input, failure, machine)),
        None => println!("{}", run::stack(machine).trim_start_matches('\n')),
    }
    Ok(())
}

/// Set by Ctrl-C while a script runs; at the prompt the editor takes it.
///
/// The editor replaces the handler for as long as it reads, and puts back what it found: this one
/// has to be there before it reads for the first time.
fn interrupts() -> Result<Arc<AtomicBool>, String> {
    let flag = Arc::new(AtomicBool::new(false));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let mut signals = {
        let _context = runtime.enter();
        signal(SignalKind::interrupt()).map_err(|error| error.to_string())?
    };
    let seen = flag.clone();
    std::thread::spawn(move || {
        runtime.block_on(async move {
            while signals.recv().await.is_some() {
                seen.store(true, Ordering::Relaxed);
            }
        });
    });
    Ok(flag)
}

/// Completes words, and knows whether an input goes on.
struct Assistant;

impl Helper for Assistant {}
impl Highlighter for Assistant {}

impl Hinter for Assistant {
    type Hint = String;
}

impl Completer for Assistant {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        let before = line.get(..position).unwrap_or_default();
        let start = before
            .rfind(char::is_whitespace)
            .map_or(0, |blank| blank + before[blank..].chars().next().map_or(1, char::len_utf8));
        Ok((start, complete(&before[start..])))
    }
}

/// The words that begin so.
fn complete(prefix: &str) -> Vec<String> {
    if prefix.is_empty() {
        return Vec::new();
    }
    let words = families().iter().flat_map(|family| family.words);
    let mut found: Vec<String> = words
        .map(|word| word.name)
        .filter(|name| name.starts_with(prefix))
        .map(str::to_owned)
        .collect();
    found.sort();
    found
}

impl Validator for Assistant {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let open = Open::at_end_of(context.input());
        Ok(if open.goes_on() || open.collections > 0 {
            ValidationResult::Incomplete
        } else {
            ValidationResult::Valid(None)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_completed() {
        assert_eq!(complete("DUPN"), ["DUPN"]);
        assert!(complete("DUP").contains(&"DUP".to_owned()));
        assert!(complete("").is_empty());
    }
}
