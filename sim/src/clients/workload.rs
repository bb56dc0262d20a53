//! What clients do next, drawn from the seed.

use super::requests::fetch_by_script;
use super::{Clients, DeleteSent, How, Operation, SeriesName, WORKERS, Write};
use crate::clients::names::{class, named};
use crate::odd;

/// A value that no script comes to write.
const NEVER_WRITTEN: i64 = -1;

impl Clients {
    pub(super) fn choose(&mut self, now_ns: u64, worker: usize) -> Operation {
        let tenant = worker / WORKERS;
        if let Some(series) = self.leaving.remove(&worker) {
            return self.delete(now_ns, series, "deleteall".to_owned(), (i64::MIN, i64::MAX));
        }
        let total: u64 = self.mix.iter().sum();
        let mut left = self.random.below(total);
        let kind = self.mix.iter().position(|weight| {
            let is_it = left < *weight;
            left = left.saturating_sub(*weight);
            is_it
        });
        let series = self.pick(tenant);
        match kind.unwrap_or(0) {
            0 => self.update(now_ns, tenant, false),
            1 => {
                let (a, b) = (self.tick(tenant), self.tick(tenant));
                let (start, end) = (a.min(b), a.max(b));
                let query = format!("start={start}&end={end}");
                self.delete(now_ns, series, query, (start, end))
            }
            2 => self.delete(now_ns, series, "deleteall".to_owned(), (i64::MIN, i64::MAX)),
            3 => {
                let value = self.random.below(100);
                let body = format!("{}{{mood=m{value}}}\n", named(&series));
                Operation::Meta { body }
            }
            4 => Operation::Find,
            5 => Operation::Fetch,
            6 => self.program(now_ns, tenant, series),
            7 => self.update(now_ns, tenant, true),
            _ => Operation::Odd(self.odd[self.random.index(self.odd.len())]),
        }
    }

    /// A series that is still written.
    fn pick(&mut self, tenant: usize) -> SeriesName {
        let of = &self.tenants[tenant].series;
        let drawn = self.random.index(of.len());
        let mut all = of[drawn..].iter().chain(&of[..drawn]);
        let is_left = |series: &usize| self.left.contains(&SeriesName { tenant, series: *series });
        let series = *all.find(|series| !is_left(series)).unwrap_or(&of[drawn]);
        SeriesName { tenant, series }
    }

    fn tick(&mut self, tenant: usize) -> i64 {
        let step = self.random.below(self.ticks) as i64;
        // Cells that carry their datapoint's time lie in the past of every delete.
        let base = if self.tenants[tenant].by_datapoint { 1_000_000_000 } else { 1_600_000_000 };
        (base + step * 60) * 1_000_000
    }

    fn update(&mut self, now_ns: u64, tenant: usize, is_bad: bool) -> Operation {
        let (mut values, mut body) = (Vec::new(), String::new());
        let mut last: Option<usize> = None;
        let count = self.random.between(1, 8).min(self.points);
        let bad_at = is_bad.then(|| self.random.below(count));
        for index in 0..count {
            if bad_at == Some(index) {
                body.push_str("neither tick nor class\n");
            }
            let again = last.filter(|_| self.random.chance(0.4));
            let series = match again {
                Some(series) => SeriesName { tenant, series },
                None => self.pick(tenant),
            };
            let tick = self.tick(tenant);
            let value = self.write(now_ns, &series, tick);
            if again.is_some() {
                body.push_str(&format!("={tick}// {value}\n"));
            } else {
                body.push_str(&format!("{tick}// {} {value}\n", named(&series)));
            }
            last = Some(series.series);
            values.push(value);
        }
        // More than a machine takes before it has read some of it.
        let blank = if self.random.chance(0.002) { odd::LARGE_BYTES } else { 0 };
        Operation::Update { values, body, good: bad_at.map(|at| at as usize), blank }
    }

    /// An update of one datapoint.
    pub(super) fn update_one(&mut self, now_ns: u64, series: &SeriesName) -> Operation {
        let tick = self.tick(series.tenant);
        let value = self.write(now_ns, series, tick);
        let body = format!("{tick}// {} {value}\n", named(series));
        Operation::Update { values: vec![value], body, good: None, blank: 0 }
    }

    fn program(&mut self, now_ns: u64, tenant: usize, series: SeriesName) -> Operation {
        match self.random.below(16) {
            0..4 => self.script(now_ns, tenant, false),
            4..8 => self.script(now_ns, tenant, true),
            8..10 => {
                let (a, b) = (self.tick(tenant), self.tick(tenant));
                let is_all = self.random.chance(0.3);
                let ticks = if is_all { (i64::MIN, i64::MAX) } else { (a.min(b), a.max(b)) };
                self.deletes.push(DeleteSent { series: series.clone(), sent_ns: now_ns });
                Operation::Delete { series, query: String::new(), ticks, how: How::Script }
            }
            10 => Operation::Unwritable,
            11 => {
                let body = self.writes_one(tenant, &series, NEVER_WRITTEN);
                Operation::Limited { body: format!("1 100000 <% DROP %> FOR\n{body}") }
            }
            _ => Operation::Exec,
        }
    }

    /// A script that writes one datapoint, or one that it makes of what it has fetched.
    fn script(&mut self, now_ns: u64, tenant: usize, reads: bool) -> Operation {
        let series = self.pick(tenant);
        let tick = self.tick(tenant);
        let value = self.write(now_ns, &series, tick);
        let body = if reads {
            let fetch = fetch_by_script(tenant, &self.tenants[tenant].read_token);
            let derived = format!("DUP SIZE 0 * {value} + 'v' STORE");
            format!("{fetch}\n{derived}\n{}", self.writes_at(tenant, &series, tick, "$v"))
        } else {
            self.writes_at(tenant, &series, tick, &value.to_string())
        };
        Operation::Script { values: vec![value], body, reads }
    }

    fn writes_one(&mut self, tenant: usize, series: &SeriesName, value: i64) -> String {
        let tick = self.tick(tenant);
        self.writes_at(tenant, series, tick, &value.to_string())
    }

    /// A program that writes one datapoint.
    fn writes_at(&self, tenant: usize, series: &SeriesName, tick: i64, value: &str) -> String {
        format!(
            "NEWGTS '{}' RENAME {{ 'k' 'v{}' }} RELABEL {tick} NaN NaN NaN {value} ADDVALUE\n\
             '{}' UPDATE",
            class(series),
            series.series % 3,
            self.tenants[tenant].write_token
        )
    }

    /// A new value for a datapoint.
    fn write(&mut self, now_ns: u64, series: &SeriesName, tick: i64) -> i64 {
        self.last_value += 1;
        let value = self.last_value;
        self.by_point.entry((series.clone(), tick)).or_default().push(value);
        let (series, sent_ns) = (series.clone(), now_ns);
        let write = Write { series, tick, sent_ns, acked_ns: None, is_unsure: false };
        self.writes.insert(value, write);
        value
    }

    fn delete(
        &mut self,
        now_ns: u64,
        series: SeriesName,
        range: String,
        ticks: (i64, i64),
    ) -> Operation {
        let selector = format!("{}{{}}", class(&series));
        let query = format!("selector={}&{range}", weft_gts::percent::encode(&selector));
        self.deletes.push(DeleteSent { series: series.clone(), sent_ns: now_ns });
        let how = if self.random.chance(0.3) { How::Form } else { How::Query };
        Operation::Delete { series, query, ticks, how }
    }
}
