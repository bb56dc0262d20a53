//! `text.jsonl`: lines, values, names and numbers of the text format.

use std::io::Read;

use flate2::read::GzDecoder;
use serde_json::Value as Json;
use weft_gts::percent::PercentError;
use weft_gts::text::{
    self, Cause, Line, LineError, MetadataLimits, ParseError, ParseOptions, TextValue,
};
use weft_gts::{
    Decoder, Encoder, JavaDouble, Labels, Metadata, NO_ELEVATION, NO_LOCATION, PointRef, Value,
    ValueRef, percent, varint,
};

use crate::json::{array, bits, labels, long, point, points, show, string, value};
use crate::{Checker, Outcome, all};

/// Checks `text.jsonl`.
pub(crate) struct TextChecker;

impl Checker for TextChecker {
    fn check(&mut self, kind: &str, line: &Json) -> Outcome {
        match kind {
            "parse" => parse(line),
            "parse-empty-line" => {
                let parsed = text::parse_line(b"", None, &ParseOptions::default());
                let error = parsed.expect_err("an empty line is none");
                same(&exception(&error), &line["exception"])
            }
            "parseValue" => parse_value(line),
            "encodeValue" => {
                let value = value(&line["value"]);
                written(&line["text"], |out| text::write_value(out, (&value).into()))
            }
            "tickToString" | "location-text" => tick_to_string(line),
            "encodeName" => {
                written(&line["text"], |out| text::write_name(out, string(&line["name"])))
            }
            "urlDecode" => match percent::decode(string(&line["text"])) {
                Ok(text) => same(&text.into(), &line["result"]),
                Err(error) => same(&exception(&error.into()), &line["result"]),
            },
            "parseMetadata" => parse_metadata(line),
            "doubleToString" => {
                let shown = JavaDouble(bits(&line["bits"])).to_string();
                same(&shown.into(), &line["text"])
            }
            _ => Outcome::Skip("unknown kind"),
        }
    }
}

fn same(got: &Json, asked: &Json) -> Outcome {
    Outcome::equal(got, asked)
}

fn written(asked: &Json, write: impl FnOnce(&mut Vec<u8>)) -> Outcome {
    let mut out = Vec::new();
    write(&mut out);
    Outcome::equal(&String::from_utf8_lossy(&out).as_ref(), &string(asked))
}

/// What the lines of one `parse` fact led to so far.
#[derive(Default)]
struct Ingress {
    series: Option<(Metadata, Encoder)>,
    ignored: u64,
}

fn parse(fact: &Json) -> Outcome {
    let delta = fact["delta_attributes"] == true;
    let options = ParseOptions {
        now: long(&fact["now"]),
        timeshift: long(&fact["timeshift"]),
        oldest: fact["maxpast"].as_i64(),
        newest: fact["maxfuture"].as_i64(),
        ignore_out_of_range: fact["count_ignored"] == true,
        value_length_max: fact["maxsize"].as_u64().map_or(usize::MAX, |max| max as usize),
        attributes: fact["parse_attributes"] == true,
    };
    let mut ingress = Ingress::default();
    let lines = array(&fact["lines"]).iter().zip(array(&fact["results"]));
    all(lines.enumerate().map(|(index, (line, asked))| {
        let outcome = match ingress.add(string(line), fact, &options, delta) {
            Ok((same_encoder, had_attributes)) => {
                ingress.compare(same_encoder, had_attributes, asked)
            }
            Err(error) => refused(&error, asked),
        };
        match outcome {
            Outcome::Fail(message) => Outcome::Fail(format!("line {index} {line}: {message}")),
            other => other,
        }
    }))
}

impl Ingress {
    /// Adds a line; whether it went into the encoder of the line before, and had attributes.
    fn add(
        &mut self,
        line: &str,
        fact: &Json,
        options: &ParseOptions,
        delta: bool,
    ) -> Result<(bool, bool), LineError> {
        let previous = self.series.as_ref().map(|(metadata, _)| metadata);
        let line = text::parse_line(line.as_bytes(), previous, options)?;
        let (metadata, attributes) = match &line.series {
            None => (previous.cloned().unwrap_or_default(), None),
            Some(series) => {
                let mut metadata = series.metadata(&forced_labels(fact))?;
                for name in removed_labels(fact) {
                    metadata.labels.remove(name);
                }
                (metadata, series.attributes()?)
            }
        };
        let same_encoder = previous.is_some_and(|previous| {
            previous.name == metadata.name && previous.labels == metadata.labels
        });
        if !same_encoder {
            self.series = Some((metadata, Encoder::new(0)));
        }
        let had_attributes = attributes.is_some();
        if let Some((metadata, encoder)) = &mut self.series {
            if let Some(update) = attributes {
                text::update_attributes(&mut metadata.attributes, update, delta);
            }
            if line.ignored {
                self.ignored += 1;
            } else {
                add_point(encoder, &line);
            }
            line.check_metadata(metadata, &MetadataLimits::default())?;
        }
        Ok((same_encoder, had_attributes))
    }

    fn compare(&self, same_encoder: bool, had_attributes: bool, asked: &Json) -> Outcome {
        if !asked["points"].is_array() {
            return Outcome::Fail(format!("got a datapoint, asked {asked}"));
        }
        let Some((metadata, encoder)) = &self.series else {
            return Outcome::Fail("no series".to_owned());
        };
        let got = decoded(encoder.decoder());
        all([
            Outcome::equal(&same_encoder, &(asked["same_encoder"] == true)),
            Outcome::equal(&had_attributes, &(asked["attributes_parsed"] == true)),
            Outcome::equal(&metadata.class(), &string(&asked["class"])),
            Outcome::equal(&metadata.labels, &labels(&asked["labels"])),
            Outcome::equal(&metadata.attributes, &labels(&asked["attributes"])),
            match asked.get("points_inner") {
                // Other bytes of gzip are right too, so the content counts.
                Some(inner) => all(got.iter().zip(array(inner)).map(same_expanded)),
                None => Outcome::equal(&show(&got), &show(&points(&asked["points"]))),
            },
            Outcome::equal(&got.len(), &array(&asked["points"]).len()),
            match asked.get("ignored") {
                Some(ignored) => same(&self.ignored.into(), ignored),
                None => Outcome::Pass,
            },
        ])
    }
}

fn add_point(encoder: &mut Encoder, line: &Line<'_>) {
    encoder.add(line.tick, line.location, line.elevation, line.value.as_ref());
}

fn forced_labels(fact: &Json) -> Labels {
    let forced = fact["extra_labels"].as_object().into_iter().flatten();
    forced.filter_map(|(name, value)| Some((name.as_str(), value.as_str()?))).collect()
}

fn removed_labels(fact: &Json) -> impl Iterator<Item = &str> {
    let forced = fact["extra_labels"].as_object().into_iter().flatten();
    forced.filter(|(_, value)| value.is_null()).map(|(name, _)| name.as_str())
}

fn decoded(mut decoder: Decoder<'_>) -> Vec<PointRef> {
    let mut points = Vec::new();
    while let Ok(Some(point)) = decoder.next_point() {
        points.push(PointRef {
            tick: point.tick,
            location: point.location,
            elevation: point.elevation,
            value: Value::from(point.value),
        });
    }
    points
}

/// Compares a datapoint with one whose multivalues are given by their content.
fn same_expanded((got, asked): (&PointRef, &Json)) -> Outcome {
    let fields = array(asked);
    let Some(typed) = fields.last() else {
        return Outcome::Fail("a datapoint without fields".to_owned());
    };
    if typed["t"] != "MV" {
        return Outcome::equal(&show([got]), &show([&point(asked)]));
    }
    let place = |field: &Json, none| if field.is_null() { none } else { long(field) };
    let asked_place =
        (long(&fields[0]), place(&fields[1], NO_LOCATION), place(&fields[2], NO_ELEVATION));
    all([
        Outcome::equal(&(got.tick, got.location, got.elevation), &asked_place),
        match &got.value {
            Value::Bytes(bytes) => same_multivalue(bytes, &typed["inner"]),
            other => Outcome::Fail(format!("got {other:?}, asked a multivalue")),
        },
    ])
}

fn same_multivalue(bytes: &[u8], inner: &Json) -> Outcome {
    let Some((compressed, encoded)) = unwrap(bytes) else {
        return Outcome::Fail(format!("{bytes:x?} is no wrapper"));
    };
    let got = decoded(Decoder::new(0, &encoded, None));
    let asked = array(&inner["points"]);
    all([
        Outcome::equal(&compressed, &(inner["compressed"] == true)),
        Outcome::equal(&got.len(), &asked.len()),
        all(got.iter().zip(asked).map(same_expanded)),
    ])
}

/// The encoder bytes of a wrapper without metadata, and whether they were compressed.
fn unwrap(bytes: &[u8]) -> Option<(bool, Vec<u8>)> {
    let mut at = 1;
    let length = varint::read_unsigned(bytes, &mut at).ok()? as usize;
    let mut encoded = bytes.get(at..at + length)?.to_vec();
    let passes = match bytes.get(at + length..)? {
        [0] => 0,
        [0x21, 0] => 1,
        [0x21, 0x15, passes, 0] => passes / 2,
        _ => return None,
    };
    for _ in 0..passes {
        let mut inflated = Vec::new();
        GzDecoder::new(&encoded[..]).read_to_end(&mut inflated).ok()?;
        encoded = inflated;
    }
    (bytes[0] == 0x78).then_some((passes > 0, encoded))
}

fn parse_value(line: &Json) -> Outcome {
    let asked = &line["result"];
    match text::parse_value(string(&line["text"]).as_bytes()) {
        Ok(TextValue::Bytes(bytes)) => all([
            match asked.get("inner") {
                Some(inner) => same_multivalue(&bytes, inner),
                None => Outcome::Pass,
            },
            match asked.get("hex") {
                Some(_) => Outcome::equal(&Value::Bytes(bytes.into()), &value(asked)),
                None => Outcome::Pass,
            },
        ]),
        Ok(_) if asked.get("t").is_none() => Outcome::Fail(format!("got a value, asked {asked}")),
        Ok(got) => Outcome::equal(&show([&alone(got.into())]), &show([&alone(value(asked))])),
        Err(error) => refused(&error.into(), asked),
    }
}

/// A value as a datapoint, to show it.
fn alone(value: Value) -> PointRef {
    PointRef { tick: 0, location: NO_LOCATION, elevation: NO_ELEVATION, value }
}

fn refused(error: &LineError, asked: &Json) -> Outcome {
    match error {
        LineError::Parse(error) => all([
            same(&error.fault.to_string().into(), &asked["error"]),
            same(&error.offset.into(), &asked["offset"]),
            same(&cause(error), &asked["cause"]),
            match asked.get("detail") {
                Some(detail) => same(&error.to_string().into(), detail),
                None => Outcome::Pass,
            },
        ]),
        error => same(&exception(error), &asked["exception"]),
    }
}

/// The cause as Java reports it: class and message.
fn cause(error: &ParseError) -> Json {
    let Some(cause) = &error.cause else {
        return Json::Null;
    };
    let class = match cause {
        Cause::Number(_) => "java.lang.NumberFormatException",
        Cause::Escape(_) | Cause::OddHexadecimal | Cause::Hexadecimal => ILLEGAL_ARGUMENT,
        Cause::End(_) | Cause::LoneQuote => INDEX_OUT_OF_BOUNDS,
        Cause::Label(_) => "java.text.ParseException",
    };
    serde_json::json!({"class": class, "msg": cause.to_string()})
}

const ILLEGAL_ARGUMENT: &str = "java.lang.IllegalArgumentException";
const INDEX_OUT_OF_BOUNDS: &str = "java.lang.StringIndexOutOfBoundsException";

/// An error that Java does not report as a malformed line.
fn exception(error: &LineError) -> Json {
    let class = match error {
        LineError::Parse(_) => "java.text.ParseException",
        LineError::Escape(_) => ILLEGAL_ARGUMENT,
        LineError::Empty => INDEX_OUT_OF_BOUNDS,
    };
    serde_json::json!({"class": class, "msg": error.to_string()})
}

fn tick_to_string(line: &Json) -> Outcome {
    let place = |name: &str, none| line[name].as_i64().unwrap_or(none);
    let (location, elevation) = (place("location", NO_LOCATION), place("elevation", NO_ELEVATION));
    // Locations alone were recorded at tick 0 with value 1.
    let tick = line["ts"].as_i64().unwrap_or(0);
    let typed = line.get("value").map_or(Value::Long(1), value);
    let series = line["clslbls"].as_str().unwrap_or_default();
    written(&line["text"], |out| {
        let value = ValueRef::from(&typed);
        text::write_point(out, series.as_bytes(), (tick, location, elevation), value);
    })
}

fn parse_metadata(line: &Json) -> Outcome {
    let asked = &line["result"];
    match text::parse_metadata(string(&line["text"]).as_bytes()) {
        Ok(None) => Outcome::equal(&Json::Null, asked),
        Ok(Some(_)) if asked.get("labels").is_none() => {
            Outcome::Fail(format!("got metadata, asked {asked}"))
        }
        Ok(Some(metadata)) => all([
            Outcome::equal(&metadata.class(), &string(&asked["class"])),
            Outcome::equal(&metadata.labels, &labels(&asked["labels"])),
            Outcome::equal(&metadata.attributes, &labels(&asked["attributes"])),
        ]),
        Err(error) => same(&exception(&PercentError::into(error)), asked),
    }
}
