//! The output format: the lines of fetch and find.
//!
//! Writers append bytes. Labels come sorted by name, whatever order they are kept in.

use std::io::Write;

use crate::geo::hhcode;
use crate::text::binary::encode_base64url_into;
use crate::text::digits::write_long;
use crate::text::series::{OWNER_LABEL, PRODUCER_LABEL};
use crate::{Labels, Metadata, NO_ELEVATION, NO_LOCATION, ValueRef, percent, write_double};

/// Appends a class, label or attribute name, or the value of one, percent-encoded.
pub fn write_name(out: &mut Vec<u8>, name: &str) {
    percent::encode_into(out, name);
}

/// Appends `{NAME=VALUE,…}`. Producer and owner are left out unless `expose` says so; attributes
/// are always written with it.
pub fn write_labels(out: &mut Vec<u8>, labels: &Labels, expose: bool) {
    let is_shown =
        |&(name, _): &(&str, &str)| expose || name != PRODUCER_LABEL && name != OWNER_LABEL;
    out.push(b'{');
    write_list(out, labels, is_shown);
    out.push(b'}');
}

/// Appends `CLASS{LABELS}`.
pub fn write_series(out: &mut Vec<u8>, metadata: &Metadata, expose: bool) {
    write_name(out, metadata.class());
    write_labels(out, &metadata.labels, expose);
}

/// Appends a selector that means this series: `CLASS{NAME=VALUE,…}`, a class that begins with `=`
/// or `~` behind a `=`.
///
/// `absent_labels` says that the selector is for a search where an empty value means that there is
/// no such label: empty values are written as `~$` then.
pub fn write_selector(out: &mut Vec<u8>, metadata: &Metadata, absent_labels: bool) {
    if metadata.class().starts_with(['=', '~']) {
        out.push(b'=');
    }
    write_name(out, metadata.class());
    out.push(b'{');
    for (index, (name, value)) in sorted(&metadata.labels).into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_name(out, name);
        if absent_labels && value.is_empty() {
            out.extend_from_slice(b"~$");
        } else {
            out.push(b'=');
            write_name(out, value);
        }
    }
    out.push(b'}');
}

/// Appends `NAME=VALUE,…` of the pairs that `is_shown` picks.
fn write_list(out: &mut Vec<u8>, labels: &Labels, is_shown: impl Fn(&(&str, &str)) -> bool) {
    for (index, (name, value)) in sorted(labels).into_iter().filter(is_shown).enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_name(out, name);
        out.push(b'=');
        write_name(out, value);
    }
}

fn sorted(labels: &Labels) -> Vec<(&str, &str)> {
    let mut pairs: Vec<_> = labels.iter().collect();
    pairs.sort_unstable();
    pairs
}

/// Appends `TICK/LATITUDE:LONGITUDE/ELEVATION`, without what the point does not have.
pub fn write_place(out: &mut Vec<u8>, tick: i64, location: i64, elevation: i64) {
    write_long(out, tick);
    out.push(b'/');
    if location != NO_LOCATION {
        let (latitude, longitude) = hhcode::to_degrees(location);
        write_double(out, latitude);
        out.push(b':');
        write_double(out, longitude);
    }
    out.push(b'/');
    if elevation != NO_ELEVATION {
        write_long(out, elevation);
    }
}

/// Appends a line without its end: `TICK/LATITUDE:LONGITUDE/ELEVATION SERIES VALUE`, where `series`
/// is what [`write_series`] wrote, or nothing.
pub fn write_point(
    out: &mut Vec<u8>,
    series: &[u8],
    (tick, location, elevation): (i64, i64, i64),
    value: ValueRef<'_>,
) {
    write_place(out, tick, location, elevation);
    out.push(b' ');
    if !series.is_empty() {
        out.extend_from_slice(series);
        out.push(b' ');
    }
    write_value(out, value);
}

/// Appends a value. Deleted points have none: nothing is written.
pub fn write_value(out: &mut Vec<u8>, value: ValueRef<'_>) {
    match value {
        ValueRef::Long(long) => write_long(out, long),
        ValueRef::Double(double) => write_double(out, double),
        ValueRef::Decimal(decimal) => {
            write_display(out, decimal);
            if decimal.scale <= 0 {
                out.extend_from_slice(b".0");
            }
        }
        ValueRef::Boolean(boolean) => out.push(if boolean { b'T' } else { b'F' }),
        ValueRef::String(text) => {
            out.push(b'\'');
            percent::encode_into(out, text);
            out.push(b'\'');
        }
        ValueRef::Bytes(bytes) => {
            out.extend_from_slice(b"b64:");
            encode_base64url_into(out, bytes);
        }
        ValueRef::Deleted => {}
    }
}

fn write_display(out: &mut Vec<u8>, value: impl std::fmt::Display) {
    // Writing to memory cannot fail.
    let written = write!(out, "{value}");
    debug_assert!(written.is_ok(), "writing to memory failed");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn labels_are_sorted_and_the_senders_hidden() {
        let labels: Labels = [("b", "é"), (".owner", "x"), ("a b", "")].into_iter().collect();
        let metadata = Metadata::new("=c", labels);
        assert_eq!(text(|out| write_series(out, &metadata, false)), "%3Dc{a%20b=,b=%C3%A9}");
        assert_eq!(
            text(|out| write_series(out, &metadata, true)),
            "%3Dc{.owner=x,a%20b=,b=%C3%A9}"
        );
        assert_eq!(
            text(|out| write_selector(out, &metadata, true)),
            "=%3Dc{.owner=x,a%20b~$,b=%C3%A9}"
        );
    }
}
