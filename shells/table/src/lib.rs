//! The table (HBase role): embedded.
