//! After everything came to rest the replicas of a shard answer the same, and together the shards
//! answer what the metadata topic says, each of its slice.

use std::collections::BTreeMap;

use weft_gts::{Labels, SeriesId};

use super::attributes::Either;

/// What a directory answers when it is asked for everything.
pub type Answered = BTreeMap<SeriesId, Labels>;

/// Checks the answers of directories, with their nodes and their remainders.
pub fn check(
    said: &BTreeMap<SeriesId, Either>,
    modulus: u32,
    answers: &[(usize, u32, Answered)],
) -> Result<(), String> {
    for (node, remainder, answered) in answers {
        let own = said.iter().filter(|(id, _)| id.in_slice(modulus, *remainder));
        for (id, attributes) in own {
            match answered.get(id) {
                None => {
                    return Err(format!(
                        "the directory of node {node} ({remainder}) does not know {id:?}"
                    ));
                }
                Some(its) if attributes.contains(its) => {}
                Some(its) => {
                    return Err(format!(
                        "the directory of node {node} ({remainder}) has {its:?} for {id:?}, the \
                         topic says {attributes:?}"
                    ));
                }
            }
        }
        if let Some(id) = answered.keys().find(|id| !said.contains_key(id)) {
            let what = "which the topic says is gone";
            return Err(format!("the directory of node {node} ({remainder}) knows {id:?}, {what}"));
        }
        let other = answers.iter().find(|(other, its_remainder, its)| {
            node != other && remainder == its_remainder && its.len() != answered.len()
        });
        if let Some((other, ..)) = other {
            return Err(format!("the directories of nodes {node} and {other} do not agree"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replicas_that_differ_are_seen() {
        let id = |labels_id| SeriesId { class_id: 1, labels_id };
        let series: Vec<SeriesId> = (0..40).map(id).filter(|id| id.in_slice(2, 0)).collect();
        let (one, two) = (series[0], series[1]);
        let mood: Labels = [("mood", "m")].into_iter().collect();
        let said = Answered::from([(one, Labels::new()), (two, mood)]);
        let both = |(id, labels): (&SeriesId, &Labels)| (*id, [labels.clone(), labels.clone()]);
        let topic: BTreeMap<SeriesId, Either> = said.iter().map(both).collect();
        let check = |answers: &[Answered]| {
            let answers: Vec<_> =
                (0..).zip(answers).map(|(node, all)| (node, 0, all.clone())).collect();
            check(&topic, 2, &answers)
        };
        assert_eq!(check(&[said.clone(), said.clone()]), Ok(()));
        let less = Answered::from([(one, Labels::new())]);
        assert!(check(&[said.clone(), less]).is_err(), "one lacks a series");
        let mut more = said.clone();
        more.insert(series[2], Labels::new());
        assert!(check(&[said.clone(), more]).is_err(), "one has a series that is gone");
        let old = Answered::from([(one, Labels::new()), (two, Labels::new())]);
        assert!(check(&[said.clone(), old]).is_err(), "one has old attributes");
    }
}
