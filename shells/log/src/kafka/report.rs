//! What the operator should know, and not every second.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
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
}

/// Reports, each warning once in a while.
pub(crate) struct Reporter {
    report: Box<dyn Fn(KafkaReport) + Send + Sync>,
    last: Mutex<BTreeMap<String, Instant>>,
}

impl fmt::Debug for Reporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reporter")
    }
}

impl Reporter {
    pub(crate) fn new(report: impl Fn(KafkaReport) + Send + Sync + 'static) -> Self {
        Self { report: Box::new(report), last: Mutex::default() }
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
