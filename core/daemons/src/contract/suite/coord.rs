//! Checks of [`crate::contract::coord`].

use bytes::Bytes;

use crate::contract::ActionId;
use crate::contract::coord::{CoordAction, CoordError, CoordEvent};

/// Coordination under test.
pub trait CoordHarness {
    /// A new session; names it.
    fn session(&mut self) -> usize;
    /// Ends a session.
    fn expire(&mut self, session: usize);
    /// Asks.
    fn submit(&mut self, session: usize, action: CoordAction);
    /// The session's next event; panics when none comes.
    fn next(&mut self, session: usize) -> CoordEvent;
    /// The session's next event, if one comes soon.
    fn next_soon(&mut self, session: usize) -> Option<CoordEvent>;
}

/// Runs every check against trees that `new` makes.
pub fn check_all<H: CoordHarness>(mut new: impl FnMut() -> H) {
    nodes_are_made_read_changed_and_removed(&mut new());
    nodes_above_are_made_too(&mut new());
    children_are_sorted(&mut new());
    ephemeral_nodes_go_with_their_session(&mut new());
    a_watch_fires_once(&mut new());
    a_watch_on_what_is_not_there_fires_when_it_comes(&mut new());
}

struct User<'h, H> {
    harness: &'h mut H,
    session: usize,
    last: u64,
}

impl<'h, H: CoordHarness> User<'h, H> {
    fn new(harness: &'h mut H) -> Self {
        let session = harness.session();
        assert_eq!(harness.next(session), CoordEvent::Connected);
        Self { harness, session, last: 0 }
    }

    fn ask(&mut self, make: impl FnOnce(ActionId) -> CoordAction) -> CoordEvent {
        self.last += 1;
        let action = make(ActionId(self.last));
        self.harness.submit(self.session, action);
        self.harness.next(self.session)
    }

    fn create(&mut self, path: &str, ephemeral: bool) -> Result<(), CoordError> {
        let (path, data) = (path.to_owned(), Bytes::from_static(b"data"));
        match self.ask(|id| CoordAction::Create { id, path, data, ephemeral }) {
            CoordEvent::Done { result, .. } => result,
            other => panic!("done, not {other:?}"),
        }
    }

    fn delete(&mut self, path: &str) -> Result<(), CoordError> {
        let path = path.to_owned();
        match self.ask(|id| CoordAction::Delete { id, path }) {
            CoordEvent::Done { result, .. } => result,
            other => panic!("done, not {other:?}"),
        }
    }

    fn get(&mut self, path: &str, watch: bool) -> Result<Bytes, CoordError> {
        let path = path.to_owned();
        match self.ask(|id| CoordAction::Get { id, path, watch }) {
            CoordEvent::Data { result, .. } => result,
            other => panic!("data, not {other:?}"),
        }
    }

    fn children(&mut self, path: &str, watch: bool) -> Result<Vec<String>, CoordError> {
        let path = path.to_owned();
        match self.ask(|id| CoordAction::Children { id, path, watch }) {
            CoordEvent::Children { result, .. } => result,
            other => panic!("children, not {other:?}"),
        }
    }
}

fn nodes_are_made_read_changed_and_removed<H: CoordHarness>(harness: &mut H) {
    let mut user = User::new(harness);
    assert_eq!(user.get("/a", false), Err(CoordError::Missing));
    assert_eq!(user.create("/a", false), Ok(()));
    assert_eq!(user.create("/a", false), Err(CoordError::Exists));
    assert_eq!(user.get("/a", false), Ok(Bytes::from_static(b"data")));
    let (path, data) = ("/a".to_owned(), Bytes::from_static(b"new"));
    let set = user.ask(|id| CoordAction::Set { id, path, data: data.clone() });
    assert!(matches!(set, CoordEvent::Done { result: Ok(()), .. }));
    assert_eq!(user.get("/a", false), Ok(data));
    assert_eq!(user.create("/a/b", false), Ok(()));
    assert_eq!(user.delete("/a"), Err(CoordError::NotEmpty));
    assert_eq!(user.delete("/a/b"), Ok(()));
    assert_eq!(user.delete("/a"), Ok(()));
    assert_eq!(user.delete("/a"), Err(CoordError::Missing));
}

fn nodes_above_are_made_too<H: CoordHarness>(harness: &mut H) {
    let mut user = User::new(harness);
    assert_eq!(user.create("/x/y/z", true), Ok(()));
    assert_eq!(user.children("/x", false), Ok(vec!["y".to_owned()]));
}

fn children_are_sorted<H: CoordHarness>(harness: &mut H) {
    let mut user = User::new(harness);
    for name in ["/p/c", "/p/a", "/p/b", "/pq"] {
        assert_eq!(user.create(name, false), Ok(()));
    }
    let children = user.children("/p", false);
    assert_eq!(children, Ok(["a", "b", "c"].map(str::to_owned).to_vec()));
    assert_eq!(user.children("/nothing", false), Err(CoordError::Missing));
}

fn ephemeral_nodes_go_with_their_session<H: CoordHarness>(harness: &mut H) {
    let mut owner = User::new(harness);
    assert_eq!(owner.create("/e/one", true), Ok(()));
    assert_eq!(owner.create("/e/two", false), Ok(()));
    let owner = owner.session;
    let mut other = User::new(harness);
    assert_eq!(other.children("/e", true).map(|names| names.len()), Ok(2));
    other.harness.expire(owner);
    assert_eq!(other.harness.next(other.session), CoordEvent::Changed { path: "/e".to_owned() });
    assert_eq!(other.children("/e", false), Ok(vec!["two".to_owned()]));
}

fn a_watch_fires_once<H: CoordHarness>(harness: &mut H) {
    let mut user = User::new(harness);
    assert_eq!(user.create("/w", false), Ok(()));
    let watcher = User::new(user.harness).session;
    let (writer, last) = (user.session, user.last);
    let mut watcher = User { harness, session: watcher, last: 100 };
    assert!(watcher.get("/w", true).is_ok());
    let watcher = watcher.session;
    let mut user = User { harness, session: writer, last };
    for _ in 0..2 {
        let (path, data) = ("/w".to_owned(), Bytes::new());
        user.ask(|id| CoordAction::Set { id, path, data });
    }
    assert_eq!(user.harness.next(watcher), CoordEvent::Changed { path: "/w".to_owned() });
    assert_eq!(user.harness.next_soon(watcher), None);
}

fn a_watch_on_what_is_not_there_fires_when_it_comes<H: CoordHarness>(harness: &mut H) {
    let watcher = User::new(harness).session;
    let mut watching = User { harness, session: watcher, last: 100 };
    assert_eq!(watching.children("/later", true), Err(CoordError::Missing));
    let mut user = User::new(watching.harness);
    assert_eq!(user.create("/later/x", false), Ok(()));
    let event = user.harness.next(watcher);
    assert_eq!(event, CoordEvent::Changed { path: "/later".to_owned() });
}
