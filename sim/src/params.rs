//! The parameters of a run, all of them drawn from its seed.

use crate::faults::Kind;
use crate::random::Random;

/// Nanoseconds in a millisecond.
pub const MS: u64 = 1_000_000;
/// Nanoseconds in a second.
pub const SECOND: u64 = 1_000 * MS;

/// Kinds of operations.
pub const MIX: usize = 9;

/// Nodes of a cluster.
pub const NODES_MIN: usize = 5;

/// The worlds that a seed may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum WorldKind {
    /// A cluster, in every seed.
    Cluster,
    /// The platform in one process.
    Process,
    /// A platform with frontends, backends and those who subscribe.
    Plasma,
    /// A cluster in which few things happen, and often.
    Narrow,
}

/// What a world is like.
#[derive(Clone, Debug)]
pub struct Params {
    /// What everything was drawn from.
    pub seed: u64,
    /// Which of the seed's worlds it is.
    pub kind: WorldKind,
    /// Components of each node.
    pub nodes: Vec<NodeKind>,
    /// Shards of the directory.
    pub modulus: u32,
    /// Partitions of a topic.
    pub partitions: u32,
    /// Regions of the table.
    pub regions: u32,
    /// How long faults go on, virtual nanoseconds.
    pub safety_ns: u64,
    /// Typical time of a message, nanoseconds.
    pub latency_ns: u64,
    /// What nodes are configured with.
    pub settings: Settings,
    /// What they are configured with after a rolling restart; after the next one again as before.
    pub newer: Settings,
    /// How long a session of log or coordination lasts without contact, nanoseconds.
    pub session_ns: u64,
    /// Tenants.
    pub tenants: usize,
    /// Series of each tenant.
    pub series: usize,
    /// Ticks that writes choose among: few make overwrites.
    pub ticks: u64,
    /// Datapoints of an update, at most.
    pub points: u64,
    /// Tries of the same body, at most.
    pub tries: u32,
    /// Time between two operations of a tenant, nanoseconds.
    pub pause_ns: u64,
    /// Whether reads wait for acknowledged writes: everything is in one process then.
    pub embedded: bool,
    /// How often what goes wrong.
    pub faults: Faults,
    /// Weights of operations: update, delete range, delete all, meta, find, fetch, script, update
    /// with a bad line, what is refused.
    pub mix: [u64; MIX],
    /// Whether the platform is configured with more than it must be: a key for signatures, deletes of
    /// metadata alone and by activity, little memory for scripts.
    pub extras: bool,
    /// Scripts at a time.
    pub scripts_max: usize,
    /// How often a client that had to send an update again deletes one of its series and leaves it.
    pub leaves: f64,
    /// How often one deletes a series that it has written while others of the tenant write it a last
    /// time; another series takes its place.
    pub contests: f64,
    /// Time between two records or rows that nobody understands, nanoseconds.
    pub junk_period_ns: u64,
    /// Clients that subscribe to what is stored; 0 in worlds without plasma.
    pub subscribers: usize,
    /// Bytes that wait for one of them before it is cut off.
    pub waiting_bytes_max: usize,
    /// How much tenants may write, where that is limited.
    pub limits: Option<Limits>,
}

/// How much tenants may write.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Of each tenant: at first, and later.
    tenants: Vec<Option<(Limit, Limit)>>,
    /// When what is later begins, nanoseconds.
    later_ns: u64,
    /// Whether applications have these limits, in the place of producers.
    by_application: bool,
    /// Time between two looks at the files, milliseconds.
    pub period_ms: u64,
    /// How long a datapoint may wait, milliseconds.
    pub max_wait_ms: u64,
}

/// How much one tenant may write.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limit {
    /// Series a month; -1 is no limit.
    pub series: i64,
    /// Datapoints a second.
    pub rate: f64,
}

impl Limits {
    /// The same all the time, of producers.
    pub fn of(tenants: Vec<Option<Limit>>) -> Self {
        Self {
            tenants: tenants.into_iter().map(|limit| limit.map(|limit| (limit, limit))).collect(),
            later_ns: u64::MAX,
            by_application: false,
            period_ms: 1_000,
            max_wait_ms: 10,
        }
    }

    /// The first tenant has limits, the last one none: somebody must come to write much.
    fn draw(random: &mut Random, tenants: usize, safety_ns: u64) -> Self {
        let limit = |random: &mut Random| Limit {
            series: *random.pick(&[-1, 1, 2, 4]),
            rate: *random.pick(&[0.5, 2.0, 5.0, 1_000.0]),
        };
        let tenants = (0..tenants)
            .map(|tenant| {
                let both = (limit(random), limit(random));
                let is_limited = tenant == 0 || random.chance(0.5) && tenant + 1 < tenants;
                is_limited.then_some(both)
            })
            .collect();
        Self {
            tenants,
            later_ns: random.below(safety_ns),
            by_application: random.chance(0.3),
            period_ms: *random.pick(&[1_000, 3_000, 10_000]),
            max_wait_ms: *random.pick(&[10, 500, 2_000]),
        }
    }

    /// How many tenants there are.
    pub const fn tenants(&self) -> usize {
        self.tenants.len()
    }

    /// More than that a tenant may never write.
    pub fn highest(&self, tenant: usize) -> Option<Limit> {
        let (first, later) = self.tenants.get(tenant).copied().flatten()?;
        let is_unlimited = first.series < 0 || later.series < 0;
        let series = if is_unlimited { -1 } else { first.series.max(later.series) };
        Some(Limit { series, rate: first.rate.max(later.rate) })
    }

    /// The files that say so, at a time.
    pub fn files(&self, now_ns: u64) -> Vec<(&'static str, String)> {
        let text = |of: fn(&(Limit, Limit)) -> Limit| {
            let lines = (0..).zip(&self.tenants).filter_map(|(tenant, limits)| {
                let Limit { series, rate } = of(limits.as_ref()?);
                let entity = if self.by_application {
                    format!("+{}", crate::clients::app(tenant))
                } else {
                    weft_wire::token::uuid(&[tenant as u8 + 1; 16])
                };
                Some(format!("{entity}:{series}:{rate}::#\n"))
            });
            lines.collect::<String>()
        };
        let mut files = vec![("a.throttle", text(|(first, _)| *first))];
        if now_ns >= self.later_ns {
            files.push(("b.throttle", text(|(_, later)| *later)));
        }
        files
    }
}

/// What a node is configured with: others may have an older or a newer configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Commit period of consumers, milliseconds.
    pub commit_period_ms: u64,
    /// When a table call is taken for hung, milliseconds.
    pub call_time_max_ms: u64,
    /// Bytes of data that ingress puts into one record.
    pub record_bytes_max: usize,
    /// Datapoints that a store puts at once.
    pub put_points_max: usize,
}

/// Which components a node runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeKind {
    /// `ingress`.
    pub ingress: bool,
    /// `store`.
    pub store: bool,
    /// `directory`: the remainder it serves, and whether it stores.
    pub directory: Option<(u32, bool)>,
    /// `egress`.
    pub egress: bool,
    /// `plasmaBE`.
    pub backend: bool,
    /// `plasmaFE`.
    pub frontend: bool,
}

/// Probabilities for one action, and mean times between faults of the whole.
#[derive(Clone, Debug)]
pub struct Faults {
    /// Mean time between faults, nanoseconds.
    pub period_ns: u64,
    /// An append is done and its answer lost.
    pub append_unknown: f64,
    /// An append is not done.
    pub append_refused: f64,
    /// An append takes seconds, for it is tried again, and is answered then.
    pub append_late: f64,
    /// A commit fails.
    pub commit_failed: f64,
    /// A write of the table fails, part of it done.
    pub put_partial: f64,
    /// A call of the table never answers; it may be done much later.
    pub table_hang: f64,
    /// A write of the table is done twice, the second time later.
    pub table_twice: f64,
    /// A read of the table breaks off.
    pub read_broken: f64,
    /// A read of the table is not answered, or much later.
    pub read_hang: f64,
    /// A message between daemons is lost.
    pub peer_lost: f64,
    /// A client's connection breaks.
    pub client_cut: f64,
    /// A client takes what it is sent late, seconds or a minute.
    pub client_slow: f64,
    /// A watch comes late.
    pub watch_late: f64,
    /// The folder of throttling cannot be read or written.
    pub folder_failed: f64,
    /// The session of a backend ends, without its knowledge, as a frontend tells what it wants.
    pub backend_unseen: f64,
    /// Weights of the scheduled faults, by [`crate::faults::Kind`].
    pub weights: [u64; crate::faults::KINDS],
}

/// Series of a tenant whose place another one takes, at most.
const CONTESTS_MAX: usize = 60;

impl Params {
    /// Series that a tenant may come to have.
    pub fn series_max(&self) -> usize {
        self.series + if self.contests > 0.0 { CONTESTS_MAX } else { 0 }
    }

    /// The worlds of a seed: a cluster, one in five times the one-process platform after it, one in
    /// four times a platform with plasma, and one in four times a narrow cluster.
    pub fn worlds(seed: u64) -> Vec<Self> {
        let mut random = Random::new(seed);
        let cluster = Self::draw(seed, random.fork(), false);
        let process = random.chance(0.2).then(|| Self::draw(seed, random.fork(), true));
        let live = random.chance(0.25).then(|| Self::live(seed, random.fork()));
        let narrow = random.chance(0.25).then(|| Self::narrow(seed, random.fork()));
        [cluster].into_iter().chain(process).chain(live).chain(narrow).collect()
    }

    /// A cluster in which few things happen, and often: what needs several of them to meet is rare
    /// where everything goes wrong now and then.
    fn narrow(seed: u64, mut random: Random) -> Self {
        let mut params = Self::draw(seed, random.fork(), false);
        params.kind = WorldKind::Narrow;
        let faults = &mut params.faults;
        faults.weights = [0; crate::faults::KINDS];
        for _ in 0..random.between(2, 4) {
            faults.weights[random.index(crate::faults::KINDS)] = random.between(1, 4);
        }
        faults.period_ns = random.between(5, 15) * SECOND;
        for (probability, max) in [
            (&mut faults.append_unknown, 0.2),
            (&mut faults.append_refused, 0.2),
            (&mut faults.append_late, 0.3),
            (&mut faults.commit_failed, 0.4),
            (&mut faults.put_partial, 0.2),
            (&mut faults.table_hang, 0.04),
            (&mut faults.table_twice, 0.1),
            (&mut faults.read_broken, 0.2),
            (&mut faults.read_hang, 0.04),
            (&mut faults.peer_lost, 0.1),
            (&mut faults.client_cut, 0.1),
            (&mut faults.client_slow, 0.1),
            (&mut faults.watch_late, 0.5),
        ] {
            let is_there = random.chance(0.25);
            *probability = if is_there { max * random.thousandths() } else { 0.0 };
        }
        for weight in &mut params.mix {
            *weight = if random.chance(0.5) { 0 } else { random.between(1, 8) };
        }
        // Updates, and deletes that take all of a series.
        params.mix[0] = random.between(4, 12);
        params.mix[2] = random.between(1, 4);
        params.contests = if random.chance(0.3) { 0.0 } else { 0.5 * random.thousandths() };
        params.partitions = random.between(1, 2) as u32;
        params.series = random.between(1, 4) as usize;
        params.ticks = *random.pick(&[1, 3, 20]);
        params.pause_ns = random.between(200, 1_000) * MS;
        params.junk_period_ns = *random.pick(&[5, 30, 500]) * SECOND;
        params
    }

    /// A world with frontends, backends and those who subscribe.
    fn live(seed: u64, mut random: Random) -> Self {
        let embedded = random.chance(0.2);
        let mut params = Self::draw(seed, random.fork(), embedded);
        params.kind = WorldKind::Plasma;
        params.subscribers = random.between(2, 6) as usize;
        params.waiting_bytes_max = *random.pick(&[2_000, 20_000]);
        for kind in [Kind::Pause, Kind::CutCoord, Kind::SessionExpired, Kind::Isolate] {
            params.faults.weights[kind as usize] += random.between(0, 6);
        }
        if embedded {
            params.nodes[0].backend = true;
            params.nodes[0].frontend = true;
            return params;
        }
        for _ in 0..random.between(1, 2) {
            params.nodes.push(NodeKind { frontend: true, ..NodeKind::default() });
        }
        for _ in 0..random.between(1, 3) {
            params.nodes.push(NodeKind { backend: true, ..NodeKind::default() });
        }
        for node in &mut params.nodes {
            node.backend |= random.chance(0.05);
        }
        if random.chance(0.3) {
            params.faults.backend_unseen = 0.2;
        }
        params
    }

    fn draw(seed: u64, mut random: Random, embedded: bool) -> Self {
        let modulus = if embedded { 1 } else { random.between(1, 3) as u32 };
        let nodes = if embedded { vec![everything()] } else { cluster(&mut random, modulus) };
        let safety_ns = random.between(600, 720) * SECOND;
        let quiet = random.chance(0.1);
        let scale = if quiet { 0.05 } else { 1.0 };
        let mut probability = |max: f64| {
            if random.chance(0.3) { 0.0 } else { scale * max * random.thousandths() }
        };
        let mut faults = Faults {
            period_ns: 0,
            append_unknown: probability(0.05),
            append_refused: probability(0.05),
            append_late: 0.0,
            commit_failed: probability(0.2),
            put_partial: probability(0.1),
            table_hang: probability(0.02),
            table_twice: probability(0.02),
            read_broken: probability(0.05),
            read_hang: 0.0,
            peer_lost: probability(0.03),
            client_cut: probability(0.03),
            client_slow: probability(0.05),
            watch_late: probability(0.3),
            folder_failed: 0.0,
            backend_unseen: 0.0,
            weights: [0; crate::faults::KINDS],
        };
        faults.period_ns = random.between(8, 24) * SECOND;
        for weight in &mut faults.weights[..crate::faults::OLDER] {
            *weight = if random.chance(0.25) { 0 } else { random.between(1, 10) };
        }
        // Something must go wrong.
        faults.weights[0] = faults.weights[0].max(1);
        let mut params = Self {
            seed,
            kind: if embedded { WorldKind::Process } else { WorldKind::Cluster },
            nodes,
            modulus,
            partitions: *random.pick(&[1, 2, 4, 8]),
            regions: random.between(1, 4) as u32,
            safety_ns,
            latency_ns: random.between(1, 8) * MS / 2,
            settings: Settings {
                commit_period_ms: *random.pick(&[100, 500, 1_000, 3_000]),
                call_time_max_ms: *random.pick(&[5_000, 20_000, 60_000]),
                // Small, so that requests make several records.
                record_bytes_max: 400,
                put_points_max: 64,
            },
            newer: Settings::default(),
            session_ns: random.between(5, 20) * SECOND,
            tenants: random.between(2, 4) as usize,
            series: random.between(2, 12) as usize,
            ticks: *random.pick(&[3, 20, 500]),
            points: 8,
            tries: 4,
            pause_ns: random.between(500, 2_500) * MS,
            embedded,
            faults,
            mix: [
                random.between(6, 12),
                random.between(0, 2),
                random.between(0, 2),
                random.between(0, 2),
                random.between(1, 4),
                random.between(1, 4),
                random.between(0, 1),
                random.between(0, 1),
                random.between(0, 1),
            ],
            junk_period_ns: random.between(20, 500) * SECOND,
            extras: random.chance(0.5),
            leaves: 0.0,
            contests: 0.0,
            limits: None,
            scripts_max: *random.pick(&[1, 100]),
            subscribers: 0,
            waiting_bytes_max: 0,
        };
        params.draw_newer(&mut random, scale);
        params
    }

    /// What seeds did not draw at first: last, so that those which draw none of it are what they were.
    fn draw_newer(&mut self, random: &mut Random, scale: f64) {
        if random.chance(0.5) {
            self.faults.read_hang = scale * 0.02 * random.thousandths();
        }
        for weight in &mut self.faults.weights[crate::faults::OLDER..crate::faults::OLD] {
            *weight = if random.chance(0.5) { 0 } else { random.between(1, 5) };
        }
        if random.chance(0.5) {
            self.leaves = 0.1 + random.below(500) as f64 / 1e3;
        }
        for weight in &mut self.faults.weights[crate::faults::OLD..] {
            *weight = if random.chance(0.6) { 0 } else { random.between(1, 4) };
        }
        self.newer = Settings {
            commit_period_ms: *random.pick(&[100, 500, 1_000, 3_000]),
            call_time_max_ms: *random.pick(&[5_000, 20_000, 60_000]),
            record_bytes_max: *random.pick(&[300, 400, 4_000]),
            put_points_max: *random.pick(&[1, 8, 64, 500]),
        };
        if random.chance(0.4) {
            self.limits = Some(Limits::draw(random, self.tenants, self.safety_ns));
            self.faults.folder_failed = scale * 0.1 * random.thousandths();
        }
        if random.chance(0.4) {
            self.faults.append_late = scale * 0.1 * random.thousandths();
        }
    }
}

fn everything() -> NodeKind {
    let directory = Some((0, true));
    NodeKind { ingress: true, store: true, directory, egress: true, ..NodeKind::default() }
}

/// At least five nodes, every shard at least once, two of everything else now and then. In some
/// clusters processes run more than one component.
fn cluster(random: &mut Random, modulus: u32) -> Vec<NodeKind> {
    let mixed = if random.chance(0.4) { 0.4 } else { 0.0 };
    let mut nodes = Vec::new();
    for remainder in 0..modulus {
        nodes.push(NodeKind { directory: Some((remainder, true)), ..NodeKind::default() });
        if random.chance(0.4) {
            nodes.push(NodeKind { directory: Some((remainder, false)), ..NodeKind::default() });
        }
    }
    for _ in 0..random.between(1, 3) {
        nodes.push(NodeKind { ingress: true, ..NodeKind::default() });
    }
    for _ in 0..random.between(1, 3) {
        nodes.push(NodeKind { store: true, ..NodeKind::default() });
    }
    for _ in 0..random.between(1, 2) {
        nodes.push(NodeKind { egress: true, ..NodeKind::default() });
    }
    while nodes.len() < NODES_MIN {
        let kind = NodeKind { ingress: true, store: true, egress: true, ..NodeKind::default() };
        nodes.push(kind);
    }
    for node in &mut nodes {
        node.ingress |= random.chance(mixed);
        node.store |= random.chance(mixed / 2.0);
        node.egress |= random.chance(mixed);
    }
    nodes
}
