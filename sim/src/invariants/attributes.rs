//! In the end a series has the attributes that the metadata topic says.

use std::collections::BTreeMap;

use weft_gts::text::update_attributes;
use weft_gts::{Labels, SeriesId};

use super::history::{History, Said};

/// What a series has in the end: its attributes, or these.
pub type Either = [Labels; 2];

/// The series that are there in the end, and their attributes: a series has those of the message
/// that made it until they are updated. An update before that message counts for nothing, but for a
/// directory that reads both once more (README.md, "What is not promised").
pub fn fold(history: &History) -> BTreeMap<SeriesId, Either> {
    let mut there: BTreeMap<SeriesId, Either> = BTreeMap::new();
    let mut early: BTreeMap<SeriesId, Labels> = BTreeMap::new();
    for said in history.said.values() {
        let series = said.series;
        match &said.what {
            Said::Seen(attributes) => {
                there.entry(series).or_insert_with(|| {
                    let late = early.remove(&series).unwrap_or_else(|| attributes.clone());
                    [attributes.clone(), late]
                });
            }
            Said::Updated { attributes, is_delta } => match there.get_mut(&series) {
                Some(both) => {
                    for kept in both {
                        update_attributes(kept, attributes.clone(), *is_delta);
                    }
                }
                None => {
                    let kept = early.entry(series).or_default();
                    update_attributes(kept, attributes.clone(), *is_delta);
                }
            },
            Said::Removed => {
                there.remove(&series);
                early.remove(&series);
            }
        }
    }
    there
}

/// Checks what a tenant finds: the attributes of its series, by their numbers.
pub fn check(
    history: &History,
    tenant: usize,
    found: &BTreeMap<usize, Labels>,
) -> Result<(), String> {
    for (id, said) in fold(history) {
        let Some(name) = history.names.get(&id).filter(|name| name.tenant == tenant) else {
            continue;
        };
        if let Some(found) = found.get(&name.series).filter(|found| !said.contains(found)) {
            return Err(format!("{name:?} has {found:?}, the topic says {said:?}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::SeriesName;
    use crate::invariants::history::Statement;

    fn mood(value: &str) -> Labels {
        [("mood", value)].into_iter().collect()
    }

    #[test]
    fn attributes_that_nobody_gave_are_seen() {
        let name = SeriesName { tenant: 0, series: 1 };
        let series = History::id_of(&name);
        let updated = |value| Said::Updated { attributes: mood(value), is_delta: false };
        let mut history = History::default();
        history.names.insert(series, name);
        let all = [
            (updated("early"), [""; 2]),
            (Said::Seen(Labels::new()), ["", "early"]),
            (updated("good"), ["good"; 2]),
            (Said::Seen(Labels::new()), ["good"; 2]),
            (updated("bad"), ["bad"; 2]),
            (Said::Removed, [""; 2]),
            (Said::Seen(Labels::new()), [""; 2]),
        ];
        for (offset, (what, end)) in (0..).zip(all) {
            let said = Statement { series, time_ms: 0, what, is_news: true };
            history.said.insert((0, offset), said);
            let is_there = fold(&history).contains_key(&series);
            for value in ["", "early", "good", "bad"] {
                let labels = if value.is_empty() { Labels::new() } else { mood(value) };
                let result = check(&history, 0, &BTreeMap::from([(1, labels)]));
                assert_eq!(result.is_ok(), !is_there || end.contains(&value), "{offset} {value}");
            }
        }
        let other = BTreeMap::from([(1, mood("bad"))]);
        assert_eq!(check(&history, 1, &other), Ok(()), "another tenant");
    }
}
