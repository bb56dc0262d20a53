//! One process: which components run, on what, and how they are wired.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use weft_coord::EmbeddedCoord;
use weft_daemons::contract::table::Slice;
use weft_daemons::contract::{Event, Machine, PeerError, RequestHead, Task};
use weft_daemons::cors::CorsConfig;
use weft_daemons::directory::{Directory, DirectoryConfig, Registration};
use weft_daemons::egress::{ENCODER_SIZE_MAX_DEFAULT, Egress, EgressConfig, ExecConfig};
use weft_daemons::headers::HeaderNames;
use weft_daemons::ingress::{Ingress, IngressConfig};
use weft_daemons::store::{Store, StoreConfig};
use weft_gts::text::MetadataLimits;
use weft_gts::{IdKeys, TimeUnit};
use weft_http::{BuiltIn, Limits, Responder, Route, Server, Sink};
use weft_log::{EmbeddedLog, LogOptions};
use weft_table::EmbeddedTable;
use weft_wire::envelope::Envelope;
use weft_wire::token::{TokenAuthority, TokenKeys};
use weft_wire::znode::{DIRECTORY_SERVICE, ServiceInstance};

use crate::config::{Backend, Choice, ConfigError, Settings};
use crate::driver::{Backends, Clock, drive};
use crate::home;
use crate::metrics::Metrics;
use crate::peers::{Caller, Peers, Seat};
use crate::report::warn;

/// How long the machines may take to end their work.
const STOP_TIME: Duration = Duration::from_secs(20);

/// Open files that are not connections.
const FILES_RESERVED: usize = 256;

/// Components that exist, as `warp.components` names them.
const COMPONENTS: [&str; 4] = ["ingress", "directory", "store", "egress"];

/// Components of the reference that do not exist yet.
const LATER: [&str; 6] = ["fetcher", "plasmaBE", "plasmaFE", "webcall", "runner", "geodir"];

/// What a process is to run: a configuration, understood.
pub(crate) struct Plan {
    address: SocketAddr,
    http: Limits,
    home: PathBuf,
    log: LogOptions,
    tokens: TokenKeys,
    ingress: Option<IngressConfig>,
    directory: Option<(DirectoryConfig, String)>,
    store: Option<StoreConfig>,
    egress: Option<EgressConfig>,
}

/// The keys of tokens.
pub(crate) fn token_keys(settings: &Settings) -> Result<TokenKeys, ConfigError> {
    Ok(home::token_keys(
        required(settings, "warp.hash.token", settings.sip_key("warp.hash.token")?)?,
        required(settings, "warp.hash.app", settings.sip_key("warp.hash.app")?)?,
        required(settings, "warp.aes.token", settings.aes_key("warp.aes.token")?)?,
    ))
}

fn required<T>(settings: &Settings, key: &str, value: Option<T>) -> Result<T, ConfigError> {
    value.ok_or_else(|| {
        settings.error(key, "must be set; `weft keys` prints fresh keys for a new platform")
    })
}

impl Plan {
    /// Reads what the components need.
    pub(crate) fn new(settings: &Settings, choice: &Choice) -> Result<Self, ConfigError> {
        for (key, backend, what) in [
            ("weft.log", choice.log, "Kafka"),
            ("weft.table", choice.table, "HBase"),
            ("weft.coord", choice.coord, "ZooKeeper"),
        ] {
            if backend == Backend::Cluster {
                let message = format!(
                    "this build of Weft has no {what} backend yet ({}); set weft.backend = \
                     embedded to run in one process",
                    choice.reason
                );
                return Err(settings.error(key, &message));
            }
        }
        let wanted = components(settings)?;
        let has = |name: &str| wanted.iter().any(|wanted| wanted == name);
        let tokens = token_keys(settings)?;
        let common = Common::new(settings, &tokens)?;
        Ok(Self {
            address: address(settings)?,
            http: http(settings),
            home: settings.get("weft.home").unwrap_or("./weft-data").into(),
            log: LogOptions {
                partitions: u32::try_from(settings.size("weft.partitions", 4).clamp(1, 1024))
                    .unwrap_or(4),
                retention_ms: settings.long("weft.retention").unwrap_or(3_600_000),
                ..LogOptions::default()
            },
            ingress: has("ingress").then(|| ingress(settings, &common)).transpose()?,
            directory: has("directory").then(|| directory(settings, &common)).transpose()?,
            store: has("store").then(|| store(settings, &common)).transpose()?,
            egress: has("egress").then(|| egress(settings, &common)).transpose()?,
            tokens,
        })
    }

    /// The keys of tokens.
    pub(crate) const fn token_keys(&self) -> &TokenKeys {
        &self.tokens
    }
}

/// What the server takes on. Connections leave some files for the log and the table.
fn http(settings: &Settings) -> Limits {
    let default = Limits::default();
    let files = open_files().saturating_sub(FILES_RESERVED).max(64);
    let connections = settings.size("weft.http.connections", default.connections);
    Limits { connections: connections.clamp(1, files), ..default }
}

/// Raises the limit of open files as far as it goes, for each connection is one; what it is then.
fn open_files() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let now =
        if setrlimit(Resource::Nofile, raised).is_ok() { limit.maximum } else { limit.current };
    now.map_or(usize::MAX, |files| usize::try_from(files).unwrap_or(usize::MAX))
}

fn components(settings: &Settings) -> Result<Vec<String>, ConfigError> {
    let Some(list) = settings.get("warp.components") else {
        return Ok(COMPONENTS.map(str::to_owned).to_vec());
    };
    let names = list.split(',').map(str::trim).filter(|name| !name.is_empty());
    names
        .map(|name| {
            if COMPONENTS.contains(&name) {
                return Ok(name.to_owned());
            }
            let message = if LATER.contains(&name) {
                format!("{name} does not exist yet; leave it out")
            } else {
                format!("{name} is no component; these are: {}", COMPONENTS.join(", "))
            };
            Err(settings.error("warp.components", &message))
        })
        .collect()
}

fn address(settings: &Settings) -> Result<SocketAddr, ConfigError> {
    let host = settings.get("standalone.host").unwrap_or("127.0.0.1");
    let port = settings.get("standalone.port").unwrap_or("8080");
    let found = std::net::ToSocketAddrs::to_socket_addrs(&format!("{host}:{port}"));
    let first = found.map_err(|error| error.to_string()).map(|mut found| found.next());
    match first {
        Ok(Some(address)) => Ok(address),
        Ok(None) => Err(settings.error("standalone.host", "it has no address")),
        Err(error) => Err(settings.error("standalone.host", &error)),
    }
}

/// What several components share.
struct Common {
    unit: TimeUnit,
    ids: IdKeys,
    authority: TokenAuthority,
    headers: HeaderNames,
    cors: CorsConfig,
    data_topic: Arc<str>,
    metadata_topic: Arc<str>,
    directory_root: String,
    absent_labels: bool,
}

impl Common {
    fn new(settings: &Settings, tokens: &TokenKeys) -> Result<Self, ConfigError> {
        let unit = settings.get("warp.timeunits").unwrap_or("us");
        let unit = TimeUnit::parse(unit).ok_or_else(|| {
            settings.error("warp.timeunits", &format!("{unit} is none of ms, us, ns"))
        })?;
        let ids = IdKeys {
            class: required(settings, "warp.hash.class", settings.sip_key("warp.hash.class")?)?,
            labels: required(settings, "warp.hash.labels", settings.sip_key("warp.hash.labels")?)?,
        };
        let mut headers = HeaderNames::default();
        for (key, value) in settings.with_prefix("http.header.") {
            if let Some(name) = headers.by_key_mut(key) {
                *name = value.to_owned();
            }
        }
        let banned = settings.get("warp.token.banned.attributes").unwrap_or_default();
        let banned = banned.split(',').map(str::trim).filter(|name| !name.is_empty());
        let topic = |keys: &[&str], default: &str| -> Arc<str> {
            keys.iter().find_map(|key| settings.get(key)).unwrap_or(default).into()
        };
        let root = settings.get("directory.zk.znode").unwrap_or("/weft/directory");
        Ok(Self {
            unit,
            ids,
            authority: TokenAuthority::new(tokens.clone())
                .with_banned_attributes(banned.map(str::to_owned).collect()),
            cors: CorsConfig::new(&headers, settings.get("cors.headers")),
            headers,
            data_topic: topic(&["ingress.kafka.data.topic", "store.kafka.data.topic"], "data"),
            metadata_topic: topic(
                &["ingress.kafka.metadata.topic", "directory.kafka.metadata.topic"],
                "metadata",
            ),
            directory_root: root.trim_end_matches('/').to_owned(),
            absent_labels: settings.flag("warp10.absent.label.support"),
        })
    }
}

fn envelope(settings: &Settings, prefix: &str) -> Result<Envelope, ConfigError> {
    Ok(Envelope {
        mac: settings.sip_key(&format!("{prefix}.mac"))?,
        aes: settings.aes_key(&format!("{prefix}.aes"))?,
    })
}

fn millis(settings: &Settings, key: &str, default: u64) -> Duration {
    let value = settings.long(key).and_then(|ms| u64::try_from(ms).ok());
    Duration::from_millis(value.unwrap_or(default))
}

fn ingress(settings: &Settings, common: &Common) -> Result<IngressConfig, ConfigError> {
    Ok(IngressConfig {
        unit: common.unit,
        ids: common.ids,
        tokens: common.authority.clone(),
        headers: common.headers.clone(),
        cors: common.cors.clone(),
        data_topic: common.data_topic.clone(),
        metadata_topic: common.metadata_topic.clone(),
        data_envelope: envelope(settings, "ingress.kafka.data")?,
        metadata_envelope: envelope(settings, "ingress.kafka.metadata")?,
        data_batch_bytes_max: settings.size("ingress.kafka.data.maxsize", 1_000_000),
        value_size_max: settings
            .long("ingress.value.maxsize")
            .or_else(|| settings.long("standalone.value.maxsize"))
            .and_then(|size| usize::try_from(size).ok())
            .unwrap_or(65_536),
        line_size_max: settings.size("weft.line.maxsize", 16 << 20),
        metadata_limits: MetadataLimits {
            labels_size_max: settings.size("warp.labels.maxsize", 2_048),
            attributes_size_max: settings.size("warp.attributes.maxsize", 8_192),
        },
        cache_entries_max: settings.size("ingress.metadata.cache.size", 10_000_000),
        parse_attributes: settings.flag("ingress.parse.attributes"),
        allow_delta: settings.flag("ingress.attributes.allowdelta"),
        max_past_ms: settings.long("ingress.maxpast.default"),
        max_future_ms: settings.long("ingress.maxfuture.default"),
        max_past_override_ms: settings.long("ingress.maxpast.override"),
        max_future_override_ms: settings.long("ingress.maxfuture.override"),
        ignore_out_of_range: settings.flag("ingress.outofrange.ignore"),
        cell_ttl_ms: settings.long("ingress.hbase.cellttl").filter(|ttl| *ttl >= 0),
        use_datapoint_ts: settings.flag("ingress.hbase.dpts"),
        metadata_on_store: settings.flag("ingress.store.metadata.include"),
        metadata_on_delete: settings.flag("ingress.delete.metadata.include"),
        reject_deletes: settings.flag("ingress.delete.reject")
            || settings.flag("standalone.delete.disable"),
        delete_metadata_only: settings.flag("ingress.delete.metaonly.support"),
        delete_by_activity: settings.flag("ingress.delete.activity.support"),
        activity_window_ms: settings.long("ingress.activity.window").filter(|ms| *ms > 0),
        activity_by_update: settings.flag("ingress.activity.update"),
        activity_by_meta: settings.flag("ingress.activity.meta"),
        update_disabled: settings.get("warp.update.disabled").map(str::to_owned),
        meta_disabled: settings.get("warp.meta.disabled").map(str::to_owned),
        delete_disabled: settings.get("warp.delete.disabled").map(str::to_owned),
        directory_path: format!("{}/{DIRECTORY_SERVICE}", common.directory_root),
        wait_for_applied: true,
    })
}

fn store(settings: &Settings, common: &Common) -> Result<StoreConfig, ConfigError> {
    Ok(StoreConfig {
        topic: common.data_topic.clone(),
        group: settings.get("store.kafka.data.groupid").unwrap_or("store").into(),
        envelope: envelope(settings, "store.kafka.data")?,
        commit_period: millis(settings, "store.kafka.data.commitperiod", 1_000),
        call_time_max: millis(settings, "store.kafka.data.intercommits.maxtime", 60_000),
        put_points_max: (settings.size("store.hbase.data.maxpendingputssize", 1_000_000) / 20)
            .max(1),
        unit: common.unit,
    })
}

/// The directory, and the name under which it registers.
fn directory(
    settings: &Settings,
    common: &Common,
) -> Result<(DirectoryConfig, String), ConfigError> {
    let slice = slice(settings)?;
    let id = home::random::<16>().map_err(|error| ConfigError(vec![error]))?;
    let id = weft_wire::token::uuid(&id);
    let payload = [
        ("modulus", slice.modulus.to_string()),
        ("remainder", slice.remainder.to_string()),
        ("streaming.port", settings.get("directory.streaming.port").unwrap_or("0").to_owned()),
    ];
    let instance = ServiceInstance {
        name: DIRECTORY_SERVICE.to_owned(),
        id: id.clone(),
        address: settings.get("directory.host").unwrap_or("127.0.0.1").to_owned(),
        port: settings.long("directory.port").and_then(|p| u16::try_from(p).ok()).unwrap_or(0),
        payload: payload.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        registered_ms: crate::token::now_ms(),
    };
    let is_off = |key: &str| settings.get(key) == Some("false");
    let registration =
        Registration { path: instance.path(&common.directory_root), payload: instance.encode() };
    let config = DirectoryConfig {
        slice,
        topic: common.metadata_topic.clone(),
        group: settings.get("directory.kafka.metadata.groupid").unwrap_or("directory").into(),
        envelope: envelope(settings, "directory.kafka.metadata")?,
        row_envelope: Envelope {
            mac: None,
            aes: settings.aes_key("directory.hbase.metadata.aes")?,
        },
        commit_period: millis(settings, "directory.kafka.metadata.commitperiod", 1_000),
        store: !is_off("directory.store"),
        delete: !is_off("directory.delete"),
        init: !is_off("directory.init"),
        registration: (!is_off("directory.register")).then_some(registration),
        activity_window_ms: settings.long("directory.activity.window").filter(|ms| *ms > 0),
        ids: common.ids,
        absent_labels: common.absent_labels,
    };
    Ok((config, id))
}

fn slice(settings: &Settings) -> Result<Slice, ConfigError> {
    let Some(text) = settings.get("directory.partition") else {
        return Ok(Slice { modulus: 1, remainder: 0 });
    };
    let parsed = text.split_once(':').and_then(|(modulus, remainder)| {
        let slice = Slice {
            modulus: modulus.trim().parse().ok()?,
            remainder: remainder.trim().parse().ok()?,
        };
        (slice.remainder < slice.modulus).then_some(slice)
    });
    parsed.ok_or_else(|| {
        let message = format!("{text}: MODULUS:REMAINDER is allowed, REMAINDER below MODULUS");
        settings.error("directory.partition", &message)
    })
}

fn egress(settings: &Settings, common: &Common) -> Result<EgressConfig, ConfigError> {
    Ok(EgressConfig {
        unit: common.unit,
        tokens: common.authority.clone(),
        headers: common.headers.clone(),
        cors: common.cors.clone(),
        fetch_psk: settings.sip_key("fetch.psk")?,
        expose_owner_producer: settings.flag("egress.clients.expose"),
        absent_labels: common.absent_labels,
        encoder_size_max: settings
            .size("standalone.max.encoder.size", ENCODER_SIZE_MAX_DEFAULT)
            .max(1),
        directory_path: format!("{}/{DIRECTORY_SERVICE}", common.directory_root),
        wait_for: Some([common.metadata_topic.clone(), common.data_topic.clone()]),
        exec: exec(settings)?,
    })
}

fn exec(settings: &Settings) -> Result<ExecConfig, ConfigError> {
    let max_time_ms = settings.long("egress.maxtime").unwrap_or(0);
    if max_time_ms < 0 {
        return Err(settings.error("egress.maxtime", "it must not be negative"));
    }
    let mut machine = settings.machine_config()?;
    machine.memory = settings.size("weft.exec.script.memory", 1 << 30);
    Ok(ExecConfig {
        machine: Arc::new(machine),
        body_max: settings.size("weft.exec.script.maxsize", 16 << 20),
        scripts_max: settings.size("weft.exec.max", 20_000),
        parallel: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        memory_max: settings.size("weft.exec.memory", 4 << 30),
        max_time_ms,
        runner_key: settings.aes_key("runner.psk")?,
        nonce_validity_ms: settings.long("egress.runner.nonce.validity").unwrap_or(1_000),
    })
}

/// A process that runs.
pub(crate) struct Node {
    address: SocketAddr,
    stops: Vec<Box<dyn Fn() + Send>>,
    drivers: Vec<JoinHandle<()>>,
    server: JoinHandle<()>,
    log: Arc<EmbeddedLog>,
    table: Arc<EmbeddedTable>,
}

/// What machines are wired to.
struct Wiring {
    clock: Clock,
    responder: Responder,
    peers: Arc<Peers>,
    metrics: Arc<Metrics>,
    ready: Arc<Mutex<Vec<(&'static str, bool)>>>,
    pool: Arc<rayon::ThreadPool>,
    log: Arc<EmbeddedLog>,
    table: Arc<EmbeddedTable>,
    coord: Arc<EmbeddedCoord>,
    stops: Vec<Box<dyn Fn() + Send>>,
    drivers: Vec<JoinHandle<()>>,
}

impl Node {
    /// Starts what the plan names.
    pub(crate) async fn start(plan: Plan) -> Result<Self, String> {
        let home = plan.home;
        let log = EmbeddedLog::open(&home.join("log"), plan.log).map_err(|e| e.to_string())?;
        let table = EmbeddedTable::open(&home.join("table")).map_err(|e| e.to_string())?;
        let pool = rayon::ThreadPoolBuilder::new().build().map_err(|error| error.to_string())?;
        let mut wiring = Wiring {
            clock: Clock::new(),
            responder: Responder::default(),
            peers: Arc::default(),
            metrics: Arc::default(),
            ready: Arc::default(),
            pool: Arc::new(pool),
            log: log.clone(),
            table: table.clone(),
            coord: EmbeddedCoord::new(),
            stops: Vec::new(),
            drivers: Vec::new(),
        };
        // Consumers first: readers are told from the start how far they are.
        if let Some(config) = plan.store {
            wiring.start("store", Store::new(config));
        }
        if let Some((config, id)) = plan.directory {
            let (_, seat) = wiring.start("directory", Directory::new(config));
            wiring.peers.is_directory(seat, id.into());
        }
        let mut sinks = Sinks { ingress: None, egress: None };
        if let Some(config) = plan.ingress {
            let (sink, seat) = wiring.start("ingress", Ingress::new(config));
            wiring.peers.is_reader(seat);
            sinks.ingress = Some(sink);
        }
        if let Some(config) = plan.egress {
            let seed = home::random()?;
            let (sink, seat) = wiring.start("egress", Egress::new(config, seed));
            wiring.peers.is_reader(seat);
            sinks.egress = Some(sink);
        }
        let route: Route = Arc::new(move |head| sinks.route(head));
        wiring.peers.call_through(caller(route.clone(), wiring.responder.clone()));
        let server =
            Server::bind(plan.address, plan.http, route, wiring.built_in(), wiring.responder)
                .await
                .map_err(|error| format!("{}: {error}", plan.address))?;
        let address = server.address().map_err(|error| error.to_string())?;
        Ok(Self {
            address,
            stops: wiring.stops,
            drivers: wiring.drivers,
            server: tokio::spawn(server.run()),
            log,
            table,
        })
    }

    /// Where it listens.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends the machines' work in order, then the backends.
    pub(crate) async fn stop(self) {
        self.server.abort();
        for stop in &self.stops {
            stop();
        }
        let all = async {
            for driver in self.drivers {
                let _ = driver.await;
            }
        };
        if tokio::time::timeout(STOP_TIME, all).await.is_err() {
            warn("stop", "a component did not end in time; what was acknowledged is durable");
        }
        self.log.close();
        self.table.close();
    }
}

/// Makes the requests of components to each other.
fn caller(route: Route, responder: Responder) -> Caller {
    let runtime = tokio::runtime::Handle::current();
    Box::new(move |head, body, done| match route(&head) {
        Some(sink) => {
            let call = weft_http::call(responder.clone(), sink, head, body);
            runtime.spawn(async move { done(call.await) });
        }
        None => done(Err(PeerError::Refused(format!("Nobody serves {}.", head.path)))),
    })
}

/// Where requests go.
struct Sinks {
    ingress: Option<Sink>,
    egress: Option<Sink>,
}

impl Sinks {
    /// Ingress has the writing endpoints, egress everything else.
    fn route(&self, head: &RequestHead) -> Option<Sink> {
        let is_write = ["/api/v0/update", "/api/v0/meta", "/api/v0/delete"].iter().any(|path| {
            head.path.strip_prefix(path).is_some_and(|r| r.is_empty() || r.starts_with('/'))
        });
        let (first, second) =
            if is_write { (&self.ingress, &self.egress) } else { (&self.egress, &self.ingress) };
        first.as_ref().or(second.as_ref()).cloned()
    }
}

impl Wiring {
    /// Starts a machine. Its sink for HTTP events and its place among the peers.
    fn start<M>(&mut self, name: &'static str, machine: M) -> (Sink, Seat)
    where
        M: Machine + Send + 'static,
    {
        let (sender, events) = unbounded_channel::<Event<M::Task>>();
        let seat = self.peers.join(Arc::new(deliver(&sender, Event::Peer)));
        let log = self.log.client(deliver(&sender, Event::Log));
        let table = self.table.client(deliver(&sender, Event::Table));
        let coord = self.coord.client(deliver(&sender, Event::Coord));
        let ready = self.ready.clone();
        self.set_ready(name, false);
        let (peers, responder) = (self.peers.clone(), self.responder.clone());
        let backends = Backends {
            http: Box::new(move |action| responder.act(action)),
            log: Box::new(move |action| log.submit(action)),
            table: Box::new(move |action| table.submit(action)),
            coord: Box::new(move |action| coord.submit(action)),
            peer: Box::new(move |action| peers.act(seat, action)),
            ready: Box::new(move |is_ready| set(&ready, name, is_ready)),
            metrics: self.metrics.clone(),
            pool: self.pool.clone(),
        };
        let sink: Sink = Arc::new(deliver(&sender, Event::Http));
        let stop = sender.clone();
        self.stops.push(Box::new(move || drop(stop.send(Event::Stop))));
        let driver = drive(name, machine, self.clock, sender, events, backends);
        self.drivers.push(tokio::spawn(driver));
        (sink, seat)
    }

    fn set_ready(&self, name: &'static str, is_ready: bool) {
        set(&self.ready, name, is_ready);
    }

    fn built_in(&self) -> BuiltIn {
        let (ready, metrics) = (self.ready.clone(), self.metrics.clone());
        BuiltIn {
            ready: Arc::new(move || {
                let ready = ready.lock().unwrap_or_else(PoisonError::into_inner);
                let waits: Vec<&str> =
                    ready.iter().filter(|(_, is)| !is).map(|(name, _)| *name).collect();
                let reason = || format!("waiting for {}", waits.join(", "));
                if waits.is_empty() { Ok(()) } else { Err(reason()) }
            }),
            metrics: Arc::new(move || metrics.render()),
        }
    }
}

fn set(ready: &Mutex<Vec<(&'static str, bool)>>, name: &'static str, is_ready: bool) {
    let mut ready = ready.lock().unwrap_or_else(PoisonError::into_inner);
    match ready.iter_mut().find(|(known, _)| *known == name) {
        Some(entry) => entry.1 = is_ready,
        None => ready.push((name, is_ready)),
    }
}

/// Sends what a backend says to a machine.
fn deliver<E, T: Task>(
    sender: &UnboundedSender<Event<T>>,
    wrap: fn(E) -> Event<T>,
) -> impl Fn(E) + Send + Sync + use<E, T> {
    let sender = sender.clone();
    move |event| drop(sender.send(wrap(event)))
}
