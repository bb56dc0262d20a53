//! The file of tokens with plain names (`warp.token.file`).

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use weft_daemons::contract::PeerEvent;
use weft_warpscript::Config;
use weft_warpscript::tokens::specified;
use weft_wire::token::NamedTokens;
use weft_wire::token_file::parse;

use crate::peers::Peers;
use crate::report::warn;
use crate::script::evaluate;

/// Between two looks at the file.
const PERIOD: Duration = Duration::from_secs(1);

/// Bytes of the file.
const BYTES_MAX: u64 = 64 << 20;

/// A file of tokens.
#[derive(Clone, Debug)]
pub(crate) struct TokenFile {
    pub(crate) path: PathBuf,
    /// What its scripts run by.
    pub(crate) config: Arc<Config>,
}

impl TokenFile {
    /// Its text. Blocks.
    fn read(&self) -> Result<String, String> {
        let failed = |error: std::io::Error| format!("{}: {error}", self.path.display());
        if std::fs::metadata(&self.path).map_err(failed)?.len() > BYTES_MAX {
            return Err(format!("{} is longer than {BYTES_MAX} bytes", self.path.display()));
        }
        std::fs::read_to_string(&self.path).map_err(failed)
    }

    /// What a text of it says. Blocks.
    fn understand(&self, text: &str) -> Result<NamedTokens, String> {
        let mut specify = |spec: &str| specified(&mut evaluate(&self.config, spec)?);
        parse(text, &mut specify).map_err(|error| format!("{}: {error}", self.path.display()))
    }

    /// What it says. Blocks.
    pub(crate) fn load(&self) -> Result<NamedTokens, String> {
        self.understand(&self.read()?)
    }

    /// Looks at the file for ever, and tells who checks tokens when it has changed. What cannot be
    /// read leaves in force what was.
    pub(crate) async fn watch(self, peers: Arc<Peers>) {
        let (mut known, mut last_error) = (None, String::new());
        loop {
            tokio::time::sleep(PERIOD).await;
            let (file, last) = (self.clone(), known.clone());
            let looked = tokio::task::spawn_blocking(move || {
                let text = file.read()?;
                if last.as_ref() == Some(&text) {
                    return Ok(None);
                }
                let named = file.understand(&text)?;
                Ok(Some((text, named)))
            });
            match looked.await.unwrap_or_else(|error| Err(error.to_string())) {
                Ok(changed) => {
                    last_error.clear();
                    if let Some((text, named)) = changed {
                        known = Some(text);
                        peers.tell_readers(&PeerEvent::Named(Arc::new(named)));
                    }
                }
                Err(error) if error != last_error => {
                    warn("tokens", &format!("{error}; the tokens that were stay"));
                    last_error = error;
                }
                Err(_) => {}
            }
        }
    }
}
