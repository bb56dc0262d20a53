//! The HTTP server of the daemons, over hyper: it frames, and decides nothing.
//!
//! A request is routed by its head to a machine, which gets [`HttpEvent`]s and answers by
//! [`HttpAction`]s given to the [`Responder`]. Bodies stream in both directions: nothing more is
//! read of a request while its machine says so, and a machine is told when what it handed over has
//! gone out. Responses are compressed where the client accepts it. A machine may take a request for a
//! WebSocket; messages go both ways then, with the same flow control.
//!
//! ```text
//!   connection ─▶ hyper ─▶ route ─▶ Head, Body…, End ─▶ machine
//!              ◀─ hyper ◀─ body  ◀─ Head, Body…, End ◀─ Responder
//! ```
//!
//! [`HttpEvent`]: weft_daemons::contract::HttpEvent
//! [`HttpAction`]: weft_daemons::contract::HttpAction

mod body;
mod call;
mod client;
mod exchange;
mod server;
mod socket;

pub use call::call;
pub use client::{Client, ClientError, ClientResponse, Patience};
pub use exchange::{Responder, Sink};
pub use server::{BuiltIn, Destination, Limits, Listener, Route, Server};
