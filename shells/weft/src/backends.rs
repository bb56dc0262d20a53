//! Log, coordination and table of a process, as its plan says.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use weft_coord::{EmbeddedCoord, ZookeeperClient, ZookeeperConfig};
use weft_daemons::contract::{
    CoordAction, CoordEvent, LogAction, LogEvent, TableAction, TableEvent,
};
use weft_hbase::Registry;
use weft_log::EmbeddedLog;
use weft_table::EmbeddedTable;
use weft_table::hbase::{HbaseClient, HbaseConfig, HbaseReport};

use crate::driver::Act;
use crate::home;
use crate::metrics::Metrics;
use crate::plan::{CoordPlan, LogPlan, TablePlan, TopicAccess};
use crate::ready::Readiness;
use crate::report::{info, warn};

/// What writers wait for, beside themselves.
#[cfg(feature = "kafka")]
const KAFKA: &str = "kafka";

/// The log.
pub(crate) enum Log {
    Embedded(Arc<EmbeddedLog>),
    #[cfg(feature = "kafka")]
    Kafka(weft_log::kafka::KafkaLog, kafka::Operator),
}

impl Log {
    pub(crate) fn open(
        plan: LogPlan,
        home: &Path,
        #[cfg_attr(not(feature = "kafka"), allow(unused_variables))] metrics: &Arc<Metrics>,
        #[cfg_attr(not(feature = "kafka"), allow(unused_variables))] ready: &Arc<Readiness>,
    ) -> Result<Self, String> {
        match plan {
            LogPlan::Embedded(options) => EmbeddedLog::open(&home.join("log"), options)
                .map(Self::Embedded)
                .map_err(|error| error.to_string()),
            #[cfg(feature = "kafka")]
            LogPlan::Kafka => {
                let operator = kafka::Operator::new(metrics.clone(), ready.clone());
                Ok(Self::Kafka(weft_log::kafka::KafkaLog::default(), operator))
            }
            #[cfg(not(feature = "kafka"))]
            LogPlan::Kafka => Err("this weft was built without Kafka; build it by `cargo build \
                 --release --package weft --features kafka`, or set weft.log = embedded"
                .to_owned()),
        }
    }

    /// Access for the machine of a component; `sink` gets its events.
    pub(crate) async fn client(
        &self,
        #[cfg_attr(not(feature = "kafka"), allow(unused_variables))] component: &'static str,
        #[cfg_attr(not(feature = "kafka"), allow(unused_variables))] topics: &[TopicAccess],
        sink: impl Fn(LogEvent) + Send + Sync + 'static,
    ) -> Result<Act<LogAction>, String> {
        match self {
            Self::Embedded(log) => {
                let client = log.client(sink);
                Ok(Box::new(move |action| client.submit(action)))
            }
            #[cfg(feature = "kafka")]
            Self::Kafka(log, operator) => {
                let config = kafka::config(topics).await;
                kafka::check_groups(topics, &config).await?;
                let operator = operator.clone();
                let report = move |report| operator.tell(component, report);
                let client = log.client(config, sink, report).map_err(|error| error.to_string())?;
                Ok(Box::new(move |action| client.submit(action)))
            }
        }
    }

    /// The log, if it is in this process.
    pub(crate) fn embedded(&self) -> Option<&Arc<EmbeddedLog>> {
        match self {
            Self::Embedded(log) => Some(log),
            #[cfg(feature = "kafka")]
            Self::Kafka(..) => None,
        }
    }

    /// Waits until what is asked of it is done; its clients are gone.
    pub(crate) fn close(&self) {
        match self {
            Self::Embedded(log) => log.close(),
            #[cfg(feature = "kafka")]
            Self::Kafka(log, _) => log.close(),
        }
    }
}

#[cfg(feature = "kafka")]
pub(crate) use kafka::check as check_kafka;

#[cfg(feature = "kafka")]
mod kafka {
    use std::collections::BTreeSet;
    use std::sync::{Mutex, PoisonError};

    use super::*;
    use weft_log::kafka::{GroupOffsets, KafkaConfig, KafkaReport, KafkaTopic, Properties};

    use crate::plan::{Access, Servers};
    use crate::{offsets, zookeeper};

    /// Waits for brokers that have to be found.
    pub(super) async fn config(topics: &[TopicAccess]) -> KafkaConfig {
        let mut config = KafkaConfig::default();
        for access in topics {
            let topic = KafkaTopic {
                producer: properties(access.producer.as_ref()).await,
                consumer: properties(access.consumer.as_ref()).await,
                start: access.start,
            };
            config.topics.insert(access.topic.clone(), topic);
        }
        config
    }

    /// An error when a group is still the reference's, or what it did is not known.
    pub(super) async fn check_groups(
        topics: &[TopicAccess],
        config: &KafkaConfig,
    ) -> Result<(), String> {
        for access in topics {
            let properties = config.topics.get(&access.topic).and_then(|t| t.consumer.clone());
            let (Some(group), Some(properties)) = (&access.group, properties) else { continue };
            let zookeeper = zookeeper::reach(&group.quorum).await;
            offsets::refuse_members(&zookeeper, &group.quorum, &group.name).await?;
            if group.may_begin {
                continue;
            }
            let (name, topic) = (group.name.clone(), access.topic.clone());
            let committed =
                offsets::blocking(move || GroupOffsets::new(&properties, &name)?.committed(&topic));
            if committed.await?.iter().all(|(_, offset)| offset.is_none()) {
                return Err(format!(
                    "group {} has no offsets in {} on the brokers: `weft offsets import {} {} \
                     --zookeeper {}` brings those of ZooKeeper, `weft start --from earliest` \
                     begins without",
                    group.name, access.topic, group.name, access.topic, group.quorum
                ));
            }
        }
        Ok(())
    }

    async fn properties(access: Option<&Access>) -> Option<Properties> {
        let access = access?;
        let servers = match &access.servers {
            Servers::Listed(list) => list.clone(),
            Servers::UnderZookeeper(quorum) => zookeeper::brokers(quorum).await,
        };
        Some(with_servers(access, &servers))
    }

    fn with_servers(access: &Access, servers: &str) -> Properties {
        let own = access.properties.iter();
        own.fold(Properties::new(servers), |all, (key, value)| all.with(key, value))
    }

    /// An error when the Kafka client does not take the properties of a topic. Asks nobody.
    pub(crate) fn check(topics: &[TopicAccess]) -> Result<(), String> {
        let mut config = KafkaConfig::default();
        for access in topics {
            let properties = |access: Option<&Access>| Some(with_servers(access?, "localhost:1"));
            let topic = KafkaTopic {
                producer: properties(access.producer.as_ref()),
                consumer: properties(access.consumer.as_ref()),
                start: access.start,
            };
            config.topics.insert(access.topic.clone(), topic);
        }
        config.check().map_err(|error| error.to_string())
    }

    /// Whom reports are for.
    #[derive(Clone)]
    pub(crate) struct Operator {
        metrics: Arc<Metrics>,
        ready: Arc<Readiness>,
        /// Servers without contact.
        lost: Arc<Mutex<BTreeSet<String>>>,
    }

    impl Operator {
        pub(super) fn new(metrics: Arc<Metrics>, ready: Arc<Readiness>) -> Self {
            Self { metrics, ready, lost: Arc::default() }
        }

        pub(super) fn tell(&self, component: &'static str, report: KafkaReport) {
            match report {
                KafkaReport::Warning(warning) => warn(component, &format!("Kafka: {warning}")),
                KafkaReport::Metric(metric) => self.metrics.change(&metric),
                KafkaReport::Contact { servers, writes, is_there } => {
                    if writes {
                        // What is read goes on with what is known.
                        self.ready.set(KAFKA, is_there);
                    }
                    self.tell_contact(servers, is_there);
                }
            }
        }

        /// Once for all clients.
        fn tell_contact(&self, servers: String, is_there: bool) {
            let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
            if is_there && lost.remove(&servers) {
                info("kafka", &format!("contact with {servers} again"));
            } else if !is_there && lost.insert(servers.clone()) {
                warn("kafka", &format!("no contact with {servers}; trying again"));
            }
        }
    }
}

/// Coordination.
pub(crate) enum Coord {
    Embedded(Arc<EmbeddedCoord>),
    Zookeeper { config: ZookeeperConfig, has_contact: Arc<AtomicBool> },
}

impl Coord {
    pub(crate) fn new(plan: CoordPlan) -> Self {
        match plan {
            CoordPlan::Embedded => Self::Embedded(EmbeddedCoord::new()),
            CoordPlan::Zookeeper(config) => {
                info("zookeeper", &format!("connecting to {}", config.quorum));
                Self::Zookeeper { config, has_contact: Arc::default() }
            }
        }
    }

    /// Access for one machine; `sink` gets its events.
    pub(crate) fn client(
        &self,
        sink: impl Fn(CoordEvent) + Send + Sync + 'static,
    ) -> Act<CoordAction> {
        match self {
            Self::Embedded(coord) => {
                let client = coord.client(sink);
                Box::new(move |action| client.submit(action))
            }
            Self::Zookeeper { config, has_contact } => {
                let (quorum, contact) = (config.quorum.clone(), has_contact.clone());
                let told = move |event: CoordEvent| {
                    tell_contact(&quorum, &contact, &event);
                    sink(event);
                };
                let runtime = tokio::runtime::Handle::current();
                let client = ZookeeperClient::new(config.clone(), &runtime, told);
                Box::new(move |action| client.submit(action))
            }
        }
    }
}

/// Tells when contact comes and goes, once for all machines.
fn tell_contact(quorum: &str, has_contact: &AtomicBool, event: &CoordEvent) {
    match event {
        CoordEvent::Connected if !has_contact.swap(true, Ordering::Relaxed) => {
            info("zookeeper", &format!("connected to {quorum}"));
        }
        CoordEvent::Disconnected if has_contact.swap(false, Ordering::Relaxed) => {
            let what = "what was registered may go, what was found stays known";
            warn("zookeeper", &format!("no contact with {quorum}: {what}; trying again"));
        }
        _ => {}
    }
}

/// The table.
pub(crate) enum Table {
    /// No component asks anything of it.
    Missing,
    Embedded(Arc<EmbeddedTable>),
    /// By component.
    Hbase(BTreeMap<&'static str, HbaseConfig>, Arc<Metrics>),
}

impl Table {
    pub(crate) fn open(
        plan: TablePlan,
        home: &Path,
        metrics: &Arc<Metrics>,
    ) -> Result<Self, String> {
        match plan {
            TablePlan::Missing => Ok(Self::Missing),
            TablePlan::Embedded(options) => {
                let warned = |problem: &str| warn("table", problem);
                EmbeddedTable::open(&home.join("table"), options, warned)
                    .map(Self::Embedded)
                    .map_err(|error| error.to_string())
            }
            TablePlan::Hbase(configs) => Ok(Self::Hbase(configs, metrics.clone())),
        }
    }

    /// The table, if it is in this process.
    pub(crate) const fn embedded(&self) -> Option<&Arc<EmbeddedTable>> {
        match self {
            Self::Embedded(table) => Some(table),
            Self::Missing | Self::Hbase(..) => None,
        }
    }

    /// Access for the component of this name; `sink` gets its events.
    pub(crate) fn client(
        &self,
        name: &'static str,
        sink: impl Fn(TableEvent) + Send + Sync + 'static,
    ) -> Result<Act<TableAction>, String> {
        match self {
            Self::Embedded(table) => {
                let client = table.client(sink);
                Ok(Box::new(move |action| client.submit(action)))
            }
            Self::Hbase(configs, metrics) if let Some(config) = configs.get(name) => {
                info(name, &format!("HBase: {}", place(config)));
                let metrics = metrics.clone();
                let report = move |report| match report {
                    HbaseReport::Warning(warning) => warn(name, &format!("HBase: {warning}")),
                    HbaseReport::Metric(mut metric) => {
                        metric.labels.push(("component", name.to_owned()));
                        metrics.change(&metric);
                    }
                };
                let seed = u64::from_le_bytes(home::random()?);
                let runtime = tokio::runtime::Handle::current();
                let client = HbaseClient::new(config.clone(), seed, &runtime, sink, report);
                Ok(Box::new(move |action| client.submit(action)))
            }
            // Components that need none ask nothing of it.
            Self::Missing | Self::Hbase(..) => Ok(Box::new(|_| {})),
        }
    }

    pub(crate) fn close(&self) {
        if let Self::Embedded(table) = self {
            table.close();
        }
    }
}

/// Where a component's part of HBase is, in a few words.
fn place(config: &HbaseConfig) -> String {
    let data = config.columns.data.as_ref().map(|data| (&data.table, &data.family));
    let metadata =
        config.columns.metadata.as_ref().map(|columns| (&columns.table, &columns.family));
    let tables = data.into_iter().chain(metadata).map(|(table, family)| {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        format!("table {}, family {}", text(table), text(family))
    });
    let tables: Vec<String> = tables.collect();
    let registry = match &config.client.registry {
        Registry::Zookeeper { parent } => format!("{}{parent}", config.quorum),
        Registry::Masters(masters) => {
            let masters: Vec<String> = masters.iter().map(ToString::to_string).collect();
            format!("masters {}", masters.join(","))
        }
    };
    format!("{registry}: {}", tables.join("; "))
}
