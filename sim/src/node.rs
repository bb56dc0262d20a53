//! A machine with what a shell keeps for it: its tasks.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use weft_daemons::contract::table::Slice;
use weft_daemons::contract::{ActionId, Effect, Event, Machine, NoTask, Task};
use weft_daemons::directory::{Directory, DirectoryConfig, Registration};
use weft_daemons::egress::{Egress, EgressConfig, ExecConfig};
use weft_daemons::ingress::{Ingress, IngressConfig};
use weft_daemons::plasma::backend::{Backend, BackendConfig};
use weft_daemons::plasma::frontend::{Frontend, FrontendConfig};
use weft_daemons::store::{Store, StoreConfig};
use weft_daemons::throttling::ThrottlingConfig;
use weft_daemons::{Mono, Now};
use weft_gts::{IdKeys, SipKey, WrapKey};
use weft_wire::envelope::Envelope;
use weft_wire::token::{TokenAuthority, TokenKeys};
use weft_wire::znode::{DIRECTORY_SERVICE, ServiceInstance};

use crate::params::{NodeKind, Params, Settings};
use crate::world::{DATA_TOPIC, METADATA_TOPIC, PLASMA_GROUP, STORE_GROUP, THROTTLING_TOPIC};

/// What a machine is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Component {
    /// `directory`.
    Directory,
    /// `egress`.
    Egress,
    /// `ingress`.
    Ingress,
    /// `store`.
    Store,
    /// `plasmaBE`.
    Backend,
    /// `plasmaFE`.
    Frontend,
}

/// Something that a machine wants.
#[derive(Debug)]
pub enum Polled {
    /// An effect other than a task.
    Effect(Effect<NoTask>),
    /// A task, kept until [`Host::compute`].
    Compute(ActionId),
}

/// A machine, whatever its tasks are.
pub trait Host {
    /// Hands an event over.
    fn handle(&mut self, now: Now, event: Event<NoTask>);
    /// The next thing it wants.
    fn poll(&mut self) -> Option<Polled>;
    /// Runs a task and hands its result over.
    fn compute(&mut self, now: Now, id: ActionId);
    /// When it wants to be told that time has passed.
    fn deadline(&self) -> Option<Mono>;
}

struct Of<M: Machine> {
    machine: M,
    tasks: BTreeMap<ActionId, M::Task>,
}

impl<M: Machine> Host for Of<M> {
    fn handle(&mut self, now: Now, event: Event<NoTask>) {
        let event = match event {
            Event::Tick => Event::Tick,
            Event::Http(event) => Event::Http(event),
            Event::Log(event) => Event::Log(event),
            Event::Table(event) => Event::Table(event),
            Event::Coord(event) => Event::Coord(event),
            Event::Peer(event) => Event::Peer(event),
            Event::Computed(..) => return,
            Event::Stop => Event::Stop,
        };
        self.machine.handle(now, event);
    }

    fn poll(&mut self) -> Option<Polled> {
        Some(Polled::Effect(match self.machine.poll()? {
            Effect::Http(action) => Effect::Http(action),
            Effect::Log(action) => Effect::Log(action),
            Effect::Table(action) => Effect::Table(action),
            Effect::Coord(action) => Effect::Coord(action),
            Effect::Peer(action) => Effect::Peer(action),
            Effect::Compute(id, task) => {
                self.tasks.insert(id, task);
                return Some(Polled::Compute(id));
            }
            Effect::Metric(metric) => Effect::Metric(metric),
            Effect::Warn(text) => Effect::Warn(text),
            Effect::Ready(ready) => Effect::Ready(ready),
            Effect::Stopped => Effect::Stopped,
        }))
    }

    fn compute(&mut self, now: Now, id: ActionId) {
        if let Some(task) = self.tasks.remove(&id) {
            self.machine.handle(now, Event::Computed(id, task.run()));
        }
    }

    fn deadline(&self) -> Option<Mono> {
        self.machine.deadline()
    }
}

fn host<M: Machine + 'static>(machine: M) -> Box<dyn Host> {
    Box::new(Of { machine, tasks: BTreeMap::new() })
}

/// Where directories register.
pub const DIRECTORY_ROOT: &str = "/sim";

/// The node under which directories register.
pub fn directory_path() -> String {
    format!("{DIRECTORY_ROOT}/{DIRECTORY_SERVICE}")
}

/// Keys of tokens.
///
/// # Panics
/// Never: the key has a good length.
pub fn token_keys() -> TokenKeys {
    TokenKeys {
        sip: SipKey::new(1, 2),
        app: SipKey::new(3, 4),
        aes: WrapKey::new(&[7; 32]).expect("32 bytes are a key"),
    }
}

/// Keys of ids.
pub const fn id_keys() -> IdKeys {
    IdKeys { class: SipKey::new(5, 6), labels: SipKey::new(7, 8) }
}

/// The key that signs what ingresses tell each other of limits.
pub const fn throttling_key() -> SipKey {
    SipKey::new(11, 12)
}

/// Who has no limits may write what they like.
fn throttling(params: &Params) -> Option<ThrottlingConfig> {
    let limits = params.limits.as_ref()?;
    Some(ThrottlingConfig {
        rate_default: -1.0,
        series_default: -1,
        max_wait_ms: limits.max_wait_ms,
        period: Duration::from_millis(limits.period_ms),
        topic: Some(THROTTLING_TOPIC.into()),
        mac: Some(throttling_key()),
        ..ThrottlingConfig::default()
    })
}

/// What scripts know: the keys of ids.
fn scripts() -> weft_warpscript::Config {
    let mut config = weft_warpscript::Config::default();
    // As in `id_keys`.
    for (key, value) in [
        ("warp.hash.class", "hex:00000000000000050000000000000006"),
        ("warp.hash.labels", "hex:00000000000000070000000000000008"),
    ] {
        let is_known = config.set(key, value);
        assert!(is_known, "{key}");
    }
    config
}

/// Where frontends say what they want.
pub const PLASMA_ROOT: &str = "/plasma";

/// The topic of the frontend on a node.
pub fn plasma_topic(node: usize) -> String {
    format!("plasma{node}")
}

/// The machines of a node, and, for a directory, the name under which it registers.
pub fn machines(
    params: &Params,
    settings: Settings,
    (node, kind): (usize, NodeKind),
    instance: &str,
    seed: u64,
) -> Vec<(Component, Box<dyn Host>)> {
    let mut machines: Vec<(Component, Box<dyn Host>)> = Vec::new();
    let commit_period = Duration::from_millis(settings.commit_period_ms);
    if kind.store {
        let config = StoreConfig {
            topic: DATA_TOPIC.into(),
            group: STORE_GROUP.into(),
            envelope: Envelope::default(),
            commit_period,
            call_time_max: Duration::from_millis(settings.call_time_max_ms),
            put_points_max: settings.put_points_max,
            unit: weft_gts::TimeUnit::Microseconds,
        };
        machines.push((Component::Store, host(Store::new(config))));
    }
    if let Some((remainder, stores)) = kind.directory {
        let config = directory(params, remainder, stores, instance, commit_period);
        machines.push((Component::Directory, host(Directory::new(config))));
    }
    if kind.ingress {
        let config = IngressConfig {
            directory_path: directory_path(),
            parse_attributes: true,
            wait_for_applied: params.embedded,
            delete_metadata_only: params.extras,
            delete_by_activity: params.extras,
            data_batch_bytes_max: settings.record_bytes_max,
            throttling: throttling(params),
            ..IngressConfig::minimal(id_keys(), TokenAuthority::new(token_keys()))
        };
        machines.push((Component::Ingress, host(Ingress::new(config))));
    }
    if kind.egress {
        let config = EgressConfig {
            fetch_psk: params.extras.then(|| SipKey::new(9, 10)),
            wait_for: params.embedded.then(|| [METADATA_TOPIC.into(), DATA_TOPIC.into()]),
            exec: ExecConfig {
                machine: Arc::new(scripts()),
                body_max: 1 << 20,
                scripts_max: params.scripts_max,
                parallel: 2,
                memory_max: if params.extras { 1 << 19 } else { 64 << 20 },
                ..ExecConfig::minimal()
            },
            ..EgressConfig::minimal(TokenAuthority::new(token_keys()), directory_path())
        };
        machines.push((Component::Egress, host(Egress::new(config, entropy(seed)))));
    }
    if kind.backend {
        let config = BackendConfig {
            topic: DATA_TOPIC.into(),
            group: PLASMA_GROUP.into(),
            envelope_in: Envelope::default(),
            envelope_out: Envelope::default(),
            is_same_envelope: true,
            commit_period,
            path: PLASMA_ROOT.to_owned(),
        };
        machines.push((Component::Backend, host(Backend::new(config, entropy(seed)))));
    }
    if kind.frontend {
        let machine = Frontend::new(frontend(params, node), entropy(seed));
        machines.push((Component::Frontend, host(machine)));
    }
    machines
}

fn entropy(seed: u64) -> [u8; 32] {
    let mut entropy = [0; 32];
    entropy[..8].copy_from_slice(&seed.to_le_bytes());
    entropy
}

fn frontend(params: &Params, node: usize) -> FrontendConfig {
    let headers = weft_daemons::headers::HeaderNames::default();
    FrontendConfig {
        ids: id_keys(),
        tokens: TokenAuthority::new(token_keys()),
        cors: weft_daemons::cors::CorsConfig::new(&headers, None),
        topic: plasma_topic(node).into(),
        envelope: Envelope::default(),
        metadata_topic: Some(METADATA_TOPIC.into()),
        metadata_envelope: Envelope::default(),
        raw_key: None,
        path: PLASMA_ROOT.to_owned(),
        // Few, so that there are several nodes.
        node_bytes_max: 64,
        subscribe_delay: Duration::ZERO,
        series_max: 1_000,
        message_bytes_max: 1 << 20,
        waiting_bytes_max: params.waiting_bytes_max,
        expose_owner_producer: false,
        absent_labels: false,
        directory_path: directory_path(),
        wait_for_applied: params.embedded,
    }
}

fn directory(
    params: &Params,
    remainder: u32,
    stores: bool,
    instance: &str,
    commit_period: Duration,
) -> DirectoryConfig {
    let payload = [
        ("modulus", params.modulus.to_string()),
        ("remainder", remainder.to_string()),
        ("streaming.port", "1".to_owned()),
    ];
    let service = ServiceInstance {
        name: DIRECTORY_SERVICE.to_owned(),
        id: instance.to_owned(),
        address: "127.0.0.1".to_owned(),
        port: 1,
        payload: payload.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        registered_ms: 0,
    };
    DirectoryConfig {
        slice: Slice { modulus: params.modulus, remainder },
        topic: METADATA_TOPIC.into(),
        // One group a process: each sees every message.
        group: format!("directory-{remainder}").into(),
        envelope: Envelope::default(),
        row_envelope: Envelope::default(),
        commit_period,
        store: stores,
        delete: stores,
        init: true,
        registration: Some(Registration {
            path: service.path(DIRECTORY_ROOT),
            payload: service.encode(),
        }),
        activity_window_ms: None,
        ids: id_keys(),
        absent_labels: false,
        snapshot_rows_min: params.embedded.then_some(3),
        service: None,
    }
}
