//! What subscribers and frontends have to do with the world.

use weft_daemons::contract::log::LogEvent;
use weft_daemons::contract::{Change, Event, Metric, NoTask};

use super::{Address, Happening, World};
use crate::subscribers::Step;

impl World {
    pub(super) fn subscriber(&mut self, step: Step) {
        let Some(mut subscribers) = self.subscribers.take() else { return };
        if self.plan.streams().is_some() {
            subscribers.reseed(self.random.fork());
        }
        subscribers.step(self, step);
        self.subscribers = Some(subscribers);
    }

    /// Schedules a step of a subscriber.
    pub fn schedule_subscriber(&mut self, delay: u64, step: Step) {
        self.schedule(delay, Happening::Subscriber(step));
    }

    /// The faults are over: subscribers ask for nothing new.
    pub fn rest_subscribers(&mut self) {
        if let Some(mut subscribers) = self.subscribers.take() {
            subscribers.rest(self);
            self.subscribers = Some(subscribers);
        }
    }

    /// A frontend is told something at a time of its own clock.
    pub(super) fn frontend_told(&mut self, to: Address, wall_ms: i64, event: &Event<NoTask>) {
        let Event::Log(LogEvent::Records { records, .. }) = event else { return };
        if let Some(subscribers) = &mut self.subscribers {
            subscribers.heard(to, wall_ms, records);
        }
    }

    pub(super) fn metric(&mut self, from: Address, metric: &Metric) {
        let Change::Set(value) = metric.change else { return };
        let waiting = &mut self.checks.waiting;
        match metric.name {
            "weft_plasma_clients" => waiting.clients(from.node, value),
            "weft_plasma_waiting_bytes" => {
                let max = self.params.waiting_bytes_max;
                let result = waiting.check(from.node, value, max);
                self.checks.judge("subscriptions", result);
            }
            _ => {}
        }
    }
}
