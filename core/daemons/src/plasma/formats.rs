//! Datapoints of one record, as clients read them.

use bytes::Bytes;
use weft_gts::geo::hhcode;
use weft_gts::text::{OWNER_LABEL, PRODUCER_LABEL, write_long, write_point, write_series};
use weft_gts::{Encoder, Metadata, NO_ELEVATION, NO_LOCATION, PointView, WrapKey, write_double};
use weft_wire::opb64;
use weft_wire::thrift::{GtsWrapper, MetadataMessage};
use weft_wire::wrapper::{SYSTEM_UNKNOWN, WrapOptions};

use crate::egress::json;

/// Passes of compression of a wrapper.
const PASSES_MAX: u32 = 2;

/// How datapoints are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Format {
    /// Lines; the first one of a message names the series.
    #[default]
    Text,
    /// Lines that all name the series.
    FullText,
    /// An array of objects.
    Json,
    /// The series and an encoder, in Base 64.
    Raw,
    /// A wrapped encoder, in Base 64.
    Wrapper,
}

/// A writer of messages.
pub(super) struct Output<'a> {
    pub(super) format: Format,
    pub(super) metadata: &'a Metadata,
    /// Whether owner and producer are shown.
    pub(super) expose: bool,
    /// What wraps the series in [`Format::Raw`].
    pub(super) raw_key: Option<&'a WrapKey>,
    /// Messages are cut when they are larger.
    pub(super) bytes_max: usize,
}

impl Output<'_> {
    /// The messages for the datapoints of an encoder for which `takes` is true.
    pub(super) fn messages(
        &self,
        encoder: &Encoder,
        mut takes: impl FnMut() -> bool,
    ) -> Vec<Bytes> {
        match self.format {
            Format::Raw => vec![self.raw(encoder)],
            Format::Wrapper => vec![self.wrapper(encoder)],
            _ => {
                let (mut all, mut out, mut series) = (Vec::new(), Vec::new(), Vec::new());
                write_series(&mut series, self.metadata, self.expose);
                // A record that is damaged ends where the damage begins.
                let _ = encoder.decoder().for_each_point(|point| {
                    if !takes() {
                        return;
                    }
                    self.point(&mut out, &series, &point);
                    if out.len() >= self.bytes_max {
                        self.finish(&mut all, &mut out);
                    }
                });
                self.finish(&mut all, &mut out);
                all
            }
        }
    }

    fn point(&self, out: &mut Vec<u8>, series: &[u8], point: &PointView<'_>) {
        let place = (point.tick, point.location, point.elevation);
        if self.format == Format::Json {
            out.push(if out.is_empty() { b'[' } else { b',' });
            return self.json(out, point);
        }
        if self.format == Format::FullText || out.is_empty() {
            write_point(out, series, place, point.value);
        } else {
            out.push(b'=');
            write_point(out, b"", place, point.value);
        }
        out.push(b'\n');
    }

    fn json(&self, out: &mut Vec<u8>, point: &PointView<'_>) {
        out.extend_from_slice(b"{\"c\":");
        json::write_json_string(out, self.metadata.class());
        out.extend_from_slice(b",\"l\":");
        json::write_json_labels(out, &self.metadata.labels, self.expose);
        out.extend_from_slice(b",\"t\":");
        write_long(out, point.tick);
        if point.location != NO_LOCATION {
            let (latitude, longitude) = hhcode::to_degrees(point.location);
            out.extend_from_slice(b",\"lat\":");
            write_double(out, latitude);
            out.extend_from_slice(b",\"lon\":");
            write_double(out, longitude);
        }
        if point.elevation != NO_ELEVATION {
            out.extend_from_slice(b",\"elev\":");
            write_long(out, point.elevation);
        }
        out.extend_from_slice(b",\"v\":");
        json::write_json_value(out, point.value);
        out.push(b'}');
    }

    fn finish(&self, all: &mut Vec<Bytes>, out: &mut Vec<u8>) {
        if out.is_empty() {
            return;
        }
        if self.format == Format::Json {
            out.push(b']');
        }
        all.push(Bytes::from(std::mem::take(out)));
    }

    fn raw(&self, encoder: &Encoder) -> Bytes {
        let mut out = Vec::new();
        write_long(&mut out, encoder.base());
        out.extend_from_slice(b"// ");
        let message = self.shown().encode();
        let message = self.raw_key.map(|key| key.wrap(&message)).unwrap_or(message);
        opb64::encode_into(&mut out, &message);
        out.push(b':');
        opb64::encode_into(&mut out, encoder.clear_bytes());
        out.into()
    }

    fn wrapper(&self, encoder: &Encoder) -> Bytes {
        let options = WrapOptions { passes_max: PASSES_MAX, ..WrapOptions::default() };
        let wrapper = GtsWrapper {
            metadata: Some(self.shown()),
            ..GtsWrapper::of_system(encoder, options, SYSTEM_UNKNOWN)
        };
        opb64::encode(&wrapper.encode()).into()
    }

    /// The metadata, as the reference's directory has it, without what is not shown.
    fn shown(&self) -> MetadataMessage {
        let mut metadata = self.metadata.clone();
        if !self.expose {
            metadata.labels.remove(OWNER_LABEL);
            metadata.labels.remove(PRODUCER_LABEL);
        }
        metadata.source = None;
        metadata.last_activity = Some(metadata.last_activity.unwrap_or_default());
        MetadataMessage { metadata, has_attributes: true }
    }
}
