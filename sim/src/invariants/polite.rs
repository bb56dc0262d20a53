//! No more calls are under way to one host, and of one process, than the configuration allows.

use std::collections::BTreeMap;

/// Calls under way: by process, and by process and host.
#[derive(Debug, Default)]
pub struct Polite {
    under: BTreeMap<u64, (usize, String)>,
}

impl Polite {
    /// A process begins a call.
    ///
    /// # Errors
    /// There are too many.
    pub fn begins(
        &mut self,
        request: u64,
        process: usize,
        host: &str,
        (max, host_max): (usize, usize),
    ) -> Result<(), String> {
        self.under.insert(request, (process, host.to_owned()));
        let own = self.under.values().filter(|(of, _)| *of == process);
        let (mut all, mut at_host) = (0, 0);
        for (_, to) in own {
            all += 1;
            at_host += usize::from(to == host);
        }
        if all > max {
            return Err(format!("process {process} has {all} calls under way"));
        }
        if at_host > host_max {
            return Err(format!("process {process} has {at_host} calls to {host} under way"));
        }
        Ok(())
    }

    /// A call is over.
    pub fn ends(&mut self, request: u64) {
        self.under.remove(&request);
    }

    /// A process is gone.
    pub fn dies(&mut self, process: usize) {
        self.under.retain(|_, (of, _)| *of != process);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_under_way_are_counted() {
        let mut polite = Polite::default();
        let max = (3, 2);
        assert!(polite.begins(1, 0, "a", max).is_ok());
        assert!(polite.begins(2, 0, "a", max).is_ok());
        assert!(polite.begins(3, 1, "a", max).is_ok(), "another process");
        assert!(polite.begins(4, 0, "a", max).is_err_and(|e| e.contains("to a")));
        polite.ends(4);
        assert!(polite.begins(5, 0, "b", max).is_ok());
        assert!(polite.begins(6, 0, "c", max).is_err_and(|e| e.contains("4 calls")));
        polite.dies(0);
        assert!(polite.begins(7, 0, "a", max).is_ok());
    }
}
