//! In the end a series has the attributes that the metadata topic says.

use std::collections::BTreeMap;

use weft_gts::text::update_attributes;
use weft_gts::{Labels, SeriesId};

use super::history::{History, Said};

/// The series that are there in the end, and their attributes: a series has those of the message
/// that made it until they are updated.
pub fn fold(history: &History) -> BTreeMap<SeriesId, Labels> {
    let mut there: BTreeMap<SeriesId, Labels> = BTreeMap::new();
    for said in history.said.values() {
        match &said.what {
            Said::Seen(attributes) => {
                there.entry(said.series).or_insert_with(|| attributes.clone());
            }
            Said::Updated { attributes, is_delta } => {
                if let Some(kept) = there.get_mut(&said.series) {
                    update_attributes(kept, attributes.clone(), *is_delta);
                }
            }
            Said::Removed => {
                there.remove(&said.series);
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
        if let Some(found) = found.get(&name.series).filter(|found| **found != said) {
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
            (updated("early"), ""),
            (Said::Seen(Labels::new()), ""),
            (updated("good"), "good"),
            (Said::Seen(Labels::new()), "good"),
            (updated("bad"), "bad"),
            (Said::Removed, ""),
            (Said::Seen(Labels::new()), ""),
        ];
        for (offset, (what, end)) in (0..).zip(all) {
            let said = Statement { series, time_ms: 0, what, is_news: true };
            history.said.insert((0, offset), said);
            let is_there = fold(&history).contains_key(&series);
            for value in ["", "good", "bad"] {
                let labels = if value.is_empty() { Labels::new() } else { mood(value) };
                let result = check(&history, 0, &BTreeMap::from([(1, labels)]));
                assert_eq!(result.is_ok(), !is_there || value == end, "{offset} {value}");
            }
        }
        let other = BTreeMap::from([(1, mood("bad"))]);
        assert_eq!(check(&history, 1, &other), Ok(()), "another tenant");
    }
}
