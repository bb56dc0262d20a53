//! Gives memory back to the system after a burst.
//!
//! The GNU C library keeps what was freed: a node that has taken in a million new series holds four
//! times what it uses, for ever. An allocator that gives back by itself (mimalloc) was tried: it takes
//! ten megabytes more when idle and two thirds more in steady work.

/// How often to look.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const PERIOD: std::time::Duration = std::time::Duration::from_secs(5);

/// Memory below which there is nothing worth giving back, bytes.
const SMALL: u64 = 64 << 20;

/// When to give memory back: looking for what is free takes a while where there is much of it.
#[derive(Debug, Default)]
struct Watch {
    /// What was held after the last time.
    left: u64,
    /// What was held at the last look.
    last: u64,
}

impl Watch {
    /// Whether to give back now, `held` bytes being held: much has come since the last time, and for a
    /// period no more.
    const fn is_due(&mut self, held: u64) -> bool {
        let has_grown = held > self.last + self.last / 16;
        self.last = held;
        !has_grown && held > SMALL && held > self.left + self.left / 4
    }

    /// Memory was given back; `held` is what is left.
    const fn given_back(&mut self, held: u64) {
        (self.left, self.last) = (held, held);
    }
}

/// Watches the memory of this process on a thread of its own, for as long as it lives.
///
/// # Errors
/// When there can be no thread.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn watch() -> std::io::Result<()> {
    let run = || {
        let mut watch = Watch::default();
        loop {
            std::thread::sleep(PERIOD);
            let Some(held) = held() else { return };
            if watch.is_due(held) {
                give_back();
                watch.given_back(self::held().unwrap_or(held));
            }
        }
    };
    std::thread::Builder::new().name("weft-memory".to_owned()).spawn(run).map(|_| ())
}

/// Other C libraries give back by themselves, or cannot be told to.
///
/// # Errors
/// Never.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn watch() -> std::io::Result<()> {
    Ok(())
}

/// Resident memory, bytes.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn held() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes * 1_024)
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "the C library has no other door")]
fn give_back() {
    // SAFETY: it may be called at any time from any thread, and touches free memory alone.
    unsafe { libc::malloc_trim(0) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_given_back_after_a_burst_and_not_during_it() {
        let mut watch = Watch::default();
        assert!(!watch.is_due(20 << 20), "it grows");
        assert!(!watch.is_due(20 << 20), "it is small");
        assert!(!watch.is_due(500 << 20), "it grows");
        assert!(!watch.is_due(900 << 20), "it grows");
        assert!(watch.is_due(910 << 20));
        watch.given_back(400 << 20);
        assert!(!watch.is_due(400 << 20), "what is left is in use");
        assert!(!watch.is_due(450 << 20));
        assert!(!watch.is_due(460 << 20), "not much has come");
        assert!(!watch.is_due(520 << 20), "it grows");
        assert!(watch.is_due(520 << 20));
    }

    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[test]
    fn what_was_freed_is_given_back() {
        // Small pieces, so that none of them is a mapping of its own, and one that is kept behind.
        let pieces: Vec<Vec<u8>> = (0..1_000_000).map(|_| vec![1; 100]).collect();
        let kept = Box::new([2_u8; 100]);
        let full = held().expect("the status of this process");
        drop(pieces);
        give_back();
        let left = held().expect("the status of this process");
        assert!(left + (50 << 20) < full, "{full} bytes held, {left} after they were freed");
        assert_eq!(kept[0], 2);
    }
}
