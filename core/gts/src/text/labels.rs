//! Lists of labels: `NAME=VALUE,NAME~REGEX`, percent-encoded.

use std::collections::BTreeMap;

use crate::Labels;
use crate::percent::{self, PercentError};

/// One term of a list, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Term {
    pub(crate) name: String,
    /// Written with `=`; else with `~`.
    pub(crate) exact: bool,
    pub(crate) value: String,
}

/// Why a list of labels is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LabelsError {
    /// A term that is not `NAME=VALUE`, or `NAME~REGEX` where that is allowed.
    #[error("{0}")]
    Term(String),
    /// A term that cannot be decoded.
    #[error(transparent)]
    Escape(#[from] PercentError),
}

/// The terms of a list in the order they were written, repeated names included.
///
/// Blanks around a term and empty terms are skipped. What stands behind a second `=` of a term is
/// dropped, as Warp 10 drops it.
pub(crate) fn split_terms(list: &str) -> Result<Vec<Term>, LabelsError> {
    let mut terms = Vec::new();
    for token in list.split(',') {
        let token = token.trim_matches(|c| c <= ' ');
        if token.is_empty() {
            continue;
        }
        let exact = token.contains('=');
        let mut parts = token.split(if exact { '=' } else { '~' });
        let (Some(name), Some(value)) = (parts.next(), parts.next()) else {
            return Err(LabelsError::Term(token.to_owned()));
        };
        terms.push(Term {
            name: percent::decode(name)?.into_owned(),
            exact,
            value: percent::decode(value)?.into_owned(),
        });
    }
    Ok(terms)
}

/// The terms as a map: of repeated names the last value, at the place of the first.
pub(crate) fn merge_terms(terms: Vec<Term>) -> Vec<Term> {
    let mut places = BTreeMap::new();
    let mut merged: Vec<Term> = Vec::with_capacity(terms.len());
    for term in terms {
        // Lists are as long as a sender wants: no look-up may be linear.
        match places.get(&term.name) {
            Some(&place) => merged[place] = term,
            None => {
                places.insert(term.name.clone(), merged.len());
                merged.push(term);
            }
        }
    }
    merged
}

/// Labels from `NAME=VALUE,…`, sorted by name.
pub fn parse_labels(list: &str) -> Result<Labels, LabelsError> {
    let mut terms = split_terms(list)?;
    if !terms.is_sorted_by(|a, b| a.name < b.name) || terms.iter().any(|term| !term.exact) {
        terms = merge_terms(terms);
        if let Some(term) = terms.iter().find(|term| !term.exact) {
            return Err(LabelsError::Term(format!("~{}", term.value)));
        }
        terms.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    }
    Ok(Labels::from_distinct(terms.into_iter().map(|term| (term.name, term.value)).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_sorted_and_the_last_of_a_name_counts() {
        let labels = parse_labels(" b = 1 ,,a=%20, c=x=y,b=2,d=").unwrap();
        let pairs: Vec<_> = labels.iter().collect();
        assert_eq!(pairs, [("a", " "), ("b", "2"), ("b ", " 1"), ("c", "x"), ("d", "")]);
    }

    #[test]
    fn terms_without_a_value_are_refused() {
        let term = |text: &str| Err(LabelsError::Term(text.to_owned()));
        assert_eq!(parse_labels("a=1, b ,c"), term("b"));
        assert_eq!(parse_labels("a~x%20"), term("~x "));
        assert_eq!(parse_labels("a~x,b~y,a=1"), term("~y"));
        assert_eq!(parse_labels("a=%"), Err(LabelsError::Escape(PercentError::Incomplete)));
        assert_eq!(parse_labels("a~1,a=2").unwrap().get("a"), Some("2"));
    }
}
