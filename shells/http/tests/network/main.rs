//! The server and the client on a network that is not there: turmoil's. Its hosts crash and its
//! links are cut, time is virtual, and everything is drawn from a seed.
//!
//! Uploads go to a real ingress over a log of a vector: the embedded log has threads, and files.

mod half_open;
mod net;
mod restarts;
mod slow_readers;
mod sockets;
mod uploads;
