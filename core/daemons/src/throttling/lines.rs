//! `.throttle` files: a line an entity.
//!
//! `ENTITY:SERIES:RATE:ESTIMATOR:#`, where an entity is the UUID of a producer, or `+` and the
//! percent-encoded name of an application. What is empty stays as it was, but an empty rate takes
//! the limit away; `-` for an estimator begins the count anew. `#` begins a comment.

use weft_gts::{JavaDouble, parse_double, percent};
use weft_wire::hyperloglog::HyperLogLog;
use weft_wire::{opb64, token};

/// What stands before the name of an application in keys and files.
pub(super) const APPLICATION: char = '+';

/// What a file of ours says it was read: how a dump tells which files its limits are from.
const READ: &str = "### read ";

/// A line.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Line {
    /// Limits of an entity, and what was counted for it.
    Limits(Box<Limits>),
    /// The file of that name was read in that version.
    Read(String, u64),
}

/// What a line says of an entity.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Limits {
    /// The producer's UUID, or `+` and the application's name.
    pub(super) entity: String,
    /// Series a month, as it was written.
    pub(super) series: Option<i64>,
    /// Datapoints a second.
    pub(super) rate: Option<f64>,
    /// What is said of the count.
    pub(super) count: Count,
}

/// What a line says of the series that were counted.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Count {
    /// Nothing.
    Kept,
    /// It begins anew.
    Anew,
    /// These as well.
    Also(Box<HyperLogLog>),
}

/// Reads a line; `None` for one that says nothing.
pub(super) fn parse(line: &str) -> Result<Option<Line>, String> {
    let line = line.trim();
    if let Some(read) = line.strip_prefix(READ) {
        return Ok(parse_read(read));
    }
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let fields: Vec<&str> = line.split(':').collect();
    let [entity, series, rate, estimator, "#"] = fields[..] else {
        return Err("it is not ENTITY:SERIES:RATE:ESTIMATOR:#".to_owned());
    };
    let limits = Limits {
        entity: parse_entity(entity)?,
        series: given(series, |text| text.parse().ok(), "number of series")?,
        rate: given(rate, parse_double, "rate")?,
        count: match estimator {
            "" => Count::Kept,
            "-" => Count::Anew,
            encoded => Count::Also(Box::new(parse_estimator(encoded)?)),
        },
    };
    Ok(Some(Line::Limits(Box::new(limits))))
}

/// A field that may be empty.
fn given<T>(
    text: &str,
    parse: impl Fn(&str) -> Option<T>,
    what: &str,
) -> Result<Option<T>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    parse(text).map(Some).ok_or_else(|| format!("{text} is no {what}"))
}

fn parse_read(text: &str) -> Option<Line> {
    let (name, version) = text.split_once(' ')?;
    let name = percent::decode(name).ok()?.into_owned();
    Some(Line::Read(name, version.parse().ok()?))
}

fn parse_entity(text: &str) -> Result<String, String> {
    if let Some(application) = text.strip_prefix(APPLICATION) {
        let name = percent::decode(application).map_err(|error| error.to_string())?;
        return Ok(format!("{APPLICATION}{name}"));
    }
    let uuid = token::parse_uuid(text);
    let uuid = uuid.ok_or_else(|| format!("{text} is neither a UUID nor +APPLICATION"))?;
    Ok(token::uuid(&uuid))
}

fn parse_estimator(text: &str) -> Result<HyperLogLog, String> {
    let bytes = opb64::decode(text.as_bytes()).map_err(|error| error.to_string())?;
    HyperLogLog::from_bytes(&bytes).map_err(|error| error.to_string())
}

/// Appends a line for an entity.
pub(super) fn write_limits(
    out: &mut String,
    entity: &str,
    series: Option<i64>,
    rate: Option<f64>,
    estimator: Option<&[u8]>,
) {
    match entity.strip_prefix(APPLICATION) {
        Some(name) => {
            out.push(APPLICATION);
            out.push_str(&percent::encode(name));
        }
        None => out.push_str(entity),
    }
    out.push(':');
    out.extend(series.map(|series| series.to_string()));
    out.push(':');
    out.extend(rate.map(|rate| JavaDouble(rate).to_string()));
    out.push(':');
    out.extend(estimator.map(opb64::encode));
    out.push_str(":#\n");
}

/// Appends that a file was read.
pub(super) fn write_read(out: &mut String, name: &str, version: u64) {
    out.push_str(&format!("{READ}{} {version}\n", percent::encode(name)));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const UUID: &str = "7c2e72b1-3267-b756-6636-ad33ebcc6230";

    fn limits(line: &str) -> Limits {
        match parse(line) {
            Ok(Some(Line::Limits(limits))) => *limits,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn fields_may_be_empty() {
        let all = limits(&format!("{}:10:0.5:-:#", UUID.to_uppercase()));
        assert_eq!(all.entity, UUID);
        assert_eq!((all.series, all.rate, all.count), (Some(10), Some(0.5), Count::Anew));
        let none = limits("+an%20app%3A::::#");
        assert_eq!(none.entity, "+an app:");
        assert_eq!((none.series, none.rate, none.count), (None, None, Count::Kept));
    }

    #[test]
    fn comments_say_nothing_and_the_rest_is_refused() {
        for line in ["", "  ", "# a:b:c:d:#", "###"] {
            assert_eq!(parse(line), Ok(None), "{line}");
        }
        for line in [
            "x",
            "+a:1:2:3",
            "+a:1:2::x",
            "+a:one:2::#",
            "+a:1:two::#",
            "+a:1:2:!!:#",
            "+a:1:2:0000:#",
            "not-a-uuid:1:2::#",
            "+%zz:1:2::#",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            name in "\\PC{0,20}",
            is_application: bool,
            series in prop::option::of(any::<i64>()),
            rate in prop::option::of(-1e9f64..1e9),
            hashes in prop::option::of(prop::collection::vec(any::<i64>(), 0..40)),
        ) {
            let entity = if is_application { format!("+{name}") } else { UUID.to_owned() };
            let counter = hashes.map(|hashes| {
                let mut counter = HyperLogLog::new(5);
                hashes.into_iter().for_each(|hash| counter.add(hash));
                counter
            });
            let bytes = counter.as_ref().map(HyperLogLog::to_bytes);
            let mut text = String::new();
            write_limits(&mut text, &entity, series, rate, bytes.as_deref());
            let read = limits(&text);
            prop_assert_eq!((read.entity, read.series, read.rate), (entity, series, rate));
            match (read.count, counter) {
                (Count::Kept, None) => {}
                (Count::Also(read), Some(counter)) => {
                    prop_assert_eq!(read.estimate(), counter.estimate());
                }
                other => prop_assert!(false, "{:?}", other),
            }
        }

        #[test]
        fn names_of_files_come_back(name in "\\PC{1,20}", version: u64) {
            let mut text = String::new();
            write_read(&mut text, &name, version);
            prop_assert_eq!(parse(&text), Ok(Some(Line::Read(name, version))));
        }

        #[test]
        fn nothing_panics(line in "\\PC{0,60}") {
            let _ = parse(&line);
        }
    }
}
