//! Clients of a log under test, and their events.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use weft_daemons::contract::LogEvent;

/// Clients by number, each with what it is told.
pub(crate) struct Clients<C> {
    clients: Vec<Option<(C, Receiver<LogEvent>)>>,
    /// How long an answer may take before the test fails.
    patience: Duration,
    /// How long silence must last to count as silence.
    silence: Duration,
}

impl<C> Clients<C> {
    pub(crate) const fn new(patience: Duration, silence: Duration) -> Self {
        Self { clients: Vec::new(), patience, silence }
    }

    /// Adds one, made with where its events go.
    pub(crate) fn add(&mut self, make: impl FnOnce(Sender<LogEvent>) -> C) -> usize {
        let (sender, receiver) = channel();
        self.clients.push(Some((make(sender), receiver)));
        self.clients.len() - 1
    }

    pub(crate) fn get(&self, client: usize) -> &C {
        &self.clients[client].as_ref().expect("the client is there").0
    }

    pub(crate) fn events(&self, client: usize) -> &Receiver<LogEvent> {
        &self.clients[client].as_ref().expect("the client is there").1
    }

    pub(crate) fn next(&self, client: usize) -> LogEvent {
        self.events(client).recv_timeout(self.patience).expect("an event")
    }

    pub(crate) fn next_soon(&self, client: usize) -> Option<LogEvent> {
        self.events(client).recv_timeout(self.silence).ok()
    }

    pub(crate) fn leave(&mut self, client: usize) {
        self.clients[client] = None;
    }

    /// All of them are gone.
    pub(crate) fn clear(&mut self) {
        self.clients.clear();
    }
}
