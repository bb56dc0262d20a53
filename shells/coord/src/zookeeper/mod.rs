//! ZooKeeper.
//!
//! One task per client holds the session: it carries actions out in the order in which they were
//! asked, delivers what watches say, and connects anew when the session has expired.

mod session;

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::mpsc::{Sender, channel, error::TrySendError};
use tokio::task::JoinHandle;
use weft_daemons::contract::{CoordAction, CoordError, CoordEvent};

use session::Session;

/// Gets a client's events.
type Sink = Arc<dyn Fn(CoordEvent) + Send + Sync>;

/// Actions that wait; more are answered with [`CoordError::Unavailable`].
const WAITING_MAX: usize = 4_096;

/// Which ZooKeeper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZookeeperConfig {
    /// Hosts, and the path under which everything is: `host:port,host:port/chroot`. The path is
    /// made when it is missing.
    pub quorum: String,
    /// How long the session outlives contact. The server may negotiate another one.
    pub session_timeout: Duration,
}

/// A client. Dropping it ends its session: its ephemeral nodes go.
pub struct ZookeeperClient {
    actions: Sender<CoordAction>,
    sink: Sink,
    task: JoinHandle<()>,
}

impl ZookeeperClient {
    /// A client whose task runs on `runtime`; it connects in the background, however long that
    /// takes. `sink` gets its events and must not block.
    pub fn new(
        config: ZookeeperConfig,
        runtime: &Handle,
        sink: impl Fn(CoordEvent) + Send + Sync + 'static,
    ) -> Self {
        let sink: Sink = Arc::new(sink);
        let (actions, waiting) = channel(WAITING_MAX);
        let task = runtime.spawn(Session::new(config, waiting, sink.clone()).run());
        Self { actions, sink, task }
    }

    /// Asks; never blocks. The answer comes to the client's sink.
    pub fn submit(&self, action: CoordAction) {
        let (action, why) = match self.actions.try_send(action) {
            Ok(()) => return,
            Err(TrySendError::Full(action)) => (action, "too many requests wait for ZooKeeper"),
            Err(TrySendError::Closed(action)) => (action, "the ZooKeeper client has ended"),
        };
        (self.sink)(refusal(&action, CoordError::Unavailable(why.to_owned())));
    }
}

impl Drop for ZookeeperClient {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The answer to an action that was not carried out, or nobody knows whether it was.
fn refusal(action: &CoordAction, error: CoordError) -> CoordEvent {
    match action {
        CoordAction::Create { id, .. }
        | CoordAction::Set { id, .. }
        | CoordAction::Delete { id, .. } => CoordEvent::Done { id: *id, result: Err(error) },
        CoordAction::Get { id, .. } => CoordEvent::Data { id: *id, result: Err(error) },
        CoordAction::Children { id, .. } => CoordEvent::Children { id: *id, result: Err(error) },
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use bytes::Bytes;
    use weft_daemons::contract::ActionId;

    use super::*;

    /// Nobody listens on the port of a socket that is closed again.
    fn nowhere() -> String {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        socket.local_addr().expect("bound").to_string()
    }

    #[test]
    fn without_a_server_actions_are_refused() {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let (sender, events) = channel();
        let config =
            ZookeeperConfig { quorum: nowhere(), session_timeout: Duration::from_secs(60) };
        let client =
            ZookeeperClient::new(config, runtime.handle(), move |event| drop(sender.send(event)));
        let (id, data) = (ActionId(1), Bytes::new());
        client.submit(CoordAction::Set { id, path: "/a".to_owned(), data });
        let answer = events.recv_timeout(Duration::from_secs(20)).expect("an answer");
        assert!(
            matches!(
                answer,
                CoordEvent::Done { id: ActionId(1), result: Err(CoordError::Unavailable(_)) }
            ),
            "{answer:?}"
        );
    }
}
