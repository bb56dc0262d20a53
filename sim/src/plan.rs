//! What of a seed happens: which of its faults, its requests and its machines. The rest is left out.
//!
//! ```text
//!   world=0 streams=3 faults=7 strikes=append-unknown@48123456789 requests=2.17,5.4
//!       nodes=d0+,i,-,s,e partitions=1
//! ```
//! `faults` are those of the whole, by their number; `strikes` those of single actions: each meets
//! the first action that it can meet from its time on, nanoseconds; `requests` are `WORKER.NUMBER`.
//! What is not named is as the seed drew it.
//!
//! A run draws from a few streams, so whatever is left out changes all that is drawn after it. With
//! `streams`, what a run draws at a moment follows from that number, the moment, and whom it is
//! about: what is left out changes what it has to do with, and hardly anything else.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::str::FromStr;

use crate::params::{MS, NodeKind, Params};

/// Everything, or some.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Only<T> {
    /// Everything that is drawn.
    #[default]
    All,
    /// These and no others.
    These(BTreeSet<T>),
}

impl<T: Ord> Only<T> {
    fn has(&self, item: &T) -> bool {
        match self {
            Self::All => true,
            Self::These(these) => these.contains(item),
        }
    }
}

/// A fault of a single action: from when on, nanoseconds, and which.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Strike {
    /// The first action that it can meet from this time on is met.
    pub at_ns: u64,
    /// Its name, of letters and spaces.
    pub name: String,
}

/// A request: which worker's, and which of those that it draws.
pub type Place = (usize, u64);

macro_rules! numbers {
    ($($name:ident $text:literal $what:literal),* $(,)?) => {
        /// A number of the parameters that a plan may change.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Number {
            $(#[doc = $what] $name,)*
        }

        impl Number {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            const fn name(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }
        }
    };
}

numbers! {
    Modulus "modulus" "Shards of the directory.",
    Partitions "partitions" "Partitions of a topic.",
    Regions "regions" "Regions of the table.",
    Series "series" "Series of each tenant.",
    Points "points" "Datapoints of an update, at most.",
    Tries "tries" "Tries of the same body, at most.",
    SafetyMs "safety" "How long faults and requests go on, milliseconds.",
}

/// What of a seed happens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Which world of the seed.
    pub world: usize,
    /// Whether what is drawn follows from this number, the moment and whom it is about.
    pub streams: Option<u64>,
    /// Faults of the whole.
    pub faults: Only<u64>,
    /// Faults of single actions.
    pub strikes: Only<Strike>,
    /// Requests.
    pub requests: Only<Place>,
    /// What runs on each node, if not what was drawn.
    pub nodes: Option<Vec<NodeKind>>,
    /// Other parameters that are not what was drawn.
    pub numbers: BTreeMap<Number, u64>,
}

/// Why a plan is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlanError {
    /// A word of its text means nothing.
    Word(String),
    /// The seed has no such world.
    World(usize),
    /// A number is too small or too large for the world.
    Number(&'static str, u64),
    /// Something that a cluster needs runs nowhere.
    Nodes,
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(word) => write!(f, "`{word}` means nothing in a plan"),
            Self::World(world) => write!(f, "the seed has no world {world}"),
            Self::Number(name, value) => write!(f, "{name} cannot be {value}"),
            Self::Nodes => f.write_str("something that a cluster needs runs on none of the nodes"),
        }
    }
}

impl std::error::Error for PlanError {}

impl Plan {
    /// Whether nothing is left out and nothing is changed.
    pub fn is_everything(&self) -> bool {
        *self == Self { world: self.world, ..Self::default() }
    }

    /// The parameters of its world.
    ///
    /// # Errors
    /// A world that the seed does not have, or that cannot be.
    pub fn params(&self, seed: u64) -> Result<Params, PlanError> {
        let worlds = Params::worlds(seed);
        let mut params = worlds.into_iter().nth(self.world).ok_or(PlanError::World(self.world))?;
        for (number, value) in &self.numbers {
            let drawn = number.of(&params);
            let is_larger = *value > drawn && *number != Number::SafetyMs;
            if *value == 0 || is_larger || *value > u64::from(u32::MAX) {
                return Err(PlanError::Number(number.name(), *value));
            }
            number.set(&mut params, *value);
        }
        if let Some(nodes) = &self.nodes {
            params.nodes.clone_from(nodes);
        }
        if is_whole(&params.nodes, params.modulus) { Ok(params) } else { Err(PlanError::Nodes) }
    }
}

/// Whether everything runs somewhere that a cluster needs, and no shard that it does not have.
fn is_whole(nodes: &[NodeKind], modulus: u32) -> bool {
    let has = |what: &dyn Fn(&NodeKind) -> bool| nodes.iter().any(what);
    let shards: Vec<(u32, bool)> = nodes.iter().filter_map(|node| node.directory).collect();
    has(&|node| node.ingress)
        && has(&|node| node.store)
        && has(&|node| node.egress)
        && (0..modulus).all(|remainder| shards.contains(&(remainder, true)))
        && shards.iter().all(|(remainder, _)| *remainder < modulus)
}

impl Number {
    /// What it is in a world.
    pub const fn of(self, params: &Params) -> u64 {
        match self {
            Self::Modulus => params.modulus as u64,
            Self::Partitions => params.partitions as u64,
            Self::Regions => params.regions as u64,
            Self::Series => params.series as u64,
            Self::Points => params.points,
            Self::Tries => params.tries as u64,
            Self::SafetyMs => params.safety_ns.div_ceil(MS),
        }
    }

    const fn set(self, params: &mut Params, value: u64) {
        match self {
            Self::Modulus => params.modulus = value as u32,
            Self::Partitions => params.partitions = value as u32,
            Self::Regions => params.regions = value as u32,
            Self::Series => params.series = value as usize,
            Self::Points => params.points = value,
            Self::Tries => params.tries = value as u32,
            Self::SafetyMs => params.safety_ns = value * MS,
        }
    }
}

/// A node in a few letters: `d0+` a directory of remainder 0 that stores, `d1-` one that does not,
/// `i`, `s`, `e`, `b` and `f` the others, `-` nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Letters(pub NodeKind);

impl fmt::Display for Letters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let NodeKind { ingress, store, directory, egress, backend, frontend } = self.0;
        let letters =
            [("i", ingress), ("s", store), ("e", egress), ("b", backend), ("f", frontend)];
        if let Some((remainder, stores)) = directory {
            write!(f, "d{remainder}{}", if stores { '+' } else { '-' })?;
        } else if !letters.iter().any(|letter| letter.1) {
            return f.write_str("-");
        }
        for (letter, _) in letters.iter().filter(|letter| letter.1) {
            f.write_str(letter)?;
        }
        Ok(())
    }
}

impl FromStr for Letters {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut node = NodeKind::default();
        if text == "-" {
            return Ok(Self(node));
        }
        let mut rest = text;
        if let Some(after) = text.strip_prefix('d') {
            let end = after.find(['+', '-']).ok_or(())?;
            let stores = after[end..].starts_with('+');
            node.directory = Some((after[..end].parse().map_err(|_| ())?, stores));
            rest = &after[end + 1..];
        }
        for letter in rest.chars() {
            match letter {
                'i' => node.ingress = true,
                's' => node.store = true,
                'e' => node.egress = true,
                'b' => node.backend = true,
                'f' => node.frontend = true,
                _ => return Err(()),
            }
        }
        // Only one text for each node: what was written is what is read.
        if Self(node).to_string() == text { Ok(Self(node)) } else { Err(()) }
    }
}

impl fmt::Display for Strike {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name.replace(' ', "-"), self.at_ns)
    }
}

impl FromStr for Strike {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (name, at_ns) = text.split_once('@').ok_or(())?;
        let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '-');
        let at_ns = at_ns.parse().map_err(|_| ())?;
        if is_name { Ok(Self { at_ns, name: name.replace('-', " ") }) } else { Err(()) }
    }
}

fn place(text: &str) -> Result<Place, ()> {
    let (worker, number) = text.split_once('.').ok_or(())?;
    Ok((worker.parse().map_err(|_| ())?, number.parse().map_err(|_| ())?))
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn list(items: impl Iterator<Item = String>) -> String {
            items.collect::<Vec<_>>().join(",")
        }
        write!(f, "world={}", self.world)?;
        if let Some(streams) = self.streams {
            write!(f, " streams={streams}")?;
        }
        if let Only::These(faults) = &self.faults {
            write!(f, " faults={}", list(faults.iter().map(u64::to_string)))?;
        }
        if let Only::These(strikes) = &self.strikes {
            write!(f, " strikes={}", list(strikes.iter().map(Strike::to_string)))?;
        }
        if let Only::These(requests) = &self.requests {
            let requests = requests.iter().map(|(worker, number)| format!("{worker}.{number}"));
            write!(f, " requests={}", list(requests))?;
        }
        if let Some(nodes) = &self.nodes {
            write!(f, " nodes={}", list(nodes.iter().map(|node| Letters(*node).to_string())))?;
        }
        for (number, value) in &self.numbers {
            write!(f, " {}={value}", number.name())?;
        }
        Ok(())
    }
}

impl FromStr for Plan {
    type Err = PlanError;

    fn from_str(text: &str) -> Result<Self, PlanError> {
        let mut plan = Self::default();
        for word in text.split_whitespace() {
            plan.read(word).map_err(|()| PlanError::Word(word.to_owned()))?;
        }
        Ok(plan)
    }
}

impl Plan {
    fn read(&mut self, word: &str) -> Result<(), ()> {
        fn each<T: Ord>(text: &str, read: impl Fn(&str) -> Result<T, ()>) -> Result<Only<T>, ()> {
            let items = text.split(',').filter(|item| !item.is_empty());
            Ok(Only::These(items.map(read).collect::<Result<_, ()>>()?))
        }
        let number = |text: &str| text.parse::<u64>().map_err(|_| ());
        let (name, value) = word.split_once('=').ok_or(())?;
        match name {
            "world" => self.world = value.parse().map_err(|_| ())?,
            "streams" => self.streams = Some(number(value)?),
            "faults" => self.faults = each(value, number)?,
            "strikes" => self.strikes = each(value, str::parse)?,
            "requests" => self.requests = each(value, place)?,
            "nodes" => {
                let nodes = value.split(',').map(|node| node.parse().map(|Letters(kind)| kind));
                self.nodes = Some(nodes.collect::<Result<_, ()>>()?);
            }
            name => {
                let known = Number::ALL.iter().find(|known| known.name() == name);
                self.numbers.insert(*known.ok_or(())?, number(value)?);
            }
        }
        Ok(())
    }
}

/// What happened of what could have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Happened {
    /// Faults of the whole.
    pub faults: BTreeSet<u64>,
    /// Faults of single actions.
    pub strikes: BTreeSet<Strike>,
    /// Requests.
    pub requests: BTreeSet<Place>,
}

/// A plan on its way.
#[derive(Debug)]
pub struct Progress {
    plan: Plan,
    is_everything: bool,
    /// Strikes that have met nothing yet, by their names.
    pending: BTreeMap<String, VecDeque<u64>>,
    faults: u64,
    requests: BTreeMap<usize, u64>,
    /// What has happened.
    pub happened: Happened,
}

impl Progress {
    /// A plan at its beginning.
    pub fn new(plan: Plan) -> Self {
        let mut pending: BTreeMap<String, VecDeque<u64>> = BTreeMap::new();
        if let Only::These(strikes) = &plan.strikes {
            for Strike { at_ns, name } in strikes {
                pending.entry(name.clone()).or_default().push_back(*at_ns);
            }
        }
        Self {
            is_everything: plan.is_everything(),
            plan,
            pending,
            faults: 0,
            requests: BTreeMap::new(),
            happened: Happened::default(),
        }
    }

    /// See [`Plan::is_everything`].
    pub const fn is_everything(&self) -> bool {
        self.is_everything
    }

    /// See [`Plan::streams`].
    pub const fn streams(&self) -> Option<u64> {
        self.plan.streams
    }

    /// Whether the next fault of the whole happens.
    pub fn fault(&mut self) -> bool {
        let number = self.faults;
        self.faults += 1;
        let happens = self.plan.faults.has(&number);
        if happens {
            self.happened.faults.insert(number);
        }
        happens
    }

    /// Whether the next request of a worker is sent.
    pub fn request(&mut self, worker: usize, is_free: bool) -> bool {
        let number = self.requests.entry(worker).or_default();
        let place = (worker, *number);
        *number += 1;
        let happens = is_free && self.plan.requests.has(&place);
        if happens && !self.is_everything() {
            self.happened.requests.insert(place);
        }
        happens
    }

    /// Whether a fault meets an action now, for which one may have been drawn.
    pub fn strikes(&mut self, now_ns: u64, name: &str, is_drawn: bool) -> bool {
        let happens = match &self.plan.strikes {
            Only::All => is_drawn,
            Only::These(_) => {
                let waiting = self.pending.get_mut(name);
                waiting.is_some_and(|all| all.pop_front_if(|at_ns| *at_ns <= now_ns).is_some())
            }
        };
        // A run without a plan has no use for a list of thousands.
        if happens && !self.is_everything() {
            let mut strike = Strike { at_ns: now_ns, name: name.to_owned() };
            // Each of several at one moment needs a time of its own, and not a later one.
            while strike.at_ns > 0 && self.happened.strikes.contains(&strike) {
                strike.at_ns -= 1;
            }
            self.happened.strikes.insert(strike);
        }
        happens
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn some<T: Ord>(random: &mut Random, mut draw: impl FnMut(&mut Random) -> T) -> Only<T> {
        if random.chance(0.3) {
            return Only::All;
        }
        let count = random.below(5);
        Only::These((0..count).map(|_| draw(random)).collect())
    }

    fn any_plan(random: &mut Random) -> Plan {
        let names = ["append unknown", "table hangs", "junk"];
        let node = |random: &mut Random| NodeKind {
            ingress: random.chance(0.5),
            store: random.chance(0.5),
            directory: random.chance(0.5).then(|| (random.below(12) as u32, random.chance(0.5))),
            egress: random.chance(0.5),
            backend: random.chance(0.5),
            frontend: random.chance(0.5),
        };
        let nodes = 1 + random.below(6);
        let numbers = Number::ALL.iter().filter(|_| random.chance(0.3)).copied();
        let numbers: Vec<Number> = numbers.collect();
        Plan {
            world: random.index(2),
            streams: random.chance(0.5).then(|| random.next()),
            faults: some(random, Random::next),
            strikes: some(random, |random| {
                let name = (*random.pick(&names)).to_owned();
                Strike { at_ns: random.next(), name }
            }),
            requests: some(random, |random| (random.index(9), random.next())),
            nodes: random.chance(0.5).then(|| (0..nodes).map(|_| node(random)).collect()),
            numbers: numbers.into_iter().map(|number| (number, random.next())).collect(),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let mut random = Random::new(1);
        for _ in 0..2_000 {
            let plan = any_plan(&mut random);
            assert_eq!(plan.to_string().parse(), Ok(plan.clone()), "{plan}");
        }
    }

    #[test]
    fn any_text_is_a_plan_or_an_error() {
        let mut random = Random::new(2);
        for _ in 0..2_000 {
            let mut text: Vec<char> = any_plan(&mut random).to_string().chars().collect();
            let at = random.index(text.len());
            text[at] = *random.pick(&['@', '=', ',', '.', ' ', '-', 'd', '9', 'é']);
            let text: String = text.into_iter().collect();
            if let Ok(plan) = text.parse::<Plan>() {
                assert_eq!(plan.to_string().parse(), Ok(plan), "{text}");
            }
        }
        for text in ["x", "world", "world=x", "faults=a", "strikes=a", "nodes=q", "nodes=is,si"] {
            assert!(text.parse::<Plan>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_world_that_cannot_be_is_refused() {
        let refused = |text: &str| {
            let plan: Plan = text.parse().unwrap_or_default();
            plan.params(1).map(|params| params.seed)
        };
        assert_eq!(refused("world=0"), Ok(1));
        assert_eq!(refused("world=0 partitions=1 modulus=1 nodes=d0+ise"), Ok(1));
        assert_eq!(refused("world=3"), Err(PlanError::World(3)));
        assert_eq!(refused("partitions=0"), Err(PlanError::Number("partitions", 0)));
        assert_eq!(refused("series=9999"), Err(PlanError::Number("series", 9_999)));
        for nodes in ["ise", "d0-ise", "d0+se", "d0+ie", "d0+is", "d0+ise,d1+"] {
            assert_eq!(refused(&format!("modulus=1 nodes={nodes}")), Err(PlanError::Nodes));
        }
    }

    #[test]
    fn what_is_planned_happens() {
        let plan: Plan =
            "faults=1 strikes=junk@50,junk@60 requests=2.1".parse().unwrap_or_default();
        let mut progress = Progress::new(plan);
        assert_eq!([0; 3].map(|_| progress.fault()), [false, true, false]);
        assert_eq!([0; 3].map(|_| progress.request(2, true)), [false, true, false]);
        assert!(!progress.request(1, true) && !progress.request(1, true));
        // Whatever is drawn, the first that can be met is.
        assert_eq!(
            [40, 55, 58, 70, 80].map(|at| progress.strikes(at, "junk", at == 40)),
            [false, true, false, true, false]
        );
        let at_ns = progress.happened.strikes.iter().map(|strike| strike.at_ns);
        assert_eq!(at_ns.collect::<Vec<_>>(), [55, 70]);
        let mut everything = Progress::new(Plan::default());
        assert!(everything.fault() && everything.request(0, true) && !everything.request(0, false));
        assert!(everything.strikes(1, "junk", true) && !everything.strikes(1, "junk", false));
    }
}
