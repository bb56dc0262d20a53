//! `weft words` and `weft doc`: what the library knows of its words.

use std::io::{ErrorKind, Write};

use serde_json::json;
use weft_warpscript::registry::{Action, Word, families, find};

/// Lists the words by family, or with everything that is known of them as JSON.
pub(crate) fn words(as_json: bool) -> Result<(), String> {
    let mut text = String::new();
    if as_json {
        for family in families() {
            for word in family.words {
                text += &entry(family.name, word).to_string();
                text.push('\n');
            }
        }
    } else {
        for family in families() {
            let names: Vec<&str> = family.words.iter().map(|word| word.name).collect();
            text += &format!("{} ({}): {}\n", family.name, names.len(), names.join(" "));
        }
    }
    print(&text)
}

/// Prints what is known of a word.
pub(crate) fn doc(name: &str) -> Result<(), String> {
    let word = find(name).ok_or_else(|| match nearest(name) {
        Some(near) => format!("there is no word {name}; did you mean {near}?"),
        None => format!("there is no word {name}"),
    })?;
    print(&describe(word))
}

/// The documentation of a word as text.
pub(super) fn describe(word: &Word) -> String {
    let kind = match word.action {
        Action::Run(_) => "",
        Action::Push(_) => ", a function value",
    };
    let mut text = format!("{} (since {}{kind})\n\n", word.name, word.since);
    for signature in word.signatures.lines() {
        text += &format!("  {}\n", signature.trim());
    }
    text += &format!("\n{}\n", word.doc);
    if !word.examples.is_empty() {
        text += "\nExamples:\n";
    }
    for (script, answer) in word.examples {
        let answer = match answer.strip_prefix('!') {
            Some(error) => format!("error: {error}"),
            None => (*answer).to_owned(),
        };
        text += &format!("  {}\n    {answer}\n", script.replace('\n', "\n  "));
    }
    text
}

fn entry(family: &str, word: &Word) -> serde_json::Value {
    json!({
        "name": word.name,
        "family": family,
        "since": word.since,
        "function": matches!(word.action, Action::Push(_)),
        "signatures": word.signatures.lines().map(str::trim).collect::<Vec<_>>(),
        "doc": word.doc,
        "examples": word.examples.iter().map(|(script, answer)| [script, answer]).collect::<Vec<_>>(),
    })
}

/// A word that is spelled alike but for case, or begins the same.
fn nearest(name: &str) -> Option<&'static str> {
    let words = || families().iter().flat_map(|family| family.words).map(|word| word.name);
    words().find(|word| word.eq_ignore_ascii_case(name)).or_else(|| {
        let upper = name.to_ascii_uppercase();
        words().find(|word| word.starts_with(&upper) || upper.starts_with(word) && word.len() > 2)
    })
}

/// Prints; a reader that has seen enough is no mistake.
fn print(text: &str) -> Result<(), String> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.to_string()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_described() {
        let text = describe(find("DUP").expect("a word"));
        assert!(text.starts_with("DUP (since 1.0.0)\n\n  "), "{text}");
        assert!(text.contains("Examples:\n  1 DUP\n    [1,1]"), "{text}");
        assert_eq!(nearest("dup"), Some("DUP"));
    }
}
