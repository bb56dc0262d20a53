//! `directory.jsonl`: what is found, in which order, and how it is asked for.

use serde_json::{Value as Json, json};
use weft_daemons::directory::{Activity, Estimates, Index, Stats, StatsLimits};
use weft_gts::selector::{Selector, SelectorError, SelectorText};
use weft_gts::{IdKeys, Labels, Metadata, SeriesId, SipKey};
use weft_wire::hyperloglog::PRECISION;
use weft_wire::sign::signature;
use weft_wire::streaming::{self, StreamingRequest};

use crate::json::{array, hex, labels, long, string, unhex};
use crate::{Checker, Outcome, all};

/// Series and candidates that one step of a find takes: few, so that finds are resumed.
const STEP: usize = 3;

/// `warp10.absent.label.support` of the recorded directory.
const ABSENT_LABELS: bool = true;

/// Checks `directory.jsonl`: the `metadata` lines are what the rest looks at.
#[derive(Default)]
pub(crate) struct DirectoryChecker {
    index: Index,
    /// Ids, by their number in the file.
    ids: Vec<SeriesId>,
}

impl Checker for DirectoryChecker {
    fn check(&mut self, kind: &str, line: &Json) -> Outcome {
        match kind {
            "metadata" => self.metadata(line),
            "find" | "find-activity" => {
                let selector = selector(&line["class"], &line["labels"]);
                self.found(&[vec![selector]], line)
            }
            "find-multi" => {
                let passes: Vec<Vec<Selector>> = array(&line["selectors"])
                    .iter()
                    .map(|pair| vec![selector(&pair[0], &pair[1])])
                    .collect();
                self.found(&passes, line)
            }
            "stats" => self.stats(line),
            "sorted_order" => {
                let all = self.index.iter().map(|metadata| metadata.id);
                Outcome::equal(&all.collect::<Vec<_>>(), &self.numbered(&line["indices"]))
            }
            "id_comparator" => sorted(&line["in"], &line["sorted"]),
            "id_comparator_order" => sorted(&line["sorted"], &line["sorted"]),
            "parseSelector" => parse_selector(line),
            "streaming-request" => streaming_request(line),
            "streaming-response-line" => streaming_line(line),
            "fetch-signature" => {
                let (now_ms, token) = (long(&line["now_ms"]), string(&line["token"]));
                let signed = signature(key(&line["psk"]), now_ms, token);
                Outcome::equal(&signed.as_str(), &string(&line["header"]))
            }
            _ => Outcome::Skip("unknown kind"),
        }
    }
}

impl DirectoryChecker {
    fn metadata(&mut self, line: &Json) -> Outcome {
        let metadata = Metadata {
            name: Some(string(&line["name"]).to_owned()),
            labels: labels(&line["labels"]),
            attributes: labels(&line["attributes"]),
            id: SeriesId { class_id: long(&line["classId"]), labels_id: long(&line["labelsId"]) },
            source: None,
            last_activity: line["lastActivity"].as_i64(),
        };
        let number = self.ids.len();
        self.ids.push(metadata.id);
        // The recorded directory got its series from updates, which bring no attributes.
        self.index.insert(&Metadata { attributes: Labels::default(), ..metadata });
        Outcome::equal(&(number as i64), &long(&line["index"]))
    }

    /// Walks through the passes one after the other, as a find with several selectors does.
    fn found(&self, passes: &[Vec<Selector>], line: &Json) -> Outcome {
        let moment = |name: &str| line.get(name).and_then(Json::as_i64);
        let activity =
            Activity { active_after: moment("active_after"), quiet_after: moment("quiet_after") };
        let mut ids = Vec::new();
        for selectors in passes {
            let mut after = None;
            loop {
                let found = self.index.find(selectors, activity, after, STEP, STEP);
                for metadata in found.series {
                    if !ids.contains(&metadata.id) {
                        ids.push(metadata.id);
                    }
                }
                after = found.next;
                if after.is_none() {
                    break;
                }
            }
        }
        Outcome::equal(&ids, &self.numbered(&line["result"]))
    }

    fn stats(&self, line: &Json) -> Outcome {
        let key = |first: u8| SipKey::from_bytes(std::array::from_fn(|at| first + at as u8));
        let keys = IdKeys { class: key(0), labels: key(0x10) };
        let mut stats = Stats::new(keys, StatsLimits::default(), 0);
        let selector = selector(&line["class"], &line["labels"]);
        for metadata in self.index.iter().filter(|metadata| selector.matches(metadata)) {
            stats.add(&metadata);
        }
        let estimates = match Estimates::of(&[stats.finish()]) {
            Ok(estimates) => estimates,
            Err(error) => return Outcome::Fail(error.to_string()),
        };
        let got = json!({
            "gts.estimate": estimates.series,
            "classes.estimate": estimates.classes,
            "labelnames.estimate": estimates.label_names,
            "labelvalues.estimate": estimates.label_values,
            "per.class.estimate": estimates.by_class,
            "per.label.value.estimate": estimates.by_label,
            "error.rate": 1.04 / f64::from(1u32 << PRECISION).sqrt(),
        });
        Outcome::equal(&got, &line["result"])
    }

    /// The ids of series that are given by their numbers.
    fn numbered(&self, numbers: &Json) -> Vec<SeriesId> {
        array(numbers).iter().map(|number| self.ids[long(number) as usize]).collect()
    }
}

fn selector(class: &Json, expressions: &Json) -> Selector {
    match Selector::new(&selector_text(class, expressions), ABSENT_LABELS) {
        Ok(selector) => selector,
        Err(error) => panic!("{error}"),
    }
}

fn selector_text(class: &Json, expressions: &Json) -> SelectorText {
    let expressions = if expressions.is_null() { Labels::default() } else { labels(expressions) };
    let pairs = expressions.iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
    SelectorText { class: string(class).to_owned(), labels: pairs.collect() }
}

/// Ids are compared half by half, and each half like a class id.
fn sorted(given: &Json, asked: &Json) -> Outcome {
    let ids = |list: &Json, place: fn(i64) -> SeriesId| -> Vec<SeriesId> {
        array(list).iter().map(|id| place(long(id))).collect()
    };
    all([
        |class_id| SeriesId { class_id, labels_id: 0 },
        |labels_id| SeriesId { class_id: 0, labels_id },
    ]
    .map(|place: fn(i64) -> SeriesId| {
        let mut got = ids(given, place);
        got.sort_unstable();
        Outcome::equal(&got, &ids(asked, place))
    }))
}

fn parse_selector(line: &Json) -> Outcome {
    let asked = &line["result"];
    match SelectorText::parse(string(&line["selector"])) {
        Ok(parsed) => {
            if asked.get("error").is_some() {
                return Outcome::Fail(format!("got {parsed:?}, asked {asked}"));
            }
            let terms: Labels = parsed.labels.into_iter().collect();
            all([
                Outcome::equal(&parsed.class.as_str(), &string(&asked["class"])),
                Outcome::equal(&terms.sorted(), &labels(&asked["labels"]).sorted()),
            ])
        }
        Err(error) => {
            let Some(message) = asked["error"].as_str() else {
                return Outcome::Fail(format!("got {error}, asked {asked}"));
            };
            // The reference names the cause once more, in parentheses.
            let got = match &error {
                SelectorError::Term(term) => format!("{error} ({term})"),
                _ => error.to_string(),
            };
            Outcome::equal(&got.as_str(), &message)
        }
    }
}

fn streaming_request(line: &Json) -> Outcome {
    let text = selector_text(&line["class"], &line["labels"]);
    let moment = |name: &str| line[name].as_i64();
    let request = StreamingRequest::new(
        key(&line["psk"]),
        long(&line["now_ms"]),
        &text,
        moment("active_after"),
        moment("quiet_after"),
    );
    let mut written = Vec::new();
    text.write(&mut written);
    all([
        Outcome::equal(&&*String::from_utf8_lossy(&written), &string(&line["selector"])),
        Outcome::equal(
            &request.signature.as_str(),
            &string(&line["header_X-Warp10-Directory-Signature"]),
        ),
        Outcome::equal(&request.body.as_str(), &string(&line["post_body"])),
        Outcome::equal(&streaming::PATH, &string(&line["path"])),
    ])
}

fn streaming_line(line: &Json) -> Outcome {
    let fields = array(&line["metadata"]);
    let [name, label_map, class_id, labels_id, attribute_map, source, last_activity] = fields
    else {
        panic!("not metadata: {line}")
    };
    let metadata = Metadata {
        name: Some(string(name).to_owned()),
        labels: labels(label_map),
        id: SeriesId { class_id: long(class_id), labels_id: long(labels_id) },
        attributes: labels(attribute_map),
        source: source.as_str().map(str::to_owned),
        last_activity: last_activity.as_i64(),
    };
    let asked = string(&line["line"]);
    let read = streaming::read_line(asked.trim_end().as_bytes());
    let mut written = Vec::new();
    // The reference writes attributes also when there are none; that aside, bytes are the same.
    let message =
        weft_wire::thrift::MetadataMessage { has_attributes: true, metadata: metadata.clone() };
    let bytes = message.encode();
    streaming::write_line(&mut written, &metadata);
    all([
        Outcome::equal(&read, &Some(metadata.clone())),
        Outcome::equal(&hex(&bytes).as_str(), &string(&line["thrift"])),
        Outcome::equal(&streaming::read_line(written.trim_ascii_end()), &Some(metadata)),
    ])
}

fn key(bytes: &Json) -> SipKey {
    SipKey::from_bytes(unhex(bytes).try_into().expect("sixteen bytes"))
}
