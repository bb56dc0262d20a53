//! Nodes of ZooKeeper that say where HBase is.

use bytes::Bytes;
use zookeeper_client::{Client, Error};

/// Where a quorum names no port.
const PORT: &str = ":2181";

/// `host:port,…` with every port.
pub(super) fn with_ports(quorum: &str) -> String {
    let hosts = quorum.split(',').map(str::trim).filter(|host| !host.is_empty());
    let hosts = hosts.map(|host| match host.contains(':') {
        true => host.to_owned(),
        false => format!("{host}{PORT}"),
    });
    hosts.collect::<Vec<String>>().join(",")
}

/// What a node has in it; nothing when there is no such node. It is asked so rarely that a session
/// is not kept.
pub(super) async fn read(quorum: &str, path: &str) -> Result<Option<Bytes>, String> {
    let connector = Client::connector().with_fail_eagerly();
    let client = connector.connect(quorum).await.map_err(|error| format!("{quorum}: {error}"))?;
    match client.get_data(path).await {
        Ok((data, _)) => Ok(Some(data.into())),
        Err(Error::NoNode) => Ok(None),
        Err(error) => Err(format!("{quorum}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_added_where_they_are_missing() {
        assert_eq!(with_ports("a, b:7,,c"), "a:2181,b:7,c:2181");
    }
}
