//! One client of a frontend: what it said, what it wants, what waits for it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use weft_gts::selector::Selector;
use weft_gts::{Metadata, SeriesId};

use super::formats::Format;
use super::interests::Key;
use crate::contract::Message;
use crate::contract::peer::FindRequest;
use crate::directory_client::FindId;

/// Selectors of one client; those that say the same count once.
pub(super) const RULES_MAX: usize = 1_024;

/// Messages of one client that wait to be looked at, and their bytes, before it is told to wait.
const SAID_MAX: usize = 64;
const SAID_BYTES_MAX: usize = 256 << 10;

/// Bytes that are handed over at once.
const PIECE_BYTES: usize = 256 << 10;

/// A client.
#[derive(Debug, Default)]
pub(super) struct Session {
    /// What it said and was not looked at.
    pub(super) said: VecDeque<Bytes>,
    pub(super) is_paused: bool,
    pub(super) busy: Busy,
    pub(super) rules: Vec<Rule>,
    /// The keys of those that want something, as the frontend's index has them.
    pub(super) keys: BTreeSet<Key>,
    /// What it gets, and until when, milliseconds since the epoch.
    pub(super) series: BTreeMap<SeriesId, i64>,
    pub(super) format: Format,
    /// Which share of the datapoints it gets; `None` is all.
    pub(super) sample: Option<f64>,
    /// Whether owner and producer are shown.
    pub(super) exposes: bool,
    /// Whether it is told when its subscriptions are active.
    pub(super) wants_acks: bool,
    /// What is to be told, and with which change of what is wanted.
    pub(super) acks: VecDeque<(u64, String)>,
    out: VecDeque<Bytes>,
    out_bytes: usize,
    /// What of that the frontend has counted.
    counted_bytes: usize,
    /// Messages are on their way.
    is_sending: bool,
}

/// What a client waits for.
#[derive(Debug, Default)]
pub(super) enum Busy {
    /// Nothing: what it says is looked at.
    #[default]
    No,
    /// The directory knows what was acknowledged before.
    Settling(Box<FindRequest>, Asked),
    /// The directory's answer.
    Finding(FindId, Asked),
    /// What it subscribed to is listed, from behind that series.
    Listing(Option<SeriesId>),
}

/// A subscription whose series are to be found.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// What is told when it is active.
    pub(super) words: String,
    /// [`Rule::text`].
    pub(super) rule: Vec<u8>,
}

/// A selector that a client subscribed to, or unsubscribed from. Of those that match a series the
/// last one counts.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) wants: bool,
    pub(super) selector: Selector,
    /// What every series must match beside it.
    pub(super) scope: Option<Selector>,
    /// The selector as text, narrowed to the token.
    pub(super) text: Vec<u8>,
    pub(super) expiry_ms: i64,
    pub(super) exposes: bool,
}

impl Rule {
    /// Whether a series is meant.
    pub(super) fn matches(&self, metadata: &Metadata) -> bool {
        self.selector.matches(metadata)
            && self.scope.as_ref().is_none_or(|scope| scope.matches(metadata))
    }
}

impl Session {
    /// The rule that decides on a series.
    pub(super) fn rule_of(&self, metadata: &Metadata) -> Option<&Rule> {
        self.rules.iter().rev().find(|rule| rule.matches(metadata))
    }

    /// Adds a rule; false when there are too many.
    pub(super) fn add_rule(&mut self, rule: Rule) -> bool {
        self.rules.retain(|other| other.text != rule.text);
        if self.rules.len() >= RULES_MAX {
            return false;
        }
        self.rules.push(rule);
        true
    }

    /// A message for the client; the bytes that wait then.
    pub(super) fn push(&mut self, message: Bytes) -> usize {
        self.out_bytes += message.len() + size_of::<Bytes>();
        self.out.push_back(message);
        self.out_bytes
    }

    /// The messages to hand over now.
    pub(super) fn take_piece(&mut self) -> Vec<Message> {
        let (mut piece, mut bytes) = (Vec::new(), 0);
        if self.is_sending {
            return piece;
        }
        while bytes < PIECE_BYTES
            && let Some(message) = self.out.pop_front()
        {
            bytes += message.len() + size_of::<Bytes>();
            piece.push(Message::Text(message));
        }
        self.out_bytes -= bytes;
        self.is_sending = !piece.is_empty();
        piece
    }

    /// The bytes that wait, and how many did when this was asked last.
    pub(super) const fn count_bytes(&mut self) -> (usize, usize) {
        let before = self.counted_bytes;
        self.counted_bytes = self.out_bytes;
        (self.out_bytes, before)
    }

    /// Whether more waits to be looked at than may.
    pub(super) fn has_said_much(&self) -> bool {
        let bytes: usize = self.said.iter().map(Bytes::len).sum();
        self.said.len() > SAID_MAX || bytes > SAID_BYTES_MAX
    }

    /// What was handed over has gone out.
    pub(super) const fn drained(&mut self) {
        self.is_sending = false;
    }

    /// Whether nothing waits to be handed over.
    pub(super) fn is_drained(&self) -> bool {
        self.out.is_empty() && !self.is_sending
    }
}

/// What a client says.
#[derive(Debug, PartialEq)]
pub(super) enum Verb<'a> {
    Subscribe {
        wants: bool,
        token: &'a str,
        selector: &'a str,
    },
    Subscriptions,
    Clear,
    Format(Format),
    /// The share of datapoints; `None` is all.
    Sample(Option<f64>),
    Ack,
    /// `NOOP`, `GEO` and nothing at all.
    Nothing,
    /// A verb that lacks something, or nothing that is known.
    Bad(&'static str),
}

impl<'a> Verb<'a> {
    pub(super) fn parse(text: &'a str) -> Self {
        let mut words = text.split_ascii_whitespace();
        let verb = words.next().unwrap_or_default();
        match verb {
            "SUBSCRIBE" | "UNSUBSCRIBE" => match (words.next(), words.next()) {
                (Some(token), Some(selector)) => {
                    Self::Subscribe { wants: verb == "SUBSCRIBE", token, selector }
                }
                _ => Self::Bad("A token and a selector are missing."),
            },
            "SUBSCRIPTIONS" => Self::Subscriptions,
            "CLEAR" => Self::Clear,
            "TEXT" => Self::Format(Format::Text),
            "FULLTEXT" => Self::Format(Format::FullText),
            "JSON" => Self::Format(Format::Json),
            "RAW" => Self::Format(Format::Raw),
            "WRAPPER" => Self::Format(Format::Wrapper),
            "SAMPLE" => match words.next().map(str::parse::<f64>) {
                Some(Ok(rate)) => Self::Sample((rate > 0.0 && rate < 1.0).then_some(rate)),
                _ => Self::Bad("A rate is missing: 0.5 takes every other datapoint."),
            },
            "ACK" => Self::Ack,
            "NOOP" | "GEO" | "" => Self::Nothing,
            _ => Self::Bad("Invalid verb."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbs() {
        let subscribe = Verb::Subscribe { wants: true, token: "t", selector: "a{}" };
        assert_eq!(Verb::parse("SUBSCRIBE t  a{}"), subscribe);
        assert_eq!(Verb::parse("SAMPLE 0.5"), Verb::Sample(Some(0.5)));
        for all in ["SAMPLE 1", "SAMPLE 0", "SAMPLE 7", "SAMPLE NaN"] {
            assert_eq!(Verb::parse(all), Verb::Sample(None));
        }
        for bad in ["FOO", "subscribe x y", "SUBSCRIBE", "SUBSCRIBE x", "SAMPLE", "SAMPLE x"] {
            assert!(matches!(Verb::parse(bad), Verb::Bad(_)), "{bad}");
        }
        assert_eq!(Verb::parse(""), Verb::Nothing);
    }

    #[test]
    fn a_piece_is_handed_over_at_a_time() {
        let mut session = Session::default();
        for _ in 0..3 {
            session.push(Bytes::from(vec![b'x'; PIECE_BYTES / 2]));
        }
        assert_eq!(session.take_piece().len(), 2);
        assert_eq!(session.take_piece().len(), 0, "the first one is on its way");
        session.drained();
        assert_eq!(session.take_piece().len(), 1);
        assert!(!session.is_drained());
        session.drained();
        assert!(session.is_drained() && session.out_bytes == 0);
    }
}
