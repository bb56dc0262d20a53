//! `hbase.jsonl`: rows, cells and scans of the reference's table.

use serde_json::Value as Json;
use weft_gts::{NO_ELEVATION, NO_LOCATION, SeriesId};
use weft_wire::rows;

use crate::envelopes::aes;
use crate::json::{array, hex, long, string, unhex, value};
use crate::kafka::metadata_message;
use crate::{Checker, Outcome, all};

/// Checks `hbase.jsonl`.
pub(crate) struct HbaseChecker;

impl Checker for HbaseChecker {
    fn check(&mut self, kind: &str, line: &Json) -> Outcome {
        match kind {
            "constants" => all([
                Outcome::equal(
                    &char::from(rows::DATA_PREFIX).to_string().as_str(),
                    &string(&line["raw_prefix"]),
                ),
                Outcome::equal(
                    &char::from(rows::METADATA_PREFIX).to_string().as_str(),
                    &string(&line["metadata_prefix"]),
                ),
            ]),
            "datapoint" => datapoint(line),
            "metadata" => metadata(line),
            "scan" => scan(line),
            "slicedrowfilter" => row_filter(line),
            _ => Outcome::Skip("unknown kind"),
        }
    }
}

fn series(line: &Json) -> SeriesId {
    SeriesId { class_id: long(&line["classId"]), labels_id: long(&line["labelsId"]) }
}

fn datapoint(line: &Json) -> Outcome {
    let (series, tick) = (series(line), long(&line["ts"]));
    let location = line["location"].as_i64().unwrap_or(NO_LOCATION);
    let elevation = line["elevation"].as_i64().unwrap_or(NO_ELEVATION);
    let value = value(&line["value"]);
    let key = rows::data_key(series, tick);
    let cell = |key| hex(&rows::cell(tick, location, elevation, &value, key));
    let encrypted = aes(&line["aes_key"]);
    all([
        Outcome::equal(&hex(&key).as_str(), &string(&line["rowkey"])),
        Outcome::equal(&rows::read_data_key(&key), &Some((series, tick))),
        Outcome::equal(&cell(None).as_str(), &string(&line["cell_value"])),
        Outcome::equal(&cell(Some(&encrypted)).as_str(), &string(&line["cell_value_encrypted"])),
    ])
}

fn metadata(line: &Json) -> Outcome {
    let message = metadata_message(&line["fields"]);
    let key = rows::metadata_key(message.metadata.id);
    let plain = message.encode();
    let wrapped = aes(&line["aes_key"]).wrap(&plain);
    all([
        Outcome::equal(&hex(&key).as_str(), &string(&line["rowkey"])),
        Outcome::equal(&hex(&plain).as_str(), &string(&line["cell_value"])),
        Outcome::equal(&hex(&wrapped).as_str(), &string(&line["cell_value_encrypted"])),
    ])
}

fn scan(line: &Json) -> Outcome {
    let series = series(line);
    let (end, start) = (long(&line["now_or_end"]), long(&line["then_or_start"]));
    let fetch = rows::scan_range(series, start, end);
    let delete = rows::delete_range(series, start, end);
    let newer = rows::newer_range(series, end);
    let sliced = (rows::data_key(series, end), rows::data_key(series, start));
    let same = |got: &[u8], name: &str| Outcome::equal(&hex(got).as_str(), &string(&line[name]));
    all([
        same(&fetch.0, "fetch_start"),
        same(&fetch.1, "fetch_stop_exclusive"),
        same(&newer.0, "postboundary_reversed_start"),
        same(&newer.1, "postboundary_stop"),
        same(&sliced.0, "sliced_lower_incl"),
        same(&sliced.1, "sliced_upper_incl"),
        same(&delete.0, "delete_start"),
        same(&delete.1, "delete_stop_exclusive"),
    ])
}

fn row_filter(line: &Json) -> Outcome {
    let key = |key: &Json| unhex(key).try_into().expect("a key of a datapoint");
    let ranges: Vec<_> = array(&line["ranges_lower_upper"])
        .iter()
        .map(|range| (key(&range[0]), key(&range[1])))
        .collect();
    let filter = rows::row_filter(&ranges, long(&line["count"]));
    let (first, last) = (&filter[28..53], &filter[filter.len() - rows::DATA_KEY_LEN..]);
    all([
        Outcome::equal(&hex(&filter).as_str(), &string(&line["serialized"])),
        Outcome::equal(&hex(first).as_str(), &string(&line["start_key"])),
        Outcome::equal(&hex(last).as_str(), &string(&line["stop_key"])),
    ])
}
