//! What the operator should know, and not every second.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::statistics::Statistics;
use weft_daemons::contract::Metric;

/// How long the same warning is not repeated.
const QUIET: Duration = Duration::from_secs(30);

/// Warnings that are remembered.
const REMEMBERED_MAX: usize = 64;

/// What a client reports.
#[derive(Clone, Debug, PartialEq)]
pub enum KafkaReport {
    /// Something that the operator should see to.
    Warning(String),
    /// A figure.
    Metric(Metric),
    /// Contact with all brokers was lost, or is there again: told once each time.
    Contact {
        /// Which brokers.
        servers: String,
        /// Whether it is the client that writes.
        writes: bool,
        /// Whether there is contact.
        is_there: bool,
    },
}

/// A client, as far as contact goes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Line {
    pub(crate) servers: String,
    pub(crate) writes: bool,
}

/// Reports, each warning once in a while.
pub(crate) struct Reporter {
    report: Box<dyn Fn(KafkaReport) + Send + Sync>,
    last: Mutex<BTreeMap<String, Instant>>,
    /// Without contact.
    lost: Mutex<BTreeSet<Line>>,
}

impl fmt::Debug for Reporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reporter")
    }
}

impl Reporter {
    pub(crate) fn new(report: impl Fn(KafkaReport) + Send + Sync + 'static) -> Self {
        Self { report: Box::new(report), last: Mutex::default(), lost: Mutex::default() }
    }

    /// What stands in parentheses are details: warnings that differ in them alone are the same.
    pub(crate) fn warn(&self, warning: String) {
        let now = Instant::now();
        let kind = warning.split('(').next().unwrap_or_default();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.retain(|_, at| now.duration_since(*at) < QUIET);
        if last.contains_key(kind) || last.len() >= REMEMBERED_MAX {
            return;
        }
        last.insert(kind.to_owned(), now);
        drop(last);
        (self.report)(KafkaReport::Warning(warning));
    }

    /// What librdkafka says went wrong.
    pub(crate) fn error(&self, line: &Line, error: &KafkaError, reason: &str) {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::AllBrokersDown) => self.contact(line, false),
            // One broker of several, or what the above says already.
            Some(RDKafkaErrorCode::BrokerTransportFailure) if self.is_lost(line) => {}
            _ => self.warn(format!("Kafka at {}: {error} ({reason})", line.servers)),
        }
    }

    /// Whether any broker has answered lately.
    pub(crate) fn statistics(&self, line: &Line, statistics: &Statistics) {
        if statistics.brokers.values().any(|broker| broker.state == "UP") {
            self.contact(line, true);
        }
    }

    fn is_lost(&self, line: &Line) -> bool {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner).contains(line)
    }

    fn contact(&self, line: &Line, is_there: bool) {
        let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        let is_news = if is_there { lost.remove(line) } else { lost.insert(line.clone()) };
        drop(lost);
        if is_news {
            let Line { servers, writes } = line.clone();
            (self.report)(KafkaReport::Contact { servers, writes, is_there });
        }
    }

    pub(crate) fn metric(&self, metric: Metric) {
        (self.report)(KafkaReport::Metric(metric));
    }
}

/// The context of clients that have nothing to say: what they are asked fails, and that is told.
#[derive(Debug)]
pub(crate) struct Silent;

impl ClientContext for Silent {
    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}

    fn error(&self, _: KafkaError, _: &str) {}
}

impl rdkafka::consumer::ConsumerContext for Silent {}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn contact_is_told_when_it_changes() {
        let (sender, told) = channel();
        let reporter = Reporter::new(move |report| drop(sender.send(report)));
        let line = Line { servers: "h:1".to_owned(), writes: true };
        let failed = |code| reporter.error(&line, &KafkaError::Global(code), "why");
        failed(RDKafkaErrorCode::AllBrokersDown);
        failed(RDKafkaErrorCode::BrokerTransportFailure);
        failed(RDKafkaErrorCode::AllBrokersDown);
        let mut statistics = Statistics::default();
        reporter.statistics(&line, &statistics);
        let up = rdkafka::statistics::Broker { state: "UP".to_owned(), ..Default::default() };
        statistics.brokers.insert("h:1/0".to_owned(), up);
        reporter.statistics(&line, &statistics);
        reporter.statistics(&line, &statistics);
        let contact =
            |is_there| KafkaReport::Contact { servers: "h:1".to_owned(), writes: true, is_there };
        assert_eq!(told.try_iter().collect::<Vec<_>>(), [contact(false), contact(true)]);
        failed(RDKafkaErrorCode::BrokerTransportFailure);
        assert!(matches!(told.try_recv(), Ok(KafkaReport::Warning(_))), "one of several");
    }

    #[test]
    fn the_same_warning_is_told_once_in_a_while() {
        let (sender, told) = channel();
        let reporter = Reporter::new(move |report| drop(sender.send(report)));
        for details in 0..3 {
            reporter.warn(format!("no contact ({details})"));
        }
        reporter.warn("something else".to_owned());
        let told: Vec<KafkaReport> = told.try_iter().collect();
        let expected = ["no contact (0)", "something else"];
        assert_eq!(told, expected.map(|text| KafkaReport::Warning(text.to_owned())));
    }
}
