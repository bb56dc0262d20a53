//! Questions to ZooKeeper, one after the other: what is asked before machines run, and by commands.
#![cfg_attr(not(feature = "kafka"), allow(dead_code))]

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;
use weft_coord::{ZookeeperClient, ZookeeperConfig};
use weft_daemons::contract::{ActionId, CoordAction, CoordError, CoordEvent};

use crate::report::{info, warn};

/// How long a session outlives contact.
const SESSION_TIMEOUT: Duration = Duration::from_secs(10);

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// Between two attempts.
const RETRY: Duration = Duration::from_secs(2);

/// Attempts between two warnings.
const WARN_EVERY: u32 = 15;

/// A connection.
pub(crate) struct Zookeeper {
    client: ZookeeperClient,
    answers: Mutex<(UnboundedReceiver<CoordEvent>, u64)>,
}

impl Zookeeper {
    /// Connects.
    pub(crate) async fn connect(quorum: &str) -> Result<Self, String> {
        let (sender, mut events) = unbounded_channel();
        let config =
            ZookeeperConfig { quorum: quorum.to_owned(), session_timeout: SESSION_TIMEOUT };
        let runtime = tokio::runtime::Handle::current();
        let client = ZookeeperClient::new(config, &runtime, move |event| drop(sender.send(event)));
        let connected = async {
            while let Some(event) = events.recv().await {
                if event == CoordEvent::Connected {
                    return;
                }
            }
        };
        timeout(PATIENCE, connected)
            .await
            .map_err(|_| format!("ZooKeeper at {quorum} does not answer"))?;
        Ok(Self { client, answers: Mutex::new((events, 0)) })
    }

    /// Sorted names of a node's children; none when there is no such node.
    pub(crate) async fn children(&self, path: &str) -> Result<Vec<String>, CoordError> {
        let path = path.to_owned();
        match self.ask(|id| CoordAction::Children { id, path, watch: false }).await? {
            CoordEvent::Children { result: Err(CoordError::Missing), .. } => Ok(Vec::new()),
            CoordEvent::Children { result, .. } => result,
            _ => Err(other()),
        }
    }

    /// A node's data; `None` when there is no such node.
    pub(crate) async fn get(&self, path: &str) -> Result<Option<Bytes>, CoordError> {
        let path = path.to_owned();
        match self.ask(|id| CoordAction::Get { id, path, watch: false }).await? {
            CoordEvent::Data { result: Err(CoordError::Missing), .. } => Ok(None),
            CoordEvent::Data { result, .. } => result.map(Some),
            _ => Err(other()),
        }
    }

    /// Makes a node or replaces its data.
    pub(crate) async fn put(&self, path: &str, data: Bytes) -> Result<(), CoordError> {
        let (made, bytes) = (path.to_owned(), data.clone());
        let create = |id| CoordAction::Create { id, path: made, data: bytes, ephemeral: false };
        match self.ask(create).await? {
            CoordEvent::Done { result: Err(CoordError::Exists), .. } => {}
            CoordEvent::Done { result, .. } => return result,
            _ => return Err(other()),
        }
        let path = path.to_owned();
        match self.ask(|id| CoordAction::Set { id, path, data }).await? {
            CoordEvent::Done { result, .. } => result,
            _ => Err(other()),
        }
    }

    async fn ask(
        &self,
        action: impl FnOnce(ActionId) -> CoordAction,
    ) -> Result<CoordEvent, CoordError> {
        let mut answers = self.answers.lock().await;
        answers.1 += 1;
        let asked = ActionId(answers.1);
        self.client.submit(action(asked));
        let answer = async {
            while let Some(event) = answers.0.recv().await {
                let id = match &event {
                    CoordEvent::Done { id, .. }
                    | CoordEvent::Data { id, .. }
                    | CoordEvent::Children { id, .. } => *id,
                    _ => continue,
                };
                if id == asked {
                    return Ok(event);
                }
            }
            Err(CoordError::Unavailable("the client has ended".to_owned()))
        };
        let late = |_| CoordError::Unavailable("ZooKeeper does not answer".to_owned());
        timeout(PATIENCE, answer).await.map_err(late)?
    }
}

fn other() -> CoordError {
    CoordError::Unavailable("an answer of another kind".to_owned())
}

/// The brokers that are registered with a ZooKeeper, `host:port,host:port`. Waits until there are
/// any, however long it takes.
pub(crate) async fn brokers(quorum: &str) -> String {
    for attempt in 0u32.. {
        let reason = match try_brokers(quorum).await {
            Ok(brokers) if brokers.is_empty() => "no broker is registered".to_owned(),
            Ok(brokers) => {
                info("kafka", &format!("brokers under {quorum}: {brokers}"));
                return brokers;
            }
            Err(reason) => reason,
        };
        if attempt % WARN_EVERY == 0 {
            warn("kafka", &format!("waiting for brokers under {quorum}: {reason}"));
        }
        tokio::time::sleep(RETRY).await;
    }
    String::new()
}

/// Connects, however long it takes.
pub(crate) async fn reach(quorum: &str) -> Zookeeper {
    loop {
        match Zookeeper::connect(quorum).await {
            Ok(zookeeper) => return zookeeper,
            Err(reason) => warn("kafka", &format!("waiting for offsets: {reason}")),
        }
    }
}

async fn try_brokers(quorum: &str) -> Result<String, String> {
    const ROOT: &str = "/brokers/ids";
    let zookeeper = Zookeeper::connect(quorum).await?;
    let mut brokers = Vec::new();
    for id in zookeeper.children(ROOT).await.map_err(|error| error.to_string())? {
        let data = zookeeper.get(&format!("{ROOT}/{id}")).await;
        if let Some(data) = data.map_err(|error| error.to_string())? {
            brokers.extend(listener(&data));
        }
    }
    Ok(brokers.join(","))
}

/// Where the broker of a registration listens.
fn listener(registration: &[u8]) -> Option<String> {
    let value: serde_json::Value = serde_json::from_slice(registration).ok()?;
    let (host, port) = (value["host"].as_str(), value["port"].as_i64());
    if let (Some(host), Some(port @ 1..)) = (host, port) {
        return Some(format!("{host}:{port}"));
    }
    // Brokers with TLS alone have no plain host: `SSL://host:port`.
    let endpoint = value["endpoints"].as_array()?.first()?.as_str()?;
    endpoint.split_once("://").map(|(_, address)| address.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brokers_are_read_from_their_registrations() {
        let plain = br#"{"host":"h","port":9092,"endpoints":["PLAINTEXT://h:9092"],"version":5}"#;
        assert_eq!(listener(plain).as_deref(), Some("h:9092"));
        let tls = br#"{"host":null,"port":-1,"endpoints":["SSL://h:9093"],"version":5}"#;
        assert_eq!(listener(tls).as_deref(), Some("h:9093"));
        assert_eq!(listener(b"{}"), None);
        assert_eq!(listener(b"x"), None);
    }
}
