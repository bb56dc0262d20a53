//! What must hold, one file each; [`Checks`] hands them what happens.
//!
//! | file | sentence |
//! |---|---|
//! | [`acknowledged`] | what a 200 acknowledged is in the log, its series' metadata before it |
//! | [`offsets`] | offsets are committed only after the table has what came before them, by whom it is |
//! | [`standstill`] | a partition moves on while its owner is in contact |
//! | [`ownership`] | after losing a partition a store asks nothing of the table for it |
//! | [`barrier`] | a delete waits for what came before it, and what comes after it waits for its commit |
//! | [`shards`] | a shard answers with everything that it must know |
//! | [`findable`] | a find is complete or an error, and a series with datapoints is found |
//! | [`durable`] | in the end the table is what the log says, whatever was replayed |
//! | [`tenancy`] | a tenant finds its own series and nobody else's |
//! | [`phantoms`] | what is read was written |
//! | [`reads`] | on the one-process platform a read sees what was acknowledged before it |
//! | [`bounded`] | a machine never wants more at once than it has a bound for |
//! | [`liveness`] | after the faults everything comes to rest, and everybody can read |
//! | [`refusals`] | what was asked for, and nothing else, is refused |
//! | [`membership`] | only the member that a partition was given to last has its commits taken |
//! | [`rows`] | offsets of metadata are committed only after the table has their rows |
//! | [`attributes`] | in the end a series has the attributes that the topic says |
//! | [`convergence`] | in the end replicas answer the same, and what the topic says |
//! | [`registration`] | in the end who serves is registered, and nobody else |
//! | [`scripts`] | what a script fetches is what a fetch answers |
//! | [`told`] | what is passed over is told the operator before it is committed |
//! | [`deletes`] | a delete that was acknowledged is in the log |
//! | [`throttling`] | an ingress takes no more than limits allow, and nothing that it refuses |
//! | [`subscriptions`] | a subscriber gets every datapoint from when it was told so, in order, and nothing else |
//! | [`enough`] | a run did enough to prove something |
//!
//! Of runners, in a world of their own ([`crate::runners`]):
//!
//! | file | sentence |
//! |---|---|
//! | [`once`] | no window of a script is doubled |
//! | [`skipped`] | none is skipped, but where a fail-over or a run of its own covers it |
//! | [`overlap`] | a script never overlaps itself |
//!
//! Of webcalls ([`crate::webcalls`]):
//!
//! | file | sentence |
//! |---|---|
//! | [`called`] | a call is made once, at least once where something failed, and never where it is not allowed |
//! | [`polite`] | no more calls are under way than is allowed, of a process and to a host |
//!
//! A machine that panics fails its seed as well ([`crate::panics`]).

pub mod acknowledged;
pub mod attributes;
pub mod barrier;
pub mod bounded;
pub mod called;
pub mod convergence;
pub mod deletes;
pub mod durable;
pub mod enough;
pub mod findable;
pub mod history;
pub mod liveness;
pub mod lives;
pub mod membership;
pub mod offsets;
pub mod once;
pub mod overlap;
pub mod ownership;
pub mod phantoms;
pub mod polite;
pub mod reads;
pub mod refusals;
pub mod registration;
pub mod rows;
pub mod scripts;
pub mod shards;
pub mod skipped;
pub mod standstill;
pub mod subscriptions;
pub mod tenancy;
pub mod throttling;
pub mod told;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use weft_daemons::contract::log::Topic;
use weft_daemons::contract::peer::{Answer, FindRequest};
use weft_daemons::contract::{ActionId, Event, LogEvent, NoTask, TableAction};

use weft_gts::{Labels, SeriesId};

use crate::clients::SeriesName;
use crate::log::LogModel;
use crate::node::Component;
use crate::params::{NodeKind, Params};
use crate::table::TableModel;
use crate::world::{Address, DATA_TOPIC, METADATA_TOPIC, STORE_GROUP};
use convergence::Answered;
use history::History;
use lives::Lives;
use membership::Membership;
use offsets::Assignments;
use ownership::{Assignment, Ownership};
use shards::Shards;
use standstill::Standstill;
use subscriptions::Waiting;
use throttling::Throttling;
use told::Told;

/// A sentence that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which: the name of its file.
    pub invariant: &'static str,
    /// What was seen.
    pub what: String,
}

/// All checks, and what they have seen.
#[derive(Debug)]
pub struct Checks {
    history: History,
    /// What stores were told to own.
    pub ownership: Ownership,
    shards: Shards,
    standstill: Standstill,
    assignments: Assignments,
    membership: Membership,
    told: Told,
    /// What ingresses take, and say of limits.
    pub throttling: Throttling,
    partitions: u32,
    modulus: u32,
    /// Values that were acknowledged.
    acknowledged: BTreeSet<i64>,
    /// Which processes lived until when.
    pub lives: Lives,
    finds: BTreeMap<usize, BTreeSet<usize>>,
    /// The attributes that the last finds answered.
    described: BTreeMap<usize, BTreeMap<usize, Labels>>,
    fetches: BTreeMap<usize, scripts::Points>,
    scripted: BTreeMap<usize, scripts::Points>,
    /// What frontends say of what waits for their clients.
    pub waiting: Waiting,
    failed: Option<Violation>,
}

impl Checks {
    /// Checks that have seen nothing.
    pub fn new(params: &Params) -> Self {
        Self {
            history: History::default(),
            ownership: Ownership::default(),
            shards: Shards::new(params.modulus),
            standstill: Standstill::default(),
            assignments: Assignments::default(),
            membership: Membership::default(),
            told: Told::default(),
            throttling: Throttling::new(params),
            partitions: params.partitions,
            modulus: params.modulus,
            acknowledged: BTreeSet::new(),
            lives: Lives::default(),
            finds: BTreeMap::new(),
            described: BTreeMap::new(),
            fetches: BTreeMap::new(),
            scripted: BTreeMap::new(),
            waiting: Waiting::default(),
            failed: None,
        }
    }

    /// The first sentence that did not hold.
    pub const fn violation(&self) -> Option<&Violation> {
        self.failed.as_ref()
    }

    /// Whether any did not hold.
    pub const fn has_failed(&self) -> bool {
        self.failed.is_some()
    }

    /// A sentence does not hold. The first one counts.
    pub fn fail(&mut self, invariant: &'static str, what: String) {
        self.failed.get_or_insert(Violation { invariant, what });
    }

    /// The first sentence that does not hold counts.
    pub fn judge(&mut self, invariant: &'static str, result: Result<(), String>) {
        if let Err(what) = result {
            self.fail(invariant, what);
        }
    }

    /// A machine begins its life.
    pub fn born(&mut self, now_ns: u64, address: Address, kind: NodeKind) {
        if let Some((remainder, _)) = kind.directory {
            self.shards.born(now_ns, address, remainder);
        }
        if kind.ingress {
            self.throttling.born(address);
        }
    }

    /// A machine is told something, after so many calls of the table.
    pub fn told(
        &mut self,
        now_ns: u64,
        call: u64,
        to: Address,
        component: Component,
        event: &Event<NoTask>,
    ) {
        if let (Component::Ingress, Event::Log(LogEvent::Records { topic, partition, records, .. })) =
            (component, event)
            && **topic == *METADATA_TOPIC
            && let Some(last) = records.last()
        {
            self.lives.heard((to.node, to.life), *partition, last.offset + 1, now_ns);
        }
        if component != Component::Store {
            return;
        }
        match event {
            Event::Log(LogEvent::Assigned { epoch, partitions, .. }) => {
                let numbers = partitions.iter().map(|(partition, _)| *partition);
                self.ownership.assigned(to, Assignment { epoch: *epoch, call }, numbers);
            }
            Event::Log(LogEvent::Revoked { partitions, .. }) => {
                self.ownership.revoked(to, partitions);
            }
            _ => {}
        }
    }

    /// A machine asks something of the table.
    pub fn asks_table(
        &mut self,
        _now_ns: u64,
        from: Address,
        component: Component,
        action: &TableAction,
        log: &LogModel,
    ) {
        if component == Component::Store {
            let result = self.ownership.check(from, action, self.partitions);
            self.judge("ownership", result);
            let group = Topic::from(STORE_GROUP);
            let committed = |partition| log.committed(&DATA_TOPIC.into(), &group, partition);
            let result = barrier::check(&self.history, action, committed);
            self.judge("barrier", result);
        }
    }

    /// Something happens at the table.
    pub fn at_table(&mut self, _now_ns: u64, _action: &TableAction) {}

    /// Records were appended.
    pub fn appended(&mut self, now_ns: u64, topic: &Topic, log: &LogModel) {
        if &**topic == DATA_TOPIC {
            self.history.read_data(now_ns, log);
        } else if &**topic == METADATA_TOPIC {
            self.history.read_metadata(now_ns, log);
        }
    }

    /// A machine warns its operator.
    pub fn warned(&mut self, text: &str) {
        self.told.warned(text);
    }

    /// A client was told that its delete is done.
    pub fn deleted(
        &mut self,
        series: &SeriesName,
        ticks: (i64, i64),
        began_ns: u64,
        known_since_ns: u64,
    ) {
        let result = deletes::check(&self.history, series, ticks, began_ns, known_since_ns);
        self.judge("deletes", result);
    }

    /// The log tells a member something.
    pub fn log_told(&mut self, to: Address, event: &LogEvent) {
        self.membership.told(to, event);
    }

    /// A group committed a range of offsets.
    #[expect(clippy::too_many_arguments, reason = "what a commit says, and what it is about")]
    pub fn committed(
        &mut self,
        from: Address,
        topic: &Topic,
        group: &Topic,
        partition: u32,
        epoch: u64,
        range: Range<u64>,
        log: &LogModel,
        table: &TableModel,
    ) {
        let result = self.assignments.check(topic, group, partition, epoch, &range);
        self.judge("offsets", result);
        let result = self.membership.check(from, topic, group, partition, epoch);
        self.judge("membership", result);
        if let Some(remainder) = group.strip_prefix("directory-").and_then(|n| n.parse().ok()) {
            let (slice, range) = ((self.modulus, remainder), range.clone());
            let result = rows::check(&self.history, table, slice, partition, range);
            self.judge("rows", result);
        }
        if &**topic == DATA_TOPIC && &**group == STORE_GROUP {
            let result = self.told.check(&self.history, partition, range.clone());
            self.judge("told", result);
            let result = offsets::check(&self.history, partition, range, log, table);
            self.judge("offsets", result);
        }
    }

    /// A fault holds the stores of a node up for so long, or all of them.
    pub fn excuse(&mut self, node: Option<usize>, lasts_ns: u64) {
        self.standstill.excuse(node, lasts_ns);
    }

    /// Whether the stores are at work.
    pub fn look(&mut self, now_ns: u64, log: &LogModel) {
        let (topic, group) = (Topic::from(DATA_TOPIC), Topic::from(STORE_GROUP));
        for partition in 0..self.partitions {
            let owner = log.owner(&topic, &group, partition);
            let committed = log.committed(&topic, &group, partition).unwrap_or(0);
            let end = log.records(&topic, partition).len() as u64;
            let result = self.standstill.check(now_ns, partition, owner, committed, end);
            self.judge("standstill", result);
        }
    }

    /// A client was told that its datapoint is stored.
    pub fn acknowledged(&mut self, value: i64, series: &SeriesName) {
        self.acknowledged.insert(value);
        let result = acknowledged::check(&self.history, value, series);
        self.judge("acknowledged", result);
    }

    /// A find was asked of a shard.
    pub fn asked(&mut self, ask: ActionId, directory: Address, request: &FindRequest) {
        self.shards.asked(ask, directory, request);
    }

    /// A shard answered.
    pub fn answered(&mut self, ask: ActionId, answer: &Answer) {
        let result = self.shards.answered(&self.history, ask, answer);
        self.judge("shards", result);
    }

    /// The answer of a shard is of no interest any more.
    pub fn forget_ask(&mut self, ask: ActionId) {
        self.shards.forget(ask);
    }

    /// A find of a tenant was answered.
    pub fn found(&mut self, tenant: usize, found: &BTreeSet<usize>, known_since_ns: u64) {
        let result = findable::check_complete(&self.history, tenant, found, known_since_ns);
        self.judge("findable", result);
    }

    /// The last find of a tenant, after everything came to rest.
    pub fn final_find(&mut self, tenant: usize, described: BTreeMap<usize, Labels>) {
        self.finds.insert(tenant, described.keys().copied().collect());
        self.described.insert(tenant, described);
    }

    /// The last fetch of a tenant, after everything came to rest.
    pub fn final_fetch(&mut self, tenant: usize, points: &scripts::Points) {
        self.fetches.insert(tenant, points.clone());
    }

    /// What a script of a tenant fetched, after everything came to rest.
    pub fn final_script(&mut self, tenant: usize, points: &scripts::Points) {
        self.scripted.insert(tenant, points.clone());
    }

    /// What each directory answered, after everything came to rest.
    pub fn final_answers(&mut self, answers: &[(usize, u32, Answered)]) {
        let said = attributes::fold(&self.history);
        let result = convergence::check(&said, self.modulus, answers);
        self.judge("convergence", result);
    }

    /// Whether nobody who lived on had to see to it that the series of a value is found.
    fn is_orphaned(&self, log: &LogModel, id: SeriesId, value: i64) -> bool {
        let removed = self.history.removed(id);
        let place = self.history.values.get(&value).and_then(|places| places.last());
        let (Some(removed), Some(place)) = (removed, place) else { return false };
        let removal = log.written(METADATA_TOPIC, removed);
        let data = log.written(DATA_TOPIC, *place);
        let both = removal.zip(data);
        both.is_some_and(|(removal, data)| self.lives.excuse(removed, &removal, &data))
    }

    /// Everything has come to rest: what the log says is what everybody sees.
    pub fn finish(&mut self, log: &LogModel, table: &TableModel, wall_ms: i64) {
        let expected = durable::fold(&self.history, log);
        let result = durable::check_table(&self.history, &expected, table, wall_ms);
        self.judge("durable", result);
        let result = self.throttling.check_refused(&self.history);
        self.judge("throttling", result);
        let (finds, fetches) = (self.finds.clone(), self.fetches.clone());
        for points in fetches.into_values() {
            let result = durable::check_reads(&self.history, table, &expected, &points);
            self.judge("durable", result);
        }
        for (tenant, found) in finds {
            let acknowledged = |value: i64| self.acknowledged.contains(&value);
            let orphaned = |id, value| self.is_orphaned(log, id, value);
            let (history, expected) = (&self.history, &expected);
            let result =
                findable::check_final(history, expected, acknowledged, orphaned, tenant, &found);
            self.judge("findable", result);
        }
        for (tenant, described) in std::mem::take(&mut self.described) {
            let result = attributes::check(&self.history, tenant, &described);
            self.judge("attributes", result);
        }
        for (tenant, scripted) in std::mem::take(&mut self.scripted) {
            let nothing = scripts::Points::new();
            let fetched = self.fetches.get(&tenant).unwrap_or(&nothing);
            let result = scripts::check(fetched, &scripted);
            self.judge("scripts", result);
        }
    }
}
