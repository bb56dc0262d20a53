//! Machines: what they are told and what they want.

use weft_daemons::contract::{ActionId, Effect, Event, NoTask};
use weft_daemons::{Mono, Now, Wall};

use super::marks::{EffectDetail, EventDetail, effect_mark, mark_of};
use super::{Address, EPOCH_MS, Happening, World};
use crate::invariants::bounded;
use crate::mutants::Meddled;
use crate::node::{Component, Polled};
use crate::params::{MS, SECOND};

impl World {
    /// Whether a node stands still, or has not taken in yet what came while it did.
    pub(super) fn is_frozen(&self, node: usize) -> bool {
        let state = &self.nodes[node];
        state.paused_until > self.now_ns || !state.thaws && !state.frozen.is_empty()
    }

    pub(super) fn lives(&self, address: Address) -> bool {
        let node = &self.nodes[address.node];
        node.up && node.life == address.life
    }

    /// The clocks of a node.
    pub(super) fn clock(&self, node: usize) -> Now {
        let state = &self.nodes[node];
        let lived = u128::from(self.now_ns - state.born_ns) * u128::from(state.rate);
        let wall_ns =
            EPOCH_MS * 1_000_000 + self.now_ns as i64 + state.skew_ns + state.drift.by(self.now_ns);
        Now { mono: Mono((lived / 1_000_000_000) as u64), wall: Wall(wall_ns) }
    }

    /// When a clock of a node will show that monotonic time.
    pub(super) fn moment(&self, node: usize, mono: Mono) -> u64 {
        let state = &self.nodes[node];
        let lived = u128::from(mono.0) * 1_000_000_000 / u128::from(state.rate);
        state.born_ns.saturating_add(u64::try_from(lived).unwrap_or(u64::MAX).saturating_add(1))
    }

    pub(super) fn deliver(&mut self, to: Address, event: Event<NoTask>) {
        if !self.lives(to) {
            return;
        }
        if self.is_frozen(to.node) {
            return self.freeze(to.node, Happening::Deliver(to, event));
        }
        let component = self.nodes[to.node].slots[to.slot].component;
        if let Some(besides) = self.meddler.besides(component, to, &event) {
            self.carry_out(to, component, besides);
        }
        let Some(event) = self.meddler.event(component, to, event) else { return };
        let mark = mark_of(&event);
        self.trace.line(
            self.now_ns,
            format_args!("n{}.{} {component:?} < {mark}{}", to.node, to.life, EventDetail(&event)),
        );
        self.mark(component, mark);
        self.chronicle.told(self.now_ns, to, component, mark, &event);
        self.checks.told(self.now_ns, self.last_call, to, component, &event);
        self.watch_estimates(to, &event);
        let now = self.clock(to.node);
        if component == Component::Frontend {
            self.frontend_told(to, now.wall.as_ms(), &event);
        }
        self.nodes[to.node].slots[to.slot].host.handle(now, event);
        self.drain(to);
        let result = self.checks.throttling.check_told(to);
        self.checks.judge("throttling", result);
    }

    pub(super) fn compute(&mut self, to: Address, id: ActionId) {
        if !self.lives(to) {
            return;
        }
        if self.is_frozen(to.node) {
            return self.freeze(to.node, Happening::Compute(to, id));
        }
        let now = self.clock(to.node);
        let component = self.nodes[to.node].slots[to.slot].component;
        self.mark(component, "computed");
        self.nodes[to.node].slots[to.slot].host.compute(now, id);
        self.drain(to);
    }

    pub(super) fn tick(&mut self, to: Address) {
        if !self.lives(to) {
            return;
        }
        if self.is_frozen(to.node) {
            return self.freeze(to.node, Happening::Tick(to));
        }
        let now = self.clock(to.node);
        let slot = &mut self.nodes[to.node].slots[to.slot];
        if slot.tick_at.is_some_and(|at| at > self.now_ns) {
            return;
        }
        slot.tick_at = None;
        if slot.host.deadline().is_some_and(|deadline| deadline <= now.mono) {
            slot.host.handle(now, Event::Tick);
            let component = slot.component;
            self.mark(component, "tick");
        }
        self.drain(to);
    }

    pub(super) fn drain(&mut self, from: Address) {
        if self.nodes[from.node].slow_until > self.now_ns {
            let busy_ns = self.net.between(MS, 20 * MS);
            let state = &mut self.nodes[from.node];
            state.paused_until = state.paused_until.max(self.now_ns + busy_ns);
        }
        let component = self.nodes[from.node].slots[from.slot].component;
        for count in 0.. {
            if let Err(what) = bounded::check_effects(component, count) {
                return self.checks.fail("bounded-queues", what);
            }
            // A machine that stopped, or a node that died by an effect, wants nothing more.
            if !self.lives(from) {
                return;
            }
            match self.nodes[from.node].slots[from.slot].host.poll() {
                None => break,
                Some(Polled::Compute(id)) => {
                    let delay = self.net.delay(MS / 2);
                    self.mark(component, "compute");
                    self.schedule(delay, Happening::Compute(from, id));
                }
                Some(Polled::Effect(effect)) => self.effect(from, component, effect),
            }
        }
        let deadline = self.nodes[from.node].slots[from.slot].host.deadline();
        let Some(deadline) = deadline else { return };
        let at = self.moment(from.node, deadline).max(self.now_ns + 1_000);
        let slot = &mut self.nodes[from.node].slots[from.slot];
        if slot.tick_at.is_none_or(|known| known > at) {
            slot.tick_at = Some(at);
            self.schedule_at(at, Happening::Tick(from));
        }
    }

    pub(super) fn effect(&mut self, from: Address, component: Component, effect: Effect<NoTask>) {
        let wall_ms = self.clock(from.node).wall.as_ms();
        match self.meddler.effect(component, from, wall_ms, effect) {
            Meddled::Pass(effect) => self.carry_out(from, component, effect),
            Meddled::Fake(event, later) => {
                self.schedule(self.params.latency_ns, Happening::Deliver(from, event));
                let delay = self.net.between(500 * MS, 5 * SECOND);
                match later {
                    Some(Effect::Log(action)) => {
                        self.schedule(delay, Happening::AtLog(from, action));
                    }
                    Some(Effect::Table(action)) => {
                        let call = self.table_call();
                        self.schedule(delay, Happening::AtTable(from, action, call));
                    }
                    _ => {}
                }
            }
            Meddled::Nothing => {}
        }
    }

    pub(super) fn carry_out(
        &mut self,
        from: Address,
        component: Component,
        effect: Effect<NoTask>,
    ) {
        let mark = effect_mark(&effect);
        if !matches!(effect, Effect::Metric(_)) {
            self.trace.line(
                self.now_ns,
                format_args!(
                    "n{}.{} {component:?} > {mark}{}",
                    from.node,
                    from.life,
                    EffectDetail(&effect)
                ),
            );
        }
        self.mark(component, mark);
        self.chronicle.wants(self.now_ns, from, component, mark, &effect);
        self.watch_limits(from, component, &effect);
        match effect {
            Effect::Log(action) => self.ask_log(from, action),
            Effect::Table(action) => {
                self.checks.asks_table(self.now_ns, from, component, &action, &self.log);
                self.ask_table(from, action);
            }
            Effect::Coord(action) => self.ask_coord(from, action),
            Effect::Peer(action) => self.ask_peer(from, action),
            Effect::Http(action) => self.answer_client(from, action),
            Effect::Stopped => self.stopped(from),
            Effect::Warn(text) => {
                self.checks.warned(&text);
                self.trace.line(self.now_ns, format_args!("  {text}"));
            }
            Effect::Metric(metric) => self.metric(from, &metric),
            Effect::Compute(..) | Effect::Ready(_) => {}
        }
    }

    /// Something was covered.
    pub fn mark(&mut self, component: Component, mark: &'static str) {
        self.stats.marks.insert((component, mark));
    }
}
