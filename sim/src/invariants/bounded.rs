//! A machine never wants more at once than it has a bound for.

use crate::node::Component;

/// Effects of one event: a machine that wants more at once has no bound.
const EFFECTS_MAX: usize = 20_000;

/// Pieces of a response that a machine may hand over before it waits: a delete has one for each
/// append of a chunk of series.
const PIECES_MAX: u32 = 32;

/// Checks how many effects a machine had after one event.
pub fn check_effects(component: Component, count: usize) -> Result<(), String> {
    if count < EFFECTS_MAX {
        return Ok(());
    }
    Err(format!("{component:?} wants more than {EFFECTS_MAX} things at once"))
}

/// Checks how many pieces of a response the client has not taken yet.
pub fn check_pieces(pieces: u32) -> Result<(), String> {
    if pieces <= PIECES_MAX {
        return Ok(());
    }
    Err(format!("{pieces} pieces of a response wait"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_much_is_seen() {
        assert_eq!(check_effects(Component::Store, EFFECTS_MAX - 1), Ok(()));
        assert!(check_effects(Component::Store, EFFECTS_MAX).is_err());
        assert_eq!(check_pieces(PIECES_MAX), Ok(()));
        assert!(check_pieces(PIECES_MAX + 1).is_err());
    }
}
