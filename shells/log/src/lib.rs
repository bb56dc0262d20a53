//! The log (Kafka role): embedded.
