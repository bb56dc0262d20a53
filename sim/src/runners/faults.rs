//! What goes wrong among runners.

use super::params::SESSION_NS;
use super::world::{Happening, World};
use crate::params::{MS, SECOND};

/// What a fail-over costs at most, after a fault or from it on, as `runner` documents: a session of
/// coordination, and ten seconds to take over.
pub(super) const FAIL_OVER_NS: u64 = SESSION_NS + 10 * SECOND;

/// A clock is wrong by at most so much, milliseconds.
const JUMP_MS: u64 = 20 * 60_000;

impl World {
    /// A fault happens, and the next one is planned.
    pub(super) fn fault(&mut self) {
        let next = self.random.delay(self.params.fault_ns);
        self.later(next, Happening::Fault);
        let node = self.random.index(self.nodes.len());
        let lasts = match self.random.below(3) {
            0 => self.random.between(100 * MS, 5 * SECOND),
            1 => self.random.between(SECOND, 15 * SECOND),
            _ => self.random.between(5 * SECOND, 60 * SECOND),
        };
        let (name, lasts) = match self.random.below(10) {
            0 | 1 => ("dies", self.dies(node, lasts)),
            2 => {
                let all = self.up();
                (
                    "dies with all others",
                    all.into_iter().map(|n| self.dies(n, lasts)).max().unwrap_or(0),
                )
            }
            3 | 4 => ("stands still", self.stands_still(node, lasts)),
            5 => ("loses the log", self.loses_log(node, lasts)),
            6 => ("loses coordination", self.loses_coord(node, lasts)),
            7 => ("loses both", self.loses_log(node, lasts).max(self.loses_coord(node, lasts))),
            8 => {
                self.rebalance();
                ("sees partitions move", SECOND)
            }
            _ => ("has a clock that jumps", self.jumps(node)),
        };
        self.checks.fault(name);
        self.trace.line(self.now_ns, format_args!("node {node} {name} for {lasts} ns"));
        self.checks
            .faults
            .add(self.now_ns.saturating_sub(SECOND), self.now_ns + lasts + FAIL_OVER_NS);
    }

    fn dies(&mut self, node: usize, lasts: u64) -> u64 {
        self.crash(node);
        self.later(lasts, Happening::Start(node));
        lasts
    }

    fn stands_still(&mut self, node: usize, lasts: u64) -> u64 {
        let until = self.now_ns + lasts;
        if self.nodes[node].machine.is_none() || self.nodes[node].paused_until > self.now_ns {
            return 0;
        }
        self.nodes[node].paused_until = until;
        let life = self.nodes[node].life;
        self.later(lasts, Happening::Thaw(node));
        if lasts >= SESSION_NS {
            self.later(SESSION_NS, Happening::SessionEnds(node, life, until));
            self.later(SESSION_NS, Happening::GoneFromLog(node, life, until));
        }
        // A timer is late by up to so much, and another worker may have the lock then.
        if lasts + SECOND >= SESSION_NS / 4 {
            self.checks.stood_still(node, until);
        }
        lasts
    }

    fn loses_log(&mut self, node: usize, lasts: u64) -> u64 {
        let until = self.now_ns + lasts;
        if self.nodes[node].machine.is_none() || self.nodes[node].log_cut_until > self.now_ns {
            return 0;
        }
        self.nodes[node].log_cut_until = until;
        let life = self.nodes[node].life;
        if lasts >= SESSION_NS {
            self.later(SESSION_NS, Happening::GoneFromLog(node, life, until));
        }
        self.later(lasts, Happening::Healed(node));
        lasts
    }

    fn loses_coord(&mut self, node: usize, lasts: u64) -> u64 {
        let until = self.now_ns + lasts;
        if self.nodes[node].machine.is_none() || self.nodes[node].coord_cut_until > self.now_ns {
            return 0;
        }
        self.nodes[node].coord_cut_until = until;
        let life = self.nodes[node].life;
        if lasts >= SESSION_NS * 2 / 3 {
            self.later(SESSION_NS * 2 / 3, Happening::NoticesCut(node, life, until));
        }
        if lasts >= SESSION_NS {
            self.later(SESSION_NS, Happening::SessionEnds(node, life, until));
        }
        self.later(lasts, Happening::Healed(node));
        lasts
    }

    /// A clock jumps, and back after a while; windows are where it says meanwhile.
    fn jumps(&mut self, node: usize) -> u64 {
        let far = self.random.between(1, JUMP_MS) * MS;
        let lasts = self.random.between(SECOND, 600 * SECOND);
        let by = if self.random.chance(0.5) { far as i64 } else { -(far as i64) };
        self.nodes[node].skew_ns += by;
        self.later(lasts, Happening::ClockIsSet(node, -by));
        // What was asked for early is not asked for again.
        lasts + far
    }
}
