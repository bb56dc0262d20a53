//! `tsv` and `fulltsv`: tab-separated columns.

use weft_gts::geo::hhcode;
use weft_gts::text::{write_labels, write_long, write_name, write_series, write_value};
use weft_gts::{Metadata, NO_ELEVATION, NO_LOCATION, write_double};

use super::{Format, FormatOptions, Point};

/// Writes tick, latitude, longitude, elevation and value, and the series in a line before them or
/// in columns before them.
#[derive(Debug)]
pub(super) struct TsvSink {
    is_full: bool,
    expose: bool,
    /// What names the current series: a line of its own, or the first columns of each line.
    series: Vec<u8>,
    is_named: bool,
}

impl TsvSink {
    pub(super) fn new(options: &FormatOptions) -> Self {
        Self {
            is_full: options.format == Format::FullTsv,
            expose: options.expose,
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
                // The opening brace gives way to a tab, the closing one is left out.
                let start = series.len();
                write_labels(series, labels, expose);
                series[start] = b'\t';
                series.pop();
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
