//! `text` and `fulltext`: lines that an update takes back.

use weft_gts::Metadata;
use weft_gts::text::{NumberLine, write_labels, write_point, write_series};

use super::{Format, FormatOptions, Point};

/// Writes lines of the text input format.
#[derive(Debug)]
pub(super) struct TextSink {
    /// Whether each line names its series.
    is_full: bool,
    show_attributes: bool,
    expose: bool,
    /// `CLASS{LABELS}{ATTRIBUTES}` of the current series.
    series: Vec<u8>,
    /// Whether the series has been named.
    is_named: bool,
    line: NumberLine,
}

impl TextSink {
    pub(super) fn new(options: &FormatOptions) -> Self {
        Self {
            is_full: options.format == Format::FullText,
            show_attributes: options.show_attributes,
            expose: options.expose,
            series: Vec::new(),
            is_named: false,
            line: NumberLine::default(),
        }
    }

    pub(super) fn begin(&mut self, metadata: &Metadata) {
        self.series.clear();
        write_series(&mut self.series, metadata, self.expose);
        if self.show_attributes {
            write_labels(&mut self.series, &metadata.attributes, true);
        }
        self.is_named = false;
    }

    /// Adds datapoints without places; `put` writes a value.
    pub(super) fn add_numbers<T: Copy>(
        &mut self,
        out: &mut Vec<u8>,
        ticks: &[i64],
        values: &[T],
        put: impl Fn(&mut NumberLine, T),
    ) {
        let line = &mut self.line;
        for (&tick, &value) in ticks.iter().zip(values) {
            if self.is_full || !self.is_named {
                line.put_tick(tick);
                line.put(b"// ");
                line.move_to(out);
                out.extend_from_slice(&self.series);
                line.put(b" ");
                self.is_named = true;
            } else {
                line.put(b"=");
                line.put_tick(tick);
                line.put(b"// ");
            }
            put(line, value);
            line.put(b"\n");
            line.move_to(out);
        }
    }

    pub(super) fn add(&mut self, out: &mut Vec<u8>, point: Point<'_>) {
        let place = (point.tick, point.location, point.elevation);
        if self.is_full || !self.is_named {
            write_point(out, &self.series, place, point.value);
            self.is_named = true;
        } else {
            out.push(b'=');
            write_point(out, b"", place, point.value);
        }
        out.push(b'\n');
    }
}
