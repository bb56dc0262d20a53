//! `weft exec FILE`: one script; its stack as JSON, or what went wrong and where.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::path::Path;

use weft_warpscript::json::{Format, JsonWriter};
use weft_warpscript::machine::{Failure, Machine};

use super::Host;

/// Values of the stack that are shown with an error.
const SHOWN_VALUES: usize = 5;

/// Characters of an error: one of calls without an end has one for each.
const ERROR_CHARS: usize = 10_000;

/// Bytes of one of them.
const SHOWN_BYTES: usize = 200;

/// Bytes of the result that are written at once.
const STEP: usize = 1 << 20;

/// Runs a script and prints its stack.
pub(super) fn run(file: &Path, host: &Host) -> Result<(), String> {
    let (name, script) = read(file)?;
    let machine = host.run(&script)?;
    if let Some(failure) = machine.failure() {
        return Err(report(&name, &script, failure, &machine));
    }
    let mut out = std::io::stdout().lock();
    let mut writer = JsonWriter::stack(machine.json_format());
    let mut piece = Vec::new();
    loop {
        let is_complete = writer
            .write(&machine, &mut piece, STEP)
            .map_err(|fault| fault.into_error().to_string())?;
        if is_complete {
            piece.push(b'\n');
        }
        out.write_all(&piece).map_err(|error| error.to_string())?;
        piece.clear();
        if is_complete {
            return out.flush().map_err(|error| error.to_string());
        }
    }
}

/// The script, and what to call it.
pub(super) fn read(file: &Path) -> Result<(String, String), String> {
    let mut bytes = Vec::new();
    let (name, read) = if file == Path::new("-") {
        ("standard input".to_owned(), std::io::stdin().lock().read_to_end(&mut bytes))
    } else {
        let name = file.display().to_string();
        let open = std::fs::File::open(file);
        (name, open.and_then(|mut file| file.read_to_end(&mut bytes)))
    };
    read.map_err(|error| format!("{name}: {error}"))?;
    let script = String::from_utf8(bytes).map_err(|_| format!("{name}: it is not UTF-8"))?;
    Ok((name, script))
}

/// What went wrong, where, and what stood on the stack.
pub(super) fn report(name: &str, script: &str, failure: &Failure, machine: &Machine) -> String {
    let mut text = format!("{name}, line {}: {}", failure.line, failure.error.brief(ERROR_CHARS));
    let line = failure.line.checked_sub(1).and_then(|index| script.lines().nth(index));
    if let Some(line) = line {
        let shown: String =
            line.chars().map(|c| if c.is_control() { ' ' } else { c }).take(SHOWN_BYTES).collect();
        let _ = write!(text, "\n  {shown}");
        if let Some(column) = column(&failure.error.to_string(), line) {
            let _ = write!(text, "\n  {}^", " ".repeat(column));
        }
    }
    text += &stack(machine);
    text
}

/// The column of the statement that failed: the error quotes it as `=>STATEMENT<=` with what
/// stands before it.
fn column(error: &str, line: &str) -> Option<usize> {
    let quoted = error.split_once("Exception at '")?.1;
    let (before, rest) = quoted.split_once("=>")?;
    let (statement, _) = rest.split_once("<=")?;
    let at = line.find(&format!("{before}{statement}"))? + before.len();
    Some(line[..at].chars().count()).filter(|column| *column < SHOWN_BYTES)
}

/// The top of the stack, a value a line.
pub(super) fn stack(machine: &Machine) -> String {
    let values = machine.visible();
    if values.is_empty() {
        return "\n  (the stack is empty)".to_owned();
    }
    let mut text = format!("\n  stack ({} deep), top first:", values.len());
    for value in values.iter().rev().take(SHOWN_VALUES) {
        let mut json = Vec::new();
        let format = Format { strict: false, pretty: false };
        let _ = JsonWriter::value(*value, format).write(machine, &mut json, SHOWN_BYTES + 1);
        let json = String::from_utf8_lossy(&json);
        let shown: String = json.chars().take(SHOWN_BYTES).collect();
        let dots = if shown.len() < json.len() { "…" } else { "" };
        let _ = write!(text, "\n    {shown}{dots}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reported(script: &str) -> String {
        let machine = Host::new(&[]).and_then(|host| host.run(script)).expect("it runs");
        report("x.mc2", script, machine.failure().expect("it fails"), &machine)
    }

    #[test]
    fn an_error_points_at_its_place() {
        let text = reported("1 2\n  'é' FOO 3");
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("x.mc2, line 2: Exception at"), "{text}");
        assert_eq!(lines[1], "    'é' FOO 3");
        assert_eq!(lines[2], "        ^");
        assert_eq!(lines[3], "  stack (3 deep), top first:");
        assert_eq!(lines[4], r#"    "\u00E9""#);
    }
}
