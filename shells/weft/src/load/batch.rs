//! Batches of whole lines, each of which stands on its own: a batch that would begin with a
//! continuation line begins with a full one instead.

use std::io::{self, BufRead};

/// Bytes of a batch, about.
const BATCH_BYTES: usize = 4 << 20;

/// Cuts a text into batches.
pub(crate) struct Batches<R> {
    reader: R,
    /// Bytes and lines handed out so far.
    at: u64,
    line: u64,
    /// `CLASS{LABELS}` of the latest full line.
    series: Vec<u8>,
}

/// Some lines.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    text: Vec<u8>,
    /// Number of its first line in the file, from 1.
    pub(crate) first_line: u64,
    /// Bytes of the file up to its end.
    pub(crate) end: u64,
    lines: u64,
    /// `CLASS{LABELS}` that its first line continues.
    series: Vec<u8>,
}

impl<R: BufRead> Batches<R> {
    pub(crate) const fn new(reader: R) -> Self {
        Self { reader, at: 0, line: 0, series: Vec::new() }
    }

    /// Lines handed out so far.
    pub(crate) const fn line(&self) -> u64 {
        self.line
    }

    /// The next lines; `None` at the end.
    pub(crate) fn next_batch(&mut self) -> io::Result<Option<Batch>> {
        let (first_line, series) = (self.line + 1, self.series.clone());
        let mut text = Vec::with_capacity(BATCH_BYTES + (64 << 10));
        while text.len() < BATCH_BYTES {
            let start = text.len();
            if self.reader.read_until(b'\n', &mut text)? == 0 {
                break;
            }
            self.line += 1;
            if let Some(series) = series_of(&text[start..]) {
                self.series.clear();
                self.series.extend_from_slice(series);
            }
        }
        if text.is_empty() {
            return Ok(None);
        }
        self.at += text.len() as u64;
        let lines = self.line + 1 - first_line;
        let mut batch = Batch { text, first_line, end: self.at, lines, series };
        batch.complete();
        Ok(Some(batch))
    }
}

impl Batch {
    /// What to send.
    pub(crate) fn body(&self) -> &[u8] {
        &self.text
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Number of its last line in the file.
    pub(crate) const fn last_line(&self) -> u64 {
        self.first_line + self.lines - 1
    }

    /// Drops its lines up to the refused one, and the continuation lines that rest on that. How
    /// many lines were refused so.
    pub(crate) fn drop_through(&mut self, line: u64) -> u64 {
        let mut at = 0;
        let mut refused_full = false;
        for number in 1..=line {
            let end = self.line_end(at);
            let text = &self.text[at..end];
            if let Some(series) = series_of(text) {
                self.series = series.to_vec();
            }
            if number == line {
                refused_full = !text.starts_with(b"=");
            }
            at = end;
        }
        let mut refused = 1;
        while refused_full && self.text[at..].starts_with(b"=") {
            at = self.line_end(at);
            refused += 1;
        }
        let dropped = line + refused - 1;
        self.text.drain(..at);
        self.first_line += dropped;
        self.lines = self.lines.saturating_sub(dropped);
        self.complete();
        refused
    }

    fn line_end(&self, at: usize) -> usize {
        self.text[at..]
            .iter()
            .position(|byte| *byte == b'\n')
            .map_or(self.text.len(), |n| at + n + 1)
    }

    /// Makes the first line a full one.
    fn complete(&mut self) {
        if !self.text.starts_with(b"=") || self.series.is_empty() {
            return;
        }
        let end = self.line_end(0);
        let Some(blank) = self.text[..end].iter().position(|byte| *byte == b' ') else { return };
        let mut first = self.text[1..=blank].to_vec();
        first.extend_from_slice(&self.series);
        self.text.splice(..blank, first);
    }
}

/// `CLASS{LABELS}` of a full line; `None` for others.
fn series_of(line: &[u8]) -> Option<&[u8]> {
    if matches!(line.first(), None | Some(b'=' | b'#')) {
        return None;
    }
    let start = line.iter().position(|byte| *byte == b' ')? + 1;
    let start = start + line[start..].iter().position(|byte| *byte != b' ')?;
    let end = start + line[start..].iter().position(|byte| *byte == b'}')?;
    line.get(start..=end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(text: &str) -> Batch {
        Batches::new(text.as_bytes()).next_batch().expect("memory").expect("lines")
    }

    #[test]
    fn a_batch_never_begins_with_a_continuation() {
        let mut lines = "1// c{a=b} 1\n".to_owned();
        let filler = format!("=2// '{}'\n", "x".repeat(1_000));
        while lines.len() < BATCH_BYTES {
            lines.push_str(&filler);
        }
        lines.push_str("=3/1:2/4 5\n=4// 6\n");
        let mut batches = Batches::new(lines.as_bytes());
        let first = batches.next_batch().expect("memory").expect("lines");
        let second = batches.next_batch().expect("memory").expect("lines");
        assert_eq!(second.body(), b"3/1:2/4 c{a=b} 5\n=4// 6\n");
        assert_eq!(second.first_line, first.last_line() + 1);
        assert_eq!(second.end, lines.len() as u64);
        assert_eq!(batches.next_batch().expect("memory"), None);
    }

    #[test]
    fn continuations_of_a_refused_line_go_with_it() {
        let mut batch = batch("1// a{} 1\n2// b{} bad\n=3// 3\n=4// 4\n5// c{} 5\n");
        assert_eq!(batch.drop_through(2), 3);
        assert_eq!(batch.body(), b"5// c{} 5\n");
        assert_eq!(batch.first_line, 5);
        assert_eq!(batch.last_line(), 5);
    }

    #[test]
    fn continuations_behind_a_refused_continuation_stay() {
        let mut batch = batch("1// a{} 1\n=2// bad\n=3// 3\n");
        assert_eq!(batch.drop_through(2), 1);
        assert_eq!(batch.body(), b"3// a{} 3\n");
    }
}
