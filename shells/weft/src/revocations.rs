//! The folder of revocation lists (`warp.trl.dir`).

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use weft_daemons::contract::PeerEvent;
use weft_wire::revocations::lists_in_force;
use weft_wire::token::{Revocations, TokenKeys};

use crate::peers::Peers;
use crate::report::warn;

/// Bytes of all lists together.
const BYTES_MAX: usize = 1 << 30;

/// A folder of lists.
#[derive(Clone, Debug)]
pub(crate) struct RevocationFolder {
    pub(crate) root: PathBuf,
    /// `warp.trl.scan.period`: between two looks at it.
    pub(crate) period: Duration,
    pub(crate) keys: TokenKeys,
}

impl RevocationFolder {
    /// What the lists say that are in force. Blocks.
    pub(crate) fn load(&self) -> Result<Revocations, String> {
        let failed = |error: std::io::Error| format!("{}: {error}", self.root.display());
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.root).map_err(failed)? {
            names.extend(entry.map_err(failed)?.file_name().into_string());
        }
        let (mut revocations, mut bytes) = (Revocations::default(), 0);
        for name in lists_in_force(names.iter().map(String::as_str)) {
            let path = self.root.join(name);
            let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
            let size = std::fs::metadata(&path).map_err(|error| failed(&error))?.len();
            bytes += usize::try_from(size).unwrap_or(usize::MAX).min(BYTES_MAX + 1);
            if bytes > BYTES_MAX {
                return Err(failed(&format!("the lists are longer than {BYTES_MAX} bytes")));
            }
            let list = std::fs::read_to_string(&path).map_err(|error| failed(&error))?;
            revocations.add_list(&self.keys, &list).map_err(|error| failed(&error))?;
        }
        Ok(revocations)
    }

    /// Looks at the folder for ever, and tells who checks tokens when the lists have changed.
    /// `known` is what they know. What cannot be read leaves in force what was.
    pub(crate) async fn watch(self, peers: Arc<Peers>, mut known: Revocations) {
        let mut last_error = String::new();
        loop {
            tokio::time::sleep(self.period).await;
            let folder = self.clone();
            let loaded = tokio::task::spawn_blocking(move || folder.load()).await;
            match loaded.unwrap_or_else(|error| Err(error.to_string())) {
                Ok(revocations) => {
                    last_error.clear();
                    if revocations != known {
                        known = revocations;
                        peers.tell_readers(&PeerEvent::Revoked(Arc::new(known.clone())));
                    }
                }
                Err(error) if error != last_error => {
                    warn("revocations", &format!("{error}; what was revoked before stays so"));
                    last_error = error;
                }
                Err(_) => {}
            }
        }
    }
}
