//! HTTP server over hyper for the daemons.
