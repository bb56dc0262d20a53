//! What a world of runners is like, by its seed.

use weft_daemons::runner::Roles;

use crate::params::{MS, SECOND};
use crate::random::Random;

/// How long a session of coordination outlives contact, nanoseconds.
pub const SESSION_NS: u64 = 10 * SECOND;

/// A script of the world.
#[derive(Clone, Debug)]
pub struct ScriptParams {
    /// Its path.
    pub path: String,
    /// Its period, milliseconds.
    pub period_ms: i64,
    /// How long a run typically takes, nanoseconds.
    pub typical_ns: u64,
    /// Whether a run takes longer than the period now and then.
    pub is_long: bool,
    /// Bytes of its text.
    pub bytes: usize,
}

/// How often single actions fail.
#[derive(Clone, Copy, Debug, Default)]
pub struct Chances {
    /// An append whose outcome is not known.
    pub append_unknown: f64,
    /// An append that is not done.
    pub append_failed: f64,
    /// A commit that fails, whether it is done or not.
    pub commit_failed: f64,
    /// An action of coordination.
    pub coord_failed: f64,
}

/// The parameters.
#[derive(Clone, Debug)]
pub struct Params {
    /// Of what.
    pub seed: u64,
    /// The nodes.
    pub nodes: Vec<Roles>,
    /// The folder, the same for all schedulers.
    pub scripts: Vec<ScriptParams>,
    /// Partitions of the topic.
    pub partitions: u32,
    /// How long, nanoseconds.
    pub lasts_ns: u64,
    /// A fault happens about so often, nanoseconds.
    pub fault_ns: u64,
    /// Single actions.
    pub chances: Chances,
    /// `runner.runatstartup`.
    pub at_startup: bool,
}

impl Params {
    /// Those of a seed: a few hours of some dozen scripts.
    pub fn of(seed: u64) -> Self {
        let mut random = Random::of(&[seed, 0x7275_6e73]);
        let count = random.between(5, 40) as usize;
        let scripts = (0..count).map(|number| script(&mut random, number, 600_000)).collect();
        let chance = [0.0, 0.0005, 0.003][random.index(3)];
        Self {
            seed,
            nodes: nodes(&mut random),
            scripts,
            partitions: random.between(1, 6) as u32,
            lasts_ns: random.between(1, 3) * 3_600 * SECOND,
            fault_ns: random.between(120, 900) * SECOND,
            chances: Chances {
                append_unknown: chance,
                append_failed: chance,
                commit_failed: chance,
                coord_failed: chance,
            },
            at_startup: random.chance(0.5),
        }
    }

    /// 1,000 scripts with periods from a second to an hour, for so many days; a fault about every
    /// four hours.
    pub fn long(seed: u64, days: u64) -> Self {
        let mut random = Random::of(&[seed, 0x6d6f_6e74]);
        let mut scripts: Vec<_> =
            (0..1_000).map(|number| script(&mut random, number, 3_600_000)).collect();
        for (script, period_ms) in scripts.iter_mut().zip([1_000, 3_600_000]) {
            *script = named(0, period_ms, script.clone());
        }
        Self {
            seed,
            nodes: nodes(&mut random),
            scripts,
            partitions: 8,
            lasts_ns: days * 86_400 * SECOND,
            fault_ns: 4 * 3_600 * SECOND,
            chances: Chances::default(),
            at_startup: true,
        }
    }
}

fn nodes(random: &mut Random) -> Vec<Roles> {
    let shared = |scheduler, worker| Roles::Shared { scheduler, worker };
    let mut nodes = Vec::new();
    for _ in 0..random.between(1, 3) {
        nodes.push(shared(true, random.chance(0.3)));
    }
    for _ in 0..random.between(1, 3) {
        nodes.push(shared(random.chance(0.2), true));
    }
    nodes
}

/// Periods are as likely to be in one part of the range as in another.
fn script(random: &mut Random, number: usize, longest_ms: u64) -> ScriptParams {
    let period_ms = random.between(1, longest_ms / 1_000) as i64 * 1_000;
    let period_ms =
        if random.chance(0.2) { period_ms + random.below(1_000) as i64 } else { period_ms };
    let script = ScriptParams {
        path: String::new(),
        period_ms,
        typical_ns: random.between(2, 100) * MS,
        is_long: random.chance(0.1),
        // The reference's scheduler sends no script of more than 8,192 bytes.
        bytes: if random.chance(0.1) { 9_000 } else { random.between(0, 300) as usize },
    };
    named(number, period_ms, script)
}

fn named(number: usize, period_ms: i64, script: ScriptParams) -> ScriptParams {
    let path = format!("folder{}/{period_ms}/script {number}.mc2", number % 3);
    ScriptParams { path, period_ms, ..script }
}
