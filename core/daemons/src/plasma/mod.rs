//! `plasma`: datapoints as they come, pushed to those who subscribed to their series.
//!
//! Clients tell a [`frontend`] what they want over WebSockets. The frontend writes the ids of all
//! series that it wants into nodes under `plasma.frontend.znode`, as the reference does; each
//! [`backend`] reads the nodes of all frontends, consumes the data topic as a member of one group,
//! and copies each record to the topics of those that want its series. A frontend reads its own
//! topic.
//!
//! ```text
//!   data ─▶ backend ─▶ topic of a frontend ─▶ frontend ─▶ clients
//!             ▲                                  │
//!             └──── nodes: ids that it wants ────┘
//! ```
//!
//! A subscription is active when every live backend has applied the nodes that hold it. Backends
//! say what they have applied under [`applied_path`], beside the nodes; the reference's backends do
//! not, and with those nobody knows. A client that asks (`ACK`, ours alone) is told.

pub mod backend;
mod formats;
pub mod frontend;
mod interests;
mod publisher;
mod session;

use weft_gts::SipKey;

/// Where backends say what they have applied.
pub fn applied_path(root: &str) -> String {
    format!("{root}.applied")
}

/// What a set of nodes of one frontend is known by.
fn fingerprint<'a>(names: impl Iterator<Item = &'a str>) -> u64 {
    let mut all: Vec<&str> = names.collect();
    all.sort_unstable();
    SipKey::new(0x706c_6173, 0x6d61).hash(all.join("\n").as_bytes()) as u64
}

/// What a backend says of one frontend's nodes: a line of its node.
fn applied_line(frontend: &str, fingerprint: u64) -> String {
    format!("{frontend} {fingerprint:016x}\n")
}
