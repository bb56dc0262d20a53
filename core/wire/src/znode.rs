//! What daemons write to ZooKeeper.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

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
}
