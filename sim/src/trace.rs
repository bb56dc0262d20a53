//! What happened, in order: hashed always, kept as text when asked for.

use std::fmt::{self, Write};

/// A running hash of everything that happened, and, when they are wanted, the lines themselves.
#[derive(Debug)]
pub struct Trace {
    hash: Hash,
    lines: Option<Vec<String>>,
    count: u64,
}

#[derive(Debug)]
struct Hash(u64);

impl Write for Hash {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        Ok(())
    }
}

impl Trace {
    /// An empty trace.
    pub fn new(keep: bool) -> Self {
        Self { hash: Hash(0xcbf2_9ce4_8422_2325), lines: keep.then(Vec::new), count: 0 }
    }

    /// Adds a line: `TIME_MS what`.
    pub fn line(&mut self, at_ns: u64, what: fmt::Arguments<'_>) {
        self.count += 1;
        let _ = write!(self.hash, "{at_ns}");
        let _ = self.hash.write_fmt(what);
        if let Some(lines) = &mut self.lines {
            lines.push(format!("{:>12.3} {what}", at_ns as f64 / 1e6));
        }
    }

    /// The hash so far.
    pub const fn hash(&self) -> u64 {
        self.hash.0
    }

    /// How many lines there were.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The lines, when they were kept.
    pub fn lines(&self) -> &[String] {
        self.lines.as_deref().unwrap_or_default()
    }
}
