//! The task that holds a session.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc::Receiver;
use tokio::task::JoinSet;
use weft_daemons::contract::{CoordAction, CoordError, CoordEvent};
use zookeeper_client::{
    Acls, Client, CreateMode, CreateOptions, Error, EventType, OneshotWatcher, SessionState,
};

use super::{Sink, ZookeeperConfig, refusal};

/// Between two attempts to connect.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// Nodes are open to everybody, as those of the reference.
const PERSISTENT: CreateOptions<'static> = CreateMode::Persistent.with_acls(Acls::anyone_all());
const EPHEMERAL: CreateOptions<'static> = CreateMode::Ephemeral.with_acls(Acls::anyone_all());

/// What a watch is for: the path, and whether it is for the node's children.
type Watch = (String, bool);

/// One client's session, and the ones after it.
pub(super) struct Session {
    config: ZookeeperConfig,
    waiting: Receiver<CoordAction>,
    sink: Sink,
    /// Those that have not fired.
    armed: BTreeSet<Watch>,
    /// One task each; `None` when the session ended first.
    watches: JoinSet<Option<Watch>>,
}

impl Session {
    pub(super) fn new(config: ZookeeperConfig, waiting: Receiver<CoordAction>, sink: Sink) -> Self {
        Self { config, waiting, sink, armed: BTreeSet::new(), watches: JoinSet::new() }
    }

    /// Runs until the client is dropped.
    pub(super) async fn run(mut self) {
        while let Some(client) = self.connect().await {
            (self.sink)(CoordEvent::Connected);
            let is_over = self.serve(&client).await;
            self.watches = JoinSet::new();
            if is_over {
                return;
            }
            (self.sink)(CoordEvent::Disconnected);
            for (path, _) in std::mem::take(&mut self.armed) {
                (self.sink)(CoordEvent::Changed { path });
            }
        }
    }

    /// A new session; `None` when the client was dropped. Meanwhile actions are refused.
    async fn connect(&mut self) -> Option<Client> {
        let attempts = connect(self.config.clone());
        tokio::pin!(attempts);
        loop {
            tokio::select! {
                client = &mut attempts => return Some(client),
                action = self.waiting.recv() => {
                    let why = format!("no contact with ZooKeeper at {}", self.config.quorum);
                    (self.sink)(refusal(&action?, CoordError::Unavailable(why)));
                }
            }
        }
    }

    /// Serves until the session ends; tells whether the client was dropped.
    async fn serve(&mut self, client: &Client) -> bool {
        let mut states = client.state_watcher();
        loop {
            tokio::select! {
                biased;
                state = states.changed() => match state {
                    SessionState::Disconnected => (self.sink)(CoordEvent::Disconnected),
                    state if state.is_terminated() => return false,
                    _ => (self.sink)(CoordEvent::Connected),
                },
                Some(Ok(fired)) = self.watches.join_next() => {
                    if let Some(watch) = fired {
                        self.armed.remove(&watch);
                        (self.sink)(CoordEvent::Changed { path: watch.0 });
                    }
                }
                action = self.waiting.recv() => {
                    let Some(action) = action else { return true };
                    let event = self.act(client, action).await;
                    (self.sink)(event);
                }
            }
        }
    }

    async fn act(&mut self, client: &Client, action: CoordAction) -> CoordEvent {
        match action {
            CoordAction::Create { id, path, data, ephemeral } => {
                let options = if ephemeral { &EPHEMERAL } else { &PERSISTENT };
                let result = create(client, &path, &data, options).await.map_err(coord_error);
                CoordEvent::Done { id, result }
            }
            CoordAction::Set { id, path, data } => {
                let result = client.set_data(&path, &data, None).await;
                CoordEvent::Done { id, result: result.map(drop).map_err(coord_error) }
            }
            CoordAction::Delete { id, path } => {
                let result = client.delete(&path, None).await;
                CoordEvent::Done { id, result: result.map_err(coord_error) }
            }
            CoordAction::Get { id, path, watch } => {
                let result = self.get(client, &path, watch).await.map_err(coord_error);
                CoordEvent::Data { id, result }
            }
            CoordAction::Children { id, path, watch } => {
                let result = self.children(client, &path, watch).await.map_err(coord_error);
                CoordEvent::Children { id, result }
            }
        }
    }

    async fn get(&mut self, client: &Client, path: &str, watch: bool) -> Result<Bytes, Error> {
        let watch = self.missing(path, false, watch);
        loop {
            let Some(watch) = watch.clone() else {
                return Ok(client.get_data(path).await?.0.into());
            };
            match client.get_and_watch_data(path).await {
                Ok((data, _, watcher)) => {
                    self.arm(watch, watcher);
                    return Ok(data.into());
                }
                Err(Error::NoNode) if self.await_node(client, watch).await? => {
                    return Err(Error::NoNode);
                }
                // It came in between.
                Err(Error::NoNode) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Sorted.
    async fn children(
        &mut self,
        client: &Client,
        path: &str,
        watch: bool,
    ) -> Result<Vec<String>, Error> {
        let watch = self.missing(path, true, watch);
        let mut names = loop {
            let Some(watch) = watch.clone() else { break client.list_children(path).await? };
            match client.list_and_watch_children(path).await {
                Ok((names, watcher)) => {
                    self.arm(watch, watcher);
                    break names;
                }
                Err(Error::NoNode) if self.await_node(client, watch).await? => {
                    return Err(Error::NoNode);
                }
                // It came in between.
                Err(Error::NoNode) => {}
                Err(error) => return Err(error),
            }
        };
        names.sort_unstable();
        Ok(names)
    }

    /// The watch that is wanted and not armed.
    fn missing(&self, path: &str, is_of_children: bool, wanted: bool) -> Option<Watch> {
        let watch = (path.to_owned(), is_of_children);
        (wanted && !self.armed.contains(&watch)).then_some(watch)
    }

    /// Watches for a node to come; false when it is there already.
    async fn await_node(&mut self, client: &Client, watch: Watch) -> Result<bool, Error> {
        let (stat, watcher) = client.check_and_watch_stat(&watch.0).await?;
        if stat.is_some() {
            return Ok(false);
        }
        self.arm(watch, watcher);
        Ok(true)
    }

    fn arm(&mut self, watch: Watch, watcher: OneshotWatcher) {
        self.armed.insert(watch.clone());
        self.watches.spawn(async move {
            let event = watcher.changed().await;
            (event.event_type != EventType::Session).then_some(watch)
        });
    }
}

/// Connects, however many attempts it takes.
async fn connect(config: ZookeeperConfig) -> Client {
    loop {
        if let Ok(client) = try_connect(&config).await {
            return client;
        }
        tokio::time::sleep(RETRY_DELAY).await;
    }
}

async fn try_connect(config: &ZookeeperConfig) -> Result<Client, Error> {
    let (hosts, root) = match config.quorum.split_once('/') {
        Some((hosts, root)) => (hosts, root.trim_matches('/')),
        None => (config.quorum.as_str(), ""),
    };
    let connector = Client::connector().with_session_timeout(config.session_timeout);
    let client = connector.with_fail_eagerly().connect(hosts).await?;
    if root.is_empty() {
        return Ok(client);
    }
    let root = format!("/{root}");
    client.mkdir(&root, &PERSISTENT).await?;
    client.chroot(root).map_err(|_| Error::BadArguments(&"the path of the quorum is no path"))
}

/// Makes a node, and those above it where they are missing.
async fn create(
    client: &Client,
    path: &str,
    data: &[u8],
    options: &CreateOptions<'_>,
) -> Result<(), Error> {
    match client.create(path, data, options).await {
        Err(Error::NoNode) => {
            let above = path.rsplit_once('/').map_or("", |(above, _)| above);
            if !above.is_empty() {
                client.mkdir(above, &PERSISTENT).await?;
            }
            client.create(path, data, options).await.map(drop)
        }
        other => other.map(drop),
    }
}

fn coord_error(error: Error) -> CoordError {
    match error {
        Error::NodeExists => CoordError::Exists,
        Error::NoNode => CoordError::Missing,
        Error::NotEmpty => CoordError::NotEmpty,
        other => CoordError::Unavailable(format!("ZooKeeper: {other}")),
    }
}
