//! What a fetch returned, read in each of its formats.

use std::collections::BTreeMap;

use serde_json::Value as Json;
use weft_gts::{Decoder, NO_ELEVATION, NO_LOCATION, geo::hhcode};
use weft_wire::opb64;
use weft_wire::thrift::GtsWrapper;

use super::model::{Model, Name, Point, Value, own_labels, percent_decode, read_name, read_value};

/// Every format that carries datapoints.
pub(crate) const FORMATS: [&str; 8] =
    ["text", "fulltext", "tsv", "fulltsv", "json", "raw", "pack", "wrapper"];

/// More than any series of a test takes.
const BYTES_MAX: usize = 1 << 28;

/// Panics unless an answer holds what was asked.
pub(crate) fn assert_holds(answer: &str, format: &str, asked: &Model) {
    let got = read(format, answer);
    if format == "json" {
        got.of_json().assert_same(&asked.of_json(), format);
    } else {
        got.assert_same(asked, format);
    }
}

/// Reads an answer.
pub(crate) fn read(format: &str, answer: &str) -> Model {
    match format {
        "text" | "fulltext" => Model::of_lines(answer),
        "tsv" => tsv(answer),
        "fulltsv" => full_tsv(answer),
        "json" => json(answer),
        "raw" => raw(answer),
        "pack" => packed(answer),
        "wrapper" => wrappers(answer),
        other => panic!("unknown format {other}"),
    }
}

fn tsv(answer: &str) -> Model {
    let mut model = Model::default();
    let mut name = None;
    for line in answer.lines() {
        if let Some(series) = line.strip_prefix("# ") {
            name = Some(read_name(series));
        } else {
            let fields: Vec<&str> = line.split('\t').collect();
            insert_fields(&mut model, name.clone().expect(line), &fields);
        }
    }
    model
}

fn full_tsv(answer: &str) -> Model {
    let mut model = Model::default();
    for line in answer.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let pairs = fields[1].split(',').filter_map(|pair| pair.split_once('='));
        let pairs = pairs.map(|(name, value)| (percent_decode(name), percent_decode(value)));
        let name = (percent_decode(fields[0]), own_labels(pairs));
        insert_fields(&mut model, name, &fields[3..]);
    }
    model
}

/// Tick, latitude, longitude, elevation, value.
fn insert_fields(model: &mut Model, name: Name, fields: &[&str]) {
    let [tick, latitude, longitude, elevation, value] = fields else { panic!("{fields:?}") };
    let location = match (latitude.parse(), longitude.parse()) {
        (Ok(latitude), Ok(longitude)) => Some((latitude, longitude)),
        _ => None,
    };
    let value = read_value(value);
    let point = Point { location, elevation: elevation.parse().ok(), value };
    model.insert(name, tick.parse().expect("a tick"), point);
}

fn json(answer: &str) -> Model {
    let mut model = Model::default();
    let series: Json = serde_json::from_str(answer).expect("JSON");
    for series in series.as_array().expect("a list") {
        let text = |value: &Json| value.as_str().expect("a string").to_owned();
        let labels = series["l"].as_object().expect("labels");
        let labels = labels.iter().map(|(name, value)| (name.clone(), text(value)));
        let name = (text(&series["c"]), own_labels(labels));
        for point in series["v"].as_array().expect("datapoints") {
            let (tick, rest) = point.as_array().and_then(|point| point.split_first()).expect("one");
            let (value, place) = rest.split_last().expect("a value");
            let (location, elevation) = match place {
                [] => (None, None),
                [elevation] => (None, elevation.as_i64()),
                [latitude, longitude, rest @ ..] => {
                    let degrees = |value: &Json| value.as_f64().expect("degrees");
                    let elevation = rest.first().and_then(Json::as_i64);
                    (Some((degrees(latitude), degrees(longitude))), elevation)
                }
            };
            let value = match value {
                Json::String(text) => Value::Text(text.clone()),
                Json::Number(number) => match number.as_i64() {
                    Some(long) => Value::Long(long),
                    None => Value::Double(number.as_f64().expect("a number")),
                },
                other => panic!("{other}"),
            };
            let point = Point { location, elevation, value };
            model.insert(name.clone(), tick.as_i64().expect("a tick"), point);
        }
    }
    model
}

fn raw(answer: &str) -> Model {
    let mut model = Model::default();
    let mut counts: BTreeMap<Name, usize> = BTreeMap::new();
    for line in answer.lines() {
        let (place, rest) = line.split_once(' ').expect(line);
        let (series, encoded) = rest.split_once(' ').expect(line);
        let (base, count) = place.split_once("//").expect(line);
        let name = read_name(series);
        *counts.entry(name.clone()).or_default() += count.parse::<usize>().expect(line);
        let bytes = opb64::decode(encoded.as_bytes()).expect(line);
        insert_encoded(&mut model, &name, base.parse().expect(line), &bytes);
    }
    for (name, count) in counts {
        assert_eq!(model.series[&name].len(), count, "what {name:?} says of itself");
    }
    model
}

/// Lines of text whose values are wrappers.
fn packed(answer: &str) -> Model {
    let mut model = Model::default();
    for line in answer.lines() {
        let (_, rest) = line.split_once(' ').expect(line);
        let (series, value) = rest.split_once(' ').expect(line);
        let (class, labels) = read_name(series);
        let class = class.strip_suffix(":packed").expect(line).to_owned();
        let Value::Text(wrapped) = read_value(value) else { panic!("{line}") };
        insert_wrapped(&mut model, &(class, labels), &wrapped);
    }
    model
}

fn wrappers(answer: &str) -> Model {
    let mut model = Model::default();
    for line in answer.lines() {
        let wrapped = line.split(' ').nth(2).expect(line);
        let bytes = opb64::decode(wrapped.as_bytes()).expect(line);
        let wrapper = GtsWrapper::decode(&bytes).expect(line);
        let metadata = wrapper.metadata.expect(line).metadata;
        let labels =
            metadata.labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        let name = (metadata.class().to_owned(), own_labels(labels));
        insert_wrapped(&mut model, &name, wrapped);
    }
    model
}

fn insert_wrapped(model: &mut Model, name: &Name, wrapped: &str) {
    let bytes = opb64::decode(wrapped.as_bytes()).expect("OPB64");
    let wrapper = GtsWrapper::decode(&bytes).expect("a wrapper");
    let encoded = wrapper.datapoints(BYTES_MAX).expect("datapoints");
    insert_encoded(model, name, wrapper.base.unwrap_or(0), &encoded);
}

fn insert_encoded(model: &mut Model, name: &Name, base: i64, bytes: &[u8]) {
    for point in Decoder::new(base, bytes, None) {
        let point = point.expect("a datapoint");
        let location = (point.location != NO_LOCATION).then(|| hhcode::to_degrees(point.location));
        let elevation = (point.elevation != NO_ELEVATION).then_some(point.elevation);
        let value = match &point.value {
            weft_gts::Value::Long(long) => Value::Long(*long),
            weft_gts::Value::Double(double) => Value::Double(*double),
            weft_gts::Value::Decimal(decimal) => Value::Double(decimal.to_f64()),
            weft_gts::Value::String(text) => Value::Text(text.to_string()),
            other => panic!("{other:?}"),
        };
        model.insert(name.clone(), point.tick, Point { location, elevation, value });
    }
}
