//! `geo2.jsonl`: cells, distances and shapes.

use serde_json::Value as Json;
use weft_gts::geo::cover::resolution_for;
use weft_gts::geo::{Cover, cell, distance, hhcode, wkt};

use crate::json::{array, bits, hex, long, string};
use crate::{Checker, Outcome, all};

/// How far distances may differ, relatively: Java's trigonometry is not ours to the last bit.
const TOLERANCE: f64 = 1e-9;

/// More cells than any shape of the file has.
const CELLS_MAX: usize = 100_000;

/// More cells than have to be looked at for any shape of the file.
const VISITS_MAX: usize = 10_000_000;

/// Checks `geo2.jsonl`.
pub(crate) struct Geo2Checker;

impl Checker for Geo2Checker {
    fn check(&mut self, kind: &str, line: &Json) -> Outcome {
        match kind {
            "cells" => cells(line),
            "distance" => distances(line),
            "shape" => shape(line),
            _ => Outcome::Skip("unknown kind"),
        }
    }
}

fn cells(line: &Json) -> Outcome {
    let code = long(&line["geoxp"]);
    let strings: Vec<String> = (1..=16).map(|half| hhcode::to_text(code, 2 * half)).collect();
    let asked: Vec<&str> = array(&line["indexableStrings"]).iter().map(string).collect();
    let all_cells = cell::all_from_code(code).to_vec();
    let Some(resolutions) = line["by_resolution"].as_object() else { panic!("no resolutions") };
    all([
        Outcome::equal(&hhcode::to_text(code, 32).as_str(), &string(&line["hhcode"])),
        Outcome::equal(&all_cells, &longs(&line["toGeoCells"])),
        Outcome::equal(&all_cells, &longs(&line["indexable"])),
        Outcome::equal(&strings.iter().map(String::as_str).collect::<Vec<_>>(), &asked),
    ]
    .into_iter()
    .chain(resolutions.iter().map(|(resolution, asked)| match resolution.parse() {
        Ok(resolution) => at_resolution(code, resolution, asked),
        Err(_) => panic!("no resolution: {resolution}"),
    })))
}

fn at_resolution(code: i64, resolution: u32, asked: &Json) -> Outcome {
    let text = hhcode::to_text(code, resolution);
    let same_text = all([
        Outcome::equal(&text.as_str(), &string(&asked["hh"])),
        Outcome::equal(
            &hhcode::from_text(&text).map(|code| hhcode::to_text(code, resolution)),
            &Some(text.clone()),
        ),
    ]);
    if asked.get("cell").is_none() {
        return same_text;
    }
    let bounds = hhcode::bounding_box(code, resolution);
    let bounds = [bounds.south, bounds.west, bounds.north, bounds.east].map(f64::to_bits);
    let bbox: Vec<u64> =
        array(&asked["bbox"]).iter().filter_map(Json::as_f64).map(f64::to_bits).collect();
    let next = |north, east| hhcode::neighbor(code, resolution, north, east);
    all([
        same_text,
        Outcome::equal(&cell::from_code(code, resolution), &Some(long(&asked["cell"]))),
        Outcome::equal(&hhcode::center(code, resolution), &long(&asked["center"])),
        Outcome::equal(
            &hex(&hhcode::to_prefix_bytes(code, resolution)).as_str(),
            &string(&asked["bytes"]),
        ),
        Outcome::equal(&bounds.as_slice(), &bbox.as_slice()),
        Outcome::equal(&next(1, 0), &long(&asked["north"])),
        Outcome::equal(&next(-1, 0), &long(&asked["south"])),
        Outcome::equal(&next(0, 1), &long(&asked["east"])),
        Outcome::equal(&next(0, -1), &long(&asked["west"])),
    ])
}

fn distances(line: &Json) -> Outcome {
    let (from, to) = (long(&line["from"]), long(&line["to"]));
    all([
        close(distance::orthodromic(from, to), bits(&line["orthodromic_bits"])),
        close(distance::loxodromic(from, to), bits(&line["loxodromic_bits"])),
    ])
}

/// The resolution is a number, or a text that begins with an error as a part of the diagonal.
fn shape(line: &Json) -> Outcome {
    let geometry = match wkt::parse(string(&line["wkt"])) {
        Ok(geometry) => geometry,
        Err(error) => return Outcome::Fail(error.to_string()),
    };
    let resolution = match line["arg"].as_i64() {
        Some(resolution) => resolution.unsigned_abs() as u32,
        None => {
            let error = string(&line["arg"]).split(' ').next().unwrap_or_default();
            resolution_for(&geometry, error.parse().expect("a number"))
        }
    };
    let cover = Cover {
        coarsest: 2,
        finest: resolution,
        inside: line["inside"] == true,
        cells_max: CELLS_MAX,
        visits_max: VISITS_MAX,
    };
    let shape = match cover.shape(&geometry) {
        Ok(shape) => shape,
        Err(error) => return Outcome::Fail(error.to_string()),
    };
    let mut asked = longs(&line["cells"]);
    asked.sort_unstable();
    let contains = array(&line["contains_tests"]).iter().map(|test| {
        let code = long(&test[0]);
        Outcome::equal(&(code, shape.contains(code)), &(code, test[1] == true))
    });
    all([
        Outcome::equal(&shape.cells(), &asked.as_slice()),
        Outcome::equal(&hex(&shape.to_bytes()).as_str(), &string(&line["serialized"])),
    ]
    .into_iter()
    .chain(contains))
}

fn close(got: f64, asked: f64) -> Outcome {
    if (got - asked).abs() <= TOLERANCE * asked.abs() || got.is_nan() && asked.is_nan() {
        Outcome::Pass
    } else {
        Outcome::Fail(format!("got {got}, asked {asked}"))
    }
}

fn longs(list: &Json) -> Vec<i64> {
    array(list).iter().map(long).collect()
}
