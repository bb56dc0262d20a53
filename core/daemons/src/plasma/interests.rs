//! Who may want a series that appears: clients by what their selectors ask for exactly, so that not
//! every selector of every client is tried on every series.

use std::collections::{BTreeMap, BTreeSet};

use weft_gts::Metadata;
use weft_gts::selector::Selector;

use crate::contract::http::RequestId;

/// What a series must have to be meant by a selector; the least common of what is known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    /// A label or attribute, and its value.
    Label(String, String),
    Class(String),
    /// Nothing exact: all series are tried.
    Anything,
}

impl Key {
    pub(super) fn of(selector: &Selector) -> Self {
        let exact = |wanted: fn(&str) -> bool| {
            let mut labels = selector.labels.iter().filter(move |(name, _)| wanted(name));
            labels.find_map(|(name, matcher)| {
                matcher.exact().map(|value| Self::Label(name.clone(), value.to_owned()))
            })
        };
        // Those with a dot are what tokens add: the same for many.
        exact(|name| !name.starts_with('.'))
            .or_else(|| selector.class.exact().map(|class| Self::Class(class.to_owned())))
            .or_else(|| exact(|name| name.starts_with('.')))
            .unwrap_or(Self::Anything)
    }
}

/// Clients by the keys of their selectors.
#[derive(Debug, Default)]
pub(super) struct Interests {
    labels: BTreeMap<String, BTreeMap<String, BTreeSet<RequestId>>>,
    classes: BTreeMap<String, BTreeSet<RequestId>>,
    anything: BTreeSet<RequestId>,
}

impl Interests {
    /// A client has other keys than before.
    pub(super) fn change(
        &mut self,
        request: RequestId,
        before: &BTreeSet<Key>,
        after: &BTreeSet<Key>,
    ) {
        for key in before.difference(after) {
            self.remove(request, key);
        }
        for key in after.difference(before) {
            let clients = match key.clone() {
                Key::Label(name, value) => {
                    self.labels.entry(name).or_default().entry(value).or_default()
                }
                Key::Class(class) => self.classes.entry(class).or_default(),
                Key::Anything => &mut self.anything,
            };
            clients.insert(request);
        }
    }

    fn remove(&mut self, request: RequestId, key: &Key) {
        match key {
            Key::Label(name, value) => {
                let Some(values) = self.labels.get_mut(name) else { return };
                remove_from(values, value, request);
                if values.is_empty() {
                    self.labels.remove(name);
                }
            }
            Key::Class(class) => remove_from(&mut self.classes, class, request),
            Key::Anything => {
                self.anything.remove(&request);
            }
        }
    }

    /// The clients that may want a series.
    pub(super) fn in_series(&self, metadata: &Metadata) -> BTreeSet<RequestId> {
        let mut found = self.anything.clone();
        found.extend(self.classes.get(metadata.class()).into_iter().flatten());
        for (name, value) in metadata.labels.iter().chain(metadata.attributes.iter()) {
            let clients = self.labels.get(name).and_then(|values| values.get(value));
            found.extend(clients.into_iter().flatten());
        }
        found
    }
}

fn remove_from(clients: &mut BTreeMap<String, BTreeSet<RequestId>>, key: &str, request: RequestId) {
    let Some(own) = clients.get_mut(key) else { return };
    own.remove(&request);
    if own.is_empty() {
        clients.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(selectors: &[&str]) -> BTreeSet<Key> {
        let parsed = selectors.iter().map(|text| Selector::parse(text, false).expect("a selector"));
        parsed.map(|selector| Key::of(&selector)).collect()
    }

    #[test]
    fn every_selector_is_tried_on_what_it_means() {
        let series = weft_gts::text::parse_metadata(b"a{.app=x,k=1,l=2}{}");
        let series = series.expect("a line").expect("a series");
        let means = ["a{}", "~.*{}", "~.*{k=1}", "a{k=1,l=2}", "~a{l~[12]}", "~.*{.app=x}"];
        let others = ["b{}", "~.*{k=2}", "a{k=2,l=2}", "a{l=3}"];
        let mut interests = Interests::default();
        for (number, selector) in (1..).zip(means.iter().chain(&others)) {
            interests.change(RequestId(number), &BTreeSet::new(), &keys(&[selector]));
        }
        let found = interests.in_series(&series);
        assert!((1..=means.len() as u64).all(|number| found.contains(&RequestId(number))));
        assert!(found.len() < means.len() + others.len(), "{found:?}");
    }

    #[test]
    fn what_goes_leaves_nothing() {
        let mut interests = Interests::default();
        let all = keys(&["a{}", "~.*{}", "~.*{k=1}"]);
        assert_eq!(all.len(), 3);
        for request in [RequestId(1), RequestId(2)] {
            interests.change(request, &BTreeSet::new(), &all);
        }
        interests.change(RequestId(1), &all, &keys(&["a{}"]));
        interests.change(RequestId(1), &keys(&["a{}"]), &BTreeSet::new());
        interests.change(RequestId(2), &all, &BTreeSet::new());
        assert!(interests.labels.is_empty() && interests.classes.is_empty());
        assert!(interests.anything.is_empty());
    }
}
