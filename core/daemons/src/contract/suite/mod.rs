//! What every backend must do, as checks that run unchanged against each of them: the embedded
//! ones, the simulator's models, and real servers.
//!
//! A backend's tests implement the harness of its contract and call `check_all`. The harness is
//! synchronous: `next` waits for an event (in a simulator: steps the world) and panics when its
//! patience ends, so a missing answer is a failure, not a hang.

pub mod coord;
pub mod log;
pub mod table;
