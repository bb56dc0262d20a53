//! Reads that see what was acknowledged before them.
//!
//! Where reader and consumers share a process, a read asks for the ends of the log as they are
//! when it arrives, and waits until the consumers have applied everything before them.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::contract::http::RequestId;
use crate::contract::log::{LogAction, LogError, Topic};
use crate::contract::{ActionId, ActionIds};
use crate::time::{Mono, Now};

/// How long a read waits for the consumers.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// Waits for consumers, for any number of requests.
#[derive(Debug)]
pub(crate) struct Applied {
    topics: Vec<Topic>,
    applied: BTreeMap<(Topic, u32), u64>,
    waiting: BTreeMap<RequestId, Waiting>,
}

/// One request that waits.
#[derive(Debug)]
struct Waiting {
    /// Topics whose ends are not known yet.
    asked: Vec<(ActionId, Topic)>,
    /// What must be applied still.
    ends: Vec<((Topic, u32), u64)>,
    until: Mono,
    failed: Option<String>,
}

/// How far a request's wait has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// It may read.
    Reached,
    /// It must wait on.
    Waiting,
    /// It cannot be reached: the message to answer.
    Failed(String),
}

impl Applied {
    /// Waits for consumers of these topics; without any, reads never wait.
    pub(crate) fn new(topics: impl IntoIterator<Item = Topic>) -> Self {
        Self {
            topics: topics.into_iter().collect(),
            applied: BTreeMap::new(),
            waiting: BTreeMap::new(),
        }
    }

    /// A request arrives: what to ask of the log. Without an answer to wait for it may read.
    pub(crate) fn begin(
        &mut self,
        now: Now,
        request: RequestId,
        ids: &mut ActionIds,
    ) -> Vec<LogAction> {
        let asked: Vec<(ActionId, Topic)> =
            self.topics.iter().map(|topic| (ids.next_id(), topic.clone())).collect();
        let actions =
            asked.iter().map(|(id, topic)| LogAction::Ends { id: *id, topic: topic.clone() });
        let actions = actions.collect();
        let until = now.mono.after(WAIT_MAX);
        self.waiting.insert(request, Waiting { asked, ends: Vec::new(), until, failed: None });
        actions
    }

    /// How far the request is. Once it is told that it may read, or cannot, it is forgotten.
    pub(crate) fn progress(&mut self, now: Now, request: RequestId) -> Progress {
        let Some(waiting) = self.waiting.get_mut(&request) else { return Progress::Reached };
        // All at once: a partition that was there may begin again while another one is waited for,
        // and shows what was overwritten until it is there again.
        let is_applied = |(place, end): &((Topic, u32), u64)| {
            *end == 0 || self.applied.get(place).is_some_and(|offset| offset >= end)
        };
        let is_reached = waiting.asked.is_empty() && waiting.ends.iter().all(is_applied);
        let progress = if let Some(reason) = &waiting.failed {
            Progress::Failed(format!("The log cannot say what is to be read: {reason}"))
        } else if is_reached {
            Progress::Reached
        } else if waiting.until <= now.mono {
            Progress::Failed(format!(
                "What was acknowledged is not readable yet, after {} s; try again later.",
                WAIT_MAX.as_secs()
            ))
        } else {
            return Progress::Waiting;
        };
        self.waiting.remove(&request);
        progress
    }

    /// The log answered. Requests that should look at their progress.
    pub(crate) fn ends(
        &mut self,
        id: ActionId,
        result: Result<Vec<(u32, u64)>, LogError>,
    ) -> Option<RequestId> {
        let found = self.waiting.iter_mut().find_map(|(request, waiting)| {
            let index = waiting.asked.iter().position(|(asked, _)| *asked == id)?;
            Some((*request, waiting, index))
        });
        let (request, waiting, index) = found?;
        let (_, topic) = waiting.asked.swap_remove(index);
        match result {
            Ok(ends) => waiting
                .ends
                .extend(ends.into_iter().map(|(partition, end)| ((topic.clone(), partition), end))),
            Err(error) => waiting.failed = Some(error.to_string()),
        }
        Some(request)
    }

    /// A consumer has applied everything before `offset`. Requests that should look at their
    /// progress.
    pub(crate) fn applied(&mut self, topic: Topic, partition: u32, offset: u64) -> Vec<RequestId> {
        if !self.topics.contains(&topic) {
            return Vec::new();
        }
        self.applied.insert((topic, partition), offset);
        self.requests()
    }

    /// Time has passed. Requests that should look at their progress.
    pub(crate) fn tick(&mut self, now: Now) -> Vec<RequestId> {
        let late = self.waiting.iter().filter(|(_, waiting)| waiting.until <= now.mono);
        late.map(|(request, _)| *request).collect()
    }

    /// The request is of no interest any more.
    pub(crate) fn forget(&mut self, request: RequestId) {
        self.waiting.remove(&request);
    }

    /// When [`Applied::tick`] is wanted.
    pub(crate) fn deadline(&self) -> Option<Mono> {
        self.waiting.values().map(|waiting| waiting.until).min()
    }

    fn requests(&self) -> Vec<RequestId> {
        self.waiting.keys().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now(seconds: u64) -> Now {
        Now { mono: Mono(seconds * 1_000_000_000), ..Now::default() }
    }

    fn begin(applied: &mut Applied) -> ActionId {
        let actions = applied.begin(now(0), RequestId(1), &mut ActionIds::default());
        match &actions[..] {
            [LogAction::Ends { id, .. }] => *id,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_read_waits_for_the_ends_as_they_were_when_it_came() {
        let topic = Topic::from("data");
        let mut applied = Applied::new([topic.clone()]);
        let asked = begin(&mut applied);
        applied.applied(topic.clone(), 0, 3);
        assert_eq!(applied.progress(now(0), RequestId(1)), Progress::Waiting);
        assert_eq!(applied.ends(asked, Ok(vec![(0, 5), (1, 0)])), Some(RequestId(1)));
        assert_eq!(applied.progress(now(0), RequestId(1)), Progress::Waiting);
        assert_eq!(applied.applied(topic, 0, 5), [RequestId(1)]);
        assert_eq!(applied.progress(now(0), RequestId(1)), Progress::Reached);
    }

    #[test]
    fn a_partition_that_begins_again_is_waited_for_once_more() {
        let topic = Topic::from("data");
        let mut applied = Applied::new([topic.clone()]);
        let asked = begin(&mut applied);
        applied.applied(topic.clone(), 0, 5);
        applied.ends(asked, Ok(vec![(0, 5), (1, 4)]));
        assert_eq!(applied.progress(now(0), RequestId(1)), Progress::Waiting);
        applied.applied(topic.clone(), 0, 2);
        applied.applied(topic.clone(), 1, 4);
        assert_eq!(applied.progress(now(0), RequestId(1)), Progress::Waiting);
        applied.applied(topic, 0, 5);
        assert_eq!(applied.progress(now(0), RequestId(1)), Progress::Reached);
    }

    #[test]
    fn a_wait_ends_with_a_message() {
        let mut applied = Applied::new([Topic::from("data")]);
        let asked = begin(&mut applied);
        applied.ends(asked, Ok(vec![(0, 5)]));
        assert_eq!(applied.tick(now(31)), [RequestId(1)]);
        assert!(matches!(applied.progress(now(31), RequestId(1)), Progress::Failed(_)));
        assert_eq!(applied.deadline(), None);
    }

    #[test]
    fn on_a_cluster_nothing_waits() {
        let mut applied = Applied::new([]);
        assert!(applied.begin(now(0), RequestId(1), &mut ActionIds::default()).is_empty());
        assert_eq!(applied.progress(now(0), RequestId(1)), Progress::Reached);
    }
}
