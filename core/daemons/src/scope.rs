//! The attribute `.scope` of tokens: the series that the holder deals with, whatever is asked for.

use weft_gts::Labels;
use weft_gts::selector::{Selector, SelectorError, SelectorText};

/// The attribute.
pub(crate) const SCOPE: &str = ".scope";

/// Labels that the token alone decides.
pub(crate) const RESERVED_LABELS: [&str; 3] = [".producer", ".owner", ".app"];

/// What every series must match beside the selectors of a request; `of_token` are the selectors of
/// labels that the token has by itself.
///
/// # Errors
/// It cannot be understood.
pub(crate) fn scope(
    attributes: Option<&Labels>,
    of_token: &Labels,
    absent_labels: bool,
) -> Result<Option<Selector>, String> {
    let Some(scope) = attributes.and_then(|attributes| attributes.get(SCOPE)) else {
        return Ok(None);
    };
    let parse = || {
        let mut text = SelectorText::parse(scope)?;
        for (name, expression) in of_token.iter() {
            let is_named = text.labels.iter().any(|(other, _)| other == name);
            if RESERVED_LABELS.contains(&name) && !is_named {
                text.labels.push((name.to_owned(), expression.to_owned()));
            }
        }
        Ok::<_, SelectorError>(Selector::new(&text, absent_labels)?)
    };
    let selector = parse();
    selector.map(Some).map_err(|_| "Invalid syntax for token scope selector.".to_owned())
}
