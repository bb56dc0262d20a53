//! A partition of the data topic moves on while its owner is in contact, whatever happened before.
//!
//! A fault may hold a store up, and is an excuse for as long as it lasts and what comes of it.

use std::collections::BTreeMap;

use crate::params::SECOND;
use crate::world::Address;

/// How long a store may stand still without an excuse.
const LIMIT_NS: u64 = 120 * SECOND;

/// What a store needs after a fault to be at work again: connections, and pauses between tries.
const RECOVERY_NS: u64 = 20 * SECOND;

/// Partitions with records that are not committed, and since when their owners stand still there.
#[derive(Debug, Default)]
pub struct Standstill {
    standing: BTreeMap<u32, Standing>,
}

#[derive(Debug)]
struct Standing {
    owner: Address,
    committed: u64,
    since_ns: u64,
    excused_ns: u64,
}

impl Standstill {
    /// Something holds the stores of a node up for so long, or all of them.
    pub fn excuse(&mut self, node: Option<usize>, lasts_ns: u64) {
        for standing in self.standing.values_mut() {
            if node.is_none_or(|node| node == standing.owner.node) {
                standing.excused_ns += lasts_ns + RECOVERY_NS;
            }
        }
    }

    /// Looks at a partition: who owns it, what is committed of it, and where it ends.
    pub fn check(
        &mut self,
        now_ns: u64,
        partition: u32,
        owner: Option<Address>,
        committed: u64,
        end: u64,
    ) -> Result<(), String> {
        let Some(owner) = owner.filter(|_| committed < end) else {
            self.standing.remove(&partition);
            return Ok(());
        };
        match self.standing.get(&partition) {
            Some(standing) if (standing.owner, standing.committed) == (owner, committed) => {
                let stood_ns = now_ns.saturating_sub(standing.since_ns);
                if stood_ns.saturating_sub(standing.excused_ns) <= LIMIT_NS {
                    return Ok(());
                }
                Err(format!(
                    "partition {partition} stands at {committed} of {end} for {} seconds, and the \
                     store of node {} has no excuse for more than {} of them",
                    stood_ns / SECOND,
                    owner.node,
                    standing.excused_ns / SECOND
                ))
            }
            _ => {
                let standing = Standing { owner, committed, since_ns: now_ns, excused_ns: 0 };
                self.standing.insert(partition, standing);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn store(node: usize) -> Address {
        Address { node, life: 1, slot: 0 }
    }

    #[test]
    fn who_stands_still_without_an_excuse_is_seen() {
        for (what, ok) in [
            ("nothing", false),
            ("an excuse", true),
            ("another's excuse", false),
            ("an excuse of all", true),
            ("progress", true),
            ("another owner", true),
        ] {
            let mut standstill = Standstill::default();
            assert_eq!(standstill.check(0, 3, Some(store(1)), 5, 9), Ok(()));
            match what {
                "an excuse" => standstill.excuse(Some(1), 60 * SECOND),
                "another's excuse" => standstill.excuse(Some(2), 60 * SECOND),
                "an excuse of all" => standstill.excuse(None, 60 * SECOND),
                _ => {}
            }
            let committed = if what == "progress" { 6 } else { 5 };
            let owner = store(if what == "another owner" { 2 } else { 1 });
            let result = standstill.check(LIMIT_NS + SECOND, 3, Some(owner), committed, 9);
            assert_eq!(result.is_ok(), ok, "{what}");
        }
    }

    #[test]
    fn who_has_nothing_to_do_may_stand_still() {
        let mut standstill = Standstill::default();
        for (now_ns, committed) in [(0, 5), (SECOND, 9), (LIMIT_NS, 9), (2 * LIMIT_NS, 9)] {
            assert_eq!(standstill.check(now_ns, 0, Some(store(1)), committed, 9), Ok(()));
        }
        assert_eq!(standstill.check(3 * LIMIT_NS, 0, Some(store(1)), 9, 10), Ok(()));
        assert_eq!(standstill.check(5 * LIMIT_NS, 0, None, 9, 10), Ok(()), "nobody owns it");
    }
}
