//! Each call that is in the topic reaches its receiver: at least once, or the operator is told that it
//! was given up; once, where nothing failed while it was made. None reaches an address that is
//! not allowed.

use std::collections::BTreeMap;
use std::net::IpAddr;

/// A call, and what came of it.
#[derive(Clone, Debug, Default)]
struct Call {
    /// How often it was received.
    received: u32,
    /// When it came into the topic.
    asked_ns: u64,
    /// Whether the operator was told that it is given up, or not made at all.
    is_told: bool,
    /// Whether it may not be made.
    is_denied: bool,
}

/// All calls.
#[derive(Debug, Default)]
pub struct Called {
    calls: BTreeMap<u64, Call>,
}

impl Called {
    /// A call is in the topic.
    pub fn asked(&mut self, call: u64, now_ns: u64, is_denied: bool) {
        self.calls.insert(call, Call { asked_ns: now_ns, is_denied, ..Call::default() });
    }

    /// The operator is told of a call.
    pub fn told(&mut self, call: u64) {
        if let Some(call) = self.calls.get_mut(&call) {
            call.is_told = true;
        }
    }

    /// A request reaches an address.
    ///
    /// # Errors
    /// It is not allowed, or the call came before, and nothing went wrong since it was asked for.
    pub fn received(
        &mut self,
        number: u64,
        address: IpAddr,
        is_inside: bool,
        has_failed_since: impl Fn(u64) -> bool,
    ) -> Result<(), String> {
        if is_inside {
            return Err(format!("call {number} reaches {address}, which is not allowed"));
        }
        let Some(call) = self.calls.get_mut(&number) else {
            return Err(format!("nobody asked for call {number}"));
        };
        if call.is_denied {
            return Err(format!("call {number} is not allowed and is made"));
        }
        call.received += 1;
        if call.received > 1 && !has_failed_since(call.asked_ns) {
            return Err(format!(
                "call {number} is made {} times, and nothing failed",
                call.received
            ));
        }
        Ok(())
    }

    /// Everything has come to rest.
    ///
    /// # Errors
    /// A call was never made, and nobody was told.
    pub fn finish(&self) -> Result<(), String> {
        let lost = self.calls.iter().find(|(_, call)| call.received == 0 && !call.is_told);
        match lost {
            None => Ok(()),
            Some((number, _)) => Err(format!("call {number} was never made, and nobody was told")),
        }
    }

    /// Calls that were received, and how often in all.
    pub fn counts(&self) -> (u64, u64, u64) {
        let received = self.calls.values().filter(|call| call.received > 0).count() as u64;
        let times = self.calls.values().map(|call| u64::from(call.received)).sum();
        (self.calls.len() as u64, received, times)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_made_once_without_failures_and_at_least_once_with_them() {
        let address: IpAddr = [8, 8, 8, 8].into();
        let mut called = Called::default();
        called.asked(1, 5, false);
        assert!(called.finish().is_err(), "it was not made");
        assert!(called.received(1, address, false, |_| false).is_ok());
        assert!(called.finish().is_ok());
        assert!(called.received(1, address, false, |since| since < 6).is_ok(), "something failed");
        assert!(
            called.received(1, address, false, |_| false).is_err_and(|e| e.contains("3 times"))
        );
        assert!(called.received(1, address, true, |_| true).is_err_and(|e| e.contains("allowed")));
        assert!(called.received(2, address, false, |_| true).is_err_and(|e| e.contains("nobody")));
        called.asked(3, 5, true);
        assert!(called.finish().is_err(), "nobody was told");
        called.told(3);
        assert!(called.finish().is_ok());
        assert!(called.received(3, address, false, |_| true).is_err_and(|e| e.contains("is made")));
    }
}
