//! After everything came to rest the directories that live are registered, as what they serve, and
//! nobody else is.

use crate::params::SECOND;

/// How long after the last reads it may take until nodes of coordination are as they must be,
/// nanoseconds: sessions of those that are gone have to end, and what failed is tried again.
pub const LIMIT_NS: u64 = 60 * SECOND;

/// Checks the names and the data that are registered against the directories that live: their names
/// and remainders.
pub fn check(registered: &[(String, String)], living: &[(String, u32)]) -> Result<(), String> {
    for (name, remainder) in living {
        let Some((_, data)) = registered.iter().find(|(its, _)| its == name) else {
            return Err(format!("directory {name} lives and is not registered"));
        };
        if !data.contains(&format!(r#""remainder":"{remainder}""#)) {
            return Err(format!("directory {name} serves {remainder}; registered is {data}"));
        }
    }
    match registered.iter().find(|(name, _)| !living.iter().any(|(its, _)| its == name)) {
        Some((name, _)) => Err(format!("directory {name} is registered and does not live")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_not_registered_and_who_should_not_be_are_seen() {
        let data = |remainder| format!(r#"{{"payload":{{"remainder":"{remainder}"}}}}"#);
        let living = [("d0-1".to_owned(), 0), ("d1-4".to_owned(), 1)];
        let registered = |all: &[(&str, u32)]| -> Vec<(String, String)> {
            all.iter().map(|(name, remainder)| ((*name).to_owned(), data(*remainder))).collect()
        };
        for (all, ok) in [
            (&[("d0-1", 0), ("d1-4", 1)][..], true),
            (&[("d0-1", 0)], false),
            (&[("d0-1", 0), ("d1-4", 0)], false),
            (&[("d0-1", 0), ("d1-3", 1)], false),
            (&[("d0-1", 0), ("d1-3", 1), ("d1-4", 1)], false),
        ] {
            assert_eq!(check(&registered(all), &living).is_ok(), ok, "{all:?}");
        }
    }
}
