//! `weft repl` on a terminal, which `script` of util-linux makes.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// Somebody at a terminal.
struct Terminal {
    child: Child,
    keys: ChildStdin,
    shown: Receiver<u8>,
}

impl Terminal {
    /// `None` where there is no `script`.
    fn open() -> Option<Self> {
        let home = tempfile::TempDir::new().expect("a folder");
        let spawned = Command::new("script")
            .args(["--quiet", "--flush", "--return", "--command"])
            // A shell that stays in between would end with the Ctrl-C it saw.
            .arg(format!("exec {} repl", env!("CARGO_BIN_EXE_weft")))
            .arg("/dev/null")
            .env("SHELL", "/bin/sh")
            .env("HOME", home.path())
            .env("TERM", "xterm")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let Ok(mut child) = spawned else {
            eprintln!("there is no `script` here: skipped");
            return None;
        };
        let keys = child.stdin.take().expect("piped");
        let mut out = child.stdout.take().expect("piped");
        let (sender, shown) = channel();
        std::thread::spawn(move || {
            let mut byte = [0];
            while out.read_exact(&mut byte).is_ok() && sender.send(byte[0]).is_ok() {}
        });
        Some(Self { child, keys, shown })
    }

    fn types(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).expect("it reads");
        self.keys.flush().expect("it reads");
    }

    /// Waits until `text` was shown since the last time.
    fn shows(&self, text: &str) {
        let mut seen = Vec::new();
        while !seen.ends_with(text.as_bytes()) {
            match self.shown.recv_timeout(PATIENCE) {
                Ok(byte) => seen.push(byte),
                Err(_) => panic!("no {text:?} in {:?}", String::from_utf8_lossy(&seen)),
            }
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn statements_are_run_completed_stopped_and_remembered() {
    let Some(mut terminal) = Terminal::open() else { return };
    terminal.shows("WS> ");
    terminal.types("1 <% 2\r");
    // The macro is open: the input goes on.
    terminal.types("+ %> EVAL\r");
    terminal.shows("stack (1 deep), top first:\r\n    3");
    terminal.shows("WS> ");
    terminal.types("1 99999999999 <% DROP %> FOR\r");
    // The editor has handed the terminal back: the script runs.
    terminal.shows("\x1b[?2004l");
    terminal.types("\x03");
    terminal.shows("Stopped by Ctrl-C.");
    terminal.shows("WS> ");
    // What it left depends on where it was.
    terminal.types(".clear\r");
    terminal.shows("WS> ");
    terminal.types("'a' TOLOW\t\r");
    terminal.shows("stack (1 deep), top first:\r\n    \"a\"");
    // The statement before, once more.
    terminal.shows("WS> ");
    terminal.types("\x1b[A\r");
    terminal.shows("stack (2 deep), top first:\r\n    \"a\"");
    terminal.shows("WS> ");
    terminal.types("\x04");
    let status = terminal.child.wait().expect("it ends");
    assert!(status.success(), "{status}");
}
