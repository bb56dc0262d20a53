//! Counters and gauges, rendered as Prometheus text.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Mutex, PoisonError};

use weft_daemons::contract::{Change, Metric};

/// All metrics of the process.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    values: Mutex<BTreeMap<&'static str, Family>>,
}

/// One metric with all its label sets.
#[derive(Debug, Default)]
struct Family {
    is_gauge: bool,
    values: BTreeMap<String, f64>,
}

impl Metrics {
    /// Applies a change.
    pub(crate) fn change(&self, metric: &Metric) {
        let mut families = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        let family = families.entry(metric.name).or_default();
        let value = family.values.entry(label_text(&metric.labels)).or_default();
        match metric.change {
            Change::Add(n) => *value += n as f64,
            Change::Set(new) => {
                *value = new;
                family.is_gauge = true;
            }
        }
    }

    /// Everything as Prometheus text.
    pub(crate) fn render(&self) -> String {
        let families = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        for (name, family) in families.iter() {
            let kind = if family.is_gauge { "gauge" } else { "counter" };
            let _ = writeln!(text, "# TYPE {name} {kind}");
            for (labels, value) in &family.values {
                let _ = writeln!(text, "{name}{labels} {value}");
            }
        }
        text
    }
}

/// `{a="b",c="d"}`, empty without labels.
fn label_text(labels: &[(&'static str, String)]) -> String {
    if labels.is_empty() {
        return String::new();
    }
    let pairs: Vec<String> = labels
        .iter()
        .map(|(name, value)| {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            format!("{name}=\"{value}\"")
        })
        .collect();
    format!("{{{}}}", pairs.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_add_and_gauges_stay() {
        let metrics = Metrics::default();
        metrics.change(&Metric::add("weft_a_total", 2));
        metrics.change(&Metric::add("weft_a_total", 3));
        metrics.change(&Metric {
            labels: vec![("k", "v\"".to_owned())],
            ..Metric::set("weft_b", 1.5)
        });
        assert_eq!(
            metrics.render(),
            "# TYPE weft_a_total counter\nweft_a_total 5\n# TYPE weft_b gauge\n\
             weft_b{k=\"v\\\"\"} 1.5\n"
        );
    }
}
