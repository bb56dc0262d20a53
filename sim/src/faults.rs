//! What goes wrong as a whole: nodes, links, clocks, servers.

use crate::params::{MS, Params, SECOND};
use crate::random::Random;

/// Kinds of scheduled faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A process dies and comes again.
    Crash,
    /// A process ends in order and comes again.
    Restart,
    /// A process stands still.
    Pause,
    /// A node does not reach the log.
    CutLog,
    /// A node does not reach coordination.
    CutCoord,
    /// A node does not reach the table.
    CutTable,
    /// One node does not reach another: one way, or both.
    CutPeer,
    /// A node's wall clock jumps.
    ClockJump,
    /// A region of the table is elsewhere.
    RegionMove,
    /// The log answers nobody, and forgets what was not durable.
    LogFailover,
    /// Everything takes ten times as long.
    Slow,
    /// The log takes a living member for dead.
    Evict,
    /// A node reaches nobody.
    Isolate,
    /// The disks of the log and the table are full.
    DiskFull,
}

/// How many kinds there are.
pub const KINDS: usize = 14;

/// How many of them there were at first.
pub const OLDER: usize = 12;

/// All kinds, in the order of their weights.
pub const ALL: [Kind; KINDS] = [
    Kind::Crash,
    Kind::Restart,
    Kind::Pause,
    Kind::CutLog,
    Kind::CutCoord,
    Kind::CutTable,
    Kind::CutPeer,
    Kind::ClockJump,
    Kind::RegionMove,
    Kind::LogFailover,
    Kind::Slow,
    Kind::Evict,
    Kind::Isolate,
    Kind::DiskFull,
];

/// A fault that was drawn.
#[derive(Clone, Debug)]
pub struct Fault {
    /// What.
    pub kind: Kind,
    /// The node, where it is about one.
    pub node: usize,
    /// The other node, or the region.
    pub other: usize,
    /// How long it lasts, nanoseconds.
    pub lasts_ns: u64,
    /// How far a clock jumps, nanoseconds.
    pub jump_ns: i64,
}

impl Fault {
    /// Draws a fault.
    pub fn draw(params: &Params, random: &mut Random) -> Self {
        let total: u64 = params.faults.weights.iter().sum();
        let mut left = random.below(total);
        let chosen = params.faults.weights.iter().position(|weight| {
            let is_it = left < *weight;
            left = left.saturating_sub(*weight);
            is_it
        });
        let long = random.chance(0.3);
        Self {
            kind: ALL[chosen.unwrap_or(0)],
            node: random.index(params.nodes.len()),
            other: random.index(params.nodes.len().max(params.regions as usize)),
            lasts_ns: if long {
                random.between(10 * SECOND, 60 * SECOND)
            } else {
                random.between(50 * MS, 5 * SECOND)
            },
            jump_ns: random.between(0, 20 * SECOND) as i64 - 10 * SECOND as i64,
        }
    }
}
