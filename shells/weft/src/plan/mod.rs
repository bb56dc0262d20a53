//! What a process is to run: a configuration, understood.

mod hbase;
mod plasma;
mod runner;
mod throttling;
mod tokens;
mod topics;
mod web;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use weft_coord::ZookeeperConfig;
use weft_daemons::contract::log::Start;
use weft_daemons::contract::table::Slice;
use weft_daemons::cors::CorsConfig;
use weft_daemons::directory::{DirectoryConfig, ServiceConfig, StatsLimits};
use weft_daemons::egress::{ENCODER_SIZE_MAX_DEFAULT, EgressConfig, ExecConfig};
use weft_daemons::headers::HeaderNames;
use weft_daemons::ingress::IngressConfig;
use weft_daemons::plasma::backend::BackendConfig;
use weft_daemons::plasma::frontend::FrontendConfig;
use weft_daemons::store::StoreConfig;
use weft_daemons::webcall::WebcallConfig;
use weft_gts::text::MetadataLimits;
use weft_gts::{IdKeys, TimeUnit};
use weft_http::Limits;
use weft_log::LogOptions;
use weft_table::TableOptions;
use weft_table::hbase::HbaseConfig;
use weft_wire::envelope::Envelope;
use weft_wire::token::{Revocations, TokenAuthority, TokenKeys};
use weft_wire::znode::{DIRECTORY_SERVICE, ServiceInstance};

use crate::config::{Backend, Choice, ConfigError, Settings};
use crate::endpoints::Endpoints;
use crate::home;
use crate::outside::Tls;
use crate::peers::Network;
use crate::revocations::RevocationFolder;
use crate::script::library::{BOOTSTRAP_KEY, Folder, REPOSITORY_KEY};
use crate::script::programs::CALL_KEY;
use crate::token::TokenFile;

pub(crate) use runner::RunnerPlan;
pub(crate) use topics::TopicAccess;
#[cfg(feature = "kafka")]
pub(crate) use topics::{Access, Servers};

/// Open files that are not connections.
const FILES_RESERVED: usize = 256;

/// Workers that one key may ask for.
const WORKERS_MAX: usize = 64;

/// Components that exist, as `warp.components` names them.
const COMPONENTS: [&str; 8] =
    ["ingress", "directory", "store", "egress", BACKEND, FRONTEND, RUNNER, WEBCALL];

/// The components of plasma, which are there on the embedded log unless `warp.plasma.disable`.
const BACKEND: &str = "plasmaBE";
const FRONTEND: &str = "plasmaFE";

/// Components of the reference that do not exist yet.
const LATER: [&str; 2] = ["fetcher", "geodir"];

/// Keys that name the servers of ZooKeeper.
const QUORUMS: [&str; 6] = [
    "directory.zk.quorum",
    "runner.zk.quorum",
    "plasma.frontend.zkconnect",
    "plasma.frontend.zk.quorum",
    "plasma.backend.subscriptions.zkconnect",
    "plasma.backend.subscriptions.zk.quorum",
];

/// The component that runs scripts, which is there when `runner.root` or `runner.roles` is set.
const RUNNER: &str = "runner";

/// The component that makes calls of scripts, which is there on the embedded log.
const WEBCALL: &str = "webcall";

/// What a process is to run.
pub(crate) struct Plan {
    pub(crate) http: Limits,
    pub(crate) home: PathBuf,
    pub(crate) log: LogPlan,
    pub(crate) coord: CoordPlan,
    pub(crate) table: TablePlan,
    pub(crate) tokens: TokenKeys,
    pub(crate) ingress: Option<Component<IngressConfig>>,
    /// The folder of revocation lists, and what they say now.
    pub(crate) revocations: Option<(RevocationFolder, Revocations)>,
    /// The file of tokens with plain names.
    pub(crate) token_file: Option<TokenFile>,
    /// The folder of limits, if ingress has any.
    pub(crate) throttling: Option<PathBuf>,
    pub(crate) directory: Option<DirectoryPlan>,
    pub(crate) store: Option<Component<StoreConfig>>,
    pub(crate) egress: Option<Component<EgressConfig>>,
    pub(crate) plasma_backend: Option<Component<BackendConfig>>,
    pub(crate) plasma_frontend: Option<Component<FrontendConfig>>,
    /// The scripts' library, if the configuration names one.
    pub(crate) library: Option<Folder>,
    /// How directories of other processes are asked.
    pub(crate) network: Option<Network>,
    /// Where components of other processes are asked by those of this one.
    pub(crate) endpoints: Endpoints,
    pub(crate) runner: Option<RunnerPlan>,
    pub(crate) webcall: Option<Component<WebcallConfig>>,
    /// How calls to the outside are encrypted.
    pub(crate) tls: Tls,
    /// Where `/readyz` and `/metrics` are served when no component listens.
    pub(crate) address: SocketAddr,
}

/// Which log.
pub(crate) enum LogPlan {
    Embedded(LogOptions),
    Kafka,
}

/// Which coordination.
pub(crate) enum CoordPlan {
    Embedded,
    Zookeeper(ZookeeperConfig),
}

/// Which table.
pub(crate) enum TablePlan {
    /// No component asks anything of it.
    Missing,
    Embedded(TableOptions),
    /// By component.
    Hbase(BTreeMap<&'static str, HbaseConfig>),
}

/// A component.
pub(crate) struct Component<C> {
    pub(crate) config: C,
    /// Where it listens, if it does.
    pub(crate) address: SocketAddr,
    /// On Kafka.
    pub(crate) topics: Vec<TopicAccess>,
    /// Machines that share the work, as members of one group.
    pub(crate) workers: usize,
}

/// A directory.
pub(crate) struct DirectoryPlan {
    /// Without the registration.
    pub(crate) config: DirectoryConfig,
    pub(crate) topics: Vec<TopicAccess>,
    /// What it registers, but for the ports.
    pub(crate) instance: ServiceInstance,
    /// Where it registers; `None` when it does not.
    pub(crate) root: Option<String>,
    /// Where it answers over the network.
    pub(crate) ports: Option<Ports>,
}

/// The addresses of a directory's servers.
pub(crate) struct Ports {
    pub(crate) thrift: SocketAddr,
    pub(crate) streaming: SocketAddr,
}

/// The keys of tokens.
pub(crate) fn token_keys(settings: &Settings) -> Result<TokenKeys, ConfigError> {
    Ok(home::token_keys(
        required(settings, "warp.hash.token", KEY_MISSING, settings.sip_key("warp.hash.token")?)?,
        required(settings, "warp.hash.app", KEY_MISSING, settings.sip_key("warp.hash.app")?)?,
        required(settings, "warp.aes.token", KEY_MISSING, settings.aes_key("warp.aes.token")?)?,
    ))
}

fn required<T>(
    settings: &Settings,
    key: &str,
    message: &str,
    value: Option<T>,
) -> Result<T, ConfigError> {
    value.ok_or_else(|| settings.error(key, message))
}

/// Said of keys that every platform has.
const KEY_MISSING: &str = "must be set; `weft keys` prints fresh keys for a new platform";

impl Plan {
    /// Reads what the components need.
    pub(crate) fn new(settings: &Settings, choice: &Choice) -> Result<Self, ConfigError> {
        let wanted = components(settings, choice)?;
        let has = |name: &str| wanted.iter().any(|wanted| wanted == name);
        let tokens = token_keys(settings)?;
        let common = Common::new(settings, choice, &tokens)?;
        let directory = has("directory").then(|| directory(settings, &common)).transpose()?;
        let needs_table = |directory: &DirectoryPlan| {
            let config = &directory.config;
            config.init || config.store || config.delete
        };
        let of_directory = directory.as_ref().is_some_and(needs_table);
        let table = match choice.table {
            _ if !(has("store") || has("egress") || of_directory) => TablePlan::Missing,
            Backend::Embedded => {
                let default = TableOptions::default().memtable_bytes;
                let memtable_bytes = settings.size("weft.memtable", default);
                TablePlan::Embedded(TableOptions { memtable_bytes })
            }
            Backend::Cluster => {
                let mut configs = BTreeMap::new();
                if has("store") {
                    configs.insert("store", hbase::store(settings, call_time_max(settings))?);
                }
                if has("egress") {
                    configs.insert("egress", hbase::egress(settings)?);
                }
                if of_directory {
                    configs.insert("directory", hbase::directory(settings)?);
                }
                TablePlan::Hbase(configs)
            }
        };
        check_table(settings, choice, &table, has("egress") && !has("store"))?;
        let coord = match choice.coord {
            Backend::Embedded => CoordPlan::Embedded,
            Backend::Cluster => CoordPlan::Zookeeper(ZookeeperConfig {
                quorum: quorum(settings)?,
                session_timeout: millis(settings, "weft.zookeeper.timeout", 10_000),
            }),
        };
        let asks_others = common.is_clustered && (has("ingress") || has("egress") || has(FRONTEND));
        let network = asks_others.then(|| common.network(settings)).transpose()?;
        Ok(Self {
            http: http(settings),
            home: settings.get("weft.home").unwrap_or("./weft-data").into(),
            log: match choice.log {
                Backend::Cluster => LogPlan::Kafka,
                Backend::Embedded => LogPlan::Embedded(LogOptions {
                    partitions: u32::try_from(settings.size("weft.partitions", 4).clamp(1, 1024))
                        .unwrap_or(4),
                    retention_ms: settings.long("weft.retention").unwrap_or(3_600_000),
                    segment_bytes: settings
                        .long("weft.segment")
                        .and_then(|bytes| u64::try_from(bytes).ok())
                        .unwrap_or_else(|| LogOptions::default().segment_bytes),
                }),
            },
            coord,
            table,
            revocations: common.revocations.clone(),
            token_file: common.token_file.clone(),
            throttling: throttling::folder(settings).filter(|_| has("ingress")),
            ingress: has("ingress").then(|| ingress(settings, &common)).transpose()?,
            directory,
            store: has("store").then(|| store(settings, &common)).transpose()?,
            egress: has("egress").then(|| egress(settings, &common, has(WEBCALL))).transpose()?,
            plasma_backend: has(BACKEND).then(|| plasma::backend(settings, &common)).transpose()?,
            plasma_frontend: has(FRONTEND)
                .then(|| plasma::frontend(settings, &common))
                .transpose()?,
            library: Folder::new(settings)?,
            network,
            endpoints: Endpoints::new(settings, has)?,
            runner: has(RUNNER).then(|| runner::runner(settings, &common)).transpose()?,
            webcall: has(WEBCALL).then(|| web::webcall(settings, &common)).transpose()?,
            tls: web::tls(settings)?,
            address: standalone(settings)?,
            tokens,
        })
    }

    /// Groups without offsets begin there, whatever the configuration says.
    pub(crate) fn begin_at(&mut self, start: Start) {
        let store = self.store.iter_mut().flat_map(|store| &mut store.topics);
        let directory = self.directory.iter_mut().flat_map(|directory| &mut directory.topics);
        let backend = self.plasma_backend.iter_mut().flat_map(|backend| &mut backend.topics);
        for topic in store.chain(directory).chain(backend) {
            topic.start = Some(start);
            if let Some(group) = &mut topic.group {
                group.may_begin = true;
            }
        }
    }

    /// The topics of each component, on Kafka.
    #[cfg(feature = "kafka")]
    pub(crate) fn topics(&self) -> Vec<&[TopicAccess]> {
        let ingress = self.ingress.as_ref().map(|component| &component.topics[..]);
        let store = self.store.as_ref().map(|component| &component.topics[..]);
        let directory = self.directory.as_ref().map(|directory| &directory.topics[..]);
        let runner = self.runner.as_ref().map(|runner| &runner.topics[..]);
        let egress = self.egress.as_ref().map(|component| &component.topics[..]);
        let webcall = self.webcall.as_ref().map(|component| &component.topics[..]);
        let backend = self.plasma_backend.as_ref().map(|component| &component.topics[..]);
        let frontend = self.plasma_frontend.as_ref().map(|component| &component.topics[..]);
        let all = [ingress, store, directory, egress, runner, webcall, backend, frontend];
        all.into_iter().flatten().collect()
    }

    /// The keys of tokens.
    pub(crate) const fn token_keys(&self) -> &TokenKeys {
        &self.tokens
    }
}

/// The servers of ZooKeeper: one session of a process is one ensemble.
fn quorum(settings: &Settings) -> Result<String, ConfigError> {
    let named = QUORUMS.iter().filter_map(|key| Some((*key, settings.get(key)?)));
    let named: Vec<(&str, &str)> = named.collect();
    let [(first, quorum), rest @ ..] = named.as_slice() else {
        return Err(settings.error(QUORUMS[0], "must name ZooKeeper's servers"));
    };
    match rest.iter().find(|(_, other)| other != quorum) {
        None => Ok((*quorum).to_owned()),
        Some((key, other)) => {
            let message = format!(
                "it names {other} and {first} names {quorum}: the components of one process have \
                 one ZooKeeper; run those that have another one in a process of their own"
            );
            Err(settings.error(key, &message))
        }
    }
}

/// Who shares an embedded table shares a process.
fn check_table(
    settings: &Settings,
    choice: &Choice,
    table: &TablePlan,
    egress_alone: bool,
) -> Result<(), ConfigError> {
    if egress_alone && matches!(table, TablePlan::Embedded(_)) && choice.log == Backend::Cluster {
        let message = "egress reads the embedded table, which store writes: both must be in one \
                       process, or on HBase (store.hbase.data.zkconnect, \
                       egress.hbase.data.zkconnect)";
        return Err(settings.error("warp.components", message));
    }
    Ok(())
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

fn components(settings: &Settings, choice: &Choice) -> Result<Vec<String>, ConfigError> {
    let Some(list) = settings.get("warp.components") else {
        let has_plasma = choice.log == Backend::Embedded && !settings.flag("warp.plasma.disable");
        let is_wanted = |name: &&str| match *name {
            RUNNER => ["runner.root", "runner.roles"].iter().any(|key| settings.get(key).is_some()),
            BACKEND | FRONTEND => has_plasma,
            WEBCALL => choice.log == Backend::Embedded,
            _ => true,
        };
        return Ok(COMPONENTS.into_iter().filter(is_wanted).map(str::to_owned).collect());
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

/// Where everything listens that has no address of its own.
fn standalone(settings: &Settings) -> Result<SocketAddr, ConfigError> {
    address(settings, "standalone.host", "standalone.port", Some("8080"))
}

/// The address that two keys name.
fn address(
    settings: &Settings,
    host_key: &str,
    port_key: &str,
    port_default: Option<&str>,
) -> Result<SocketAddr, ConfigError> {
    let host = settings.get(host_key).unwrap_or("127.0.0.1");
    let port = settings.get(port_key).or(port_default);
    let port = required(settings, port_key, "must be set", port)?;
    let port: u16 = port.parse().map_err(|_| settings.error(port_key, "it is no port"))?;
    let found = std::net::ToSocketAddrs::to_socket_addrs(&(host, port));
    let first = found.map_err(|error| error.to_string()).map(|mut found| found.next());
    match first {
        Ok(Some(address)) => Ok(address),
        Ok(None) => Err(settings.error(host_key, "it has no address")),
        Err(error) => Err(settings.error(host_key, &error)),
    }
}

/// Where a component of that name listens.
fn own_address(settings: &Settings, name: &str) -> Result<SocketAddr, ConfigError> {
    let (host, port) = (format!("{name}.host"), format!("{name}.port"));
    match settings.get(&port) {
        Some(_) => address(settings, &host, &port, None),
        None => standalone(settings),
    }
}

/// What several components share.
struct Common {
    unit: TimeUnit,
    ids: IdKeys,
    authority: TokenAuthority,
    /// The lists of what is revoked, and what they say now.
    revocations: Option<(RevocationFolder, Revocations)>,
    token_file: Option<TokenFile>,
    headers: HeaderNames,
    cors: CorsConfig,
    data_topic: Arc<str>,
    metadata_topic: Arc<str>,
    directory_root: String,
    absent_labels: bool,
    /// Whether the log is Kafka.
    is_on_kafka: bool,
    has_embedded_table: bool,
    /// Whether directories of other processes can be found.
    is_clustered: bool,
}

impl Common {
    fn new(settings: &Settings, choice: &Choice, tokens: &TokenKeys) -> Result<Self, ConfigError> {
        let unit = settings.get("warp.timeunits").unwrap_or("us");
        let unit = TimeUnit::parse(unit).ok_or_else(|| {
            settings.error("warp.timeunits", &format!("{unit} is none of ms, us, ns"))
        })?;
        let ids = IdKeys {
            class: required(
                settings,
                "warp.hash.class",
                KEY_MISSING,
                settings.sip_key("warp.hash.class")?,
            )?,
            labels: required(
                settings,
                "warp.hash.labels",
                KEY_MISSING,
                settings.sip_key("warp.hash.labels")?,
            )?,
        };
        let mut headers = HeaderNames::default();
        for (key, value) in settings.with_prefix("http.header.") {
            if let Some(name) = headers.by_key_mut(key) {
                *name = value.to_owned();
            }
        }
        // Nobody is served before it is known what is revoked.
        let revocations = tokens::revocations(settings, tokens)?;
        let file = tokens::file(settings)?;
        let topic = |keys: &[&str], default: &str| -> Arc<str> {
            keys.iter().find_map(|key| settings.get(key)).unwrap_or(default).into()
        };
        let root = settings.get("directory.zk.znode").unwrap_or("/weft/directory");
        Ok(Self {
            unit,
            ids,
            authority: tokens::authority(settings, tokens)?
                .with_revocations(
                    revocations.as_ref().map(|(_, now)| now.clone()).unwrap_or_default(),
                )
                .with_names(file.as_ref().map(|(_, now)| now.clone()).unwrap_or_default()),
            revocations,
            token_file: file.map(|(file, _)| file),
            cors: CorsConfig::new(&headers, settings.get("cors.headers")),
            headers,
            data_topic: topic(&["ingress.kafka.data.topic", "store.kafka.data.topic"], "data"),
            metadata_topic: topic(
                &["ingress.kafka.metadata.topic", "directory.kafka.metadata.topic"],
                "metadata",
            ),
            directory_root: root.trim_end_matches('/').to_owned(),
            absent_labels: settings.flag("warp10.absent.label.support"),
            is_on_kafka: choice.log == Backend::Cluster,
            has_embedded_table: choice.table == Backend::Embedded,
            is_clustered: choice.coord == Backend::Cluster,
        })
    }

    /// How directories of other processes are asked.
    fn network(&self, settings: &Settings) -> Result<Network, ConfigError> {
        let key = directory_key(settings)?;
        Ok(Network::new(key, self.headers.directory_signature.clone(), self.absent_labels))
    }
}

/// The key that signs requests to directories.
fn directory_key(settings: &Settings) -> Result<weft_gts::SipKey, ConfigError> {
    let message = "must be set where directories are asked over the network, and be the same for \
                   directory, egress and ingress: 128 bits, hex:…";
    required(settings, "directory.psk", message, settings.sip_key("directory.psk")?)
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

fn ingress(settings: &Settings, common: &Common) -> Result<Component<IngressConfig>, ConfigError> {
    let config = IngressConfig {
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
        stream_disabled: settings.flag("warp.streamupdate.disable"),
        stream_message_bytes_max: settings.size("ingress.websocket.maxmessagesize", 1 << 20),
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
        expose_owner_producer: settings.flag("warp10.expose.owner.producer"),
        activity_window_ms: settings.long("ingress.activity.window").filter(|ms| *ms > 0),
        activity_by_update: settings.flag("ingress.activity.update"),
        activity_by_meta: settings.flag("ingress.activity.meta"),
        update_disabled: settings.get("warp.update.disabled").map(str::to_owned),
        meta_disabled: settings.get("warp.meta.disabled").map(str::to_owned),
        delete_disabled: settings.get("warp.delete.disabled").map(str::to_owned),
        directory_path: format!("{}/{DIRECTORY_SERVICE}", common.directory_root),
        wait_for_applied: !common.is_on_kafka,
        throttling: throttling::config(settings)?,
    };
    let mut topics = match common.is_on_kafka {
        true => {
            let (data, metadata) = (common.data_topic.clone(), common.metadata_topic.clone());
            topics::ingress(settings, data, metadata)?
        }
        false => Vec::new(),
    };
    topics.extend(throttling::topic(settings, common, config.throttling.as_ref())?);
    Ok(Component { config, address: own_address(settings, "ingress")?, topics, workers: 1 })
}

fn store(settings: &Settings, common: &Common) -> Result<Component<StoreConfig>, ConfigError> {
    let config = StoreConfig {
        topic: common.data_topic.clone(),
        group: settings.get("store.kafka.data.groupid").unwrap_or("store").into(),
        envelope: envelope(settings, "store.kafka.data")?,
        // Each commit is a flush of the table.
        commit_period: millis(settings, "store.kafka.data.commitperiod", 5_000),
        call_time_max: call_time_max(settings),
        put_points_max: (settings.size("store.hbase.data.maxpendingputssize", 1_000_000) / 20)
            .max(1),
        unit: common.unit,
    };
    let topics = match common.is_on_kafka {
        true => {
            topics::reader(settings, "store.kafka.data", common.data_topic.clone(), &config.group)?
        }
        false => Vec::new(),
    };
    let workers = workers(settings, "store.nthreads")? * workers(settings, "store.nthreads.kafka")?;
    Ok(Component { config, address: standalone(settings)?, topics, workers })
}

/// How many workers a key asks for.
fn workers(settings: &Settings, key: &str) -> Result<usize, ConfigError> {
    let count = settings.size(key, 1);
    if (1..=WORKERS_MAX).contains(&count) {
        return Ok(count);
    }
    Err(settings.error(key, &format!("1 to {WORKERS_MAX} workers are allowed")))
}

/// How long a call of the table may take before the store begins again.
fn call_time_max(settings: &Settings) -> Duration {
    millis(settings, "store.kafka.data.intercommits.maxtime", 60_000)
}

fn directory(settings: &Settings, common: &Common) -> Result<DirectoryPlan, ConfigError> {
    let slice = slice(settings)?;
    let id = home::random::<16>().map_err(|error| ConfigError(vec![error]))?;
    let host = settings.get("directory.host").unwrap_or("127.0.0.1");
    let own_host = settings.get("weft.directory.address").unwrap_or(host);
    let is_off = |key: &str| settings.get(key) == Some("false");
    let is_registered = !is_off("directory.register");
    let is_anywhere = own_host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_unspecified());
    if common.is_clustered && is_registered && is_anywhere {
        let message = format!("{own_host} is where nobody can reach it; set the address to tell");
        return Err(settings.error("weft.directory.address", &message));
    }
    let frame_max = settings.long("directory.frame.maxlen").filter(|max| *max > 0);
    let mut payload = vec![
        ("modulus", slice.modulus.to_string()),
        ("remainder", slice.remainder.to_string()),
        ("thrift.protocol", "org.apache.thrift.protocol.TCompactProtocol".to_owned()),
        ("thrift.transport", "org.apache.thrift.transport.TFramedTransport".to_owned()),
    ];
    payload.extend(frame_max.map(|max| ("thrift.maxframelen", max.to_string())));
    let instance = ServiceInstance {
        name: DIRECTORY_SERVICE.to_owned(),
        id: weft_wire::token::uuid(&id),
        address: own_host.to_owned(),
        port: 0,
        payload: payload.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        registered_ms: crate::token::now_ms(),
    };
    let (ports, service) = match common.is_clustered {
        true => {
            let of = |key: &str| address(settings, "directory.host", key, None);
            let thrift = of("directory.port")?;
            let streaming = of("directory.streaming.port")?;
            let service = service(settings, common, frame_max)?;
            (Some(Ports { thrift, streaming }), Some(service))
        }
        false => (None, None),
    };
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
        registration: None,
        activity_window_ms: settings.long("directory.activity.window").filter(|ms| *ms > 0),
        ids: common.ids,
        absent_labels: common.absent_labels,
        snapshot_rows_min: Some(settings.size("weft.directory.snapshot", 10_000))
            .filter(|rows| *rows > 0 && common.has_embedded_table),
        service,
    };
    let topics = match common.is_on_kafka {
        true => {
            // One that does not store is in no group.
            let group = if config.store { config.group.clone() } else { "".into() };
            let topic = common.metadata_topic.clone();
            topics::reader(settings, "directory.kafka.metadata", topic, &group)?
        }
        false => Vec::new(),
    };
    let root = is_registered.then(|| common.directory_root.clone());
    Ok(DirectoryPlan { config, topics, instance, root, ports })
}

/// What a directory answers over the network.
fn service(
    settings: &Settings,
    common: &Common,
    frame_max: Option<i64>,
) -> Result<ServiceConfig, ConfigError> {
    let limits = StatsLimits::default();
    Ok(ServiceConfig {
        key: directory_key(settings)?,
        age_max_ms: settings.long("directory.maxage").unwrap_or(60_000),
        signature_header: common.headers.directory_signature.clone(),
        compress_from: settings.size("directory.find.maxresults", 100_000),
        found_max: settings.size("directory.find.maxresults.hard", 500_000),
        // What the transport takes by itself.
        answer_bytes_max: frame_max.and_then(|max| usize::try_from(max).ok()).unwrap_or(16_384_000),
        stats: StatsLimits {
            classes: settings.size("directory.stats.class.maxcardinality", limits.classes),
            labels: settings.size("directory.stats.labels.maxcardinality", limits.labels),
        },
    })
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

fn egress(
    settings: &Settings,
    common: &Common,
    has_webcall: bool,
) -> Result<Component<EgressConfig>, ConfigError> {
    let topics = [common.metadata_topic.clone(), common.data_topic.clone()];
    let config = EgressConfig {
        unit: common.unit,
        tokens: common.authority.clone(),
        headers: common.headers.clone(),
        cors: common.cors.clone(),
        fetch_psk: settings.sip_key("fetch.psk")?,
        expose_owner_producer: settings.flag("warp10.expose.owner.producer"),
        absent_labels: common.absent_labels,
        encoder_size_max: settings
            .size("standalone.max.encoder.size", ENCODER_SIZE_MAX_DEFAULT)
            .max(1),
        directory_path: format!("{}/{DIRECTORY_SERVICE}", common.directory_root),
        wait_for: (!common.is_on_kafka).then_some(topics),
        mobius: !settings.flag("warp.mobius.disable"),
        interactive: (!settings.flag("warp.interactive.disable"))
            .then(|| settings.size("warpscript.interactive.capacity", 1)),
        exec: ExecConfig {
            web: web::of_scripts(settings, common, has_webcall)?,
            ..exec(settings)?
        },
    };
    let address = own_address(settings, "egress")?;
    let topics = web::topics_of_scripts(settings, common)?;
    Ok(Component { config, address, topics, workers: 1 })
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
        has_library: [REPOSITORY_KEY, CALL_KEY].iter().any(|key| settings.get(key).is_some()),
        has_bootstrap: settings.get(BOOTSTRAP_KEY).is_some(),
        body_max: settings.size("weft.exec.script.maxsize", 16 << 20),
        scripts_max: settings.size("weft.exec.max", 20_000),
        parallel: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        memory_max: settings.size("weft.exec.memory", 4 << 30),
        max_time_ms,
        runner_key: settings.aes_key("runner.psk")?,
        nonce_validity_ms: settings.long("egress.runner.nonce.validity").unwrap_or(1_000),
        web: None,
    })
}
