//! `encoder.jsonl`: the encoder format, blocks, and what is built on them.

use serde_json::Value as Json;
use weft_gts::{
    Block, DecodeError, Decoder, Encoder, Metadata, NO_ELEVATION, NO_LOCATION, PointRef, ValueRef,
    WrapKey, dedup, text, varint,
};
use weft_wire::thrift::{GtsWrapper, MetadataMessage};
use weft_wire::wrapper::{RATIO_DEFAULT, WrapOptions};

use crate::json::{add, array, hex, labels, long, point, points, show, string, unhex};
use crate::{Checker, Outcome, all};

/// More than any block of the file.
const BLOCK_LENGTH_MAX: usize = 1 << 20;

/// Checks `encoder.jsonl`.
pub(crate) struct EncoderChecker;

impl Checker for EncoderChecker {
    fn check(&mut self, kind: &str, line: &Json) -> Outcome {
        match kind {
            "encode" => encode(line),
            "decode" => decode(line),
            "varint" => varint(line),
            "merge" => merge(line),
            "remaining" => remaining(line),
            "flush" => flush(line),
            "dedup" => deduplicate(line),
            "dump" => dump(line),
            "wrapper" => wrapper(line),
            "gts-wrapper" => series_wrapper(line),
            _ => Outcome::Skip("unknown kind"),
        }
    }
}

fn encode(line: &Json) -> Outcome {
    let key = key(line);
    let mut encoder = Encoder::new(long(&line["base"]));
    encoder.set_key(key.clone());
    let sizes: Vec<_> =
        points(&line["points"]).iter().map(|p| add(&mut encoder, p) as i64).collect();
    let bytes = encoder.bytes();
    all([
        Outcome::equal(&sizes, &array(&line["sizes"]).iter().map(long).collect()),
        Outcome::equal(&(encoder.count() as i64), &long(&line["count"])),
        same_bytes(&bytes, &line["hex"]),
        same_points(Decoder::new(encoder.base(), &bytes, key.as_ref()), &line["decoded"]),
        same_series(encoder.base(), &bytes, key.as_ref()),
    ])
}

fn decode(line: &Json) -> Outcome {
    let (base, bytes, key) = (long(&line["base"]), unhex(&line["hex"]), key(line));
    let mut decoder = Decoder::new(base, &bytes, key.as_ref());
    // Sweeps were recorded up to the first datapoint only.
    let sweep = line["name"].as_str().is_some_and(|name| name.ends_with("-sweep"));
    let mut read = Vec::new();
    let error = loop {
        if sweep && read.len() == 1 {
            break None;
        }
        match decoder.next() {
            None => break None,
            Some(Ok(point)) => read.push(point),
            Some(Err(error)) => break Some(error),
        }
    };
    all([
        Outcome::equal(&show(&read), &show(&points(&line["decoded"]))),
        match (error, line.get("error")) {
            (None, None) | (Some(_), Some(_)) => Outcome::Pass,
            (got, asked) => Outcome::Fail(format!("got error {got:?}, asked {asked:?}")),
        },
    ])
}

fn varint(line: &Json) -> Outcome {
    let value = long(&line["v"]);
    let (mut signed, mut unsigned) = (Vec::new(), Vec::new());
    varint::write_signed(&mut signed, value);
    varint::write_unsigned(&mut unsigned, value as u64);
    all([
        same_bytes(&signed, &line["signed"]),
        same_bytes(&unsigned, &line["unsigned"]),
        Outcome::equal(&varint::read_signed(&signed, &mut 0), &Ok(value)),
        Outcome::equal(&varint::read_unsigned(&unsigned, &mut 0), &Ok(value as u64)),
    ])
}

fn merge(line: &Json) -> Outcome {
    let mut encoder = filled(long(&line["base_a"]), &line["a"]);
    if let Err(error) = encoder.merge(&filled(long(&line["base_b"]), &line["b"])) {
        return Outcome::Fail(error.to_string());
    }
    let size = encoder.size() as i64;
    add(&mut encoder, &point(&line["then_add"]));
    all([
        Outcome::equal(&size, &long(&line["size_after_merge"])),
        Outcome::equal(&(encoder.count() as i64), &long(&line["count"])),
        same_bytes(encoder.clear_bytes(), &line["hex"]),
        same_points(encoder.decoder(), &line["decoded"]),
    ])
}

/// The reference hands out what is left from the datapoint read last on; a [`Decoder`] what was
/// not read yet: one call less.
///
/// The reference's own decoder of what is left (`decoded_with_state`) starts from the values before
/// the latest *change*: it loses a location that was repeated, for one. Weft's reads what went in.
fn remaining(line: &Json) -> Outcome {
    let encoder = filled(0, &line["points"]);
    let mut decoder = encoder.decoder();
    for _ in 1..long(&line["next_calls"]) {
        if let Err(error) = decoder.next_point() {
            return Outcome::Fail(error.to_string());
        }
    }
    let mut rest = decoder.rest();
    let left = read(decoder);
    let before = all([
        Outcome::equal(&(rest.count() as i64), &long(&line["count"])),
        same_bytes(rest.clear_bytes(), &line["hex"]),
        Outcome::equal(&show(&read(rest.decoder())), &show(&left)),
        Outcome::equal(&left.len(), &array(&line["decoded_with_state"]).len()),
    ]);
    rest.add(123_456, NO_LOCATION, NO_ELEVATION, ValueRef::String("tail"));
    let after = same_bytes(rest.clear_bytes(), &line["hex_after_adding_ts123456_string_tail"]);
    all([before, after])
}

fn flush(line: &Json) -> Outcome {
    let mut encoder = filled(0, &line["points"]);
    encoder.flush();
    for point in points(&line["after_flush"]) {
        add(&mut encoder, &point);
    }
    let bytes = encoder.bytes();
    all([
        same_bytes(&bytes, &line["hex"]),
        same_points(Decoder::new(0, &bytes, None), &line["decoded"]),
    ])
}

fn deduplicate(line: &Json) -> Outcome {
    match dedup(filled(0, &line["points"]).decoder()) {
        Ok(kept) => all([
            same_bytes(kept.clear_bytes(), &line["hex"]),
            same_points(kept.decoder(), &line["decoded"]),
        ]),
        Err(error) => Outcome::Fail(error.to_string()),
    }
}

fn dump(line: &Json) -> Outcome {
    let encoder = filled(long(&line["base"]), &line["points"]);
    let compressed = unhex(&line["block_compressed_decode_only"]);
    let ours = encoder.to_block(true);
    let blocks = [&compressed, &ours].map(|block| match Block::read(block, BLOCK_LENGTH_MAX) {
        Ok(block) => all([
            Outcome::equal(&block.base, &encoder.base()),
            Outcome::equal(&&*block.data, &encoder.clear_bytes()),
        ]),
        Err(error) => Outcome::Fail(error.to_string()),
    });
    all([
        same_bytes(&encoder.to_block(false), &line["block_uncompressed"]),
        Outcome::equal(&dump_text(&encoder, line).as_str(), &string(&line["text"])),
    ]
    .into_iter()
    .chain(blocks))
}

/// The lines of fetch as text: the series once, then `=` for it.
fn dump_text(encoder: &Encoder, line: &Json) -> String {
    let metadata = Metadata::new(string(&line["class"]), labels(&line["labels"]));
    let mut series = Vec::new();
    text::write_series(&mut series, &metadata, true);
    let mut lines = Vec::new();
    for (index, point) in read(encoder.decoder()).iter().enumerate() {
        let place = (point.tick, point.location, point.elevation);
        if index > 0 {
            lines.push(b'=');
            series.clear();
        }
        text::write_point(&mut lines, &series, place, (&point.value).into());
        lines.extend_from_slice(b"\r\n");
    }
    String::from_utf8_lossy(&lines).into_owned()
}

/// An encoder wrapped as it was, and the recorded wrapper read.
fn wrapper(line: &Json) -> Outcome {
    let encoder = filled(long(&line["base"]), &line["points"]);
    let is_set = line["ids_set"] == true;
    let options = WrapOptions {
        ratio: line["ratio"].as_f64().unwrap_or(RATIO_DEFAULT),
        passes_max: match line["compress"] == true {
            true => u32::try_from(long(&line["maxpasses"])).unwrap_or(u32::MAX),
            false => 0,
        },
        count: line["set_count"] == true,
    };
    let mut metadata = Metadata {
        name: line["class"].as_str().map(str::to_owned),
        labels: labels(&line["labels"]),
        ..Metadata::default()
    };
    if is_set {
        metadata.attributes = labels(&line["attributes"]);
        metadata.id.class_id = long(&line["classId"]);
        metadata.id.labels_id = long(&line["labelsId"]);
    }
    // Metadata that says nothing is left out.
    let message = (metadata != Metadata::default())
        .then_some(MetadataMessage { metadata, has_attributes: true });
    let wrapper = GtsWrapper { metadata: message, ..GtsWrapper::of(&encoder, options) };
    same_wrapper(&wrapper, &encoder, line)
}

/// A series wrapped as it was, and the recorded wrapper read.
fn series_wrapper(line: &Json) -> Outcome {
    let mut builder = weft_gts::SeriesBuilder::default();
    let points = points(&line["points"]);
    for point in &points {
        builder.push(point.tick, point.location, point.elevation, (&point.value).into());
    }
    let columns = builder.finish();
    let mut encoder = Encoder::new(0);
    if line["optimized"] == true {
        encoder.add_columns_optimized(&columns);
    } else {
        encoder.add_columns(&columns);
    }
    let metadata = Metadata::new(string(&line["class"]), weft_gts::Labels::default());
    let bucket = line["lastbucket_span_count"].as_array();
    let part = |index: usize| bucket.map(|parts| long(&parts[index]));
    let wrapper = GtsWrapper {
        metadata: Some(MetadataMessage { metadata, has_attributes: true }),
        last_bucket: part(0),
        bucket_span: part(1),
        bucket_count: part(2),
        ..GtsWrapper::of(&encoder, WrapOptions { passes_max: 0, ..WrapOptions::default() })
    };
    all([
        same_bytes(encoder.clear_bytes(), &line["encoded"]),
        same_wrapper(&wrapper, &encoder, line),
    ])
}

/// Compressed bytes depend on who compresses; all the rest is the same.
fn same_wrapper(ours: &GtsWrapper, encoder: &Encoder, line: &Json) -> Outcome {
    let recorded = unhex(&line["wrapper"]);
    let theirs = match GtsWrapper::decode(&recorded) {
        Ok(theirs) => theirs,
        Err(error) => return Outcome::Fail(error.to_string()),
    };
    let clear = encoder.bytes();
    let both = [ours, &theirs].map(|wrapper| match wrapper.datapoints(BLOCK_LENGTH_MAX) {
        Ok(bytes) => all([
            Outcome::equal(&&*bytes, &&*clear),
            same_datapoints(Decoder::new(wrapper.base.unwrap_or(0), &bytes, None), line),
        ]),
        Err(error) => Outcome::Fail(error.to_string()),
    });
    let without = |wrapper: &GtsWrapper| GtsWrapper { encoded: None, ..wrapper.clone() };
    all(both.into_iter().chain([
        Outcome::equal(&like(without(ours), &theirs), &without(&theirs)),
        Outcome::equal(&hex(&theirs.encode()).as_str(), &string(&line["wrapper"])),
    ]))
}

/// What was decoded is listed, or the same as what went in.
fn same_datapoints(got: Decoder<'_>, line: &Json) -> Outcome {
    if line["decoded"] != "same" {
        return same_points(got, &line["decoded"]);
    }
    Outcome::equal(&show(&read(got)), &show(&many(string(&line["points"]))))
}

/// Whether attributes that are empty are written is up to who made the metadata; which passes of
/// compression are worth it, to who compresses.
fn like(mut ours: GtsWrapper, theirs: &GtsWrapper) -> GtsWrapper {
    if let (Some(ours), Some(theirs)) = (&mut ours.metadata, &theirs.metadata)
        && ours.metadata.attributes.is_empty()
    {
        ours.has_attributes = theirs.has_attributes;
    }
    GtsWrapper { compressed: theirs.compressed, passes: theirs.passes, ..ours }
}

/// The key of a line that has one.
fn key(line: &Json) -> Option<WrapKey> {
    if line["key"].is_null() {
        return None;
    }
    match WrapKey::new(&unhex(&line["key"])) {
        Ok(key) => Some(key),
        Err(error) => panic!("{error}"),
    }
}

/// Datapoints that the file describes instead of listing them: `"N points …"`.
fn many(text: &str) -> Vec<PointRef> {
    let count = text.split(' ').next().and_then(|count| count.parse().ok()).unwrap_or(0);
    (0..count)
        .map(|index: i64| PointRef {
            tick: 1_000 * index,
            location: NO_LOCATION,
            elevation: NO_ELEVATION,
            value: weft_gts::Value::Long(7),
        })
        .collect()
}

fn filled(base: i64, list: &Json) -> Encoder {
    let mut encoder = Encoder::new(base);
    if let Some(text) = list.as_str() {
        for point in many(text) {
            add(&mut encoder, &point);
        }
        return encoder;
    }
    for point in points(list) {
        add(&mut encoder, &point);
    }
    encoder
}

fn same_bytes(got: &[u8], asked: &Json) -> Outcome {
    Outcome::equal(&hex(got).as_str(), &asked.as_str().unwrap_or_default())
}

fn same_points(got: Decoder<'_>, asked: &Json) -> Outcome {
    match got.collect::<Result<Vec<_>, DecodeError>>() {
        Ok(got) => Outcome::equal(&show(&got), &show(&points(asked))),
        Err(error) => Outcome::Fail(error.to_string()),
    }
}

/// The datapoints up to an error.
fn read(points: Decoder<'_>) -> Vec<PointRef> {
    points.map_while(Result::ok).collect()
}

/// The columns of a series, against the datapoints they are made of.
fn same_series(base: i64, bytes: &[u8], key: Option<&WrapKey>) -> Outcome {
    let mut builder = weft_gts::SeriesBuilder::default();
    let mut decoder = Decoder::new(base, bytes, key);
    while let Ok(Some(point)) = decoder.next_point() {
        builder.push(point.tick, point.location, point.elevation, point.value);
    }
    match Decoder::new(base, bytes, key).series_columns() {
        Ok(columns) => {
            let asked = builder.finish();
            Outcome::equal(
                &show(&columns.iter().collect::<Vec<_>>()),
                &show(&asked.iter().collect::<Vec<_>>()),
            )
        }
        Err(error) => Outcome::Fail(error.to_string()),
    }
}
