//! A run that did little proves little.

use crate::params::{NODES_MIN, SECOND};

/// Updates that a run must have acknowledged.
const ACKNOWLEDGED_MIN: u64 = 200;

/// Faults that a run must have had.
const FAULTS_MIN: u64 = 20;

/// Virtual time that a run must have had.
const VIRTUAL_MIN_NS: u64 = 600 * SECOND;

/// What a run did.
#[derive(Clone, Copy, Debug)]
pub struct Did {
    /// Updates that were acknowledged.
    pub acknowledged: u64,
    /// Scheduled faults.
    pub faults: u64,
    /// Virtual time, nanoseconds.
    pub virtual_ns: u64,
    /// Nodes.
    pub nodes: usize,
    /// Whether it was the one-process platform.
    pub embedded: bool,
}

impl Did {
    /// Whether work and faults were enough; until then a run goes on.
    pub const fn has_seen_enough(&self) -> bool {
        self.acknowledged >= ACKNOWLEDGED_MIN && self.faults >= FAULTS_MIN
    }
}

/// Checks a run that is over.
pub fn check(did: &Did) -> Result<(), String> {
    let is_large = did.nodes >= NODES_MIN || did.embedded;
    if did.has_seen_enough() && did.virtual_ns >= VIRTUAL_MIN_NS && is_large {
        return Ok(());
    }
    let Did { acknowledged, faults, virtual_ns, nodes, .. } = did;
    let seconds = virtual_ns / SECOND;
    Err(format!(
        "{seconds} virtual seconds, {nodes} nodes, {acknowledged} acknowledged updates, {faults} \
         faults"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_that_did_little_are_seen() {
        let did = Did {
            acknowledged: ACKNOWLEDGED_MIN,
            faults: FAULTS_MIN,
            virtual_ns: VIRTUAL_MIN_NS,
            nodes: NODES_MIN,
            embedded: false,
        };
        assert_eq!(check(&did), Ok(()));
        assert!(check(&Did { acknowledged: ACKNOWLEDGED_MIN - 1, ..did }).is_err());
        assert!(check(&Did { faults: FAULTS_MIN - 1, ..did }).is_err());
        assert!(check(&Did { virtual_ns: VIRTUAL_MIN_NS - 1, ..did }).is_err());
        assert!(check(&Did { nodes: 1, ..did }).is_err());
        assert_eq!(check(&Did { nodes: 1, embedded: true, ..did }), Ok(()));
    }
}
