//! Who reads: tokens, signatures, and the selectors that a token allows.

use weft_gts::selector::{Selector, SelectorError, SelectorText};
use weft_wire::token::{ReadToken, TokenAuthority};

use super::config::EgressConfig;
use super::error::Refusal;
use crate::scope::{RESERVED_LABELS, SCOPE, scope};

/// How long a signature is good, milliseconds.
const SIGNATURE_AGE_MAX_MS: i64 = 10_000;

/// Attributes of tokens.
const NO_FETCH: &str = ".nofetch";
const NO_FIND: &str = ".nofind";
const EXPOSE: &str = ".expose";

/// The holder of a valid read token.
#[derive(Clone, Debug)]
pub(crate) struct Reader {
    token: ReadToken,
}

/// What a script reads for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadFor {
    Fetch,
    Find,
    MetaSet,
    Stats,
}

impl Reader {
    /// The reader of a script's request; the message when it may not.
    pub(crate) fn for_script(
        config: &EgressConfig,
        token: &str,
        purpose: ReadFor,
        now_ms: i64,
    ) -> Result<Self, String> {
        let token = config.tokens.read_token(Some(token), now_ms).map_err(|e| e.to_string())?;
        let reader = Self { token };
        let fetches = matches!(purpose, ReadFor::Fetch | ReadFor::MetaSet);
        if fetches && reader.has(NO_FETCH) || purpose == ReadFor::Fetch && reader.has(NO_FIND) {
            return Err("Token cannot be used for fetching data.".to_owned());
        }
        if reader.has(NO_FIND) {
            return Err("Token cannot be used for finding metadata.".to_owned());
        }
        if purpose == ReadFor::Stats && reader.has(SCOPE) {
            return Err("Scoped token cannot be used for finding metadata.".to_owned());
        }
        Ok(reader)
    }

    /// A selector, narrowed to what the token allows.
    pub(crate) fn narrow(&self, mut selector: SelectorText) -> SelectorText {
        selector.labels.retain(|(name, _)| !RESERVED_LABELS.contains(&name.as_str()));
        for (name, expression) in self.token.label_selectors().iter() {
            selector.labels.retain(|(other, _)| other != name);
            selector.labels.push((name.to_owned(), expression.to_owned()));
        }
        selector
    }

    /// What every series must match beside the selectors.
    pub(crate) fn scope(&self, absent_labels: bool) -> Result<Option<Selector>, String> {
        let of_token = self.token.label_selectors();
        scope(self.token.attributes.as_ref(), &of_token, absent_labels)
    }

    /// The same, where a request without a script is refused for it.
    pub(crate) fn scope_of_request(
        &self,
        absent_labels: bool,
    ) -> Result<Option<Selector>, Refusal> {
        let scope = self.scope(absent_labels);
        scope.map_err(|message| Refusal::Selector { status: 500, message })
    }

    /// A script that the token wants run.
    pub(crate) fn hook(&self, name: &str) -> Option<&str> {
        self.token.hooks.as_ref()?.get(name)
    }

    /// The reader of a fetch.
    pub(crate) fn for_fetch(
        config: &EgressConfig,
        token: Option<&str>,
        now_ms: i64,
    ) -> Result<Self, Refusal> {
        Self::of_data(&config.tokens, token, now_ms)
    }

    /// The reader of datapoints without a script.
    pub(crate) fn of_data(
        tokens: &TokenAuthority,
        token: Option<&str>,
        now_ms: i64,
    ) -> Result<Self, Refusal> {
        let token = tokens.read_token(token, now_ms).map_err(Refusal::Token)?;
        if token.hooks.as_ref().is_some_and(|hooks| !hooks.is_empty()) {
            return Err(Refusal::TokenHooks);
        }
        let reader = Self { token };
        if reader.has(NO_FETCH) || reader.has(NO_FIND) {
            return Err(Refusal::TokenNoFetch);
        }
        Ok(reader)
    }

    /// The reader of a find.
    pub(crate) fn for_find(
        config: &EgressConfig,
        token: Option<&str>,
        now_ms: i64,
    ) -> Result<Self, Refusal> {
        let token = token.ok_or(Refusal::FindTokenMissing)?;
        let token =
            config.tokens.read_token(Some(token), now_ms).map_err(|_| Refusal::FindToken)?;
        let reader = Self { token };
        if reader.has(NO_FIND) {
            return Err(Refusal::TokenNoFind);
        }
        Ok(reader)
    }

    /// The token.
    pub(crate) const fn token(&self) -> &ReadToken {
        &self.token
    }

    /// Whether owner and producer are shown.
    pub(crate) fn exposes(&self) -> bool {
        self.has(EXPOSE)
    }

    /// The selectors of a fetch, narrowed to what the token allows.
    pub(crate) fn fetch_selectors(&self, list: Option<&str>) -> Result<Vec<SelectorText>, Refusal> {
        let list = list.ok_or(Refusal::SelectorMissing { status: 400 })?;
        let refuse = |error| match error {
            SelectorError::Syntax => (400, "Bad Request".to_owned()),
            SelectorError::Term(term) => (400, term),
            error => (500, error.to_string()),
        };
        self.selectors(list, refuse).collect()
    }

    /// The selectors of a find, narrowed to what the token allows. A find is told of a bad one when
    /// it comes to it.
    pub(crate) fn find_selectors(
        &self,
        list: Option<&str>,
    ) -> Result<Vec<Result<SelectorText, Refusal>>, Refusal> {
        let list = list.ok_or(Refusal::SelectorMissing { status: 500 })?;
        Ok(self.selectors(list, |error| (500, error.to_string().trim_start().to_owned())).collect())
    }

    fn selectors(
        &self,
        list: &str,
        refuse: impl Fn(SelectorError) -> (u16, String),
    ) -> impl Iterator<Item = Result<SelectorText, Refusal>> {
        let narrow = |text: &str| {
            let selector = self.narrow(SelectorText::parse(text)?);
            // A bad expression is the sender's mistake and not a failure of the directory.
            Selector::new(&selector, false)?;
            Ok(selector)
        };
        split_blanks(list).map(move |text| {
            narrow(text).map_err(|error| {
                let (status, message) = refuse(error);
                Refusal::Selector { status, message }
            })
        })
    }

    fn has(&self, attribute: &str) -> bool {
        self.token.attributes.as_ref().is_some_and(|attributes| attributes.contains(attribute))
    }
}

/// Splits at runs of blanks, as the reference does: blanks before the first selector make an empty
/// one before it, those behind the last one are left out. Blanks alone are no selector, nothing is
/// an empty one.
fn split_blanks(list: &str) -> impl Iterator<Item = &str> {
    let is_blank = |c| matches!(c, ' ' | '\t' | '\n' | '\u{b}' | '\u{c}' | '\r');
    let trimmed = list.trim_end_matches(is_blank);
    let has_empty = list.is_empty() || trimmed.starts_with(is_blank);
    let parts = trimmed.split(is_blank).filter(|part| !part.is_empty());
    has_empty.then_some("").into_iter().chain(parts)
}

/// Checks the signature of a fetch, when there is one. Whether it makes the fetch a signed one.
pub(crate) fn check_signature(
    config: &EgressConfig,
    signature: Option<&str>,
    token: Option<&str>,
    now_ms: i64,
) -> Result<bool, Refusal> {
    let Some(signature) = signature else { return Ok(false) };
    let key = config.fetch_psk.ok_or(Refusal::SignatureKey)?;
    let mut parts = signature.trim_end_matches(':').split(':');
    let (Some(time), Some(hash), None) = (parts.next(), parts.next(), parts.next()) else {
        return Err(Refusal::Signature);
    };
    let hexadecimal = |text: &str| {
        let number = i128::from_str_radix(text, 16);
        number.map(|number| number as i64).map_err(|_| Refusal::Number(text.to_owned()))
    };
    let (time_ms, hash) = (hexadecimal(time)?, hexadecimal(hash)?);
    if now_ms.saturating_sub(time_ms) > SIGNATURE_AGE_MAX_MS {
        return Err(Refusal::SignatureExpired);
    }
    let signed = format!("{time_ms}:{}", token.unwrap_or("null"));
    if key.hash(&weft_gts::utf8::to_latin1(&signed)) != hash {
        return Err(Refusal::SignatureCorrupt);
    }
    Ok(true)
}
