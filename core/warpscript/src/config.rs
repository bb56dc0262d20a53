//! What a machine is configured with: limits, time unit, keys.

use weft_gts::TimeUnit;

use crate::registry::{Extension, Word};

/// The limits of a script. Words raise the soft ones up to the hard ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Operations (`warpscript.maxops`).
    pub ops: i64,
    /// Values on the stack (`warpscript.maxdepth`).
    pub depth: i64,
    /// Variables (`warpscript.maxsymbols`).
    pub symbols: i64,
    /// Macros inside macros (`warpscript.maxrecursion`).
    pub recursion: i64,
    /// Milliseconds in one loop (`warpscript.maxloop`).
    pub loop_ms: i64,
    /// Buckets of one series (`warpscript.maxbuckets`).
    pub buckets: i64,
    /// Datapoints fetched (`warpscript.maxfetch`).
    pub fetch: i64,
    /// Series fetched (`warpscript.maxgts`).
    pub gts: i64,
    /// Pixels of one image (`warpscript.maxpixels`).
    pub pixels: i64,
    /// Geo cells of one shape (`warpscript.maxgeocells`).
    pub geocells: i64,
    /// Bytes of one JSON text (`warpscript.maxjson`).
    pub json: i64,
}

impl Limits {
    /// The defaults of the platform.
    pub const DEFAULT: Self = Self {
        ops: 1000,
        depth: 1000,
        symbols: 64,
        recursion: 16,
        loop_ms: 5000,
        buckets: 1_000_000,
        fetch: 100_000,
        gts: 100_000,
        pixels: 1_000_000,
        geocells: 10_000,
        json: 20 << 20,
    };

    /// The highest values that soft limits can have (a script without a server).
    pub const MAX: Self = Self {
        ops: i64::MAX - 1,
        depth: i32::MAX as i64 - 1,
        symbols: i32::MAX as i64 - 1,
        recursion: i32::MAX as i64,
        loop_ms: i64::MAX,
        buckets: i64::MAX - 1,
        fetch: i64::MAX - 1,
        gts: i64::MAX - 1,
        pixels: i64::MAX - 1,
        geocells: i32::MAX as i64 - 1,
        json: i64::MAX,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// A 128-bit SipHash key or a 256-bit AES key, as far as words need them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    /// `warp.hash.class`
    pub class: Option<[u8; 16]>,
    /// `warp.hash.labels`
    pub labels: Option<[u8; 16]>,
    /// `warp.hash.token`
    pub token: Option<[u8; 16]>,
    /// `warp.hash.app`
    pub app: Option<[u8; 16]>,
    /// `warp.aes.token`
    pub token_aes: Option<Vec<u8>>,
    /// `warp.aes.scripts`
    pub scripts_aes: Option<Vec<u8>>,
    /// `warp.aes.metasets`
    pub metasets_aes: Option<Vec<u8>>,
    /// `warp.aes.logging`
    pub logging_aes: Option<Vec<u8>>,
    /// `token.secret`
    pub token_secret: Option<String>,
}

/// What `URLFETCH` may do in one script.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UrlFetchLimits {
    /// URLs (`warpscript.urlfetch.limit`).
    pub requests: i64,
    /// Bytes of all of their contents (`warpscript.urlfetch.maxsize`).
    pub bytes: i64,
}

/// Everything that a machine must know beside the script.
#[derive(Clone, Debug)]
pub struct Config {
    /// What a tick is worth.
    pub time_unit: TimeUnit,
    /// Limits at the start.
    pub soft: Limits,
    /// Limits that words cannot pass.
    pub hard: Limits,
    /// Bytes that one script may hold.
    pub memory: usize,
    /// Registers (`warpscript.registers`).
    pub registers: usize,
    /// Whether `NULL 'X' DEF` brings the library's word back (`warpscript.def.unshadow`).
    pub unshadow: bool,
    /// Longest TIMEBOX without a capability, milliseconds (`warpscript.timebox.maxtime`).
    pub timebox_ms: i64,
    /// Longest SLEEP without a capability, milliseconds.
    pub sleep_ms: i64,
    /// Whether an empty value in a selector means that there is no such label
    /// (`warp10.absent.label.support`).
    pub absent_labels: bool,
    /// Calls of `WEBCALL` (`warpscript.maxwebcalls`).
    pub webcalls: i64,
    /// Calls of `HTTP` without a capability (`warpscript.http.maxrequests`).
    pub http_requests: i64,
    /// Bytes that those bring without a capability (`warpscript.http.maxsize`).
    pub http_bytes: i64,
    /// Bytes of a chunk of `HTTP` without a capability (`warpscript.http.maxchunksize`).
    pub http_chunk_bytes: i64,
    /// What `URLFETCH` may do, at first and at most.
    pub urlfetch: [UrlFetchLimits; 2],
    /// Keys.
    pub keys: Keys,
    /// The instance (`IDENT`).
    pub ident: Option<String>,
    /// Classes of the extensions that are loaded.
    pub extensions: Vec<String>,
    /// `stackps.secret`: with it, scripts without the capability may see and end others.
    pub stackps_secret: Option<String>,
    /// Longest wait for a program without a capability, milliseconds (`warpscript.call.maxwait`).
    pub call_wait_ms: i64,
    /// Longest wait for a mutex without a capability, milliseconds; 0 for ever (`mutex.maxwait`).
    pub mutex_wait_ms: i64,
    /// How long values that nobody uses are shared, milliseconds (`shm.ttl`).
    pub shared_ttl_ms: i64,
    /// Configuration values that `MACROCONFIG` reads.
    pub properties: Vec<(String, String)>,
}

impl Config {
    /// Takes one key of a configuration in; `false` when no machine cares about it, or the value
    /// is none. What came is kept for `MACROCONFIG` either way.
    pub fn set(&mut self, key: &str, value: &str) -> bool {
        self.properties.push((key.to_owned(), value.to_owned()));
        if let Some(name) = key.strip_prefix("warpscript.") {
            let (name, limits) = match name.strip_suffix(".hard") {
                Some(name) => (name, &mut self.hard),
                None => (name, &mut self.soft),
            };
            if let Some(limit) = limits.by_name(name) {
                return assign(limit, value.parse().ok());
            }
        }
        if key == "warpscript.extensions" || key.starts_with("warpscript.extension.") {
            return self.load(value);
        }
        let sip = || bytes(value).and_then(|b| <[u8; 16]>::try_from(b).ok()).map(Some);
        let keys = &mut self.keys;
        match key {
            "warp.hash.class" => assign(&mut keys.class, sip()),
            "warp.hash.labels" => assign(&mut keys.labels, sip()),
            "warp.hash.token" => assign(&mut keys.token, sip()),
            "warp.hash.app" => assign(&mut keys.app, sip()),
            "warp.aes.token" => assign(&mut keys.token_aes, bytes(value).map(Some)),
            "warp.aes.scripts" => assign(&mut keys.scripts_aes, bytes(value).map(Some)),
            "warp.aes.metasets" => assign(&mut keys.metasets_aes, bytes(value).map(Some)),
            "warp.aes.logging" => assign(&mut keys.logging_aes, bytes(value).map(Some)),
            "token.secret" => assign(&mut keys.token_secret, Some(Some(value.to_owned()))),
            "weft.warpscript.legacy" => value == "true" && self.load(Extension::Legacy.class()),
            "stackps.secret" => assign(&mut self.stackps_secret, Some(Some(value.to_owned()))),
            "warpscript.call.maxwait" => assign(&mut self.call_wait_ms, not_negative(value)),
            "mutex.maxwait" => assign(&mut self.mutex_wait_ms, not_negative(value)),
            "shm.ttl" => assign(&mut self.shared_ttl_ms, not_negative(value)),
            "warp.timeunits" => assign(&mut self.time_unit, TimeUnit::parse(value)),
            "warp.ident" => assign(&mut self.ident, Some(Some(value.to_owned()))),
            "warp10.absent.label.support" => assign(&mut self.absent_labels, Some(value == "true")),
            "warpscript.maxwebcalls" => assign(&mut self.webcalls, value.parse().ok()),
            "warpscript.http.maxrequests" => assign(&mut self.http_requests, value.parse().ok()),
            "warpscript.http.maxsize" => assign(&mut self.http_bytes, value.parse().ok()),
            "warpscript.http.maxchunksize" => {
                assign(&mut self.http_chunk_bytes, value.parse().ok())
            }
            "warpscript.urlfetch.limit" => {
                assign(&mut self.urlfetch[0].requests, value.parse().ok())
            }
            "warpscript.urlfetch.limit.hard" => {
                assign(&mut self.urlfetch[1].requests, value.parse().ok())
            }
            "warpscript.urlfetch.maxsize" => {
                assign(&mut self.urlfetch[0].bytes, value.parse().ok())
            }
            "warpscript.urlfetch.maxsize.hard" => {
                assign(&mut self.urlfetch[1].bytes, value.parse().ok())
            }
            "warpscript.registers" => assign(&mut self.registers, value.parse().ok()),
            "warpscript.def.unshadow" => assign(&mut self.unshadow, Some(value == "true")),
            "warpscript.timebox.maxtime" => assign(&mut self.timebox_ms, value.parse().ok()),
            _ => false,
        }
    }

    /// Loads extensions; whether there are words of one of them.
    fn load(&mut self, classes: &str) -> bool {
        let classes = classes.split(',').map(str::trim).filter(|class| !class.is_empty());
        let before = self.extensions.len();
        self.extensions.extend(classes.map(str::to_owned));
        let is_known = |class: &String| Extension::ALL.iter().any(|e| e.class() == class);
        self.extensions[before..].iter().any(is_known)
    }

    /// Whether a word is there: those of extensions are when the configuration loads them.
    pub fn has(&self, word: &Word) -> bool {
        word.extension.is_none_or(|extension| self.loads(extension))
    }

    /// Whether an extension is loaded.
    pub fn loads(&self, extension: Extension) -> bool {
        self.extensions.iter().any(|class| class == extension.class())
    }
}

impl Limits {
    /// The limit of a configuration key, without `warpscript.` and `.hard`.
    fn by_name(&mut self, name: &str) -> Option<&mut i64> {
        Some(match name {
            "maxops" => &mut self.ops,
            "maxdepth" => &mut self.depth,
            "maxsymbols" => &mut self.symbols,
            "maxrecursion" => &mut self.recursion,
            "maxloop" => &mut self.loop_ms,
            "maxbuckets" => &mut self.buckets,
            "maxfetch" => &mut self.fetch,
            "maxgts" => &mut self.gts,
            "maxpixels" => &mut self.pixels,
            "maxgeocells" => &mut self.geocells,
            "maxjson" => &mut self.json,
            _ => return None,
        })
    }
}

fn assign<T>(place: &mut T, value: Option<T>) -> bool {
    value.map(|value| *place = value).is_some()
}

fn not_negative(value: &str) -> Option<i64> {
    value.parse().ok().filter(|value| *value >= 0)
}

/// The bytes of a key: `hex:…` or `base64:…`.
fn bytes(value: &str) -> Option<Vec<u8>> {
    weft_wire::keys::decode_key(value, None).ok()
}

impl Default for Config {
    fn default() -> Self {
        Self {
            time_unit: TimeUnit::Microseconds,
            soft: Limits::DEFAULT,
            hard: Limits::DEFAULT,
            memory: 1 << 30,
            registers: 256,
            unshadow: false,
            timebox_ms: 30_000,
            sleep_ms: 10_000,
            absent_labels: false,
            webcalls: 4,
            http_requests: 1,
            http_bytes: 65_536,
            http_chunk_bytes: 65_536,
            urlfetch: [UrlFetchLimits { requests: 64, bytes: 1_000_000 }; 2],
            keys: Keys::default(),
            ident: None,
            extensions: Vec::new(),
            stackps_secret: None,
            call_wait_ms: 10_000,
            mutex_wait_ms: 5_000,
            shared_ttl_ms: 3_600_000,
            properties: Vec::new(),
        }
    }
}
