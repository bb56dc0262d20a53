//! `tsv` and `fulltsv`: tab-separated columns.

use weft_gts::geo::hhcode;
use weft_gts::text::{
    OWNER_LABEL, PRODUCER_LABEL, write_labels, write_long, write_name, write_series, write_value,
};
use weft_gts::{Labels, Metadata, NO_ELEVATION, NO_LOCATION, write_double};

use super::{Format, FormatOptions, Point};

/// Writes tick, latitude, longitude, elevation and value, and the series in a line before them or
/// in columns before them.
#[derive(Debug)]
pub(super) struct TsvSink {
    is_full: bool,
    expose: bool,
    sort: bool,
    /// What names the current series: a line of its own, or the first columns of each line.
    series: Vec<u8>,
    is_named: bool,
}

impl TsvSink {
    pub(super) fn new(options: &FormatOptions) -> Self {
        Self {
            is_full: options.format == Format::FullTsv,
            expose: options.expose,
            sort: options.sort,
            series: Vec::new(),
            is_named: false,
        }
    }

    pub(super) fn begin(&mut self, metadata: &Metadata) {
        let series = &mut self.series;
        series.clear();
        if self.is_full {
            write_name(series, metadata.class());
            for (labels, expose) in [(&metadata.labels, self.expose), (&metadata.attributes, true)]
            {
                series.push(b'\t');
                write_list(series, labels, expose, self.sort);
            }
            series.push(b'\t');
        } else {
            series.extend_from_slice(b"# ");
            write_series(series, metadata, self.expose);
            write_labels(series, &metadata.attributes, true);
            series.push(b'\n');
        }
        self.is_named = false;
    }

    pub(super) fn add(&mut self, out: &mut Vec<u8>, point: Point<'_>) {
        if self.is_full || !self.is_named {
            out.extend_from_slice(&self.series);
            self.is_named = true;
        }
        write_long(out, point.tick);
        out.push(b'\t');
        if point.location != NO_LOCATION {
            let (latitude, longitude) = hhcode::to_degrees(point.location);
            write_double(out, latitude);
            out.push(b'\t');
            write_double(out, longitude);
        } else {
            out.push(b'\t');
        }
        out.push(b'\t');
        if point.elevation != NO_ELEVATION {
            write_long(out, point.elevation);
        }
        out.push(b'\t');
        write_value(out, point.value);
        out.push(b'\n');
    }
}

/// Columns have no braces that would set labels apart from the rest of the line: readers compare
/// whole lines, so the order is the reference's.
fn write_list(out: &mut Vec<u8>, labels: &Labels, expose: bool, sort: bool) {
    let sorted = labels.sorted();
    let pairs = if sort { sorted.iter().collect() } else { labels.copied_hash_ordered() };
    let shown = pairs
        .into_iter()
        .filter(|(name, _)| expose || *name != OWNER_LABEL && *name != PRODUCER_LABEL);
    for (index, (name, value)) in shown.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_name(out, name);
        out.push(b'=');
        write_name(out, value);
    }
}
