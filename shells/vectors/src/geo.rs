//! `geo.jsonl`: HHCodes of positions.

use serde_json::Value as Json;
use weft_gts::geo::hhcode;

use crate::json::{bits, long, string};
use crate::{Checker, Outcome, all};

/// Checks `geo.jsonl`.
pub(crate) struct GeoChecker;

impl Checker for GeoChecker {
    fn check(&mut self, kind: &str, line: &Json) -> Outcome {
        let code = long(&line["geoxp"]);
        match kind {
            "point" => {
                let made = hhcode::from_degrees(bits(&line["lat_bits"]), bits(&line["lon_bits"]));
                all([
                    Outcome::equal(&made, &code),
                    same_degrees(code, &line["back_lat_bits"], &line["back_lon_bits"]),
                    same_text(line, code),
                ])
            }
            "frompoint" => {
                let (latitude, longitude) = hhcode::to_degrees(code);
                all([
                    same_degrees(code, &line["lat_bits"], &line["lon_bits"]),
                    Outcome::equal(
                        &hhcode::from_degrees(latitude, longitude),
                        &long(&line["again"]),
                    ),
                    same_text(line, code),
                ])
            }
            "point-special" => {
                let made = hhcode::from_degrees(special(&line["lat"]), special(&line["lon"]));
                Outcome::equal(&made, &code)
            }
            _ => Outcome::Skip("unknown kind"),
        }
    }
}

fn same_degrees(code: i64, latitude: &Json, longitude: &Json) -> Outcome {
    let (got_latitude, got_longitude) = hhcode::to_degrees(code);
    all([
        Outcome::equal(&got_latitude.to_bits(), &bits(latitude).to_bits()),
        Outcome::equal(&got_longitude.to_bits(), &bits(longitude).to_bits()),
    ])
}

fn same_text(line: &Json, code: i64) -> Outcome {
    let text = hhcode::to_text(code, hhcode::RESOLUTION_MAX);
    all([
        Outcome::equal(&text.as_str(), &string(&line["hhcode"])),
        Outcome::equal(&hhcode::from_text(&text), &Some(code)),
    ])
}

/// A double as Java writes it.
fn special(text: &Json) -> f64 {
    let Some(double) = weft_gts::parse_double(string(text)) else { panic!("no double: {text}") };
    double
}
