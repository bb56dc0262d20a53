//! A run as a story: who asked what and how it was answered, what went wrong, what the machines
//! asked of the log, the table, coordination and each other, and the sentence that did not hold.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use weft_daemons::contract::http::RequestId;
use weft_daemons::contract::log::{LogAction, LogEvent};
use weft_daemons::contract::peer::Answer;
use weft_daemons::contract::table::{CellTime, TableAction, TableEvent};
use weft_daemons::contract::{
    CoordAction, CoordEvent, Effect, Event, NoTask, PeerAction, PeerEvent,
};
use weft_gts::{SeriesId, Value};

use crate::Outcome;
use crate::clients::{SeriesName, class};
use crate::faults::Fault;
use crate::invariants::history::{Data, History, understand, understand_metadata};
use crate::mutants::Mutant;
use crate::node::Component;
use crate::params::{MS, NodeKind, Params};
use crate::plan::Plan;
use crate::world::{Address, DATA_TOPIC, METADATA_TOPIC};

/// Lines of what machines do at the beginning and at the end of a story; what is between is counted.
const MACHINES_MAX: usize = 60;

/// Letters of an answer.
const BODY_MAX: usize = 120;

/// What a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A node comes or goes.
    Node,
    /// A client asks.
    Request,
    /// A client is answered, or not.
    Answer,
    /// Something goes wrong.
    Fault,
    /// A machine asks or is told something.
    Machine,
    /// The faults are over.
    Calm,
}

/// A line of a story.
#[derive(Clone, Debug)]
pub struct Line {
    /// When, nanoseconds.
    pub at_ns: u64,
    /// What it is about.
    pub what: What,
    /// What happened.
    pub text: String,
}

/// A datapoint's time as the simulator's clients choose it, as a number.
#[derive(Clone, Copy, Debug)]
pub struct Tick(pub i64);

impl fmt::Display for Tick {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            i64::MIN => f.write_str("@first"),
            i64::MAX => f.write_str("@last"),
            tick => write!(f, "@{}", tick / 1_000_000 % 100_000_000 / 60),
        }
    }
}

/// Collects the lines, when they are wanted.
#[derive(Debug)]
pub struct Chronicle {
    lines: Option<Vec<Line>>,
    names: BTreeMap<SeriesId, SeriesName>,
    requests: BTreeMap<RequestId, usize>,
}

impl Chronicle {
    /// Nothing has happened yet.
    pub fn new(params: &Params, is_kept: bool) -> Self {
        let all = (0..params.tenants)
            .flat_map(|tenant| (0..params.series).map(move |series| SeriesName { tenant, series }));
        let names = all.filter(|_| is_kept).map(|name| (History::id_of(&name), name)).collect();
        Self { lines: is_kept.then(Vec::new), names, requests: BTreeMap::new() }
    }

    /// Whether anybody wants it.
    pub const fn is_kept(&self) -> bool {
        self.lines.is_some()
    }

    /// What has happened.
    pub fn lines(&self) -> &[Line] {
        self.lines.as_deref().unwrap_or_default()
    }

    fn add(&mut self, at_ns: u64, what: What, text: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.lines {
            lines.push(Line { at_ns, what, text: text() });
        }
    }

    /// A fault of the whole.
    pub fn fault(&mut self, at_ns: u64, fault: &Fault) {
        let Fault { kind, node, other, lasts_ns, jump_ns } = fault;
        self.add(at_ns, What::Fault, || {
            let (lasts, jump) = (lasts_ns / MS, jump_ns / MS as i64);
            format!("{kind:?} (node {node}, other {other}, for {lasts} ms, by {jump} ms)")
        });
    }

    /// A fault of a single action.
    pub fn strike(&mut self, at_ns: u64, name: &str) {
        self.add(at_ns, What::Fault, || name.to_owned());
    }

    /// The faults are over.
    pub fn calm(&mut self, at_ns: u64) {
        let text =
            || "no more faults and requests; everything comes to rest, and is read".to_owned();
        self.add(at_ns, What::Calm, text);
    }

    /// A node begins or ends.
    pub fn node(&mut self, at_ns: u64, node: usize, kind: NodeKind, begins: bool) {
        if kind != NodeKind::default() {
            let verb = if begins { "starts" } else { "is gone" };
            self.add(at_ns, What::Node, || format!("node {node} {verb}"));
        }
    }

    /// A client, of a tenant, asks something of a node.
    pub fn sent(
        &mut self,
        at_ns: u64,
        request: RequestId,
        (tenant, node): (usize, usize),
        tries: u32,
        what: &str,
    ) {
        let number = self.requests.len() + 1;
        self.requests.insert(request, number);
        let again = if tries > 1 { format!(", try {tries}") } else { String::new() };
        self.add(at_ns, What::Request, || {
            format!("request {number}{again}: tenant {tenant} to node {node}: {what}")
        });
    }

    /// A request is over.
    pub fn answered(&mut self, at_ns: u64, request: RequestId, status: Option<u16>, body: &[u8]) {
        let number = self.requests.get(&request).copied().unwrap_or(0);
        self.add(at_ns, What::Answer, || {
            let Some(status) = status else { return format!("request {number}: no answer") };
            let body = String::from_utf8_lossy(body).trim().replace(['\r', '\n'], " | ");
            let short: String = body.chars().take(BODY_MAX).collect();
            let rest = if short.len() < body.len() { "…" } else { "" };
            format!("request {number}: {status} {short}{rest}").trim_end().to_owned()
        });
    }

    /// A machine is told something.
    pub fn told(
        &mut self,
        at_ns: u64,
        to: Address,
        component: Component,
        mark: &str,
        event: &Event<NoTask>,
    ) {
        if self.is_kept()
            && let Some(what) = self.event(event)
        {
            let text = format!("{component:?} {} is told: {mark} {what}", to.node);
            self.add(at_ns, What::Machine, || text);
        }
    }

    /// A machine wants something.
    pub fn wants(
        &mut self,
        at_ns: u64,
        from: Address,
        component: Component,
        mark: &str,
        effect: &Effect<NoTask>,
    ) {
        if self.is_kept()
            && let Some(what) = self.effect(effect)
        {
            let text = format!("{component:?} {} asks: {mark} {what}", from.node);
            self.add(at_ns, What::Machine, || text);
        }
    }

    fn name(&self, id: SeriesId) -> String {
        self.names.get(&id).map_or_else(|| "another series".to_owned(), class)
    }

    fn record(&self, topic: &str, value: &[u8]) -> String {
        let said = match topic {
            DATA_TOPIC => understand(value).0.map(|data| match data {
                Data::Put { series, points, .. } => {
                    let points =
                        points.iter().map(|(tick, value)| format!(" {}={value}", Tick(*tick)));
                    self.name(series) + &points.collect::<String>()
                }
                Data::Delete { series, start, end } => {
                    format!("delete {} {} to {}", self.name(series), Tick(start), Tick(end))
                }
            }),
            METADATA_TOPIC => understand_metadata(value).map(|metadata| {
                let source = metadata.source.as_deref().unwrap_or_default();
                format!("{} by {source}", metadata.class())
            }),
            _ => None,
        };
        said.unwrap_or_else(|| "what nobody understands".to_owned())
    }

    fn effect(&self, effect: &Effect<NoTask>) -> Option<String> {
        Some(match effect {
            Effect::Log(LogAction::Append { topic, records, .. }) => {
                let records = records.iter().map(|record| {
                    format!("{}/{}", self.record(topic, &record.value), record.partition)
                });
                format!("{topic}: {}", records.collect::<Vec<_>>().join("; "))
            }
            Effect::Log(LogAction::Commit { topic, group, partition, position, .. }) => {
                format!("{topic}/{partition} {} of {group}", position.offset)
            }
            Effect::Log(LogAction::Seek { topic, partition, offset, .. }) => {
                format!("{topic}/{partition} {offset}")
            }
            Effect::Table(TableAction::Put { puts, .. }) => {
                let puts = puts.iter().map(|put| {
                    let points = put.points.iter().map(|point| match point.value {
                        Value::Long(value) => format!(" {}={value}", Tick(point.tick)),
                        _ => format!(" {}", Tick(point.tick)),
                    });
                    let cell = match put.cell_time {
                        CellTime::At(ms) => format!(", cells of {ms}"),
                        CellTime::OfDatapoint(_) => String::new(),
                    };
                    self.name(put.series) + &points.collect::<String>() + &cell
                });
                puts.collect::<Vec<_>>().join("; ")
            }
            Effect::Table(TableAction::Delete { series, start, end, cell_until, .. }) => {
                let (start, end) = (Tick(*start), Tick(*end));
                format!("{} {start} to {end}, cells until {cell_until}", self.name(*series))
            }
            Effect::Table(TableAction::PutMeta { rows, .. }) => {
                self.names_of(rows.iter().map(|row| row.series))
            }
            Effect::Table(TableAction::DeleteMeta { series, .. }) => {
                self.names_of(series.iter().map(|(id, _)| *id))
            }
            Effect::Table(TableAction::Flush { .. } | TableAction::Fetch { .. }) => String::new(),
            Effect::Coord(CoordAction::Create { path, .. } | CoordAction::Delete { path, .. }) => {
                path.clone()
            }
            Effect::Peer(PeerAction::Find { instance, .. }) => format!("of {instance}"),
            Effect::Peer(PeerAction::Answer { answer, .. }) => said(answer),
            Effect::Warn(text) => text.clone(),
            _ => return None,
        })
    }

    fn event(&self, event: &Event<NoTask>) -> Option<String> {
        Some(match event {
            Event::Log(LogEvent::Records { topic, partition, records, .. }) => {
                let records = records.iter().map(|record| {
                    format!("{} {}", record.offset, self.record(topic, &record.value))
                });
                format!("{topic}/{partition}: {}", records.collect::<Vec<_>>().join("; "))
            }
            Event::Log(LogEvent::Appended { result: Ok(places), .. }) => {
                let places =
                    places.iter().map(|(partition, offset)| format!("{partition}/{offset}"));
                format!("at {}", places.collect::<Vec<_>>().join(", "))
            }
            Event::Log(LogEvent::Appended { result: Err(error), .. }) => error.to_string(),
            Event::Log(LogEvent::Committed { result: Err(error), .. }) => error.to_string(),
            Event::Log(LogEvent::Committed { .. }) => String::new(),
            Event::Log(LogEvent::Assigned { topic, partitions, .. }) => {
                let from =
                    partitions.iter().map(|(p, position)| format!("{p} from {}", position.offset));
                format!("{topic}: {}", from.collect::<Vec<_>>().join(", "))
            }
            Event::Log(LogEvent::Revoked { topic, partitions, .. }) => {
                format!("{topic}: {partitions:?}")
            }
            Event::Table(
                TableEvent::Written { result, .. } | TableEvent::Flushed { result, .. },
            ) => result.as_ref().err().map(ToString::to_string).unwrap_or_default(),
            Event::Table(TableEvent::Deleted { result, .. }) => {
                result.as_ref().err().map(ToString::to_string).unwrap_or_default()
            }
            Event::Table(TableEvent::Points { points, .. }) => {
                format!("{} datapoints", points.len())
            }
            Event::Table(TableEvent::Rows { rows, .. }) => {
                self.names_of(rows.iter().map(|(id, _)| *id))
            }
            Event::Table(TableEvent::End { result: Err(error), .. }) => error.to_string(),
            Event::Coord(CoordEvent::Changed { path }) => path.clone(),
            Event::Coord(CoordEvent::Disconnected) | Event::Stop => String::new(),
            Event::Peer(PeerEvent::Answered { answer, .. }) => said(answer),
            _ => return None,
        })
    }

    fn names_of(&self, ids: impl Iterator<Item = SeriesId>) -> String {
        ids.map(|id| self.name(id)).collect::<Vec<_>>().join(", ")
    }
}

fn said(answer: &Answer) -> String {
    match answer {
        Answer::Found(series) => {
            series.iter().map(|metadata| metadata.class().to_owned()).collect::<Vec<_>>().join(", ")
        }
        Answer::Failed(error) => error.to_string(),
        Answer::Counted(_) | Answer::End => String::new(),
    }
}

/// How many lines of a story are of this kind.
pub fn count(lines: &[Line], what: What) -> usize {
    lines.iter().filter(|line| line.what == what).count()
}

/// Tells the story of a run.
pub fn tell(outcome: &Outcome) -> String {
    let (params, lines) = (&outcome.params, &outcome.story);
    let mut text = String::new();
    let nodes = params.nodes.iter().enumerate().filter(|(_, kind)| **kind != NodeKind::default());
    let nodes: Vec<String> =
        nodes.map(|(node, kind)| format!("{node} {}", describe(*kind))).collect();
    let _ = writeln!(text, "Nodes: {}.", nodes.join("; "));
    let _ = writeln!(
        text,
        "{} shards of the directory, {} partitions of a topic, {} regions of the table; {} requests, \
         {} faults.\n",
        params.modulus,
        params.partitions,
        params.regions,
        count(lines, What::Request),
        count(lines, What::Fault)
    );
    for line in shortened(lines) {
        let _ = writeln!(text, "{line}");
    }
    if let Some(violation) = &outcome.violation {
        let at = outcome.virtual_ns as f64 / 1e6;
        let _ = writeln!(text, "{at:>12.3}  ✗  {}: {}", violation.invariant, violation.what);
    }
    text
}

fn describe(kind: NodeKind) -> String {
    let directory = kind.directory.map(|(remainder, stores)| {
        format!(
            "directory of remainder {remainder}{}",
            if stores { "" } else { " that does not store" }
        )
    });
    let others = [
        (kind.ingress, "ingress"),
        (kind.store, "store"),
        (kind.egress, "egress"),
        (kind.backend, "plasmaBE"),
        (kind.frontend, "plasmaFE"),
    ];
    let others = others.into_iter().filter(|(runs, _)| *runs).map(|(_, name)| name.to_owned());
    directory.into_iter().chain(others).collect::<Vec<_>>().join(" and ")
}

/// The lines, the same ones together, and of those of machines no more than a person reads.
fn shortened(lines: &[Line]) -> Vec<String> {
    let mut told: Vec<(&Line, usize)> = Vec::new();
    for line in lines {
        match told.last_mut() {
            Some((last, times)) if (last.what, &last.text) == (line.what, &line.text) => {
                *times += 1
            }
            _ => told.push((line, 1)),
        }
    }
    let machines = told.iter().filter(|(line, _)| line.what == What::Machine).count();
    let (mut seen, mut left_out, mut out) = (0, 0, Vec::new());
    for (line, times) in told {
        if line.what == What::Machine {
            seen += 1;
            if seen > MACHINES_MAX && seen + MACHINES_MAX <= machines {
                left_out += 1;
                continue;
            }
        }
        if left_out > 0 {
            out.push(format!("{:>14} {left_out} lines of machines are left out", "…"));
            left_out = 0;
        }
        let sign = match line.what {
            What::Node => "·",
            What::Request => "→",
            What::Answer => "←",
            What::Fault => "⚡",
            What::Machine => " ",
            What::Calm => "—",
        };
        let times = if times > 1 { format!(" ({times} times)") } else { String::new() };
        out.push(format!(
            "{:>12.3}  {sign}  {}{times}",
            line.at_ns as f64 / 1e6,
            line.text.trim_end()
        ));
    }
    out
}

/// A test that the plan fails: it can be pasted into a file of `sim/tests`.
pub fn test(seed: u64, plan: &Plan, mutant: Option<Mutant>, invariant: &str) -> String {
    let what =
        mutant.map_or_else(|| format!("seed_{seed}"), |mutant| mutant.name().replace('-', "_"));
    let words: Vec<String> = plan.to_string().split(' ').map(str::to_owned).collect();
    let plan = words.join(" \\\n         ");
    let mut text = format!(
        "use weft_sim::plan::Plan;\nuse weft_sim::{{Options, replay}};\n\n\
         #[test]\nfn {what}_minimised() {{\n    let plan: Plan = \"{plan}\"\n        .parse()\n        \
         .expect(\"a plan\");\n"
    );
    let run = |mutant: &str| {
        format!(
            "replay({seed}, &plan, Options {{ mutant: {mutant}, ..Options::default() }})\n        \
             .expect(\"a world\");\n"
        )
    };
    if let Some(mutant) = mutant {
        let _ = write!(
            text,
            "    let mutant = weft_sim::mutants::named(\"{}\");\n    let outcome = {}    \
             assert_eq!(outcome.violation.map(|it| it.invariant), Some(\"{invariant}\"));\n",
            mutant.name(),
            run("mutant")
        );
    }
    let _ = write!(
        text,
        "    let outcome = {}    assert_eq!(outcome.violation, None);\n}}\n",
        run("None")
    );
    text
}
