//! `hll.jsonl`: HyperLogLog++ estimators.

use serde_json::Value as Json;
use weft_wire::hyperloglog::HyperLogLog;

use crate::json::{array, hex, long, unhex};
use crate::{Checker, Outcome, all};

/// How far estimates from registers may differ: see [`weft_wire::hyperloglog`].
const ERRORS_MAX: f64 = 2.0;

/// Checks `hll.jsonl`.
pub(crate) struct HllChecker;

impl Checker for HllChecker {
    fn check(&mut self, kind: &str, line: &Json) -> Outcome {
        match kind {
            "aggregate" => {
                let (p, p_prime) = (long(&line["p"]), long(&line["pprime"]));
                let made = filled(p, p_prime, long(&line["seed"]), long(&line["n"]));
                same(made, line)
            }
            "sequence" => {
                let mut made = empty(long(&line["p"]), long(&line["pprime"]));
                array(&line["values"]).iter().for_each(|value| made.add(long(value)));
                same(made, line)
            }
            "fuse" => {
                let mut made = described(&line["a"]);
                match made.fuse(&described(&line["b"])) {
                    Ok(()) => same(made, line),
                    Err(_) if line.get("error").is_some() => Outcome::Pass,
                    Err(error) => Outcome::Fail(error.to_string()),
                }
            }
            "resume" => {
                let mut made = match HyperLogLog::from_bytes(&described(&line["a"]).to_bytes()) {
                    Ok(made) => made,
                    Err(error) => return Outcome::Fail(error.to_string()),
                };
                (0..50).for_each(|index| made.add(mix(777, index)));
                same(made, line)
            }
            _ => Outcome::Skip("unknown kind"),
        }
    }
}

fn empty(p: i64, p_prime: i64) -> HyperLogLog {
    let small = |number| u8::try_from(number).expect("a precision");
    HyperLogLog::with_precision(small(p), small(p_prime), 0)
}

fn filled(p: i64, p_prime: i64, seed: i64, count: i64) -> HyperLogLog {
    let mut made = empty(p, p_prime);
    (0..count).for_each(|index| made.add(mix(seed, index)));
    made
}

/// `[p, p', seed, n]`.
fn described(parts: &Json) -> HyperLogLog {
    let part = |index: usize| long(&parts[index]);
    filled(part(0), part(1), part(2), part(3))
}

/// The values that were recorded.
fn mix(seed: i64, index: i64) -> i64 {
    let number = seed.wrapping_mul(1_000_003).wrapping_add(index) as u64;
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ z >> 31) as i64
}

fn same(made: HyperLogLog, line: &Json) -> Outcome {
    let bytes = match line["bytes"].is_string() {
        true => same_bytes(made.clone(), line),
        false => Outcome::Pass,
    };
    let registers = made.registers();
    let got = registers.as_ref().map(|registers| hex(registers));
    let asked = line["registers_raw"].as_str();
    all([
        bytes,
        match asked.filter(|text| text.starts_with("sha256")) {
            // Only their number is told.
            Some(text) => Outcome::equal(
                &registers.map(|registers| registers.len().to_string()).as_deref(),
                &text.rsplit(':').next(),
            ),
            None => Outcome::equal(&got.as_deref(), &asked),
        },
        estimate(&made, long(&line["cardinality"])),
    ])
}

fn same_bytes(mut made: HyperLogLog, line: &Json) -> Outcome {
    let recorded = unhex(&line["bytes"]);
    let read = match HyperLogLog::from_bytes(&recorded) {
        Ok(read) => read,
        Err(error) => return Outcome::Fail(error.to_string()),
    };
    made.init_ms = read.init_ms;
    made.key.clone_from(&read.key);
    let bytes = made.to_bytes();
    // Whether registers are worth compressing, and to which bytes, depends on who compresses.
    match made.registers().is_none() {
        true => Outcome::equal(&hex(&bytes), &hex(&recorded)),
        false => Outcome::equal(&HyperLogLog::from_bytes(&bytes), &Ok(read)),
    }
}

fn estimate(made: &HyperLogLog, asked: i64) -> Outcome {
    let got = made.estimate();
    let Some(registers) = made.registers() else { return Outcome::equal(&got, &asked) };
    let error = 1.04 / (registers.len() as f64 * 8.0 / 6.0).sqrt();
    if (got - asked).abs() as f64 <= (ERRORS_MAX * error * asked as f64).max(1.0) {
        Outcome::Pass
    } else {
        Outcome::Fail(format!("got {got}, asked about {asked}"))
    }
}
