//! What the configuration says of `egress`.

use std::sync::Arc;

use weft_gts::{SipKey, TimeUnit, WrapKey};
use weft_warpscript::Config;
use weft_wire::token::TokenAuthority;

use super::exec::WebConfig;
use crate::contract::log::Topic;
use crate::cors::CorsConfig;
use crate::headers::HeaderNames;

/// What the configuration says of `egress`.
#[derive(Clone, Debug)]
pub struct EgressConfig {
    /// `warp.timeunits`.
    pub unit: TimeUnit,
    /// Keys of tokens, revocations, and what else decides whether a token is good.
    pub tokens: TokenAuthority,
    /// Names of headers (`http.header.*`).
    pub headers: HeaderNames,
    /// What pre-flight requests are told.
    pub cors: CorsConfig,
    /// `fetch.psk`: signs fetches and wrappers.
    pub fetch_psk: Option<SipKey>,
    /// `warp10.expose.owner.producer`: whether everybody sees owners and producers.
    pub expose_owner_producer: bool,
    /// `warp10.absent.label.support`.
    pub absent_labels: bool,
    /// Bytes of an encoder after which a line of `raw`, `wrapper` or `pack` ends.
    pub encoder_size_max: usize,
    /// Where directories register (`directory.zk.znode`).
    pub directory_path: String,
    /// Topics whose consumers in this process a read waits for: metadata, then datapoints.
    pub wait_for: Option<[Topic; 2]>,
    /// Whether there is Mobius (`warp.mobius.disable`).
    pub mobius: bool,
    /// How many interactive sessions there may be (`warpscript.interactive.capacity`); `None` where
    /// there are none (`warp.interactive.disable`).
    pub interactive: Option<usize>,
    /// How scripts run.
    pub exec: ExecConfig,
}

/// How scripts run.
#[derive(Clone, Debug)]
pub struct ExecConfig {
    /// Limits and keys of machines.
    pub machine: Arc<Config>,
    /// Whether the shell has a library of scripts (`warpscript.repository.directory`).
    pub has_library: bool,
    /// Whether the library has code that runs before every script (`warpscript.bootstrap.path`).
    pub has_bootstrap: bool,
    /// Bytes of a script.
    pub body_max: usize,
    /// Scripts at a time; those that come beyond are refused.
    pub scripts_max: usize,
    /// Slices at a time: the threads of the pool.
    pub parallel: usize,
    /// Bytes that all scripts together may hold.
    pub memory_max: usize,
    /// `egress.maxtime`: milliseconds that a script may run; 0 for ever.
    pub max_time_ms: i64,
    /// `runner.psk`: the key of nonces with which runners' scripts may run on.
    pub runner_key: Option<WrapKey>,
    /// `egress.runner.nonce.validity`: milliseconds that such a nonce is good.
    pub nonce_validity_ms: i64,
    /// Calls to the outside; `None` when scripts make none.
    pub web: Option<Arc<WebConfig>>,
}

impl EgressConfig {
    /// Keys, where directories register, and the defaults of a platform without Mobius, interactive
    /// sessions and calls to the outside.
    pub fn minimal(tokens: TokenAuthority, directory_path: String) -> Self {
        let headers = HeaderNames::default();
        Self {
            unit: TimeUnit::default(),
            tokens,
            cors: CorsConfig::new(&headers, None),
            headers,
            fetch_psk: None,
            expose_owner_producer: false,
            absent_labels: false,
            encoder_size_max: ENCODER_SIZE_MAX_DEFAULT,
            directory_path,
            wait_for: None,
            mobius: false,
            interactive: None,
            exec: ExecConfig::minimal(),
        }
    }
}

impl ExecConfig {
    /// One small script at a time.
    pub fn minimal() -> Self {
        Self {
            machine: Arc::default(),
            has_library: false,
            has_bootstrap: false,
            body_max: 1_000,
            scripts_max: 1,
            parallel: 1,
            memory_max: 1 << 20,
            max_time_ms: 0,
            runner_key: None,
            nonce_validity_ms: 1_000,
            web: None,
        }
    }
}

/// Bytes of an encoder when the configuration does not say.
pub const ENCODER_SIZE_MAX_DEFAULT: usize = 500_000;
