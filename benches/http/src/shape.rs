//! What is sent: datapoints in the text format, cut into requests.

use std::fmt::Write as _;
use std::path::Path;

use bytes::Bytes;
use clap::ValueEnum;

use crate::Failure;

/// The first tick, in microseconds: 2023-11-14T22:13:20Z.
pub(crate) const FIRST: i64 = 1_700_000_000_000_000;

/// Series of the shapes that have many.
const SERIES: u64 = 10_000;

/// Datapoints of a series that come in one go, when they come grouped.
const GROUP: u64 = 100;

/// How datapoints follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shape {
    /// One series, its name on every line.
    One,
    /// One series, `=` lines.
    Equals,
    /// 10,000 series, a hundred datapoints of each together.
    Grouped,
    /// 10,000 series, another one on each line.
    Interleaved,
}

impl Shape {
    /// The class of its series.
    pub(crate) const fn class(self) -> &'static str {
        match self {
            Self::One => "bench.one",
            Self::Equals => "bench.equals",
            Self::Grouped => "bench.grouped",
            Self::Interleaved => "bench.interleaved",
        }
    }

    /// The series and the tick of the n-th datapoint.
    const fn place(self, n: u64) -> (u64, i64) {
        let (series, nth) = match self {
            Self::One | Self::Equals => (0, n),
            Self::Grouped => {
                let (round, rest) = (n / (SERIES * GROUP), n % (SERIES * GROUP));
                (rest / GROUP, round * GROUP + rest % GROUP)
            }
            Self::Interleaved => (n % SERIES, n / SERIES),
        };
        (series, FIRST + nth as i64 * 1_000_000)
    }

    /// `points` datapoints in bodies of `size`.
    pub(crate) fn bodies(self, points: u64, size: u64) -> Vec<Bytes> {
        let starts = (0..points).step_by(size.max(1) as usize);
        starts.map(|start| self.body(start, points.min(start + size)).into()).collect()
    }

    fn body(self, start: u64, end: u64) -> String {
        let mut text = String::new();
        let class = self.class();
        for n in start..end {
            let (series, tick) = self.place(n);
            // A slow wave with some noise in its last digits.
            let value = (n % 1_000) * 17 + (n * 2_654_435_761) % 13;
            let _ = if self == Self::Equals && n > start {
                writeln!(text, "={tick}// {value}")
            } else {
                writeln!(text, "{tick}// {class}{{sensor=s{series},site=s{}}} {value}", series % 50)
            };
        }
        text
    }
}

/// The lines of a file, in bodies of `size` lines. A body begins with a full line: `=` lines stay
/// with the one before.
pub(crate) fn of_file(path: &Path, size: u64) -> Result<(u64, Vec<Bytes>), Failure> {
    let text = std::fs::read_to_string(path)?;
    let (mut bodies, mut body, mut lines, mut all) = (Vec::new(), String::new(), 0, 0);
    for line in text.lines().filter(|line| !line.is_empty()) {
        if lines >= size && !line.starts_with('=') {
            bodies.push(std::mem::take(&mut body).into());
            lines = 0;
        }
        body.push_str(line);
        body.push('\n');
        lines += 1;
        all += 1;
    }
    if !body.is_empty() {
        bodies.push(body.into());
    }
    Ok((all, bodies))
}
