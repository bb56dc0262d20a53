//! Coordination: ZooKeeper's role.
//!
//! A tree of nodes named by paths (`/a/b`), each with data. Ephemeral nodes go with the session
//! that made them. A watch fires once.

use bytes::Bytes;

use super::ActionId;

/// What a machine asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CoordAction {
    /// Make a node, and the nodes above it where they are missing (those are never ephemeral).
    /// Answer: [`CoordEvent::Done`]; [`CoordError::Exists`] when it is there.
    Create {
        /// Echoed.
        id: ActionId,
        /// Where.
        path: String,
        /// Its data.
        data: Bytes,
        /// Whether it goes with the session.
        ephemeral: bool,
    },
    /// Replace a node's data. Answer: [`CoordEvent::Done`].
    Set {
        /// Echoed.
        id: ActionId,
        /// Where.
        path: String,
        /// The new data.
        data: Bytes,
    },
    /// Remove a node without children. Answer: [`CoordEvent::Done`].
    Delete {
        /// Echoed.
        id: ActionId,
        /// Where.
        path: String,
    },
    /// Read a node. Answer: [`CoordEvent::Data`].
    Get {
        /// Echoed.
        id: ActionId,
        /// Where.
        path: String,
        /// Whether to be told by [`CoordEvent::Changed`] when it changes, goes or comes.
        watch: bool,
    },
    /// List the names of a node's children. Answer: [`CoordEvent::Children`].
    Children {
        /// Echoed.
        id: ActionId,
        /// Where.
        path: String,
        /// Whether to be told by [`CoordEvent::Changed`] when the list changes, or when the node
        /// comes into being.
        watch: bool,
    },
}

/// What coordination tells a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CoordEvent {
    /// Answer to [`CoordAction::Create`], [`CoordAction::Set`], [`CoordAction::Delete`].
    Done {
        /// The action's.
        id: ActionId,
        /// Whether it was done.
        result: Result<(), CoordError>,
    },
    /// Answer to [`CoordAction::Get`].
    Data {
        /// The action's.
        id: ActionId,
        /// The node's data.
        result: Result<Bytes, CoordError>,
    },
    /// Answer to [`CoordAction::Children`].
    Children {
        /// The action's.
        id: ActionId,
        /// Their names, sorted.
        result: Result<Vec<String>, CoordError>,
    },
    /// A watch on the path fired: read again. Sent for every watch when a session ends.
    Changed {
        /// Where.
        path: String,
    },
    /// A session was established; after an expiry everything ephemeral is gone and must be made
    /// anew.
    Connected,
    /// Contact is lost: what was read may be old.
    Disconnected,
}

/// Why coordination could not do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CoordError {
    /// The node is there already.
    #[error("the node exists")]
    Exists,
    /// There is no such node.
    #[error("no such node")]
    Missing,
    /// The node has children.
    #[error("the node has children")]
    NotEmpty,
    /// It may work later; it may have been done.
    #[error("coordination is unavailable: {0}")]
    Unavailable(String),
}
