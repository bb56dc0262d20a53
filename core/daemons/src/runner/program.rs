//! What is run of a script: its context, its text with values of the configuration, and the end.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write;

use weft_gts::percent;
use weft_gts::utf8::from_utf8_lossy;

/// What the files of scripts end in.
const SUFFIX: &str = ".mc2";

/// The period that the folder of a script names, in milliseconds: the second part of its path
/// below the root, as in `weather/60000/stations/read.mc2`. `None` when it is no script.
pub(super) fn period_ms(path: &str) -> Option<i64> {
    let mut parts = path.strip_suffix(SUFFIX)?.split('/');
    let (_, period, _) = (parts.next()?, parts.next()?, parts.next()?);
    period.parse().ok().filter(|period| *period > 0)
}

/// The run of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run<'a> {
    pub(super) path: &'a str,
    pub(super) period_ms: i64,
    /// Milliseconds since the epoch.
    pub(super) scheduled_ms: i64,
    /// What shows that the runner asks.
    pub(super) nonce: Option<&'a str>,
}

/// The program for one run: variables `runner.periodicity`, `runner.path`, `runner.scheduledat` and
/// `runner.nonce`, the script with its values, and a `CLEAR`, for nobody reads the stack.
pub(super) fn program(run: &Run<'_>, text: &str) -> Vec<u8> {
    let mut out = String::with_capacity(text.len() + 256);
    let path = percent::encode(run.path);
    // Writing to a string does not fail.
    let _ = writeln!(out, "{} 'runner.periodicity' STORE", run.period_ms);
    let _ = writeln!(out, "'{path}' 'runner.path' STORE");
    let _ = writeln!(out, "{} 'runner.scheduledat' STORE", run.scheduled_ms);
    if let Some(nonce) = run.nonce {
        let _ = writeln!(out, "'{nonce}' 'runner.nonce' STORE");
    }
    out += text;
    out += "\nCLEAR\n";
    out.into_bytes()
}

/// A script with its values: `${name}` and `${name:default}` become the value of the configuration
/// key `name@/folder/script` or of the nearest folder above it; without one the default, or what
/// stands there.
pub(super) fn filled_text(
    path: &str,
    period_ms: i64,
    text: &[u8],
    values: &BTreeMap<String, String>,
) -> String {
    let text = from_utf8_lossy(text);
    let mut out = String::with_capacity(text.len() + 1);
    let place = place(path, period_ms);
    for line in text.lines() {
        out += &filled(line, &place, values);
        out.push('\n');
    }
    out
}

/// The place of a script in the configuration: its path without period and suffix.
fn place(path: &str, period_ms: i64) -> String {
    let path = path.strip_suffix(SUFFIX).unwrap_or(path);
    format!("/{}", path.replacen(&format!("/{period_ms}/"), "/", 1))
}

/// A line with its values.
fn filled<'a>(line: &'a str, place: &str, values: &BTreeMap<String, String>) -> Cow<'a, str> {
    let mut out = String::new();
    let mut rest = line;
    while let Some(start) = rest.find("${") {
        let Some(length) = rest[start + 2..].find('}').filter(|length| *length > 0) else {
            // `${}` stands for itself.
            out += &rest[..start + 2];
            rest = &rest[start + 2..];
            continue;
        };
        let (end, inner) = (start + 3 + length, &rest[start + 2..start + 2 + length]);
        let (name, default) = inner.split_once(':').unwrap_or_else(|| (inner, &rest[start..end]));
        out += &rest[..start];
        out += value(name, place, values).unwrap_or(default);
        rest = &rest[end..];
    }
    match out.is_empty() {
        true => Cow::Borrowed(rest),
        false => Cow::Owned(out + rest),
    }
}

/// What the configuration says of a name at a place or above it.
fn value<'a>(name: &str, place: &str, values: &'a BTreeMap<String, String>) -> Option<&'a str> {
    let mut place = place;
    while place.len() > 1 {
        if let Some(value) = values.get(&format!("{name}@{place}")) {
            return Some(value);
        }
        place = &place[..place.rfind('/')?];
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_name_periods() {
        assert_eq!(period_ms("a/60000/b.mc2"), Some(60_000));
        assert_eq!(period_ms("a/1/b/c/d.mc2"), Some(1));
        for none in ["60000/b.mc2", "a/60000.mc2", "a/x/b.mc2", "a/0/b.mc2", "a/-1/b.mc2", "a/1/b"]
        {
            assert_eq!(period_ms(none), None, "{none}");
        }
    }

    #[test]
    fn programs_have_context_values_and_an_end() {
        let values = [("who@/a", "above"), ("who@/a/b c", "here"), ("x@/other", "no")];
        let values = values.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let text = "'${who}' ${x:1 2} ${x} ${} ${who";
        let run = Run { path: "a/5/b c.mc2", period_ms: 5, scheduled_ms: 7, nonce: Some("n") };
        let filled = |run: &Run<'_>, text: &[u8]| filled_text(run.path, 5, text, &values);
        let made = program(&run, &filled(&run, text.as_bytes()));
        let made = String::from_utf8(made).expect("text");
        assert_eq!(
            made,
            "5 'runner.periodicity' STORE\n'a%2F5%2Fb%20c.mc2' 'runner.path' STORE\n\
             7 'runner.scheduledat' STORE\n'n' 'runner.nonce' STORE\n\
             'here' 1 2 ${x} ${} ${who\n\nCLEAR\n"
        );
        let run = Run { path: "a/5/d.mc2", nonce: None, ..run };
        let made = program(&run, &filled(&run, b"${who}\xff\r\n"));
        let made = String::from_utf8(made).expect("text");
        assert!(made.ends_with("7 'runner.scheduledat' STORE\nabove\u{fffd}\n\nCLEAR\n"), "{made}");
    }
}
