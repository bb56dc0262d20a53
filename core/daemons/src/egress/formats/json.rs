//! `json`, and what find writes as JSON.

use weft_gts::geo::hhcode;
use weft_gts::text::{NumberLine, OWNER_LABEL, PRODUCER_LABEL, write_long};
use weft_gts::{Labels, Metadata, NO_ELEVATION, NO_LOCATION, ValueRef, write_double};

use super::{FormatOptions, Point};

/// Writes an array of series.
#[derive(Debug)]
pub(super) struct JsonSink {
    expose: bool,
    mask: i64,
    /// The current series up to its values.
    series: Vec<u8>,
    is_named: bool,
    /// Whether any datapoint has been written.
    has_points: bool,
    line: NumberLine,
}

impl JsonSink {
    pub(super) fn new(options: &FormatOptions) -> Self {
        Self {
            expose: options.expose,
            mask: options.json_mask,
            series: Vec::new(),
            is_named: false,
            has_points: false,
            line: NumberLine::default(),
        }
    }

    pub(super) fn begin(&mut self, metadata: &Metadata) {
        self.is_named = false;
        let series = &mut self.series;
        series.clear();
        series.push(b'{');
        write_name_and_labels(series, metadata, &metadata.attributes, self.expose);
        series.extend_from_slice(b",\"i\":\"");
        // A number that tells series apart within one answer, without telling their ids.
        write_long(series, metadata.id.labels_id & self.mask);
        series.extend_from_slice(b"\",\"la\":");
        write_long(series, metadata.last_activity.unwrap_or_default());
        series.extend_from_slice(b",\"v\":[");
    }

    /// Adds datapoints without places; `put` writes a value.
    pub(super) fn add_numbers<T: Copy>(
        &mut self,
        out: &mut Vec<u8>,
        ticks: &[i64],
        values: &[T],
        put: impl Fn(&mut NumberLine, T),
    ) {
        for (&tick, &value) in ticks.iter().zip(values) {
            self.separate(out);
            let line = &mut self.line;
            line.put(b"[");
            line.put_tick(tick);
            line.put(b",");
            put(line, value);
            line.put(b"]");
            line.move_to(out);
        }
    }

    /// What stands between datapoints, and before those of a series.
    #[inline(always)]
    fn separate(&mut self, out: &mut Vec<u8>) {
        if self.is_named {
            out.push(b',');
            return;
        }
        out.extend_from_slice(if self.has_points { b"]}," } else { b"[" });
        out.extend_from_slice(&self.series);
        self.is_named = true;
        self.has_points = true;
    }

    pub(super) fn add(&mut self, out: &mut Vec<u8>, point: Point<'_>) {
        self.separate(out);
        out.push(b'[');
        write_long(out, point.tick);
        if point.location != NO_LOCATION {
            let (latitude, longitude) = hhcode::to_degrees(point.location);
            out.push(b',');
            write_double(out, latitude);
            out.push(b',');
            write_double(out, longitude);
        }
        if point.elevation != NO_ELEVATION {
            out.push(b',');
            write_long(out, point.elevation);
        }
        out.push(b',');
        write_json_value(out, point.value);
        out.push(b']');
    }

    pub(super) fn finish(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(if self.has_points { b"]}]" } else { b"[]" });
    }
}

/// Appends a series as find shows it.
pub(crate) fn write_json_metadata(
    out: &mut Vec<u8>,
    metadata: &Metadata,
    attributes: &Labels,
    expose: bool,
) {
    out.push(b'{');
    write_name_and_labels(out, metadata, attributes, expose);
    out.extend_from_slice(b",\"la\":");
    write_long(out, metadata.last_activity.unwrap_or_default());
    out.push(b'}');
}

fn write_name_and_labels(
    out: &mut Vec<u8>,
    metadata: &Metadata,
    attributes: &Labels,
    expose: bool,
) {
    out.extend_from_slice(b"\"c\":");
    write_json_string(out, metadata.class());
    out.extend_from_slice(b",\"l\":");
    write_json_labels(out, &metadata.labels, expose);
    out.extend_from_slice(b",\"a\":");
    write_json_labels(out, attributes, true);
}

pub(crate) fn write_json_labels(out: &mut Vec<u8>, labels: &Labels, expose: bool) {
    let mut shown: Vec<(&str, &str)> = labels
        .iter()
        .filter(|(name, _)| expose || *name != OWNER_LABEL && *name != PRODUCER_LABEL)
        .collect();
    shown.sort_unstable();
    out.push(b'{');
    for (index, (name, value)) in shown.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_json_string(out, name);
        out.push(b':');
        write_json_string(out, value);
    }
    out.push(b'}');
}

/// Numbers as Java prints them: `NaN` and `Infinity` too, which strict readers refuse.
pub(crate) fn write_json_value(out: &mut Vec<u8>, value: ValueRef<'_>) {
    match value {
        ValueRef::Long(long) => write_long(out, long),
        ValueRef::Double(double) => write_double(out, double),
        ValueRef::Decimal(decimal) => out.extend_from_slice(decimal.to_java_string().as_bytes()),
        ValueRef::Boolean(true) => out.extend_from_slice(b"true"),
        ValueRef::Boolean(false) => out.extend_from_slice(b"false"),
        ValueRef::String(text) => write_json_string(out, text),
        ValueRef::Bytes(bytes) => {
            // Binaries are texts in ISO-8859-1.
            out.push(b'"');
            for byte in bytes {
                write_json_char(out, char::from(*byte));
            }
            out.push(b'"');
        }
        ValueRef::Deleted => out.extend_from_slice(b"null"),
    }
}

/// Appends a string, ASCII alone.
pub(crate) fn write_json_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for c in text.chars() {
        write_json_char(out, c);
    }
    out.push(b'"');
}

fn write_json_char(out: &mut Vec<u8>, c: char) {
    match c {
        '"' => out.extend_from_slice(b"\\\""),
        '\\' => out.extend_from_slice(b"\\\\"),
        '\u{8}' => out.extend_from_slice(b"\\b"),
        '\t' => out.extend_from_slice(b"\\t"),
        '\n' => out.extend_from_slice(b"\\n"),
        '\u{c}' => out.extend_from_slice(b"\\f"),
        '\r' => out.extend_from_slice(b"\\r"),
        ' '..='\u{7f}' => out.push(c as u8),
        _ => {
            const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.extend_from_slice(b"\\u");
                for shift in [12, 8, 4, 0] {
                    out.push(DIGITS[usize::from(*unit >> shift & 0xf)]);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_ascii() {
        let mut out = Vec::new();
        write_json_string(&mut out, "a\"\\\n\u{1}é\u{1f600}/\u{7f}");
        let expected = "\"a\\\"\\\\\\n\\u0001\\u00E9\\uD83D\\uDE00/\u{7f}\"";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
