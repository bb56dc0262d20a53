//! A shard that answers knows everything of its slice that was in the topic before it began, and
//! nothing of other slices.

use std::collections::{BTreeMap, BTreeSet};

use weft_daemons::contract::ActionId;
use weft_daemons::contract::peer::{Answer, FindRequest};
use weft_daemons::directory::Estimates;
use weft_gts::SeriesId;

use super::history::History;
use crate::world::Address;

/// What is known of the shards.
#[derive(Debug)]
pub struct Shards {
    modulus: u32,
    born: BTreeMap<(usize, u32), (u64, u32)>,
    asks: BTreeMap<ActionId, Asked>,
}

#[derive(Debug)]
struct Asked {
    directory: Address,
    /// The tenant, when the find is for all of its series.
    tenant: Option<usize>,
    found: BTreeSet<SeriesId>,
}

impl Shards {
    /// No shards yet.
    pub const fn new(modulus: u32) -> Self {
        Self { modulus, born: BTreeMap::new(), asks: BTreeMap::new() }
    }

    /// A directory begins.
    pub fn born(&mut self, now_ns: u64, address: Address, remainder: u32) {
        self.born.insert((address.node, address.life), (now_ns, remainder));
    }

    /// A find is asked.
    pub fn asked(&mut self, ask: ActionId, directory: Address, request: &FindRequest) {
        let tenant = match &request.selectors[..] {
            [one] => one
                .class
                .strip_prefix("~t")
                .and_then(|class| class.strip_suffix("[.]s[0-9]*"))
                .and_then(|number| number.parse().ok()),
            _ => None,
        };
        self.asks.insert(ask, Asked { directory, tenant, found: BTreeSet::new() });
    }

    /// A find is of no interest any more.
    pub fn forget(&mut self, ask: ActionId) {
        self.asks.remove(&ask);
    }

    /// An answer comes.
    pub fn answered(
        &mut self,
        history: &History,
        ask: ActionId,
        answer: &Answer,
    ) -> Result<(), String> {
        let Some(asked) = self.asks.get_mut(&ask) else { return Ok(()) };
        let place = (asked.directory.node, asked.directory.life);
        let Some((born_ns, remainder)) = self.born.get(&place).copied() else { return Ok(()) };
        match answer {
            Answer::Found(series) => {
                for metadata in series {
                    if !metadata.id.in_slice(self.modulus, remainder) {
                        let class = metadata.class();
                        return Err(format!("shard {remainder} answers {class} of another slice"));
                    }
                    asked.found.insert(metadata.id);
                }
                Ok(())
            }
            Answer::End => {
                let asked = self.asks.remove(&ask);
                let Some(Asked { tenant: Some(tenant), found, .. }) = asked else { return Ok(()) };
                let missing = history.names.iter().find(|(id, name)| {
                    name.tenant == tenant
                        && id.in_slice(self.modulus, remainder)
                        && history.is_known_since(**id, born_ns)
                        && !found.contains(*id)
                });
                match missing {
                    Some((_, name)) => Err(format!(
                        "shard {remainder} of node {} answers without {name:?}, which was there \
                         before it began",
                        place.0
                    )),
                    None => Ok(()),
                }
            }
            Answer::Counted(counted) => {
                let asked = self.asks.remove(&ask);
                let Some(Asked { tenant: Some(tenant), .. }) = asked else { return Ok(()) };
                let there = history.names.iter().filter(|(id, name)| {
                    name.tenant == tenant
                        && id.in_slice(self.modulus, remainder)
                        && history.is_known_since(**id, born_ns)
                });
                let estimates = Estimates::of(std::slice::from_ref(counted));
                let told = estimates.map_err(|error| error.to_string())?.series;
                let there = there.count() as f64;
                // An estimator may be wrong by some percent.
                if (told as f64) < there * 0.9 {
                    return Err(format!("shard {remainder} counts {told} series of {there}"));
                }
                Ok(())
            }
            Answer::Failed(_) => {
                self.asks.remove(&ask);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use weft_daemons::directory::{Stats, StatsLimits};
    use weft_gts::selector::SelectorText;

    use super::*;
    use crate::clients::{SeriesName, class_of_all, metadata_of};
    use crate::invariants::history::Meta;
    use crate::node::id_keys;

    #[test]
    fn an_answer_without_what_was_there_is_seen() {
        let name = SeriesName { tenant: 0, series: 1 };
        let mut metadata = metadata_of(&name);
        metadata.id = id_keys().series_id(&metadata);
        let mut history = History::default();
        history.metadata.insert(metadata.id, vec![Meta { at_ns: 5, removes: false }]);
        history.names.insert(metadata.id, name);
        let directory = Address { node: 0, life: 1, slot: 0 };
        let selectors = vec![SelectorText { class: class_of_all(0), labels: Vec::new() }];
        let request = FindRequest { selectors, ..FindRequest::default() };
        for (born_ns, answers, ok) in [(9, false, false), (9, true, true), (3, false, true)] {
            let mut shards = Shards::new(1);
            shards.born(born_ns, directory, 0);
            shards.asked(ActionId(1), directory, &request);
            if answers {
                let found = Answer::Found(vec![metadata.clone()]);
                assert_eq!(shards.answered(&history, ActionId(1), &found), Ok(()));
            }
            let end = shards.answered(&history, ActionId(1), &Answer::End);
            assert_eq!(end.is_ok(), ok, "{born_ns} {answers}");
        }
        for (counts, ok) in [(false, false), (true, true)] {
            let mut shards = Shards::new(1);
            shards.born(9, directory, 0);
            shards.asked(ActionId(1), directory, &request);
            let mut stats = Stats::new(id_keys(), StatsLimits::default(), 0);
            if counts {
                stats.add(&metadata);
            }
            let counted = Answer::Counted(Box::new(stats.finish()));
            assert_eq!(shards.answered(&history, ActionId(1), &counted).is_ok(), ok);
        }
        let mut shards = Shards::new(2);
        let other = u32::from(metadata.id.in_slice(2, 0));
        shards.born(9, directory, other);
        shards.asked(ActionId(1), directory, &request);
        let found = Answer::Found(vec![metadata]);
        assert!(shards.answered(&history, ActionId(1), &found).is_err(), "of another slice");
    }
}
