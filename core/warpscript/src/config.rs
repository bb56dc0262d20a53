//! What a machine is configured with: limits, time unit, keys.

use weft_gts::TimeUnit;

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
    /// Keys.
    pub keys: Keys,
    /// The instance (`IDENT`).
    pub ident: Option<String>,
    /// Configuration values that `MACROCONFIG` reads.
    pub properties: Vec<(String, String)>,
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
            keys: Keys::default(),
            ident: None,
            properties: Vec::new(),
        }
    }
}
