//! The daemons as state machines without IO, and the contracts of what they stand on.
//!
//! Every daemon is a [`Machine`]: events come in with the time, effects come out, nothing blocks.
//! A shell (or the simulator) carries effects out and brings outcomes back as events.
//!
//! ```text
//!            events                              effects
//!   http ─┐                                  ┌─▶ http   (responses, pause, resume)
//!   log  ─┤                                  ├─▶ log    (append, subscribe, commit)
//!   table ┼─▶ handle(now, event) ─▶ machine ─┼─▶ table  (put, delete, fetch, scan)
//!   coord ┤            ▲                     ├─▶ coord  (register, watch)
//!   peer ─┤            └── deadline() ticks  ├─▶ peer   (directory find and stats)
//!   done ─┘                                  └─▶ compute (pure work for the shell's pool)
//! ```
//!
//! - [`contract`]: the events and effects, by backend, and what backends promise.
//! - [`ingress`], [`directory`], [`store`], [`egress`], [`plasma`], [`runner`], [`webcall`]: the
//!   daemons. What each promises
//!   stands at its top.
//! - [`throttling`]: what `ingress` asks before records go out.

mod applied;
mod cell_clock;
mod charset;
mod consumer;
pub mod contract;
pub mod cors;
pub mod directory;
mod directory_client;
pub mod egress;
pub mod headers;
pub mod ingress;
mod keyed_hash;
mod messages;
#[cfg(weft_mutants)]
pub mod mutants;
mod params;
pub mod plasma;
mod random;
pub mod runner;
mod scope;
pub mod select;
pub mod store;
mod table_reads;
pub mod throttling;
pub mod time;
pub mod webcall;

pub use contract::{Effect, Event, Machine};
pub use time::{Mono, Now, Wall};
