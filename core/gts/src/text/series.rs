//! The series of a line, still as it was written, and the metadata it stands for.

use crate::percent::{self, PercentError};
use crate::text::error::{Cause, Fault, FaultAt, LineError, utf16_length};
use crate::text::labels::{LabelsError, parse_labels};
use crate::text::number::trim;
use crate::{Labels, Metadata, utf8};

/// Names of labels that the platform sets.
pub const PRODUCER_LABEL: &str = ".producer";
/// See [`PRODUCER_LABEL`].
pub const OWNER_LABEL: &str = ".owner";
/// See [`PRODUCER_LABEL`].
pub const APPLICATION_LABEL: &str = ".app";

/// Room for the labels that the platform sets: their names and two UUIDs. Applications count.
const INTERNAL_LABELS_SIZE: usize =
    PRODUCER_LABEL.len() + OWNER_LABEL.len() + APPLICATION_LABEL.len() + 2 * 36;

/// Class, labels and attributes as a line has them: encoded, and not checked yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeriesText<'a> {
    line: &'a [u8],
    start: usize,
    /// The `{` of the labels.
    brace: usize,
    /// The `}` of the labels.
    end: usize,
    /// The attributes, without braces.
    attributes: Option<(usize, usize)>,
}

impl<'a> SeriesText<'a> {
    /// A series that starts at `start` of a line, as `CLASS{LABELS}`.
    pub(crate) const fn new(line: &'a [u8], start: usize, class: usize, labels: usize) -> Self {
        let brace = start + class;
        Self { line, start, brace, end: brace + 1 + labels, attributes: None }
    }

    pub(crate) const fn set_attributes(&mut self, start: usize, length: usize) {
        self.attributes = Some((start, start + length));
    }

    /// `CLASS{LABELS}` as written: the same bytes mean the same series.
    pub fn identity(&self) -> &'a [u8] {
        &self.line[self.start..=self.end]
    }

    /// Whether the line has attributes, none of them perhaps: `{}`.
    pub const fn has_attributes(&self) -> bool {
        self.attributes.is_some()
    }

    /// The class, decoded.
    pub fn class(&self) -> Result<String, LineError> {
        let class = &self.line[self.start..self.brace];
        Ok(percent::decode_bytes(class)?.into_owned())
    }

    /// The labels, decoded and sorted by name.
    pub fn labels(&self) -> Result<Labels, LineError> {
        let start = self.brace + 1;
        self.list(start, self.end).map_err(|error| self.refuse(error, start, Fault::Label))
    }

    /// The attributes, decoded and sorted by name; `None` when the line has none.
    pub fn attributes(&self) -> Result<Option<Labels>, LineError> {
        let Some((start, end)) = self.attributes else {
            return Ok(None);
        };
        // The reference reports the end of the attributes.
        let attributes = self.list(start, end);
        attributes.map(Some).map_err(|error| self.refuse(error, end, Fault::Attribute))
    }

    /// Class and labels, then the labels of the sender's token over them; no attributes.
    pub fn metadata(&self, forced: &Labels) -> Result<Metadata, LineError> {
        let class = self.class()?;
        let mut labels = self.labels()?;
        if !forced.is_empty() {
            for (name, value) in forced.iter() {
                labels.insert(name, value);
            }
            labels.sort();
        }
        Ok(Metadata::new(class, labels))
    }

    /// Whether class, labels and attributes can be decoded.
    pub(crate) fn check(&self) -> Result<(), LineError> {
        self.class()?;
        self.labels()?;
        self.attributes()?;
        Ok(())
    }

    pub(crate) fn check_class(class: &[u8]) -> Result<(), LineError> {
        percent::decode_bytes(class)?;
        Ok(())
    }

    fn list(&self, start: usize, end: usize) -> Result<Labels, LabelsError> {
        parse_labels(&utf8::from_utf8_lossy(&self.line[start..end]))
    }

    fn refuse(&self, error: LabelsError, byte: usize, fault: Fault) -> LineError {
        match error {
            LabelsError::Escape(error) => LineError::Escape(error),
            LabelsError::Term(term) => {
                FaultAt::because(byte, fault, Cause::Label(term)).locate(self.line).into()
            }
        }
    }
}

/// Sets the attributes of a series to those of a line, or changes those only that the line names:
/// an empty value removes an attribute then.
pub fn update_attributes(attributes: &mut Labels, update: Labels, delta: bool) {
    if !delta {
        *attributes = update;
        return;
    }
    for (name, value) in update.iter() {
        if value.is_empty() {
            attributes.remove(name);
        } else {
            attributes.insert(name, value);
        }
    }
    attributes.sort();
}

/// Reads a line of the meta endpoint, `CLASS{LABELS}{ATTRIBUTES}`; `None` when it is malformed.
pub fn parse_metadata(line: &[u8]) -> Result<Option<Metadata>, PercentError> {
    let line = trim(line);
    let Some((class, rest)) = split_at_byte(line, b'{') else { return Ok(None) };
    let Some((labels, rest)) = split_at_byte(rest, b'}') else { return Ok(None) };
    let [b'{', attributes @ .., b'}'] = rest else { return Ok(None) };
    if class.is_empty() || attributes.contains(&b'}') {
        return Ok(None);
    }
    let class = percent::decode_bytes(class)?.into_owned();
    let mut lists = [Labels::new(), Labels::new()];
    for (list, text) in lists.iter_mut().zip([labels, attributes]) {
        *list = match parse_labels(&utf8::from_utf8_lossy(text)) {
            Ok(labels) => labels,
            Err(LabelsError::Term(_)) => return Ok(None),
            Err(LabelsError::Escape(error)) => return Err(error),
        };
    }
    let [labels, attributes] = lists;
    Ok(Some(Metadata { attributes, ..Metadata::new(class, labels) }))
}

fn split_at_byte(text: &[u8], byte: u8) -> Option<(&[u8], &[u8])> {
    let index = memchr::memchr(byte, text)?;
    Some((&text[..index], &text[index + 1..]))
}

/// How much metadata a series may have, in UTF-16 units of names and values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetadataLimits {
    /// Labels, those of the platform aside (`warp.labels.maxsize`).
    pub labels_size_max: usize,
    /// Attributes (`warp.attributes.maxsize`).
    pub attributes_size_max: usize,
}

impl Default for MetadataLimits {
    fn default() -> Self {
        Self { labels_size_max: 2048, attributes_size_max: 8192 }
    }
}

impl MetadataLimits {
    /// Heads of lines up to this long are not looked into.
    pub(crate) const fn threshold(&self) -> usize {
        if self.labels_size_max < self.attributes_size_max {
            self.labels_size_max
        } else {
            self.attributes_size_max
        }
    }

    /// Whether labels and attributes are within their limits, and no attribute is named like a
    /// label or one of the platform's.
    pub fn accepts(&self, metadata: &Metadata) -> bool {
        let size = |labels: &Labels| -> usize {
            let units = |text: &str| utf16_length(text.as_bytes());
            labels.iter().map(|(name, value)| units(name) + units(value)).sum()
        };
        let reserved = [PRODUCER_LABEL, OWNER_LABEL, APPLICATION_LABEL];
        // Sizes first: the look-ups below are linear.
        size(&metadata.labels) <= self.labels_size_max + INTERNAL_LABELS_SIZE
            && size(&metadata.attributes) <= self.attributes_size_max
            && metadata
                .attributes
                .iter()
                .all(|(name, _)| !reserved.contains(&name) && !metadata.labels.contains(name))
    }
}
