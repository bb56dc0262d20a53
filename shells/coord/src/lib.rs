//! Coordination (ZooKeeper role): embedded.
