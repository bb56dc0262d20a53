//! The formats of fetch: datapoints to bytes.
//!
//! A [`Formatter`] takes chunks of datapoints in, series after series, and writes them in one of
//! the formats. It works in steps of bounded output, so that a small chunk that unpacks into a
//! large one costs no more memory than any other.

mod encoded;
pub(crate) mod json;
mod text;
mod tsv;

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use weft_gts::text::NumberLine;
use weft_gts::{Column, Columns, Metadata, PointRef, Value, ValueRef};

use super::unpack::{UnpackError, Unpacker};
use encoded::EncodedSink;
use json::JsonSink;
use text::TextSink;
use tsv::TsvSink;

/// What a fetch writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Format {
    /// The text input format, series named once.
    #[default]
    Text,
    /// The text input format, series named on each line.
    FullText,
    /// One line an encoder.
    Raw,
    /// One line a `GTSWrapper`, with its id and a MAC.
    Wrapper,
    /// An array of series.
    Json,
    /// Tab-separated, series in lines of their own.
    Tsv,
    /// Tab-separated, series in each line.
    FullTsv,
    /// Text input lines whose values are wrapped encoders.
    Pack,
    /// Nothing; the data is read all the same.
    Null,
}

impl Format {
    /// By its name; unknown ones mean text.
    pub(crate) fn named(name: Option<&str>) -> Self {
        match name {
            Some("fulltext") => Self::FullText,
            Some("raw") => Self::Raw,
            Some("wrapper") => Self::Wrapper,
            Some("json") => Self::Json,
            Some("tsv") => Self::Tsv,
            Some("fulltsv") => Self::FullTsv,
            Some("pack") => Self::Pack,
            Some("null") => Self::Null,
            _ => Self::Text,
        }
    }
}

/// How a fetch is written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FormatOptions {
    /// The format.
    pub(crate) format: Format,
    /// Datapoints a series, boundaries included; `None` is no limit.
    pub(crate) count: Option<u64>,
    /// Whether datapoints that repeat the one before are left out, the last one of a series aside.
    pub(crate) dedup: bool,
    /// Whether owner and producer are shown.
    pub(crate) expose: bool,
    /// Whether labels and attributes of `fulltsv` are sorted by name; all else always is.
    pub(crate) sort: bool,
    /// Whether text has attributes.
    pub(crate) show_attributes: bool,
    /// Set when values are wrapped encoders to unpack: the suffix that their classes lose.
    pub(crate) unpack: Option<String>,
    /// How encoders are packed.
    pub(crate) pack: PackOptions,
    /// A line of `raw` and `wrapper` ends when its encoder has so many bytes.
    pub(crate) encoder_size_max: usize,
    /// What `i` of JSON shows of the id of a series' labels.
    pub(crate) json_mask: i64,
    /// Signs `wrapper`.
    pub(crate) psk: Option<weft_gts::SipKey>,
}

/// How encoders are packed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PackOptions {
    /// Appended to the class.
    pub(crate) suffix: String,
    /// Characters of a value.
    pub(crate) size_max: i32,
    /// Time units that one value may span, aligned to multiples of it.
    pub(crate) chunk_span: i64,
}

/// Datapoints of one series.
#[derive(Clone, Debug)]
pub(crate) struct SeriesChunk {
    /// Whose.
    pub(crate) metadata: Arc<Metadata>,
    /// The datapoints; further chunks of the same series continue them.
    pub(crate) points: Columns,
    /// Whether this is the first chunk of the series.
    pub(crate) is_first: bool,
}

/// One datapoint on its way out.
#[derive(Clone, Copy, Debug)]
struct Point<'a> {
    tick: i64,
    location: i64,
    elevation: i64,
    value: ValueRef<'a>,
}

/// Why datapoints cannot be written as asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FormatError {
    /// One value alone is too large for `pack`.
    #[error("Encountered a value whose length is above the configured threshold of {0}")]
    ValueTooLarge(i32),
    /// A value cannot be unpacked.
    #[error(transparent)]
    Unpack(#[from] UnpackError),
}

/// Output of one step; it may be larger by what one datapoint adds.
const STEP_BYTES_MAX: usize = 1 << 20;

/// Datapoints between two looks at how much output there is.
const SLICE_POINTS: usize = 512;

/// Writes one fetch.
#[derive(Debug)]
pub(crate) struct Formatter {
    input: VecDeque<SeriesChunk>,
    /// The next datapoint of the first chunk.
    position: usize,
    writer: SeriesWriter,
    unpacker: Option<Unpacker>,
    /// Some of the packed value at hand is written.
    is_within: bool,
}

impl Formatter {
    /// A formatter without input.
    pub(crate) fn new(options: FormatOptions) -> Self {
        Self {
            input: VecDeque::new(),
            position: 0,
            unpacker: options.unpack.clone().map(Unpacker::new),
            is_within: false,
            writer: SeriesWriter::new(options),
        }
    }

    /// Adds input.
    pub(crate) fn push(&mut self, chunk: SeriesChunk) {
        self.input.push_back(chunk);
    }

    /// Whether there is no input left.
    pub(crate) fn is_idle(&self) -> bool {
        self.input.is_empty()
    }

    /// Writes input until there is none, or enough output for one step.
    pub(crate) fn step(&mut self, out: &mut Vec<u8>) -> Result<(), FormatError> {
        while let Some(chunk) = self.input.front() {
            if self.position == 0 && chunk.is_first {
                let metadata = match &self.unpacker {
                    None => chunk.metadata.clone(),
                    Some(unpacker) => unpacker.unpacked(&chunk.metadata)?,
                };
                self.writer.begin(out, metadata)?;
            }
            let end = match &mut self.unpacker {
                None => {
                    let end = chunk.points.len().min(self.position + SLICE_POINTS);
                    self.writer.add_all(out, &chunk.points, self.position..end)?;
                    end
                }
                Some(unpacker) => {
                    if !self.is_within {
                        // What each of them packs stands by itself.
                        self.writer.end(out)?;
                    }
                    let packed = value_at(&chunk.points.values, self.position);
                    let is_done = unpacker.unpack(packed, |tick, location, elevation, value| {
                        self.writer.add(out, Point { tick, location, elevation, value })?;
                        Ok::<bool, FormatError>(out.len() < STEP_BYTES_MAX)
                    })?;
                    self.is_within = !is_done;
                    self.position + usize::from(is_done)
                }
            };
            self.position = end;
            if end == chunk.points.len() {
                self.input.pop_front();
                self.position = 0;
            }
            if out.len() >= STEP_BYTES_MAX {
                break;
            }
        }
        Ok(())
    }

    /// Writes what is left when there is no more input. `is_empty` says that no series was found.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>, is_empty: bool) -> Result<(), FormatError> {
        self.writer.finish(out, is_empty)
    }
}

/// Writes datapoints of series after series, fewer of them when asked.
#[derive(Debug)]
struct SeriesWriter {
    sink: Sink,
    count: Option<u64>,
    /// What is left of `count` for the current series.
    left: u64,
    dedup: Option<Dedup>,
}

/// What was seen of the current series.
#[derive(Debug, Default)]
struct Dedup {
    last: Option<PointRef>,
    /// The last datapoint was left out.
    is_dropped: bool,
}

/// One format.
#[derive(Debug)]
enum Sink {
    Text(TextSink),
    Tsv(TsvSink),
    Json(JsonSink),
    Encoded(Box<EncodedSink>),
    Null,
}

impl SeriesWriter {
    fn new(options: FormatOptions) -> Self {
        // The reference does not count what it unpacks.
        let count = options.count.filter(|_| options.unpack.is_none());
        Self {
            count,
            left: u64::MAX,
            dedup: options.dedup.then(Dedup::default),
            sink: match options.format {
                Format::Text | Format::FullText => Sink::Text(TextSink::new(&options)),
                Format::Tsv | Format::FullTsv => Sink::Tsv(TsvSink::new(&options)),
                Format::Json => Sink::Json(JsonSink::new(&options)),
                Format::Raw | Format::Wrapper | Format::Pack => {
                    Sink::Encoded(Box::new(EncodedSink::new(options)))
                }
                Format::Null => Sink::Null,
            },
        }
    }

    fn begin(&mut self, out: &mut Vec<u8>, metadata: Arc<Metadata>) -> Result<(), FormatError> {
        self.end(out)?;
        self.left = self.count.unwrap_or(u64::MAX);
        match &mut self.sink {
            Sink::Text(sink) => sink.begin(&metadata),
            Sink::Tsv(sink) => sink.begin(&metadata),
            Sink::Json(sink) => sink.begin(&metadata),
            Sink::Encoded(sink) => sink.begin(metadata),
            Sink::Null => {}
        }
        Ok(())
    }

    fn add(&mut self, out: &mut Vec<u8>, point: Point<'_>) -> Result<(), FormatError> {
        if self.left == 0 {
            return Ok(());
        }
        if let Some(dedup) = &mut self.dedup
            && dedup.drops(point)
        {
            return Ok(());
        }
        self.left -= 1;
        self.sink.add(out, point)
    }

    /// [`SeriesWriter::add`] for each datapoint of a range.
    fn add_all(
        &mut self,
        out: &mut Vec<u8>,
        points: &Columns,
        range: Range<usize>,
    ) -> Result<(), FormatError> {
        if self.dedup.is_none()
            && let Some(numbers) = Numbers::of(points, &range)
            && self.sink.takes_numbers()
        {
            let count = self.left.min(range.len() as u64);
            self.left -= count;
            self.sink.add_numbers(out, &points.ticks[range][..count as usize], numbers);
            return Ok(());
        }
        for index in range {
            self.add(out, point_at(points, index))?;
        }
        Ok(())
    }

    /// The current series has no more datapoints.
    fn end(&mut self, out: &mut Vec<u8>) -> Result<(), FormatError> {
        let last = self.dedup.as_mut().and_then(Dedup::end);
        if let Some(last) = last.filter(|_| self.left > 0) {
            self.sink.add(out, Point::from(&last))?;
        }
        match &mut self.sink {
            Sink::Encoded(sink) => sink.end(out),
            _ => Ok(()),
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>, is_empty: bool) -> Result<(), FormatError> {
        self.end(out)?;
        if let Sink::Json(sink) = &mut self.sink
            && !is_empty
        {
            sink.finish(out);
        }
        Ok(())
    }
}

impl Sink {
    /// Whether it writes numbers faster than other values.
    fn takes_numbers(&self) -> bool {
        match self {
            Self::Text(_) | Self::Json(_) => true,
            Self::Encoded(sink) => sink.takes_numbers(),
            Self::Tsv(_) | Self::Null => false,
        }
    }

    /// Adds datapoints without places, one for each tick.
    fn add_numbers(&mut self, out: &mut Vec<u8>, ticks: &[i64], numbers: Numbers<'_>) {
        match (self, numbers) {
            (Self::Text(sink), Numbers::Long(longs)) => {
                sink.add_numbers(out, ticks, longs, |line, long| line.put_long(long));
            }
            (Self::Text(sink), Numbers::Double(doubles)) => {
                sink.add_numbers(out, ticks, doubles, NumberLine::put_double);
            }
            (Self::Json(sink), Numbers::Long(longs)) => {
                sink.add_numbers(out, ticks, longs, |line, long| line.put_long(long));
            }
            (Self::Json(sink), Numbers::Double(doubles)) => {
                sink.add_numbers(out, ticks, doubles, NumberLine::put_double);
            }
            (Self::Encoded(sink), numbers) => sink.add_numbers(out, ticks, numbers),
            (Self::Tsv(_) | Self::Null, _) => {}
        }
    }

    fn add(&mut self, out: &mut Vec<u8>, point: Point<'_>) -> Result<(), FormatError> {
        match self {
            Self::Text(sink) => sink.add(out, point),
            Self::Tsv(sink) => sink.add(out, point),
            Self::Json(sink) => sink.add(out, point),
            Self::Encoded(sink) => return sink.add(out, point),
            Self::Null => {}
        }
        Ok(())
    }
}

/// Values that are all numbers, of datapoints without places.
#[derive(Clone, Copy, Debug)]
enum Numbers<'a> {
    Long(&'a [i64]),
    Double(&'a [f64]),
}

impl<'a> Numbers<'a> {
    fn of(points: &'a Columns, range: &Range<usize>) -> Option<Self> {
        if !points.locations.is_empty() || !points.elevations.is_empty() {
            return None;
        }
        match &points.values {
            Column::Long(longs) => Some(Self::Long(&longs[range.clone()])),
            Column::Double(doubles) => Some(Self::Double(&doubles[range.clone()])),
            _ => None,
        }
    }
}

impl Dedup {
    /// Whether the datapoint repeats the one before it.
    fn drops(&mut self, point: Point<'_>) -> bool {
        self.is_dropped = self.last.as_ref().is_some_and(|last| {
            last.location == point.location
                && last.elevation == point.elevation
                && is_same(ValueRef::from(&last.value), point.value)
        });
        match &mut self.last {
            Some(last) if self.is_dropped => last.tick = point.tick,
            last => *last = Some(point.to_owned()),
        }
        self.is_dropped
    }

    /// The last datapoint of the series when it was left out: a series keeps its ends.
    fn end(&mut self) -> Option<PointRef> {
        let last = self.last.take();
        last.filter(|_| std::mem::take(&mut self.is_dropped))
    }
}

/// Doubles are the same when their bits are, or when both are no number.
fn is_same(a: ValueRef<'_>, b: ValueRef<'_>) -> bool {
    match (a, b) {
        (ValueRef::Double(a), ValueRef::Double(b)) => {
            a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan()
        }
        (ValueRef::Deleted, _) => false,
        (a, b) => a == b,
    }
}

impl Point<'_> {
    fn to_owned(self) -> PointRef {
        PointRef {
            tick: self.tick,
            location: self.location,
            elevation: self.elevation,
            value: Value::from(self.value),
        }
    }
}

impl<'a> From<&'a PointRef> for Point<'a> {
    fn from(point: &'a PointRef) -> Self {
        Self {
            tick: point.tick,
            location: point.location,
            elevation: point.elevation,
            value: ValueRef::from(&point.value),
        }
    }
}

fn point_at(points: &Columns, index: usize) -> Point<'_> {
    Point {
        tick: points.ticks[index],
        location: points.location(index),
        elevation: points.elevation(index),
        value: value_at(&points.values, index),
    }
}

fn value_at(values: &Column, index: usize) -> ValueRef<'_> {
    match values {
        Column::Empty => ValueRef::Deleted,
        Column::Long(v) => ValueRef::Long(v[index]),
        Column::Double(v) => ValueRef::Double(v[index]),
        Column::Boolean(v) => ValueRef::Boolean(v[index]),
        Column::String(v) => ValueRef::String(&v[index]),
        Column::Mixed(v) => ValueRef::from(&v[index]),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn options(format: &str) -> FormatOptions {
        FormatOptions {
            format: Format::named(Some(format)),
            count: None,
            dedup: false,
            expose: false,
            sort: true,
            show_attributes: false,
            unpack: None,
            pack: PackOptions { suffix: String::new(), size_max: 1_000, chunk_span: i64::MAX },
            encoder_size_max: 100,
            json_mask: -1,
            psk: None,
        }
    }

    fn text_of(longs: &[i64], options: FormatOptions) -> String {
        let points = Columns {
            ticks: Arc::new((0..longs.len() as i64).rev().collect()),
            values: Column::Long(Arc::new(longs.to_vec())),
            ..Columns::default()
        };
        let mut writer = SeriesWriter::new(options);
        let mut out = Vec::new();
        writer
            .begin(&mut out, Arc::new(Metadata::new("c", weft_gts::Labels::new())))
            .expect("it begins");
        writer.add_all(&mut out, &points, 0..points.len()).expect("it can be written");
        writer.finish(&mut out, false).expect("it can be written");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn duplicates_do_not_count() {
        let some = |count| FormatOptions { count, dedup: true, ..options("text") };
        let lines = |count| text_of(&[1, 1, 2, 3, 3], some(count)).lines().count();
        assert_eq!(lines(Some(2)), 2);
        assert_eq!(text_of(&[1, 1, 2, 3, 3], some(Some(2))), "4// c{} 1\n=2// 2\n");
        assert_eq!(lines(None), 4, "1, 2, 3, and the end of the series");
    }

    #[test]
    fn a_series_without_datapoints_is_an_empty_list() {
        assert_eq!(text_of(&[], options("json")), "[]");
        assert_eq!(text_of(&[1], FormatOptions { count: Some(0), ..options("json") }), "[]");
    }

    proptest! {
        #[test]
        fn numbers_are_written_like_other_values(
            ticks in prop::collection::vec(any::<i64>(), 1..20),
            is_double: bool,
            format in prop::sample::select(vec!["text", "fulltext", "json", "tsv", "raw", "wrapper"]),
            count in prop::option::of(0u64..25),
            split in any::<prop::sample::Index>(),
        ) {
            let options = FormatOptions { count, ..options(format) };
            let values = if is_double {
                Column::Double(Arc::new(ticks.iter().map(|tick| *tick as f64 / 8.0).collect()))
            } else {
                Column::Long(Arc::new(ticks.iter().map(|tick| tick / 3).collect()))
            };
            let points = Columns { ticks: Arc::new(ticks), values, ..Columns::default() };
            let metadata: Arc<Metadata> =
                Arc::new(Metadata::new("c", [("l", "v")].into_iter().collect()));
            let written = |all: bool| {
                let mut writer = SeriesWriter::new(options.clone());
                let mut out = Vec::new();
                for range in [0..split.index(points.len()), split.index(points.len())..points.len()] {
                    if range.start == 0 {
                        writer.begin(&mut out, metadata.clone()).expect("it can be written");
                    }
                    if all {
                        writer.add_all(&mut out, &points, range).expect("it can be written");
                    } else {
                        for index in range {
                            let point = point_at(&points, index);
                            writer.add(&mut out, point).expect("it can be written");
                        }
                    }
                }
                writer.finish(&mut out, false).expect("it can be written");
                String::from_utf8(out)
            };
            prop_assert_eq!(written(true), written(false));
        }
    }
}
