//! The models of the log, the table and coordination keep the contracts that the real ones keep:
//! without faults, and with delays under several seeds.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use weft_daemons::contract::log::Start;
use weft_daemons::contract::suite::{coord, log, table};
use weft_daemons::contract::{
    CoordAction, CoordEvent, LogAction, LogEvent, TableAction, TableEvent, Topic,
};
use weft_sim::coord::CoordModel;
use weft_sim::log::{LogModel, Out, Step};
use weft_sim::params::{MS, SECOND};
use weft_sim::random::Random;
use weft_sim::table::TableModel;
use weft_sim::world::{Address, EPOCH_MS};

/// Seeds with delays.
const SEEDS: u64 = 100;

/// How long silence must last to count as silence, virtual nanoseconds.
const SILENCE_NS: u64 = 5 * SECOND;

/// How long an event may take.
const PATIENCE_NS: u64 = 600 * SECOND;

/// What is to happen, in the order of time and then of asking.
struct Queue<T> {
    now_ns: u64,
    sequence: u64,
    waiting: BTreeMap<(u64, u64), T>,
    /// When each of these comes last: those of one sender to one receiver do not overtake.
    order: BTreeMap<(usize, bool), u64>,
    /// Draws delays; nothing is delayed without it.
    delays: Option<Random>,
}

impl<T> Queue<T> {
    fn new(delays: Option<Random>) -> Self {
        let (waiting, order) = (BTreeMap::new(), BTreeMap::new());
        Self { now_ns: 0, sequence: 0, waiting, order, delays }
    }

    fn delay(&mut self) -> u64 {
        self.delays.as_mut().map_or(0, |random| random.delay(20 * MS))
    }

    fn push(&mut self, delay: u64, what: T) {
        self.sequence += 1;
        self.waiting.insert((self.now_ns + delay, self.sequence), what);
    }

    /// Behind what went the same way before.
    fn push_ordered(&mut self, way: (usize, bool), what: T) {
        let at = self.now_ns + self.delay();
        let last = self.order.entry(way).or_default();
        *last = at.max(*last);
        let delay = *last - self.now_ns;
        self.push(delay, what);
    }

    /// The next within the time, which goes on to it, or to the end of the time.
    fn pop(&mut self, until_ns: u64) -> Option<T> {
        match self.waiting.first_entry() {
            Some(entry) if entry.key().0 <= until_ns => {
                self.now_ns = entry.key().0;
                Some(entry.remove())
            }
            _ => {
                self.now_ns = until_ns;
                None
            }
        }
    }

    fn wall_ms(&self) -> i64 {
        EPOCH_MS + (self.now_ns / MS) as i64
    }
}

const fn address(client: usize) -> Address {
    Address { node: client, life: 0, slot: 0 }
}

/// Runs a suite without delays, and with those of each seed.
fn with_delays(seeds: u64, check: impl Fn(Option<Random>)) {
    check(None);
    (0..seeds).for_each(|seed| check(Some(Random::new(seed))));
}

/// What happens to the log and its clients.
enum AtLog {
    Asks(usize, LogAction),
    Steps(Step),
    Tells(usize, LogEvent),
}

struct Log {
    model: LogModel,
    queue: Queue<AtLog>,
    inboxes: Vec<VecDeque<LogEvent>>,
    gone: BTreeSet<usize>,
}

impl Log {
    fn new(mut delays: Option<Random>) -> Self {
        let random = delays.as_mut().map_or_else(|| Random::new(0), Random::fork);
        let model = LogModel::new(log::PARTITIONS, random);
        let (queue, gone) = (Queue::new(delays), BTreeSet::new());
        Self { model, queue, inboxes: Vec::new(), gone }
    }

    fn out(&mut self, out: Vec<Out>) {
        for out in out {
            match out {
                Out::Tell(to, event) | Out::Answer(to, event) => {
                    self.queue.push_ordered((to.node, false), AtLog::Tells(to.node, event));
                }
                Out::Later(delay, step) => self.queue.push(delay, AtLog::Steps(step)),
            }
        }
    }

    fn next_until(&mut self, client: usize, until_ns: u64) -> Option<LogEvent> {
        loop {
            if let Some(event) = self.inboxes[client].pop_front() {
                return Some(event);
            }
            match self.queue.pop(until_ns)? {
                AtLog::Asks(from, action) if !self.gone.contains(&from) => {
                    let wall_ms = self.queue.wall_ms();
                    let out = self.model.submit(wall_ms, address(from), action);
                    self.out(out);
                }
                AtLog::Asks(..) => {}
                AtLog::Steps(step) => {
                    let gone = &self.gone;
                    let out = self.model.step(step, |to| !gone.contains(&to.node));
                    self.out(out);
                }
                AtLog::Tells(to, event) => self.inboxes[to].push_back(event),
            }
        }
    }
}

impl log::LogHarness for Log {
    fn client(&mut self) -> usize {
        self.inboxes.push(VecDeque::new());
        self.inboxes.len() - 1
    }

    fn leave(&mut self, client: usize) {
        self.gone.insert(client);
        let out = self.model.evict(|member| member.node == client, false);
        self.out(out);
    }

    fn submit(&mut self, client: usize, action: LogAction) {
        self.queue.push_ordered((client, true), AtLog::Asks(client, action));
    }

    fn next(&mut self, client: usize) -> LogEvent {
        self.next_until(client, self.queue.now_ns + PATIENCE_NS).expect("an event")
    }

    fn next_soon(&mut self, client: usize) -> Option<LogEvent> {
        self.next_until(client, self.queue.now_ns + SILENCE_NS)
    }

    fn crash(&mut self) {
        self.model.lose_unsynced();
        for client in 0..self.inboxes.len() {
            self.leave(client);
        }
    }
}

#[test]
fn the_model_of_the_log_keeps_the_contract() {
    with_delays(SEEDS, |delays| {
        let delays = RefCell::new(delays);
        log::check_all(|| Log::new(delays.borrow_mut().as_mut().map(Random::fork)));
    });
}

#[test]
fn a_log_that_acknowledges_too_early_does_not() {
    let broken = || {
        let mut log = Log::new(None);
        log.model.bugs.ack_before_fsync = true;
        log
    };
    assert!(std::panic::catch_unwind(|| log::check_all(broken)).is_err());
}

/// What happens to the table and its client.
enum AtTable {
    Asks(TableAction),
    Tells(TableEvent),
}

struct Table {
    model: TableModel,
    queue: Queue<AtTable>,
    life: usize,
}

impl Table {
    fn new(delays: Option<Random>) -> Self {
        Self { model: TableModel::new(), queue: Queue::new(delays), life: 0 }
    }
}

impl table::TableHarness for Table {
    fn submit(&mut self, action: TableAction) {
        self.queue.push_ordered((self.life, true), AtTable::Asks(action));
    }

    fn next(&mut self) -> TableEvent {
        let until_ns = self.queue.now_ns + PATIENCE_NS;
        loop {
            match self.queue.pop(until_ns).expect("an event") {
                AtTable::Asks(action) => {
                    let (wall_ms, from) = (self.queue.wall_ms(), address(self.life));
                    if let Some(event) = self.model.submit(wall_ms, from, action, |_, _| true) {
                        let delay = self.queue.delay();
                        self.queue.push(delay, AtTable::Tells(event));
                    }
                }
                AtTable::Tells(event) => return event,
            }
        }
    }

    fn crash(&mut self) {
        self.life += 1;
        self.queue.waiting.clear();
    }
}

#[test]
fn the_model_of_the_table_keeps_the_contract() {
    // Each writes and reads tens of thousands of datapoints.
    with_delays(SEEDS / 10, |delays| {
        let delays = RefCell::new(delays);
        table::check_all(|| Table::new(delays.borrow_mut().as_mut().map(Random::fork)));
    });
}

/// What happens to the tree and its sessions.
enum AtCoord {
    Asks(usize, CoordAction),
    Tells(usize, CoordEvent),
}

struct Coord {
    model: CoordModel,
    queue: Queue<AtCoord>,
    inboxes: Vec<VecDeque<CoordEvent>>,
}

impl Coord {
    fn new(delays: Option<Random>, model: CoordModel) -> Self {
        Self { model, queue: Queue::new(delays), inboxes: Vec::new() }
    }

    fn tell(&mut self, told: Vec<(Address, CoordEvent)>) {
        for (to, event) in told {
            self.queue.push_ordered((to.node, false), AtCoord::Tells(to.node, event));
        }
    }

    fn next_until(&mut self, session: usize, until_ns: u64) -> Option<CoordEvent> {
        loop {
            if let Some(event) = self.inboxes[session].pop_front() {
                return Some(event);
            }
            match self.queue.pop(until_ns)? {
                AtCoord::Asks(from, action) => {
                    let (answer, fired) = self.model.submit(address(from), action);
                    self.tell(vec![(address(from), answer)]);
                    self.tell(fired);
                }
                AtCoord::Tells(to, event) => self.inboxes[to].push_back(event),
            }
        }
    }
}

impl coord::CoordHarness for Coord {
    fn session(&mut self) -> usize {
        self.inboxes.push([CoordEvent::Connected].into());
        self.inboxes.len() - 1
    }

    fn expire(&mut self, session: usize) {
        let fired = self.model.expire(address(session));
        self.tell(fired);
    }

    fn submit(&mut self, session: usize, action: CoordAction) {
        self.queue.push_ordered((session, true), AtCoord::Asks(session, action));
    }

    fn next(&mut self, session: usize) -> CoordEvent {
        self.next_until(session, self.queue.now_ns + PATIENCE_NS).expect("an event")
    }

    fn next_soon(&mut self, session: usize) -> Option<CoordEvent> {
        self.next_until(session, self.queue.now_ns + SILENCE_NS)
    }
}

#[test]
fn the_model_of_coordination_keeps_the_contract() {
    with_delays(SEEDS, |delays| {
        let delays = RefCell::new(delays);
        let fork = || delays.borrow_mut().as_mut().map(Random::fork);
        coord::check_all(|| Coord::new(fork(), CoordModel::new()));
    });
}

/// Members join at once: in the end each partition has one owner.
#[test]
fn members_never_share_a_partition() {
    use log::LogHarness;
    let (topic, group): (Topic, Topic) = ("topic".into(), "group".into());
    with_delays(SEEDS, |delays| {
        let mut log = Log::new(delays);
        let members = [log.client(), log.client(), log.client()];
        let join = |log: &mut Log, client| {
            let (topic, group, start) = (topic.clone(), group.clone(), Start::Earliest);
            log.submit(client, LogAction::Subscribe { topic, group, start });
        };
        members.iter().for_each(|member| join(&mut log, *member));
        let mut owned: [BTreeSet<u32>; 3] = Default::default();
        for client in members {
            while let Some(event) = log.next_soon(client) {
                match event {
                    LogEvent::Assigned { partitions, .. } => {
                        owned[client].extend(partitions.iter().map(|(partition, _)| *partition));
                    }
                    LogEvent::Revoked { partitions, .. } => {
                        owned[client].retain(|partition| !partitions.contains(partition));
                    }
                    other => panic!("nothing else, not {other:?}"),
                }
            }
        }
        let all: BTreeSet<u32> = owned.iter().flatten().copied().collect();
        assert_eq!(all.len(), log::PARTITIONS as usize);
        assert_eq!(owned.iter().map(BTreeSet::len).sum::<usize>(), all.len());
    });
}
