//! From lines to records.
//!
//! A record goes out whenever the series changes or its encoder is full, in the order and sizes of
//! the reference. That makes a record of every line where series take turns, so in a body in
//! which they keep coming back after a few lines, datapoints are collected by series instead: the
//! messages are the same, with more datapoints in each.

use std::sync::Arc;

use bytes::Bytes;
use weft_gts::text::scan::{PlainHead, plain_location, scan_number};
use weft_gts::text::{
    Line, LineError, ParseOptions, parse_line, parse_metadata, update_attributes,
};
use weft_gts::{Encoder, Labels, Metadata, NO_LOCATION, SeriesId, ValueRef};
use weft_wire::thrift::KafkaDataMessage;

use super::body::TextLines;
use super::collector::Collector;
use super::config::IngressConfig;
use super::options::UpdateOptions;
use super::series::SeriesTable;
use super::task::{Kind, OutRecord, Stop};
use super::writer::Writer;

/// How often a series comes back before datapoints are collected by series.
const RETURNS_MIN: u64 = 64;

/// Lines of a series before the next one, on average, up to which they are.
const RUN_MAX: u64 = 16;

/// Datapoints that are collected before they go out, and the bytes of their texts.
const COLLECTED_MAX: usize = 400_000;
const COLLECTED_TEXT_MAX: usize = 8 << 20;

/// Positions that are remembered as they were written.
const PLACES: usize = 1_024;

/// Why the lines are not read on.
#[derive(Debug)]
pub(crate) struct BadLine {
    /// Which line, from 1.
    pub(crate) number: u64,
    /// The status to answer.
    pub(crate) status: u16,
    /// What is wrong, outermost first.
    pub(crate) messages: Vec<String>,
}

/// Turns lines of `update` into records.
#[derive(Debug)]
pub(crate) struct UpdateLines {
    config: Arc<IngressConfig>,
    options: UpdateOptions,
    table: SeriesTable,
    current: Option<Current>,
    /// The latest line was of another series than the one before.
    changes: bool,
    /// The current series is that of a message before; it has gone out.
    is_resumed: bool,
    /// Attributes of the current series were in a line since its metadata went out.
    had_attributes: bool,
    /// Bytes of data records since the last time they reached the limit, as the reference counts.
    accumulated: usize,
    /// Datapoints, and how often a series came back that had gone out.
    points: u64,
    returns: u64,
    /// Datapoints are collected by series.
    is_collecting: bool,
    collector: Collector,
    /// What the current series has that is not collected.
    encoder: Encoder,
    places: Places,
    /// Which piece of the body this is.
    piece: u64,
    memory_max: usize,
    activity_ms: Option<i64>,
    records: Vec<Pending>,
    /// Keys and values of the records of datapoints, one behind the other.
    out: Vec<u8>,
}

/// The series of the latest line.
#[derive(Debug)]
struct Current {
    /// As that line names it.
    name: u32,
    series: u32,
    /// With attributes, when it has any.
    changed: Option<Arc<Metadata>>,
}

/// A record whose bytes may not be a whole yet.
#[derive(Debug)]
enum Pending {
    Whole(OutRecord),
    /// Datapoints: where its key begins and its value ends.
    Data {
        id: SeriesId,
        start: usize,
        end: usize,
        points: u64,
    },
}

/// What lines have in common.
struct Common {
    parse: ParseOptions,
    oldest: i64,
    newest: i64,
    /// Bytes before the value up to which metadata need not be checked.
    head_max: usize,
}

impl UpdateLines {
    /// No lines yet. `activity_ms` is the activity to publish, when activity is tracked; `table`
    /// may know series of the same writer.
    pub(crate) fn new(
        config: Arc<IngressConfig>,
        options: UpdateOptions,
        table: SeriesTable,
        activity_ms: Option<i64>,
    ) -> Self {
        Self {
            config,
            options,
            table,
            current: None,
            changes: false,
            is_resumed: false,
            had_attributes: false,
            accumulated: 0,
            points: 0,
            returns: 0,
            is_collecting: false,
            collector: Collector::default(),
            encoder: Encoder::new(0),
            places: Places::default(),
            piece: 0,
            memory_max: usize::MAX,
            activity_ms,
            records: Vec::new(),
            out: Vec::new(),
        }
    }

    /// Another piece of the body comes, for which so much memory may be kept.
    pub(crate) const fn begin(&mut self, memory_max: usize) {
        self.piece += 1;
        self.memory_max = memory_max;
    }

    /// Reads lines. `present` is the tick of lines that have none.
    pub(crate) fn read(&mut self, text: &mut TextLines<'_>, present: i64) -> Result<(), Stop> {
        let common = self.common(present, text.line_max());
        let is_utf8 = text.is_utf8();
        loop {
            while let Some(length) = self.plain_line(text.rest(), is_utf8, &common) {
                text.skip(length);
            }
            match text.next()? {
                None => return Ok(()),
                Some((number, line)) => {
                    self.line(number, line, &common.parse).map_err(Stop::Line)?;
                }
            }
        }
    }

    fn common(&self, present: i64, line_max: usize) -> Common {
        let options = &self.options;
        let limits = &self.config.metadata_limits;
        Common {
            parse: ParseOptions {
                now: options.now.unwrap_or(present),
                timeshift: options.timeshift,
                oldest: options.oldest,
                newest: options.newest,
                ignore_out_of_range: options.ignore_out_of_range,
                value_length_max: options.value_size_max,
                attributes: options.parse_attributes,
            },
            oldest: options.oldest.unwrap_or(i64::MIN),
            newest: options.newest.unwrap_or(i64::MAX),
            head_max: limits.labels_size_max.min(limits.attributes_size_max).min(line_max / 2),
        }
    }

    /// Reads the line at the start of `text`, when it is plain and of a series that is known: its
    /// bytes.
    #[inline(always)]
    fn plain_line(&mut self, text: &[u8], is_utf8: bool, common: &Common) -> Option<usize> {
        let head = PlainHead::scan(text)?;
        let current = self.current.as_ref()?;
        let tick = head.tick.wrapping_add(common.parse.timeshift);
        if tick < common.oldest || tick > common.newest {
            return None;
        }
        let rest = &text[head.length..];
        let (name, start) = if head.continues {
            (current.name, 0)
        } else {
            self.table.at_start(rest, current.name, is_utf8, self.changes)?
        };
        let start = head.length + start;
        let (value, length) = scan_number(&text[start..])?;
        if start > common.head_max {
            return None;
        }
        let location = match head.location {
            [] => NO_LOCATION,
            text => self.places.find(text)?,
        };
        let series = self.table.series_of(name);
        self.changes = series != current.series;
        if self.changes {
            self.switch(name, series, None);
            self.add_point(tick, location, head.elevation, value.as_ref());
        } else {
            if let Some(current) = &mut self.current {
                current.name = name;
            }
            self.add_point(tick, location, head.elevation, value.as_ref());
            self.push_full();
        }
        Some(start + length)
    }

    /// Reads one line, whatever it is like.
    fn line(&mut self, number: u64, line: &str, options: &ParseOptions) -> Result<(), BadLine> {
        let line = line.trim_matches(|c| c <= ' ');
        if !self.options.every_line_counts && (line.is_empty() || line.starts_with('#')) {
            return Ok(());
        }
        let previous = self.current.as_ref().map(|current| current.metadata(&self.table));
        parse_line(line.as_bytes(), previous, options)
            .and_then(|parsed| self.take(&parsed))
            .map_err(|error| bad_line(number, line, error))
    }

    /// The records of the lines so far, except those of the series that is not complete.
    pub(crate) fn take_records(&mut self) -> Vec<OutRecord> {
        if self.memory() > self.memory_max {
            self.make_room();
        }
        let out = Bytes::from(std::mem::take(&mut self.out));
        let records = std::mem::take(&mut self.records).into_iter();
        let whole = |pending| match pending {
            Pending::Whole(record) => record,
            Pending::Data { id, start, end, points } => OutRecord {
                id,
                key: out.slice(start..start + KEY_SIZE),
                value: out.slice(start + KEY_SIZE..end),
                kind: Kind::Data { points },
            },
        };
        records.map(whole).collect()
    }

    /// There are no more lines: the records that are left.
    pub(crate) fn finish(&mut self) -> Vec<OutRecord> {
        if self.is_collecting {
            self.push_collected();
        } else if self.encoder.size() > 0 {
            self.push_current();
        }
        self.take_records()
    }

    /// Another message of the same sender comes: its continuation lines belong to the series of the
    /// latest line.
    pub(crate) fn resume(&mut self, options: UpdateOptions, activity_ms: Option<i64>) {
        (self.options, self.activity_ms, self.is_resumed) = (options, activity_ms, true);
    }

    /// Continuation lines have nothing to belong to.
    pub(crate) fn break_off(&mut self) {
        self.current = None;
    }

    /// About how many bytes of memory is kept from one piece to the next.
    pub(crate) fn memory(&self) -> usize {
        self.table.memory() + self.collector.memory()
    }

    /// The labels that every series gets, and the series that are known, for another request.
    pub(crate) fn into_table(mut self) -> (Labels, SeriesTable) {
        for series in self.table.all() {
            (series.seen, series.is_pushed) = (None, false);
        }
        (self.options.labels, self.table)
    }

    fn take(&mut self, line: &Line<'_>) -> Result<(), LineError> {
        let limits = self.config.metadata_limits;
        let Some(series_text) = line.series else {
            self.add(line);
            return Ok(());
        };
        let name = match self.table.find(series_text.identity()) {
            Some(name) => name,
            None => {
                let mut metadata = series_text.metadata(&self.options.labels)?;
                metadata.id = self.config.ids.series_id(&metadata);
                if self.memory() > self.memory_max {
                    self.make_room();
                }
                self.table.add(series_text.identity(), Arc::new(metadata))
            }
        };
        let series = self.table.series_of(name);
        let attributes =
            if self.options.parse_attributes { series_text.attributes()? } else { None };
        let had_attributes = attributes.is_some();
        let is_same = self.current.as_ref().is_some_and(|current| current.series == series);
        let known = match &self.current {
            Some(current) if is_same => current.metadata(&self.table),
            _ => self.table.metadata(series),
        };
        let changed = attributes.map(|attributes| {
            let mut changed = known.clone();
            update_attributes(&mut changed.attributes, attributes, self.options.delta_attributes);
            Arc::new(changed)
        });
        line.check_metadata(changed.as_deref().unwrap_or(known), &limits)?;
        self.changes = !is_same;
        if is_same {
            if let Some(current) = &mut self.current {
                current.name = name;
                current.changed = changed.or_else(|| current.changed.take());
            }
            self.add(line);
        } else {
            self.switch(name, series, changed);
            self.add_line(line);
        }
        self.had_attributes |= had_attributes;
        Ok(())
    }

    /// Another series: what is pending of the one before goes out, behind the new one's metadata.
    #[inline]
    fn switch(&mut self, name: u32, series: u32, changed: Option<Arc<Metadata>>) {
        if let Some(before) = &self.current {
            self.table.follow(before.name, name);
        }
        if self.is_collecting {
            self.current = Some(Current { name, series, changed });
            return;
        }
        let state = self.table.series(series);
        self.returns += u64::from(state.is_pushed);
        if state.seen.is_none() {
            self.see(series);
        }
        let is_pushed = std::mem::take(&mut self.is_resumed) && self.encoder.size() == 0;
        if self.current.is_some() && !is_pushed {
            self.push_current();
            // Attributes go out with the lines that had them.
            self.is_collecting = self.returns >= RETURNS_MIN
                && self.points <= self.returns * RUN_MAX
                && !self.options.parse_attributes;
        }
        self.current = Some(Current { name, series, changed });
    }

    /// The metadata of a series goes out when it is first named, and with its first datapoints of
    /// each later piece of the body: the series may have been deleted since.
    fn see(&mut self, series: u32) {
        let piece = Some(self.piece);
        let state = self.table.series(series);
        if state.seen != piece {
            let is_again = std::mem::replace(&mut state.seen, piece).is_some();
            let (metadata, activity_ms) = (state.metadata.clone(), self.activity_ms);
            self.records.push(Pending::Whole(OutRecord {
                id: metadata.id,
                key: Bytes::new(),
                value: Bytes::new(),
                kind: Kind::Seen { metadata, activity_ms, is_again },
            }));
        }
    }

    /// A point of the series of the line before.
    fn add(&mut self, line: &Line<'_>) {
        self.add_line(line);
        self.push_full();
    }

    fn add_line(&mut self, line: &Line<'_>) {
        if !line.ignored {
            self.add_point(line.tick, line.location, line.elevation, line.value.as_ref());
        }
    }

    #[inline(always)]
    fn add_point(&mut self, tick: i64, location: i64, elevation: i64, value: ValueRef<'_>) {
        if self.is_collecting {
            let Some(current) = &self.current else { return };
            self.collector.add(current.series, tick, location, elevation, value);
            if self.collector.len() >= COLLECTED_MAX
                || self.collector.text_bytes() > COLLECTED_TEXT_MAX
            {
                self.push_collected();
            }
        } else {
            self.encoder.add(tick, location, elevation, value);
            self.points += 1;
        }
    }

    /// Pushes the current series when its record is full.
    #[inline(always)]
    fn push_full(&mut self) {
        if self.is_collecting {
            return;
        }
        let pending = self.encoder.size();
        if self.accumulated + KEY_SIZE + pending > self.config.data_batch_bytes_max {
            self.push_current();
        }
    }

    /// The current encoder as a record, and its attributes when they are news.
    fn push_current(&mut self) {
        let Some(current) = self.current.take() else { return };
        let metadata = match &current.changed {
            Some(changed) => changed.clone(),
            None => self.table.metadata(current.series).clone(),
        };
        self.see(current.series);
        self.accumulated += self.push(current.series, &metadata);
        if self.accumulated > self.config.data_batch_bytes_max {
            self.accumulated = 0;
        }
        if self.options.parse_attributes && std::mem::take(&mut self.had_attributes) {
            let delta = self.options.delta_attributes;
            let record = OutRecord::attributes(&self.config, &metadata, delta, None);
            self.records.push(Pending::Whole(record));
        }
        self.current = Some(current);
    }

    /// What was collected goes out, series by series.
    fn push_collected(&mut self) {
        let mut collector = std::mem::take(&mut self.collector);
        let bytes_max = self.config.data_batch_bytes_max;
        collector.drain(self.table.len(), |series, mut run| {
            self.see(series);
            let metadata = self.table.metadata(series).clone();
            let mut has_more = true;
            while has_more {
                has_more = run.encode(&mut self.encoder, bytes_max);
                self.push(series, &metadata);
            }
        });
        self.collector = collector;
    }

    /// Makes a record of the encoder: its bytes.
    fn push(&mut self, series: u32, metadata: &Arc<Metadata>) -> usize {
        let (start, id) = (self.out.len(), metadata.id);
        self.out.extend_from_slice(&id.to_bytes());
        let with_metadata = self.config.metadata_on_store.then(|| Metadata::clone(metadata).into());
        let attributes = &self.options.message_attributes;
        KafkaDataMessage::encode_store_into(
            &mut self.out,
            id,
            self.encoder.clear_bytes(),
            with_metadata.as_ref(),
            (!attributes.is_empty()).then_some(attributes),
        );
        self.config.data_envelope.seal_from(&mut self.out, start + KEY_SIZE);
        let (end, points) = (self.out.len(), self.encoder.count());
        self.records.push(Pending::Data { id, start, end, points });
        self.table.series(series).is_pushed = true;
        self.encoder.reset(0);
        end - start
    }

    /// Lets go of all series but the current one.
    fn make_room(&mut self) {
        let current = self.current.take();
        let kept = current.map(|current| {
            let name = self.table.text(current.name).to_vec();
            (name, self.table.metadata(current.series).clone(), current)
        });
        if self.is_collecting {
            self.push_collected();
            self.collector.release();
        }
        self.table.clear();
        if let Some((name, metadata, current)) = kept {
            let name = self.table.add(&name, metadata);
            let series = self.table.series_of(name);
            self.current = Some(Current { name, series, ..current });
        }
    }
}

impl Current {
    fn metadata<'a>(&'a self, table: &'a SeriesTable) -> &'a Metadata {
        self.changed.as_ref().unwrap_or_else(|| table.metadata(self.series))
    }
}

/// Bytes of a record's key.
const KEY_SIZE: usize = 16;

/// Positions as they were written: senders repeat them.
#[derive(Debug, Default)]
struct Places {
    known: Vec<Place>,
}

/// A position of up to 32 bytes.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    text: [u8; 32],
    length: usize,
    location: i64,
}

impl Places {
    /// The HHCode of a position.
    fn find(&mut self, text: &[u8]) -> Option<i64> {
        let mut padded = [0; 32];
        let Some(start) = padded.get_mut(..text.len()) else { return plain_location(text) };
        start.copy_from_slice(text);
        if self.known.is_empty() {
            self.known = vec![Place::default(); PLACES];
        }
        let (words, _) = padded.as_chunks::<8>();
        let mixed = words.iter().fold(0u64, |sum, word| {
            (sum.rotate_left(5) ^ u64::from_le_bytes(*word)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        });
        let place = &mut self.known[(mixed >> 54) as usize];
        if place.length != text.len() || place.text != padded {
            let location = plain_location(text)?;
            *place = Place { text: padded, length: text.len(), location };
        }
        Some(place.location)
    }
}

/// Turns lines of `meta` into records.
#[derive(Debug)]
pub(crate) struct MetaLines {
    config: Arc<IngressConfig>,
    writer: Writer,
    delta: bool,
    activity_ms: Option<i64>,
    records: Vec<OutRecord>,
}

impl MetaLines {
    /// No lines yet.
    pub(crate) const fn new(
        config: Arc<IngressConfig>,
        writer: Writer,
        delta: bool,
        activity_ms: Option<i64>,
    ) -> Self {
        Self { config, writer, delta, activity_ms, records: Vec::new() }
    }

    /// Reads lines.
    pub(crate) fn read(&mut self, text: &mut TextLines<'_>) -> Result<(), Stop> {
        while let Some((number, line)) = text.next()? {
            self.line(number, line).map_err(Stop::Line)?;
        }
        Ok(())
    }

    fn line(&mut self, number: u64, line: &str) -> Result<(), BadLine> {
        if line.is_empty() || line.starts_with('#') {
            return Ok(());
        }
        let parsed = parse_metadata(line.as_bytes()).map_err(|error| BadLine {
            number,
            status: 500,
            messages: vec![META_PREFIX.to_owned(), error.to_string()],
        })?;
        // The reference takes a line that is no series for a failure of its own.
        let mut metadata = parsed.ok_or_else(|| BadLine {
            number,
            status: 500,
            messages: vec![
                META_PREFIX.to_owned(),
                format!("Not CLASS{{LABELS}}{{ATTRIBUTES}}: {line}"),
            ],
        })?;
        for (name, value) in self.writer.labels.iter() {
            metadata.labels.insert(name, value);
        }
        if !self.config.metadata_limits.accepts(&metadata) {
            let message = format!("Invalid metadata {}", described(&metadata));
            return Err(BadLine { number, status: 400, messages: vec![message] });
        }
        metadata.labels.sort();
        metadata.id = self.config.ids.series_id(&metadata);
        let record = OutRecord::attributes(&self.config, &metadata, self.delta, self.activity_ms);
        self.records.push(record);
        Ok(())
    }

    /// The records of the lines so far.
    pub(crate) fn take_records(&mut self) -> Vec<OutRecord> {
        std::mem::take(&mut self.records)
    }
}

/// What stands before the errors of the two kinds of upload.
pub(crate) const UPDATE_PREFIX: &str = "Error when updating data: ";
pub(crate) const META_PREFIX: &str = "Error when updating meta: ";

/// Metadata as the messages of the reference show it.
fn described(metadata: &Metadata) -> String {
    let map = |labels: &Labels| {
        let pairs = labels.hash_ordered().into_iter();
        pairs.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(", ")
    };
    format!(
        "Metadata(name:{}, labels:{{{}}}, classId:0, labelsId:0, attributes:{{{}}})",
        metadata.class(),
        map(&metadata.labels),
        map(&metadata.attributes)
    )
}

fn bad_line(number: u64, line: &str, error: LineError) -> BadLine {
    match error {
        LineError::Parse(error) => {
            let mut messages = vec![
                UPDATE_PREFIX.to_owned(),
                format!("Parse error at index {} in '{line}'", error.offset),
                error.fault.to_string(),
            ];
            messages.extend(error.cause.map(|cause| cause.to_string()));
            BadLine { number, status: 400, messages }
        }
        error => BadLine {
            number,
            status: 500,
            messages: vec![UPDATE_PREFIX.to_owned(), error.to_string()],
        },
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;
    use weft_gts::{Decoder, IdKeys, PointRef, SipKey, WrapKey};
    use weft_wire::token::{TokenAuthority, TokenKeys};

    use super::super::body::BodyReader;
    use super::*;

    fn config() -> IngressConfig {
        let sip = SipKey::new(1, 2);
        let aes = WrapKey::new(&[0; 16]).expect("16 bytes");
        let authority = TokenAuthority::new(TokenKeys { sip, app: sip, aes });
        IngressConfig::minimal(IdKeys { class: sip, labels: sip }, authority)
    }

    fn options() -> UpdateOptions {
        UpdateOptions {
            now: Some(77),
            oldest: None,
            newest: None,
            ignore_out_of_range: false,
            timeshift: 3,
            delta_attributes: false,
            parse_attributes: false,
            every_line_counts: false,
            value_size_max: 100,
            labels: [(".app", "x")].into_iter().collect(),
            message_attributes: Labels::new(),
            tenant: Arc::default(),
        }
    }

    /// What lines lead to, by series and in order; one line after the other.
    fn expected(config: &IngressConfig, lines: &[String]) -> BTreeMap<SeriesId, Vec<PointRef>> {
        let options = ParseOptions { now: 77, timeshift: 3, ..ParseOptions::default() };
        let (mut points, mut previous) = (BTreeMap::<_, Vec<PointRef>>::new(), None);
        for line in lines {
            let parsed = parse_line(line.as_bytes(), previous.as_ref(), &options).expect("a line");
            if let Some(series) = parsed.series {
                let forced = [(".app", "x")].into_iter().collect();
                let mut metadata = series.metadata(&forced).expect("a series");
                metadata.id = config.ids.series_id(&metadata);
                previous = Some(metadata);
            }
            let mut encoder = Encoder::new(0);
            encoder.add(parsed.tick, parsed.location, parsed.elevation, parsed.value.as_ref());
            let id = previous.as_ref().expect("a series").id;
            let point = encoder.decoder().next().expect("a point").expect("a point");
            points.entry(id).or_default().push(point);
        }
        points
    }

    /// What records hold, by series. Metadata goes before datapoints.
    fn decoded(records: &[OutRecord]) -> BTreeMap<SeriesId, Vec<PointRef>> {
        let (mut points, mut seen) = (BTreeMap::<_, Vec<PointRef>>::new(), BTreeSet::new());
        for record in records {
            match &record.kind {
                Kind::Seen { metadata, .. } => {
                    assert_eq!(metadata.id, record.id);
                    seen.insert(record.id);
                }
                Kind::Data { points: count } => {
                    assert!(seen.contains(&record.id), "metadata first");
                    assert_eq!(record.key[..], record.id.to_bytes());
                    let message = KafkaDataMessage::decode(&record.value).expect("a message");
                    let data = message.data.expect("datapoints");
                    let all = points.entry(record.id).or_default();
                    let before = all.len();
                    all.extend(Decoder::new(0, &data, None).map(|point| point.expect("a point")));
                    assert_eq!(all.len() - before, *count as usize);
                }
                other => panic!("{other:?}"),
            }
        }
        points
    }

    fn a_line() -> impl Strategy<Value = String> {
        let series = prop::sample::select(vec![
            "a{}",
            "b{}",
            "%61{}",
            "c{x=1,y=2}",
            "c{y=2,x=1}",
            "é{}",
            "a{}{at=tribute}",
            "d{}",
            "e{}",
        ]);
        let place = prop::sample::select(vec!["/", "1:2/", "1:2/3", "-48.125:4.5/-7", "/9"]);
        let value = prop::sample::select(vec![
            "1",
            "-2",
            "3.25",
            "0.1234567890123456",
            "T",
            "'text'",
            "hex:00ff",
            "1e3",
            "3.25",
        ]);
        (series, place, value, -50i64..50)
            .prop_map(|(series, place, value, tick)| format!("{tick}/{place} {series} {value}"))
    }

    proptest! {
        #[test]
        fn every_datapoint_goes_out_once_and_in_order(
            lines in prop::collection::vec((a_line(), any::<bool>()), 1..400),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..3),
            memory_max in prop::sample::select(vec![0usize, 3_000, 1 << 20]),
            batch_bytes_max in prop::sample::select(vec![100usize, 1_000_000]),
        ) {
            let config = Arc::new(IngressConfig { data_batch_bytes_max: batch_bytes_max, ..config() });
            let lines: Vec<String> = lines
                .into_iter()
                .enumerate()
                .map(|(index, (line, continues))| match line.split_once(' ') {
                    // The value, of the series of the line before.
                    Some((head, rest)) if continues && index > 0 => {
                        format!("={head} {}", rest.rsplit(' ').next().unwrap_or_default())
                    }
                    _ => line,
                })
                .collect();
            let text = lines.join("\n");
            let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len())).collect();
            ends.push(text.len());
            ends.sort_unstable();
            let mut body = BodyReader::text(1_000);
            let table = SeriesTable::new(5);
            let mut update = UpdateLines::new(config.clone(), options(), table, None);
            let (mut records, mut start) = (Vec::new(), 0);
            for end in ends {
                update.begin(memory_max);
                let piece = &text.as_bytes()[start..end];
                body.feed(piece, |text| update.read(text, 0)).expect("lines");
                records.extend(update.take_records());
                start = end;
            }
            body.finish(|text| update.read(text, 0)).expect("lines");
            records.extend(update.finish());
            prop_assert_eq!(decoded(&records), expected(&config, &lines));
        }
    }

    #[test]
    fn series_that_take_turns_are_collected() {
        let text: String = (0..1_000).map(|n| format!("{n}// s{{n={}}} {n}\n", n % 10)).collect();
        let mut body = BodyReader::new(None, 1_000).expect("a character set");
        let table = SeriesTable::new(5);
        let mut update = UpdateLines::new(Arc::new(config()), options(), table, None);
        body.feed(text.as_bytes(), |text| update.read(text, 0)).expect("lines");
        let records = update.finish();
        let data = records.iter().filter(|record| matches!(record.kind, Kind::Data { .. }));
        assert!(data.count() < 100, "{}", records.len());
    }
}
