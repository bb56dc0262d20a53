//! What should be stored, worked out from the text alone: none of the platform's code is asked.

use std::collections::BTreeMap;
use std::fmt;

/// How far coordinates may differ: positions are kept in 32 bits each.
const DEGREES: f64 = 1e-6;

/// Name and labels, those that the platform adds left out.
pub(crate) type Name = (String, BTreeMap<String, String>);

/// Datapoints by series and tick.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Model {
    pub(crate) series: BTreeMap<Name, BTreeMap<i64, Point>>,
}

/// Where a datapoint is, and its value.
#[derive(Clone, Debug)]
pub(crate) struct Point {
    pub(crate) location: Option<(f64, f64)>,
    pub(crate) elevation: Option<i64>,
    pub(crate) value: Value,
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Long(i64),
    Double(f64),
    Text(String),
}

impl PartialEq for Point {
    fn eq(&self, other: &Self) -> bool {
        let near = match (self.location, other.location) {
            (Some(a), Some(b)) => (a.0 - b.0).abs() <= DEGREES && (a.1 - b.1).abs() <= DEGREES,
            (a, b) => a.is_none() && b.is_none(),
        };
        near && self.elevation == other.elevation && self.value == other.value
    }
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} datapoints of {} series", self.count(), self.series.len())
    }
}

impl Model {
    /// Reads lines of the text format, each with its series or, with `=`, that of the line before.
    pub(crate) fn of_lines(text: &str) -> Self {
        let mut model = Self::default();
        let mut name = None;
        for line in text.lines() {
            let (place, rest) = line.strip_prefix('=').unwrap_or(line).split_once(' ').expect(line);
            let value = if line.starts_with('=') {
                rest
            } else {
                let (series, value) = rest.split_once(' ').expect(line);
                name = Some(read_name(series));
                value
            };
            let mut parts = place.split('/');
            let mut part = || parts.next().unwrap_or_default();
            let tick = part().parse().expect(line);
            let location = part().split_once(':');
            let location = location.map(|(lat, lon)| (number(lat), number(lon)));
            let elevation = part().parse().ok();
            let point = Point { location, elevation, value: read_value(value) };
            model.insert(name.clone().expect(line), tick, point);
        }
        model
    }

    pub(crate) fn insert(&mut self, name: Name, tick: i64, point: Point) {
        self.series.entry(name).or_default().insert(tick, point);
    }

    /// How many datapoints there are.
    pub(crate) fn count(&self) -> usize {
        self.series.values().map(BTreeMap::len).sum()
    }

    /// Removes ticks from `start` to `end` of series that `which` picks.
    pub(crate) fn delete(&mut self, which: impl Fn(&Name) -> bool, start: i64, end: i64) {
        for (name, points) in &mut self.series {
            if which(name) {
                points.retain(|tick, _| !(start..=end).contains(tick));
            }
        }
        self.series.retain(|_, points| !points.is_empty());
    }

    /// As JSON knows it: whole numbers are integers there, whatever they were.
    pub(crate) fn of_json(&self) -> Self {
        let mut model = self.clone();
        for point in model.series.values_mut().flat_map(BTreeMap::values_mut) {
            if let Value::Double(double) = point.value
                && double.fract() == 0.0
            {
                point.value = Value::Long(double as i64);
            }
        }
        model
    }

    /// Panics with the first difference.
    pub(crate) fn assert_same(&self, asked: &Self, what: &str) {
        for (name, points) in &asked.series {
            let got = self.series.get(name).unwrap_or_else(|| panic!("{what}: no {name:?}"));
            for (tick, point) in points {
                assert_eq!(got.get(tick), Some(point), "{what}: {name:?} at {tick}");
            }
            assert_eq!(got.len(), points.len(), "{what}: datapoints of {name:?}");
        }
        assert_eq!(self.series.len(), asked.series.len(), "{what}: series");
    }
}

/// `CLASS{name=value,…}`; what comes behind it is left out.
pub(crate) fn read_name(text: &str) -> Name {
    let (class, rest) = text.split_once('{').expect(text);
    let list = rest.split('}').next().unwrap_or_default();
    let pairs = list.split(',').filter_map(|pair| pair.split_once('='));
    let pairs = pairs.map(|(name, value)| (percent_decode(name), percent_decode(value)));
    (percent_decode(class), own_labels(pairs))
}

/// The labels that are not the platform's.
pub(crate) fn own_labels(
    labels: impl IntoIterator<Item = (String, String)>,
) -> BTreeMap<String, String> {
    let added = [".app", ".producer", ".owner"];
    labels.into_iter().filter(|(name, _)| !added.contains(&name.as_str())).collect()
}

/// A value as the text format writes it.
pub(crate) fn read_value(text: &str) -> Value {
    if let Some(quoted) = text.strip_prefix('\'').and_then(|text| text.strip_suffix('\'')) {
        return Value::Text(percent_decode(quoted));
    }
    match text.parse() {
        Ok(long) => Value::Long(long),
        Err(_) => Value::Double(number(text)),
    }
}

fn number(text: &str) -> f64 {
    text.parse().unwrap_or_else(|_| panic!("not a number: {text}"))
}

pub(crate) fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, more @ ..] = rest {
        if let (b'%', [high, low, more @ ..]) = (first, more) {
            let digits = [*high, *low];
            let digits = std::str::from_utf8(&digits).expect("ASCII");
            bytes.push(u8::from_str_radix(digits, 16).expect(text));
            rest = more;
        } else {
            bytes.push(*first);
            rest = more;
        }
    }
    String::from_utf8(bytes).expect(text)
}

pub(crate) fn percent_encode(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let mut encoded = String::new();
    for byte in text.bytes() {
        if plain(byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}
