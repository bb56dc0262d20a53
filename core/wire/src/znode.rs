//! What daemons write to ZooKeeper.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use weft_gts::{SeriesId, SipKey};

/// The name under which directories register.
pub const DIRECTORY_SERVICE: &str = "com.cityzendata.continuum.directory";

/// A registered service: JSON as Curator's service discovery writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceInstance {
    /// The service.
    pub name: String,
    /// Which instance: a UUID, and the name of the node.
    pub id: String,
    /// Where it listens.
    pub address: String,
    /// Where it listens.
    pub port: u16,
    /// What clients must know: for directories `modulus`, `remainder` and `streaming.port`.
    pub payload: BTreeMap<String, String>,
    /// When it registered, milliseconds since the epoch.
    pub registered_ms: i64,
}

/// A node that is no service instance.
#[derive(Debug, thiserror::Error)]
pub enum InstanceError {
    /// It is not JSON.
    #[error("a service instance is not JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// A member is missing or of another type.
    #[error("a service instance has no proper {0}")]
    Member(&'static str),
}

impl ServiceInstance {
    /// The path of the node under the configured root.
    pub fn path(&self, root: &str) -> String {
        format!("{}/{}/{}", root.trim_end_matches('/'), self.name, self.id)
    }

    /// Encodes.
    pub fn encode(&self) -> Vec<u8> {
        let mut payload = Map::new();
        payload.insert("@class".to_owned(), "java.util.HashMap".into());
        for (name, value) in &self.payload {
            payload.insert(name.clone(), value.as_str().into());
        }
        let instance = json!({
            "name": self.name,
            "id": self.id,
            "address": self.address,
            "port": self.port,
            "sslPort": null,
            "payload": payload,
            "registrationTimeUTC": self.registered_ms,
            "serviceType": "DYNAMIC",
            "uriSpec": null,
        });
        instance.to_string().into_bytes()
    }

    /// Decodes.
    pub fn decode(bytes: &[u8]) -> Result<Self, InstanceError> {
        let value: Value = serde_json::from_slice(bytes)?;
        let text = |name: &'static str| {
            value[name].as_str().map(str::to_owned).ok_or(InstanceError::Member(name))
        };
        let payload = value["payload"].as_object().ok_or(InstanceError::Member("payload"))?;
        let port = value["port"].as_u64().and_then(|port| u16::try_from(port).ok());
        Ok(Self {
            name: text("name")?,
            id: text("id")?,
            address: text("address")?,
            port: port.ok_or(InstanceError::Member("port"))?,
            payload: payload
                .iter()
                .filter(|(name, _)| *name != "@class")
                .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
                .collect(),
            registered_ms: value["registrationTimeUTC"].as_i64().unwrap_or(0),
        })
    }
}

/// Bytes of a series id in a subscription.
const ID_LEN: usize = 16;

/// One node of a plasma frontend's subscriptions: a part of the ids that it wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionNode {
    /// The name of the node under the configured root.
    pub name: String,
    /// Series ids, sixteen bytes each.
    pub data: Vec<u8>,
}

/// What the name of a subscription node says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionName {
    /// The frontend, a UUID.
    pub frontend: String,
    /// The topic that it reads.
    pub topic: String,
    /// Where the node's part begins, in bytes.
    pub offset: usize,
    /// The hash of the node's data.
    pub hash: i64,
}

/// The nodes that hold a frontend's subscriptions, each at most `size_max` bytes (rounded down to
/// whole ids). `frontend` is its UUID; `topic` has no dot.
pub fn subscription_nodes(
    frontend: [u8; 16],
    topic: &str,
    ids: &[SeriesId],
    size_max: usize,
) -> Vec<SubscriptionNode> {
    let key = SipKey::from_bytes(frontend);
    let uuid = crate::token::uuid(&frontend);
    let ids_max = (size_max / ID_LEN).max(1);
    let chunks = ids.chunks(ids_max).enumerate();
    chunks
        .map(|(index, ids)| {
            let data: Vec<u8> = ids.iter().flat_map(|id| id.to_bytes()).collect();
            let offset = index * ids_max * ID_LEN;
            let name = format!("0.{uuid}.{topic}.{offset}.{:x}", key.hash(&data));
            SubscriptionNode { name, data }
        })
        .collect()
}

/// Reads the name of a subscription node; `None` for other names.
pub fn read_subscription_name(name: &str) -> Option<SubscriptionName> {
    let mut parts = name.split('.');
    let (version, frontend, topic) = (parts.next()?, parts.next()?, parts.next()?);
    let (offset, hash) = (parts.next()?.parse().ok()?, parts.next()?);
    let hash = u64::from_str_radix(hash, 16).ok()? as i64;
    let is_good = version == "0" && parts.next().is_none();
    is_good.then(|| SubscriptionName {
        frontend: frontend.to_owned(),
        topic: topic.to_owned(),
        offset,
        hash,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        let instance = ServiceInstance {
            name: DIRECTORY_SERVICE.to_owned(),
            id: "x".to_owned(),
            address: "127.0.0.1".to_owned(),
            port: 8000,
            payload: [("modulus".to_owned(), "1".to_owned())].into_iter().collect(),
            registered_ms: 1,
        };
        let decoded = ServiceInstance::decode(&instance.encode()).expect("our own");
        assert_eq!(decoded, instance);
        assert!(ServiceInstance::decode(b"{}").is_err());
        assert!(ServiceInstance::decode(b"x").is_err());
    }

    #[test]
    fn subscriptions_are_split_at_whole_ids() {
        let ids: Vec<SeriesId> = (0..5).map(|n| SeriesId { class_id: n, labels_id: n }).collect();
        let nodes = subscription_nodes([7; 16], "topic", &ids, 40);
        assert_eq!(nodes.iter().map(|node| node.data.len()).collect::<Vec<_>>(), [32, 32, 16]);
        let name = read_subscription_name(&nodes[1].name).expect("our own");
        assert_eq!((name.topic.as_str(), name.offset), ("topic", 32));
        assert_eq!(name.hash, SipKey::from_bytes([7; 16]).hash(&nodes[1].data));
        assert_eq!(read_subscription_name("0.a.b"), None);
    }
}
