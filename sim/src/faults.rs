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
    /// The disk of the log is full.
    LogFull,
    /// The disk of the table is full.
    TableFull,
    /// The leader of one partition is gone: what goes there waits or fails, the rest goes on.
    LeaderDown,
    /// The coordinator of the log's groups moves: nothing is committed, nobody joins or leaves.
    CoordinatorMove,
    /// Every member of every group gives up what it has and is given something else.
    RebalanceAll,
    /// The table answers nobody; what it was asked may be done later.
    TableHang,
    /// The table takes thirty times as long.
    TableSlow,
    /// The log takes thirty times as long.
    LogSlow,
    /// Coordination is down for everybody: when it is down for long, sessions expire.
    CoordDown,
    /// A session of coordination expires although its node is in contact.
    SessionExpired,
    /// A region of the table is split, or two are merged: it is closed meanwhile.
    RegionSplit,
    /// The table compacts: marks of deletes go, and everything takes longer.
    Compaction,
    /// A node has no time for its process: it takes long over each thing.
    NodeSlow,
    /// A node's wall clock runs too fast or too slowly.
    ClockDrift,
    /// A node's wall clock goes back by minutes.
    ClockBack,
    /// What a node says reaches no other node, though it hears them.
    Mute,
    /// All nodes are restarted one after the other, with another configuration.
    Rolling,
    /// Two processes die at once.
    CrashTwo,
    /// The power goes: all processes die at once.
    PowerCut,
    /// A process dies, and dies again soon after it has begun, several times.
    CrashLoop,
    /// Clients send many requests at once.
    Burst,
}

/// How many kinds there are.
pub const KINDS: usize = ALL.len();

/// How many of them there were at first.
pub const OLDER: usize = 12;

/// How many there were when the table wrote in part.
pub const OLD: usize = 14;

/// All kinds, in the order of their weights.
pub const ALL: [Kind; 35] = [
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
    Kind::LogFull,
    Kind::TableFull,
    Kind::LeaderDown,
    Kind::CoordinatorMove,
    Kind::RebalanceAll,
    Kind::TableHang,
    Kind::TableSlow,
    Kind::LogSlow,
    Kind::CoordDown,
    Kind::SessionExpired,
    Kind::RegionSplit,
    Kind::Compaction,
    Kind::NodeSlow,
    Kind::ClockDrift,
    Kind::ClockBack,
    Kind::Mute,
    Kind::Rolling,
    Kind::CrashTwo,
    Kind::PowerCut,
    Kind::CrashLoop,
    Kind::Burst,
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
