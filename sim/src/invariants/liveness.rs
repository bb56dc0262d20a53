//! After the faults everything comes to rest, and everybody can read.

use crate::params::SECOND;

/// How long everything may take to come to rest after the faults, nanoseconds.
pub const LIMIT_NS: u64 = 900 * SECOND;

/// What has not come to rest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rest {
    /// A group that has not committed everything that was appended.
    pub behind: Option<String>,
    /// Requests that nobody has answered.
    pub unanswered: usize,
    /// Whether writes are on their way, or records to who reads them.
    pub is_written: bool,
    /// Last reads of tenants that have not succeeded.
    pub unread: usize,
    /// What a subscriber waits for.
    pub undelivered: Option<String>,
}

impl Rest {
    /// Whether everything rests.
    pub fn is_complete(&self) -> bool {
        *self == Self::default()
    }
}

/// Checks how things stand so long after the faults, or after the first rest.
pub fn check(rest: &Rest, waited_ns: u64) -> Result<(), String> {
    if rest.is_complete() || waited_ns < LIMIT_NS {
        return Ok(());
    }
    let mut said = Vec::new();
    said.extend(rest.behind.clone());
    if rest.unanswered > 0 {
        said.push(format!("{} requests have no answer", rest.unanswered));
    }
    if rest.is_written {
        said.push("writes or records are still on their way".to_owned());
    }
    if rest.unread > 0 {
        said.push(format!("{} reads do not succeed", rest.unread));
    }
    said.extend(rest.undelivered.clone());
    Err(format!("{} minutes after the faults: {}", waited_ns / (60 * SECOND), said.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_never_rests_is_seen() {
        let histories = [
            Rest { behind: Some("store has committed 3 of 4".to_owned()), ..Rest::default() },
            Rest { unanswered: 1, ..Rest::default() },
            Rest { is_written: true, ..Rest::default() },
            Rest { unread: 2, ..Rest::default() },
            Rest { undelivered: Some("subscriber 1 waits".to_owned()), ..Rest::default() },
        ];
        for rest in histories {
            assert_eq!(check(&rest, LIMIT_NS - 1), Ok(()), "it has time");
            assert!(check(&rest, LIMIT_NS).is_err(), "{rest:?}");
        }
        assert_eq!(check(&Rest::default(), 2 * LIMIT_NS), Ok(()));
    }
}
