//! The input format: `TS/LAT:LON/ELEV CLASS{L=V,...}{A=V,...} VALUE`, and `=TS/… VALUE` for another
//! point of the series before it.
//!
//! [`parse_line`] reads what changes from line to line and leaves the series as it was written:
//! senders repeat the same bytes, so a look-up by [`SeriesText::identity`] saves the decoding. It
//! checks a line in the order the reference does, so that of several faults the same one is
//! reported.

use crate::geo::hhcode;
use crate::text::error::{Fault, FaultAt, LineError, ParseError, utf16_length};
use crate::text::number::{parse_double, parse_long};
use crate::text::series::{MetadataLimits, SeriesText};
use crate::text::value::{TextValue, value_at_depth};
use crate::text::write_selector;
use crate::{Metadata, NO_ELEVATION, NO_LOCATION, utf8};

/// What of a head the limits on metadata do not count: `// {} `.
const HEAD_PUNCTUATION: usize = 6;

/// How lines are read.
#[derive(Clone, Debug)]
pub struct ParseOptions {
    /// The tick of lines that have none, and what `T…` ticks are relative to.
    pub now: i64,
    /// Added to every tick.
    pub timeshift: i64,
    /// Ticks before are refused.
    pub oldest: Option<i64>,
    /// Ticks after are refused.
    pub newest: Option<i64>,
    /// Points out of range are marked as ignored, not refused.
    pub ignore_out_of_range: bool,
    /// The most UTF-16 units of a text and the most bytes of a binary.
    pub value_length_max: usize,
    /// Whether attributes are read; else they are skipped, whatever they are.
    pub attributes: bool,
}

impl Default for ParseOptions {
    fn default() -> Self {
        Self {
            now: 0,
            timeshift: 0,
            oldest: None,
            newest: None,
            ignore_out_of_range: false,
            value_length_max: usize::MAX,
            attributes: true,
        }
    }
}

/// One line.
#[derive(Clone, Debug, PartialEq)]
pub struct Line<'a> {
    /// The tick, in time units, shifted.
    pub tick: i64,
    /// HHCode or [`NO_LOCATION`].
    pub location: i64,
    /// Elevation or [`NO_ELEVATION`].
    pub elevation: i64,
    /// The series; `None` for the one of the line before.
    pub series: Option<SeriesText<'a>>,
    /// The value.
    pub value: TextValue<'a>,
    /// The point is out of range and to be left out.
    pub ignored: bool,
    /// What stands before the value.
    head: &'a [u8],
}

impl Line<'_> {
    /// Checks the metadata that this line leads to. Only long heads are looked into, as in the
    /// reference: a short line may set what a long one may not.
    pub fn check_metadata(
        &self,
        metadata: &Metadata,
        limits: &MetadataLimits,
    ) -> Result<(), ParseError> {
        let threshold = limits.threshold() + HEAD_PUNCTUATION;
        if self.head.len() > threshold
            && utf16_length(self.head) > threshold
            && !limits.accepts(metadata)
        {
            return Err(ParseError { offset: 0, fault: Fault::Metadata, cause: None });
        }
        Ok(())
    }
}

/// Reads one line, without its end. `previous` is the series of the line before.
pub fn parse_line<'a>(
    line: &'a [u8],
    previous: Option<&Metadata>,
    options: &ParseOptions,
) -> Result<Line<'a>, LineError> {
    let mut reader = Reader { line, at: 0, continues: false };
    let parsed = reader.read(previous, options);
    parsed.map_err(|error| match error {
        Stop::Fault(fault) => LineError::Parse(fault.locate(line)),
        Stop::FaultAtLast(fault) => {
            // The last character, not the last byte.
            let offset = utf16_length(line).saturating_sub(1);
            LineError::Parse(ParseError { offset, fault, cause: None })
        }
        Stop::Line(error) => error,
    })
}

/// What ends the reading of a line.
enum Stop {
    Fault(FaultAt),
    FaultAtLast(Fault),
    Line(LineError),
}

impl From<FaultAt> for Stop {
    fn from(fault: FaultAt) -> Self {
        Self::Fault(fault)
    }
}

impl From<LineError> for Stop {
    fn from(error: LineError) -> Self {
        Self::Line(error)
    }
}

struct Reader<'a> {
    line: &'a [u8],
    /// What is read next.
    at: usize,
    /// The line begins with `=`.
    continues: bool,
}

impl<'a> Reader<'a> {
    fn read(
        &mut self,
        previous: Option<&Metadata>,
        options: &ParseOptions,
    ) -> Result<Line<'a>, Stop> {
        let Some(&first) = self.line.first() else {
            return Err(LineError::Empty.into());
        };
        if first == b'=' {
            if previous.is_none() {
                return Err(FaultAt::new(0, Fault::Continuation).into());
            }
            self.continues = true;
            self.at = 1;
        }
        let (tick, ignored) = self.tick(options)?;
        let location = self.location()?;
        let elevation = self.elevation()?;
        self.skip_blanks();
        let series = self.series(previous, options)?;
        let start = self.at;
        let head = &self.line[..start];
        let value = match value_at_depth(&self.line[start..], 0) {
            Ok(value) => value,
            Err(fault) => {
                // Class, labels and attributes come first, and so do their faults.
                series.as_ref().map_or(Ok(()), SeriesText::check)?;
                return Err(fault.shifted(start).into());
            }
        };
        if value.is_longer_than(options.value_length_max) {
            series.as_ref().map_or(Ok(()), SeriesText::check)?;
            let mut selector = Vec::new();
            previous.inspect(|metadata| write_selector(&mut selector, metadata, false));
            let selector = utf8::from_utf8_lossy(&selector).into_owned();
            return Err(FaultAt::new(start, Fault::TooLarge(selector)).into());
        }
        Ok(Line { tick, location, elevation, series, value, ignored, head })
    }

    /// The tick, and whether it is out of range.
    #[inline]
    fn tick(&mut self, options: &ParseOptions) -> Result<(i64, bool), FaultAt> {
        let start = self.at;
        let Some(text) = self.take_until(b'/') else {
            return Err(FaultAt::new(start, Fault::NoTickSeparator));
        };
        let tick = match text {
            [] => Some(options.now),
            [b'T', delta @ ..] => parse_long(delta).map(|delta| options.now.wrapping_add(delta)),
            digits => parse_long(digits),
        };
        let Some(tick) = tick else {
            return Err(FaultAt::new(start, Fault::Tick));
        };
        let tick = tick.wrapping_add(options.timeshift);
        let fault = if options.oldest.is_some_and(|oldest| tick < oldest) {
            Fault::TooOld(tick)
        } else if options.newest.is_some_and(|newest| tick > newest) {
            Fault::TooNew(tick)
        } else {
            return Ok((tick, false));
        };
        if options.ignore_out_of_range {
            return Ok((tick, true));
        }
        Err(FaultAt::new(start + text.len(), fault))
    }

    #[inline]
    fn location(&mut self) -> Result<i64, FaultAt> {
        let start = self.at;
        let Some(text) = self.take_until(b'/') else {
            return Err(FaultAt::new(start, Fault::NoPlaceSeparator));
        };
        if text.is_empty() {
            return Ok(NO_LOCATION);
        }
        let location = match memchr::memchr(b':', text) {
            None => parse_long(text),
            Some(colon) => {
                let (latitude, longitude) =
                    (parse_double(&text[..colon]), parse_double(&text[colon + 1..]));
                latitude.and_then(|lat| Ok(hhcode::from_degrees(lat, longitude?))).ok()
            }
        };
        location.ok_or_else(|| FaultAt::new(start, Fault::Location(lossy(text))))
    }

    #[inline]
    fn elevation(&mut self) -> Result<i64, FaultAt> {
        let start = self.at;
        match self.take_until(b' ') {
            Some([]) => Ok(NO_ELEVATION),
            Some(text) => {
                parse_long(text).ok_or_else(|| FaultAt::new(start, Fault::Elevation(lossy(text))))
            }
            None if self.continues => Err(FaultAt::new(start, Fault::NoValue)),
            None => Err(FaultAt::new(start, Fault::NoSeries)),
        }
    }

    /// Class, labels and attributes, and the blanks behind them.
    #[inline]
    fn series(
        &mut self,
        previous: Option<&Metadata>,
        options: &ParseOptions,
    ) -> Result<Option<SeriesText<'a>>, Stop> {
        let start = self.at;
        let class = if self.continues { None } else { self.take_until(b'{') };
        let Some(class) = class else {
            if start >= self.line.len() {
                return Err(FaultAt::new(start, Fault::BlankValue).into());
            }
            if previous.is_none() {
                return Err(FaultAt::new(start, Fault::NoLabels).into());
            }
            return Ok(None);
        };
        let labels_start = self.at;
        let Some(labels) = self.take_until(b'}') else {
            SeriesText::check_class(class)?;
            return Err(Stop::FaultAtLast(Fault::OpenLabels));
        };
        let mut series = SeriesText::new(self.line, start, class.len(), labels.len());
        debug_assert_eq!(labels_start, start + class.len() + 1);
        if self.line.get(self.at) == Some(&b'{') {
            self.at += 1;
            let start = self.at;
            match self.take_until(b'}') {
                Some(attributes) if options.attributes => {
                    series.set_attributes(start, attributes.len());
                }
                Some(_) => {}
                None if options.attributes => {
                    series.check()?;
                    return Err(Stop::FaultAtLast(Fault::OpenAttributes));
                }
                None => self.at = self.line.len(),
            }
        }
        self.skip_blanks();
        if self.at >= self.line.len() {
            series.check()?;
            return Err(Stop::FaultAtLast(Fault::NoValue));
        }
        Ok(Some(series))
    }

    /// What stands before the next `separator`, and goes behind that.
    #[inline]
    fn take_until(&mut self, separator: u8) -> Option<&'a [u8]> {
        let rest = &self.line[self.at..];
        let length = memchr::memchr(separator, rest)?;
        self.at += length + 1;
        Some(&rest[..length])
    }

    #[inline]
    fn skip_blanks(&mut self) {
        while self.line.get(self.at) == Some(&b' ') {
            self.at += 1;
        }
    }
}

fn lossy(text: &[u8]) -> String {
    utf8::from_utf8_lossy(text).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::text::{Cause, parse_metadata, write_point, write_series};
    use crate::{Decimal, Labels, Value};

    fn refusal(line: &str, previous: Option<&Metadata>) -> (usize, String) {
        match parse_line(line.as_bytes(), previous, &ParseOptions::default()) {
            Err(LineError::Parse(error)) => (error.offset, error.to_string()),
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn a_line_keeps_its_series_as_written() {
        let text = b"1/48.0:-4.5/-7 cl%C3%A9{b=2,a=%20}{x=y}  'it%27s'";
        let line = parse_line(text, None, &ParseOptions::default()).unwrap();
        assert_eq!((line.tick, line.elevation), (1, -7));
        assert_eq!(line.location, hhcode::from_degrees(48.0, -4.5));
        assert_eq!(line.value, TextValue::String("it's".into()));
        let series = line.series.unwrap();
        assert_eq!(series.identity(), b"cl%C3%A9{b=2,a=%20}");
        let forced = [("b", "3"), (".app", "z")].into_iter().collect();
        let labels: Labels = [("a", " "), ("b", "3"), (".app", "z")].into_iter().collect();
        assert_eq!(series.metadata(&forced), Ok(Metadata::new("clé", labels)));
        assert_eq!(series.attributes(), Ok(Some([("x", "y")].into_iter().collect())));
    }

    #[test]
    fn a_line_may_belong_to_the_series_before_it() {
        let previous = Metadata::new("c", Labels::new());
        for text in ["=5// 1", "5// 1"] {
            let line = parse_line(text.as_bytes(), Some(&previous), &ParseOptions::default());
            let line = line.unwrap();
            assert_eq!((line.tick, line.series), (5, None));
        }
        assert_eq!(refusal("=5// 1", None), (0, "Invalid continuation.".into()));
        assert_eq!(refusal("5// 1", None), (4, "Missing or invalid GTS name and labels.".into()));
        assert_eq!(refusal("=5//  ", Some(&previous)), (6, "Missing value".into()));
        assert_eq!(refusal("=5//", Some(&previous)), (4, "Missing value.".into()));
    }

    #[test]
    fn ticks_are_relative_shifted_and_in_range() {
        let options = ParseOptions {
            now: 1000,
            timeshift: 5,
            oldest: Some(900),
            newest: Some(1100),
            ..ParseOptions::default()
        };
        let tick = |text: &str, options: &ParseOptions| {
            parse_line(text.as_bytes(), None, options).map(|line| (line.tick, line.ignored))
        };
        assert_eq!(tick("// c{} 1", &options), Ok((1005, false)));
        assert_eq!(tick("T-5// c{} 1", &options), Ok((1000, false)));
        assert_eq!(
            tick("100// c{} 1", &options),
            Err(ParseError { offset: 3, fault: Fault::TooOld(105), cause: None }.into())
        );
        let ignoring = ParseOptions { ignore_out_of_range: true, ..options };
        assert_eq!(tick("1096// c{} 1", &ignoring), Ok((1101, true)));
    }

    #[test]
    fn the_first_fault_in_the_order_of_the_reference_is_reported() {
        // The label is read before the value.
        assert_eq!(refusal("0// c{a} zz", None), (6, "Invalid label definition. (a)".into()));
        assert_eq!(refusal("0// c{}{x} zz", None), (9, "Invalid attribute definition. (x)".into()));
        assert_eq!(
            parse_line(b"0// c%{} zz", None, &ParseOptions::default()).unwrap_err(),
            LineError::Escape(crate::percent::PercentError::Incomplete)
        );
        // Offsets are in UTF-16 units.
        assert_eq!(
            refusal("0// é😀{} zz", None),
            (10, "Cannot parse value. (For input string: \"zz\")".into())
        );
        assert_eq!(refusal("0// 😀{} ", None), (8, "Missing value.".into()));
    }

    #[test]
    fn large_values_are_refused_in_the_name_of_the_series_before() {
        let options = ParseOptions { value_length_max: 2, ..ParseOptions::default() };
        let previous = Metadata::new("p q", [("l", "v")].into_iter().collect());
        let parse = |text: &'static str| parse_line(text.as_bytes(), Some(&previous), &options);
        assert!(parse("0// c{} '😀'").is_ok());
        let error = parse("0// c{} 'abc'").unwrap_err();
        assert_eq!(error.to_string(), "Value too large for GTS p%20q{l=v}");
        assert!(parse("0// c{} hex:000102").is_err());
    }

    #[test]
    fn deep_multivalues_are_refused() {
        let nested = |depth: usize| format!("{}1{}", "[! ".repeat(depth), " ]".repeat(depth));
        assert!(crate::text::parse_value(nested(64).as_bytes()).is_ok());
        let error = crate::text::parse_value(nested(65).as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), "Multivalues are nested deeper than 64 levels.");
        assert!(crate::text::parse_value("[".repeat(100_000).as_bytes()).is_err());
    }

    #[test]
    fn long_heads_are_checked_against_the_limits() {
        let limits = MetadataLimits { labels_size_max: 10, attributes_size_max: 10 };
        let check = |text: &str| {
            let line = parse_line(text.as_bytes(), None, &ParseOptions::default()).unwrap();
            let series = line.series.unwrap();
            let mut metadata = series.metadata(&Labels::new()).unwrap();
            metadata.attributes = series.attributes().unwrap().unwrap_or_default();
            line.check_metadata(&metadata, &limits).is_ok()
        };
        assert!(check("0// c{a=1}{a=2} 1"), "short heads are not checked");
        assert!(!check("0// c{long.label=1}{long.label=2} 1"));
        assert!(!check("0// c{a=1}{attribute=value} 1"));
        assert!(!check(&format!("0// c{{a={}}} 1", "x".repeat(200))));
    }

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            any::<i64>().prop_map(Value::Long),
            any::<f64>().prop_filter("one NaN", |v| !v.is_nan()).prop_map(Value::Double),
            (-99_999_999i64..99_999_999, 1..5)
                .prop_map(|(unscaled, scale)| { Value::Decimal(Decimal { unscaled, scale }) }),
            any::<bool>().prop_map(Value::Boolean),
            any::<String>().prop_map(|text| Value::String(text.into())),
            prop::collection::vec(any::<u8>(), 0..20).prop_map(|v| Value::Bytes(v.into())),
        ]
    }

    fn labels() -> impl Strategy<Value = Labels> {
        let pairs = prop::collection::btree_map(any::<String>(), any::<String>(), 0..4);
        pairs.prop_map(|pairs| pairs.into_iter().collect())
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(
            tick in any::<i64>(),
            location in prop_oneof![Just(NO_LOCATION), any::<i64>()],
            elevation in prop_oneof![Just(NO_ELEVATION), any::<i64>()],
            class in ".+",
            labels in labels(),
            value in value(),
        ) {
            let metadata = Metadata::new(class, labels);
            let mut series = Vec::new();
            write_series(&mut series, &metadata, true);
            let mut text = Vec::new();
            write_point(&mut text, &series, (tick, location, elevation), (&value).into());
            let line = parse_line(&text, None, &ParseOptions::default()).unwrap();
            let read = line.series.unwrap();
            prop_assert_eq!(read.identity(), &series[..]);
            prop_assert_eq!(read.metadata(&Labels::new()).unwrap(), metadata);
            prop_assert_eq!((line.tick, line.elevation), (tick, elevation));
            // Degrees are rounded; they lead to the same cell again.
            let moved = line.location.abs_diff(location);
            prop_assert!(moved == 0 || location != NO_LOCATION, "moved by {moved}");
            match (Value::from(line.value), value) {
                // A double of few digits reads as a decimal, and loses the sign of a zero.
                (Value::Decimal(read), Value::Double(written)) => {
                    prop_assert_eq!(read.to_f64(), written);
                }
                (read, written) => prop_assert_eq!(read, written),
            }
        }

        #[test]
        fn metadata_reads_back(class in ".+", labels in labels(), attributes in labels()) {
            let metadata = Metadata { attributes, ..Metadata::new(class, labels) };
            let mut text = Vec::new();
            write_series(&mut text, &metadata, true);
            crate::text::write_labels(&mut text, &metadata.attributes, true);
            prop_assert_eq!(parse_metadata(&text).unwrap().unwrap(), metadata);
        }

        #[test]
        fn any_bytes_are_read_or_refused(line in prop::collection::vec(any::<u8>(), 0..60)) {
            let previous = Metadata::new("c", Labels::new());
            for previous in [None, Some(&previous)] {
                let _ = parse_line(&line, previous, &ParseOptions::default());
            }
            let _ = parse_metadata(&line);
        }

        #[test]
        fn almost_lines_are_read_or_refused(
            line in "=?T?-?[0-9]{0,3}/([0-9.:é-]{0,5})/[0-9-]{0,2} ?[c%{}=,~ ]{0,8}.{0,10}",
            value in "[\\[\\]! 0-9/:'TtHQ%😀.eE-]{0,24}",
        ) {
            let previous = Metadata::new("c", Labels::new());
            let line = line + &value;
            let options = ParseOptions { value_length_max: 3, ..ParseOptions::default() };
            if let Err(LineError::Parse(error)) = parse_line(line.as_bytes(), Some(&previous), &options)
            {
                prop_assert!(error.offset <= utf16_length(line.as_bytes()));
            }
            if let Err(error) = crate::text::parse_value(value.as_bytes()) {
                prop_assert!(error.offset <= utf16_length(value.as_bytes()));
                prop_assert!(!matches!(error.cause, Some(Cause::Label(_))));
            }
        }
    }
}
