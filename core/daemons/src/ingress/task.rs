//! The work that is done off the machine: reading a piece of a body.

use std::sync::Arc;

use bytes::Bytes;
use weft_gts::{Metadata, SeriesId};
use weft_wire::thrift::MetadataMessage;

use super::body::{BodyError, BodyReader, TextLines};
use super::config::IngressConfig;
use super::line::{BadLine, MetaLines, UpdateLines};
use crate::contract::Task;
use crate::contract::http::RequestId;
use crate::directory::source;

/// A record for one of the topics.
#[derive(Clone, Debug)]
pub(crate) struct OutRecord {
    /// The series.
    pub(crate) id: SeriesId,
    /// The record's key: the id's bytes.
    pub(crate) key: Bytes,
    /// Sealed.
    pub(crate) value: Bytes,
    /// What it is.
    pub(crate) kind: Kind,
}

/// What a record is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Metadata of a series that data is for: left out when it is known to be in the topic, and,
    /// when the request has seen to it before, when it is on its way there. The record is empty:
    /// [`OutRecord::seen`] makes it.
    Seen { metadata: Arc<Metadata>, activity_ms: Option<i64>, is_again: bool },
    /// The same, made.
    Discovered,
    /// Metadata with attributes to set.
    Attributes,
    /// Metadata that removes the series; with what it was, where its datapoints are to be deleted
    /// once more after that.
    Removed(Option<Arc<Metadata>>),
    /// That: deletes all datapoints of a series that was so.
    DeletedAgain(Arc<Metadata>),
    /// Datapoints.
    Data { points: u64 },
}

impl OutRecord {
    /// Metadata of a series that data is for.
    pub(crate) fn seen(
        config: &IngressConfig,
        id: SeriesId,
        metadata: &Metadata,
        activity_ms: Option<i64>,
    ) -> Self {
        let message = Metadata {
            name: metadata.name.clone(),
            labels: metadata.labels.clone(),
            source: Some(source::INGRESS.to_owned()),
            last_activity: activity_ms,
            ..Metadata::default()
        };
        Self::metadata(config, id, &message.into(), Kind::Discovered)
    }

    /// Metadata of a series as it was before it was removed. Its attributes count where no metadata
    /// without comes before it.
    pub(crate) fn restored(config: &IngressConfig, metadata: &Metadata) -> Self {
        let message = Metadata { source: Some(source::INGRESS.to_owned()), ..metadata.clone() };
        Self::metadata(config, metadata.id, &message.into(), Kind::Discovered)
    }

    /// Metadata with attributes to set or change.
    pub(crate) fn attributes(
        config: &IngressConfig,
        metadata: &Metadata,
        delta: bool,
        activity_ms: Option<i64>,
    ) -> Self {
        let source = if delta { source::UPDATE_DELTA } else { source::UPDATE };
        let message = Metadata {
            source: Some(source.to_owned()),
            last_activity: activity_ms,
            ..metadata.clone()
        };
        // Attributes that are empty are told: they replace those there are.
        let message = MetadataMessage { metadata: message, has_attributes: true };
        Self::metadata(config, metadata.id, &message, Kind::Attributes)
    }

    /// Metadata of a series that is deleted.
    pub(crate) fn deleted(config: &IngressConfig, metadata: &Metadata, kind: Kind) -> Self {
        let message = Metadata { source: Some(source::DELETE.to_owned()), ..metadata.clone() };
        Self::metadata(config, metadata.id, &message.into(), kind)
    }

    fn metadata(
        config: &IngressConfig,
        id: SeriesId,
        message: &MetadataMessage,
        kind: Kind,
    ) -> Self {
        let mut plain = id.to_bytes().to_vec();
        plain.extend_from_slice(&message.encode());
        Self::new(id, config.metadata_envelope.seal(&plain), kind)
    }

    /// A record of that series.
    pub(crate) fn new(id: SeriesId, value: Vec<u8>, kind: Kind) -> Self {
        Self { id, key: Bytes::copy_from_slice(&id.to_bytes()), value: value.into(), kind }
    }
}

/// Reads lines out of a body.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(super) body: BodyReader,
    pub(super) lines: Lines,
}

/// What the lines are.
#[derive(Debug)]
pub(crate) enum Lines {
    Update(Box<UpdateLines>),
    Meta(MetaLines),
}

/// A piece of a body to read.
#[derive(Debug)]
pub struct IngressTask {
    pub(super) request: RequestId,
    pub(super) reader: Box<Reader>,
    pub(super) chunks: Vec<Bytes>,
    /// No more pieces come.
    pub(super) is_last: bool,
    /// The end of the last piece is the end of the body.
    pub(super) is_complete: bool,
    pub(super) present: i64,
    /// How much memory the reader may keep when it is done.
    pub(super) memory_max: usize,
}

/// What was read.
#[derive(Debug)]
pub struct IngressDone {
    pub(super) reader: Box<Reader>,
    pub(super) records: Vec<OutRecord>,
    pub(super) refused: Option<BadLine>,
}

impl Task for IngressTask {
    type Done = IngressDone;

    fn run(mut self) -> IngressDone {
        self.reader.lines.begin(self.memory_max);
        let refused = self.read().err();
        let mut records = self.reader.lines.take_records();
        if self.is_last || refused.is_some() {
            records.extend(self.reader.lines.finish());
        }
        if refused.is_some() {
            self.reader.lines.break_off();
        }
        IngressDone { reader: self.reader, records, refused }
    }
}

impl IngressTask {
    /// The request that the body belongs to.
    pub const fn request(&self) -> RequestId {
        self.request
    }

    /// Reads the piece. What an error quotes is shown as the sender wrote it.
    fn read(&mut self) -> Result<(), BadLine> {
        let result = self.read_lines();
        let is_latin1 = self.reader.body.is_latin1();
        result.map_err(|mut bad| {
            if is_latin1 {
                bad.messages.iter_mut().for_each(|text| *text = as_sent(text));
            }
            bad
        })
    }

    fn read_lines(&mut self) -> Result<(), BadLine> {
        let Reader { body, lines } = &mut *self.reader;
        let present = self.present;
        for chunk in &self.chunks {
            let fed = body.feed(chunk, |text| lines.read(text, present));
            fed.map_err(|stop| stop.into_bad_line(lines))?;
        }
        if self.is_complete {
            let fed = body.finish(|text| lines.read(text, present));
            fed.map_err(|stop| stop.into_bad_line(lines))?;
        }
        Ok(())
    }
}

/// Text that was read byte by byte, as the UTF-8 that it most likely was; of anything else what can
/// be shown.
fn as_sent(text: &str) -> String {
    let mut bytes = weft_gts::utf8::to_latin1(text);
    match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            bytes = error.into_bytes();
            for byte in &mut bytes {
                if matches!(byte, 0..0x20 | 0x7f..0xa0) {
                    *byte = b'?';
                }
            }
            String::from_utf8_lossy(&bytes).into_owned()
        }
    }
}

/// What ends the reading.
#[derive(Debug)]
pub(crate) enum Stop {
    Line(BadLine),
    Body(BodyError),
}

impl From<BodyError> for Stop {
    fn from(error: BodyError) -> Self {
        Self::Body(error)
    }
}

impl Stop {
    fn into_bad_line(self, lines: &Lines) -> BadLine {
        match self {
            Self::Line(bad) => bad,
            Self::Body(error) => {
                let (number, status) = match error {
                    BodyError::LineTooLong { number, .. } => (number, 400),
                    _ => (0, 500),
                };
                let messages = vec![lines.prefix().to_owned(), error.to_string()];
                BadLine { number, status, messages }
            }
        }
    }
}

impl Lines {
    fn begin(&mut self, memory_max: usize) {
        if let Self::Update(lines) = self {
            lines.begin(memory_max);
        }
    }

    fn read(&mut self, text: &mut TextLines<'_>, present: i64) -> Result<(), Stop> {
        match self {
            Self::Update(lines) => lines.read(text, present),
            Self::Meta(lines) => lines.read(text),
        }
    }

    /// About how many bytes of memory it keeps.
    pub(super) fn memory(&self) -> usize {
        match self {
            Self::Update(lines) => lines.memory(),
            Self::Meta(_) => 0,
        }
    }

    fn take_records(&mut self) -> Vec<OutRecord> {
        match self {
            Self::Update(lines) => lines.take_records(),
            Self::Meta(lines) => lines.take_records(),
        }
    }

    fn finish(&mut self) -> Vec<OutRecord> {
        match self {
            Self::Update(lines) => lines.finish(),
            Self::Meta(lines) => lines.take_records(),
        }
    }

    /// A line was refused: what comes after it does not continue what stood before it.
    pub(super) fn break_off(&mut self) {
        if let Self::Update(lines) = self {
            lines.break_off();
        }
    }

    /// What stands before error messages.
    const fn prefix(&self) -> &'static str {
        match self {
            Self::Update(_) => super::line::UPDATE_PREFIX,
            Self::Meta(_) => super::line::META_PREFIX,
        }
    }
}
