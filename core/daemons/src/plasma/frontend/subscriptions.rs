//! What clients ask for: subscriptions begin, are found, told of and end.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use weft_gts::selector::{Selector, SelectorText};
use weft_gts::text::write_series;
use weft_gts::{Metadata, SeriesId};

use super::super::interests::Key;
use super::super::session::{Asked, Busy, RULES_MAX, Rule, Session, Verb};
use super::{Frontend, Subscribed};
use crate::applied::Progress;
use crate::contract::Effect;
use crate::contract::http::{RequestId, close};
use crate::contract::peer::FindRequest;
use crate::directory_client::FindEvent;
use crate::egress::Reader;
use crate::time::Now;

/// Series that are listed before the client has to take them.
const LISTED_MAX: usize = 512;

/// How often it is looked which tokens have expired: clocks jump.
const EXPIRY_PERIOD: Duration = Duration::from_secs(10);

/// Said where a client is not served on.
const INVALID_SELECTOR: &str = "KO Invalid subscription selector.";
const INVALID_TOKEN: &str = "KO Invalid token.";

impl Frontend {
    pub(super) fn verb(&mut self, now: Now, request: RequestId, verb: Verb<'_>) {
        let Some(session) = self.sessions.get_mut(&request) else { return };
        match verb {
            Verb::Nothing => {}
            Verb::Format(format) => session.format = format,
            Verb::Sample(rate) => session.sample = rate,
            Verb::Subscriptions => session.busy = Busy::Listing(None),
            Verb::Bad(reason) => self.close(now, request, close::POLICY, reason),
            Verb::Ack => {
                session.wants_acks = true;
                self.tell(now, request, "OK ACK".into());
            }
            Verb::Clear => {
                session.rules.clear();
                self.index(request);
                let Some(session) = self.sessions.get(&request) else { return };
                let gone = session.series.keys().copied().collect();
                self.drop_series(now, request, gone);
                self.ack(now, request, "CLEAR".to_owned());
            }
            Verb::Subscribe { wants, token, selector } => {
                if let Err(message) = self.subscribe(now, request, wants, token, selector) {
                    self.tell(now, request, Bytes::from(message));
                }
            }
        }
    }

    /// Takes a selector in; of a subscription, begins to find the series that there are.
    fn subscribe(
        &mut self,
        now: Now,
        request: RequestId,
        wants: bool,
        token: &str,
        selector: &str,
    ) -> Result<(), String> {
        let invalid = |_| INVALID_SELECTOR.to_owned();
        let parsed = SelectorText::parse(selector).map_err(|_| INVALID_SELECTOR.to_owned())?;
        let config = &self.config;
        let reader = Reader::of_data(&config.tokens, Some(token), now.wall.as_ms())
            .map_err(|_| INVALID_TOKEN.to_owned())?;
        #[cfg(weft_mutants)]
        let as_it_is = parsed.clone();
        let narrowed = reader.narrow(parsed);
        #[cfg(weft_mutants)]
        let narrowed = match crate::mutants::is(crate::mutants::Planted::ForeignSelector) {
            true => as_it_is,
            false => narrowed,
        };
        let scope = reader.scope(config.absent_labels).map_err(|reason| format!("KO {reason}"))?;
        let mut text = Vec::new();
        narrowed.write(&mut text);
        let asked = Asked { words: format!("SUBSCRIBE {selector}"), rule: text.clone() };
        let rule = Rule {
            wants,
            selector: Selector::new(&narrowed, config.absent_labels).map_err(invalid)?,
            scope,
            text,
            #[cfg(not(weft_mutants))]
            expiry_ms: reader.token().expiry_ms,
            #[cfg(weft_mutants)]
            expiry_ms: match crate::mutants::is(crate::mutants::Planted::ExpiredToken) {
                true => i64::MAX,
                false => reader.token().expiry_ms,
            },
            exposes: config.expose_owner_producer || reader.exposes(),
        };
        let Some(session) = self.sessions.get_mut(&request) else { return Ok(()) };
        if !session.add_rule(rule) {
            return Err(format!("KO At most {RULES_MAX} selectors are possible."));
        }
        self.index(request);
        let Some(session) = self.sessions.get_mut(&request) else { return Ok(()) };
        if !wants {
            let verb = format!("UNSUBSCRIBE {selector}");
            self.check_series(now, request);
            self.ack(now, request, verb);
            return Ok(());
        }
        // What it has already it may have for longer, whether the directory finds that now or not.
        if let Some(rule) = session.rules.last() {
            for (id, until) in &mut session.series {
                if self.series.get(id).is_some_and(|known| rule.matches(&known.metadata)) {
                    *until = rule.expiry_ms.max(*until);
                }
            }
        }
        self.expiry_due.get_or_insert_with(|| now.mono.after(EXPIRY_PERIOD));
        let find = FindRequest { selectors: vec![narrowed], ..FindRequest::default() };
        session.busy = Busy::Settling(Box::new(find), asked);
        for action in self.applied.begin(now, request, &mut self.ids) {
            self.effects.push_back(Effect::Log(action));
        }
        Ok(())
    }

    /// Asks the directory once it knows what was acknowledged; whether that has an outcome.
    pub(super) fn settle(&mut self, now: Now, request: RequestId) -> bool {
        let progress = self.applied.progress(now, request);
        let Some(session) = self.sessions.get_mut(&request) else { return true };
        let Busy::Settling(find, asked) = &session.busy else { return true };
        let failed = match progress {
            Progress::Waiting => return false,
            Progress::Reached => match self.directory.find(find, &mut self.ids) {
                Ok(id) => {
                    self.finds.insert(id, request);
                    session.busy = Busy::Finding(id, asked.clone());
                    return true;
                }
                Err(message) => message,
            },
            Progress::Failed(message) => message,
        };
        self.fail_subscription(now, request, &failed);
        true
    }

    /// A client's selectors have changed.
    pub(super) fn index(&mut self, request: RequestId) {
        let Some(session) = self.sessions.get_mut(&request) else { return };
        let wanting = session.rules.iter().filter(|rule| rule.wants);
        let keys = wanting.map(|rule| Key::of(&rule.selector)).collect();
        let before = std::mem::replace(&mut session.keys, keys);
        self.interests.change(request, &before, &session.keys);
    }

    /// A subscription whose series cannot be found is none.
    fn fail_subscription(&mut self, now: Now, request: RequestId, reason: &str) {
        let Some(session) = self.sessions.get_mut(&request) else { return };
        let busy = std::mem::take(&mut session.busy);
        if let Busy::Settling(_, asked) | Busy::Finding(_, asked) = busy {
            session.rules.retain(|rule| rule.text != asked.rule);
        }
        self.index(request);
        self.check_series(now, request);
        self.tell(now, request, format!("KO {reason}").into());
    }

    /// Hands what the directory found to those who asked.
    pub(super) fn found(&mut self, now: Now) {
        while let Some((find, event)) = self.directory.poll_find() {
            let Some(request) = self.finds.get(&find).copied() else { continue };
            if !matches!(event, FindEvent::Found(_)) {
                self.finds.remove(&find);
            }
            match event {
                FindEvent::Found(series) => {
                    let is_full = !series.into_iter().all(|one| self.add(now, request, one));
                    if is_full {
                        self.directory.cancel(find);
                        self.finds.remove(&find);
                        let max = self.config.series_max;
                        self.end_subscription(now, request);
                        let message = format!("KO At most {max} series for one connection.");
                        self.tell(now, request, message.into());
                    } else {
                        self.directory.next(find);
                    }
                }
                FindEvent::End | FindEvent::Counted(_) => self.end_subscription(now, request),
                FindEvent::Failed(reason) => self.fail_subscription(now, request, &reason),
            }
            self.advance(now, request);
        }
    }

    fn end_subscription(&mut self, now: Now, request: RequestId) {
        let Some(session) = self.sessions.get_mut(&request) else { return };
        if let Busy::Finding(_, asked) = std::mem::take(&mut session.busy) {
            self.ack(now, request, asked.words);
        }
    }

    /// Gives a client a series that one of its rules means; false when it has too many.
    pub(super) fn add(&mut self, now: Now, request: RequestId, metadata: Metadata) -> bool {
        let Some(session) = self.sessions.get_mut(&request) else { return true };
        let Some(rule) = session.rule_of(&metadata).filter(|rule| rule.wants) else { return true };
        let (expiry_ms, exposes) = (rule.expiry_ms, rule.exposes);
        let id = metadata.id;
        if !session.series.contains_key(&id) && session.series.len() >= self.config.series_max {
            return false;
        }
        let is_first = session.series.is_empty();
        let until = session.series.entry(id).or_insert(i64::MIN);
        *until = expiry_ms.max(*until);
        session.exposes = exposes && (is_first || session.exposes);
        match self.series.get_mut(&id) {
            Some(known) => {
                known.sessions.insert(request);
            }
            None => {
                let sessions = BTreeSet::from([request]);
                self.series.insert(id, Subscribed { metadata: Arc::new(metadata), sessions });
                self.publisher.change(now, self.series.len());
            }
        }
        true
    }

    /// Takes from a client what its rules do not mean any more.
    fn check_series(&mut self, now: Now, request: RequestId) {
        let Some(session) = self.sessions.get(&request) else { return };
        let gone = session.series.keys().copied().filter(|id| {
            let known = self.series.get(id);
            known.and_then(|known| session.rule_of(&known.metadata)).is_none_or(|rule| !rule.wants)
        });
        let gone = gone.collect();
        self.drop_series(now, request, gone);
    }

    pub(super) fn drop_series(&mut self, now: Now, request: RequestId, gone: Vec<SeriesId>) {
        for id in gone {
            if let Some(session) = self.sessions.get_mut(&request) {
                session.series.remove(&id);
                session.exposes &= !session.series.is_empty();
            }
            let Some(known) = self.series.get_mut(&id) else { continue };
            known.sessions.remove(&request);
            if known.sessions.is_empty() {
                self.series.remove(&id);
                self.publisher.change(now, self.series.len());
            }
        }
    }

    /// Lists some of what a client subscribed to.
    pub(super) fn list(&mut self, request: RequestId) {
        let Some(session) = self.sessions.get_mut(&request) else { return };
        let Busy::Listing(last) = session.busy else { return };
        let from = match last {
            Some(last) => (std::ops::Bound::Excluded(last), std::ops::Bound::Unbounded),
            None => (std::ops::Bound::Unbounded, std::ops::Bound::Unbounded),
        };
        let ids: Vec<SeriesId> =
            session.series.range(from).take(LISTED_MAX).map(|(id, _)| *id).collect();
        session.busy = match ids.last() {
            Some(last) if ids.len() == LISTED_MAX => Busy::Listing(Some(*last)),
            _ => Busy::No,
        };
        for id in ids {
            if let Some(known) = self.series.get(&id) {
                let mut line = b"SUB ".to_vec();
                write_series(&mut line, &known.metadata, session.exposes);
                session.push(line.into());
            }
        }
        self.touched.insert(request);
    }

    /// Tells a client of a subscription when that is active, if it wants to be told.
    fn ack(&mut self, now: Now, request: RequestId, words: String) {
        let change = self.publisher.latest();
        if let Some(session) = self.sessions.get_mut(&request).filter(|s| s.wants_acks) {
            session.acks.push_back((change, words));
            self.acking.insert((change, request));
            self.tell_active(now);
        }
    }

    pub(super) fn tell_active(&mut self, now: Now) {
        while let Some((change, request)) = self.acking.first().copied()
            && self.publisher.is_active(change)
        {
            self.acking.pop_first();
            while let Some(session) = self.sessions.get_mut(&request)
                && let Some((_, words)) = session.acks.pop_front_if(|(first, _)| *first <= change)
            {
                self.tell(now, request, format!("OK {words}").into());
            }
        }
    }

    /// Ends what expired tokens allowed.
    pub(super) fn expire(&mut self, now: Now) {
        let now_ms = now.wall.as_ms();
        let expired = |session: &Session| {
            session.rules.iter().any(|rule| rule.wants && rule.expiry_ms < now_ms)
        };
        let late = self.sessions.iter().filter(|(_, session)| expired(session));
        let late: Vec<RequestId> = late.map(|(request, _)| *request).collect();
        for request in late {
            if let Some(session) = self.sessions.get_mut(&request) {
                session.rules.retain(|rule| !rule.wants || rule.expiry_ms >= now_ms);
            }
            self.index(request);
            self.check_series(now, request);
            self.tell(now, request, "KO Token expired.".into());
        }
        let waits = self.sessions.values().any(|session| !session.rules.is_empty());
        self.expiry_due = waits.then(|| now.mono.after(EXPIRY_PERIOD));
    }
}
