//! What clients make of answers: whether they may be so.

use std::collections::{BTreeMap, BTreeSet};

use weft_gts::text::{ParseOptions, TextValue, parse_line};

use super::{Clients, How, Operation, Request, SeriesName, THROTTLED, WORKERS};
use crate::clients::names::{attributes_of_line, series_of_line};
use crate::invariants::reads::Settled;
use crate::invariants::refusals::{self, Meant};
use crate::invariants::{phantoms, reads, tenancy};
use crate::marks;
use crate::odd;
use crate::world::World;

impl Clients {
    /// A request was refused, or something failed: what was asked for, and nothing else, is refused.
    pub(super) fn refused(&mut self, world: &mut World, request: &Request, status: u16) {
        let text = String::from_utf8_lossy(&request.body).into_owned();
        let component = request.place;
        let known = odd::refusals().find(|known| {
            known.component == component
                && known.status == status
                && marks::fits(known.message, &text)
        });
        let is_script = matches!(
            request.operation,
            Operation::Exec
                | Operation::Unwritable
                | Operation::Limited { .. }
                | Operation::Script { .. }
                | Operation::Delete { how: How::Script, .. }
        );
        match known {
            Some(known) => world.mark(component, known.message),
            None if is_script => {}
            None => {
                let said = format_args!("{component:?} {} {status} {text}", marks::UNKNOWN);
                world.trace.line(world.now_ns, said);
                world.mark(component, marks::UNKNOWN);
            }
        }
        let stored = request.stored;
        let what =
            format!("{:?} was refused: {status} {text}, {stored:?} stored", request.operation);
        world.trace.line(world.now_ns, format_args!("client: {what}"));
        let meant = request.operation.meant();
        if let (Operation::Update { values, .. }, Meant::BadLine(good), 400) =
            (&request.operation, meant, status)
            && stored == Some(good)
        {
            self.acknowledge(world, &values[..good]);
        }
        if let (Operation::Update { values, .. }, THROTTLED, Some(stored)) =
            (&request.operation, status, stored)
        {
            let (before, refused) = values.split_at(stored.min(values.len()));
            self.acknowledge(world, before);
            // What was sent before may be on its way still.
            if request.tries == 1 {
                world.checks.throttling.refused(refused);
            }
        }
        let message = known.map(|known| known.message);
        let is_limited = self.tenants[request.worker / WORKERS].is_limited;
        let result =
            refusals::check_refused(meant, request.breaks, is_limited, status, message, stored);
        world.checks.judge("refusals", result.map_err(|how| format!("{what} ({how})")));
    }

    pub(super) fn check_find(&self, world: &mut World, tenant: usize, request: &Request) {
        let text = String::from_utf8_lossy(&request.body).into_owned();
        let mut found = BTreeSet::new();
        for line in text.lines() {
            match tenancy::check(tenant, self.series_max, line, series_of_line(line)) {
                Ok(series) => found.insert(series),
                Err(what) => return world.checks.fail("tenancy", what),
            };
        }
        let born = world.directories_born_ns();
        world.checks.found(tenant, &found, born.min(request.began_ns));
        if request.scan {
            let described = text
                .lines()
                .filter_map(|line| Some((series_of_line(line)?.series, attributes_of_line(line)?)));
            return world.checks.final_find(tenant, described.collect());
        }
        if self.embedded {
            let must = self.settled(tenant, request.began_ns);
            world.checks.judge("reads-see-writes", reads::check_series(&must, &found));
        }
    }

    pub(super) fn check_fetch(&self, world: &mut World, tenant: usize, request: &Request) {
        let text = String::from_utf8_lossy(&request.body).into_owned();
        let options = ParseOptions { value_length_max: 1 << 20, ..ParseOptions::default() };
        let mut points = BTreeMap::new();
        for line in text.lines() {
            let parsed = parse_line(line.as_bytes(), None, &options);
            let value = parsed.as_ref().ok().map(|line| (line.tick, &line.value));
            let Some((tick, TextValue::Long(value))) = value else {
                let what = format!("a line that was never written: {line}");
                return world.checks.fail("no-phantom", what);
            };
            match phantoms::check_line(tenant, tick, line, self.writes.get(value)) {
                Ok(series) => points.insert((series.clone(), tick), *value),
                Err(what) => return world.checks.fail("no-phantom", what),
            };
        }
        if request.scan {
            return world.checks.final_fetch(tenant, &points);
        }
        self.check_settled(world, tenant, request.began_ns, &points);
    }

    /// The answer of a script is the values that it fetched.
    pub(super) fn check_exec(&self, world: &mut World, tenant: usize, request: &Request) {
        let text = String::from_utf8_lossy(&request.body).into_owned();
        let mut points = BTreeMap::new();
        let numbers = text.split(|c: char| !c.is_ascii_digit()).filter(|piece| !piece.is_empty());
        for number in numbers {
            let value = number.parse().unwrap_or_default();
            match phantoms::check_value(tenant, number, self.writes.get(&value)) {
                Ok(write) => points.insert((write.series.clone(), write.tick), value),
                Err(what) => return world.checks.fail("no-phantom", what),
            };
        }
        if request.scan {
            return world.checks.final_script(tenant, &points);
        }
        self.check_settled(world, tenant, request.began_ns, &points);
    }

    /// On the one-process platform what was acknowledged before a read is read.
    fn check_settled(
        &self,
        world: &mut World,
        tenant: usize,
        began_ns: u64,
        points: &BTreeMap<(SeriesName, i64), i64>,
    ) {
        if !self.embedded {
            return;
        }
        let settled = self.settled(tenant, began_ns);
        let result = reads::check_points(&settled, &self.writes, points);
        world.checks.judge("reads-see-writes", result);
    }

    /// Datapoints that were acknowledged before `before_ns` and that no delete of any time can
    /// have taken: when the newest such write was sent.
    fn settled(&self, tenant: usize, before_ns: u64) -> Vec<Settled> {
        let mut settled = Vec::new();
        for ((series, tick), values) in &self.by_point {
            if series.tenant != tenant || self.deletes.iter().any(|d| d.series == *series) {
                continue;
            }
            let writes = values.iter().filter_map(|value| self.writes.get(value));
            let acked = writes.filter(|w| w.acked_ns.is_some_and(|ns| ns < before_ns));
            if let Some(newest) = acked.map(|write| write.sent_ns).max() {
                settled.push((series.clone(), *tick, newest));
            }
        }
        settled
    }
}
