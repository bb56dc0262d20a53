//! How components reach HBase, by the reference's keys.

use std::time::Duration;

use weft_gts::WrapKey;
use weft_hbase::{Address, Config, Registry};
use weft_table::hbase::{Columns, DataColumns, HbaseConfig, MetadataColumns};

use crate::config::{ConfigError, Settings};

/// Of operations of components that nothing else gives up.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(60);

/// `hbase.rpc.timeout`, at most: within an operation a server that hangs is left for another.
const CALL_TIMEOUT_PART: u32 = 3;

/// Scans of a fetch at once, where the configuration does not say.
const SCANNERS: usize = 4;

/// More than so many series are fetched by the filter, where it is deployed.
const FILTER_THRESHOLD: usize = 16;

/// `store`: datapoints to write. The machine gives a call up after `call_time_max`: before that the
/// client has.
pub(super) fn store(
    settings: &Settings,
    call_time_max: Duration,
) -> Result<HbaseConfig, ConfigError> {
    let within = call_time_max * 9 / 10;
    let key = settings.aes_key("store.hbase.data.aes")?;
    let data = data(settings, "store.hbase.data", key, None);
    let columns = Columns { data: Some(data), metadata: None, scanners_max: SCANNERS };
    hbase(settings, "store", "store.hbase.data", within, columns)
}

/// `egress`: datapoints to read.
pub(super) fn egress(settings: &Settings) -> Result<HbaseConfig, ConfigError> {
    let threshold = settings.size("egress.hbase.filter.threshold", FILTER_THRESHOLD);
    let above = settings.flag("egress.hbase.filter").then_some(threshold);
    let key = settings.aes_key("egress.hbase.data.aes")?;
    let mut data = data(settings, "egress.hbase.data", key, above);
    data.cached_series_max = settings.size("egress.hbase.data.blockcache.gts.threshold", 0);
    let scanners_max =
        settings.size("egress.hbase.parallelscanners.max.parallel.scanners", SCANNERS);
    let columns = Columns { data: Some(data), metadata: None, scanners_max };
    hbase(settings, "egress", "egress.hbase.data", OPERATION_TIMEOUT, columns)
}

/// `directory`: metadata.
pub(super) fn directory(settings: &Settings) -> Result<HbaseConfig, ConfigError> {
    let (table, family) = table(settings, "directory.hbase.metadata", "m");
    let metadata = MetadataColumns { table: table.into(), family: family.into() };
    let columns = Columns { data: None, metadata: Some(metadata), scanners_max: SCANNERS };
    hbase(settings, "directory", "directory.hbase.metadata", OPERATION_TIMEOUT, columns)
}

fn data(
    settings: &Settings,
    prefix: &str,
    key: Option<WrapKey>,
    row_filter_above: Option<usize>,
) -> DataColumns {
    let (table, family) = table(settings, prefix, "v");
    let (table, family) = (table.into(), family.into());
    let uses_endpoint = settings.get("weft.hbase.bulkdelete") != Some("false");
    DataColumns { table, family, key, row_filter_above, uses_endpoint, cached_series_max: 0 }
}

fn table(settings: &Settings, prefix: &str, family: &str) -> (String, String) {
    let get = |name: &str, default: &str| {
        settings.get(&format!("{prefix}.{name}")).unwrap_or(default).to_owned()
    };
    (get("table", "continuum"), get("colfam", family))
}

fn hbase(
    settings: &Settings,
    component: &str,
    prefix: &str,
    within: Duration,
    columns: Columns,
) -> Result<HbaseConfig, ConfigError> {
    let masters = masters(settings)?;
    let servers = format!("{prefix}.zkconnect");
    let quorum = settings.get(&servers);
    if quorum.is_none() && masters.is_empty() {
        let message = "must name the servers of HBase's ZooKeeper (or weft.hbase.masters)";
        return Err(settings.error(&servers, message));
    }
    let port = settings.get(&format!("{component}.hbase.zookeeper.property.clientPort"));
    let quorum = with_port(quorum.unwrap_or_default(), port);
    let parent = settings.get(&format!("{prefix}.znode")).filter(|znode| !znode.is_empty());
    let registry = match masters.is_empty() {
        true => Registry::Zookeeper { parent: parent.unwrap_or("/hbase").to_owned() },
        false => Registry::Masters(masters),
    };
    let user = settings.get("weft.hbase.user").unwrap_or("weft");
    let mut client = Config::new(registry, user.to_owned());
    client.operation_timeout = within;
    properties(settings, component, &mut client)?;
    client.operation_timeout = client.operation_timeout.min(within);
    client.call_timeout = client.call_timeout.min(client.operation_timeout / CALL_TIMEOUT_PART);
    Ok(HbaseConfig { quorum, client, columns })
}

/// Properties of the official client: those with keys of their own, and those that
/// `COMPONENT.hbase.config` lists. What has no meaning here is left alone.
fn properties(
    settings: &Settings,
    component: &str,
    client: &mut Config,
) -> Result<(), ConfigError> {
    let list_key = format!("{component}.hbase.config");
    let listed = settings.get(&list_key).unwrap_or_default();
    for name in listed.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        if settings.any(|key| key == format!("{component}.{name}")).is_none() {
            let message = format!("it lists {name}, and {component}.{name} is not set");
            return Err(settings.error(&list_key, &message));
        }
    }
    let number = |name: &str| {
        let value = settings.long(&format!("{component}.{name}"));
        value.and_then(|value| u64::try_from(value).ok())
    };
    let millis = |name: &str| number(name).map(Duration::from_millis);
    let set = |to: &mut Duration, value: Option<Duration>| *to = value.unwrap_or(*to);
    set(&mut client.call_timeout, millis("hbase.rpc.timeout"));
    set(&mut client.operation_timeout, millis("hbase.client.operation.timeout"));
    set(&mut client.pause, millis("hbase.client.pause"));
    let small = |name: &str| number(name).map(|value| u32::try_from(value).unwrap_or(u32::MAX));
    if let Some(retries) = small("hbase.client.retries.number") {
        client.attempts_max = retries.max(1);
    }
    if let Some(connections) = small("hbase.client.ipc.pool.size") {
        client.connections_per_server = connections.clamp(1, 64);
    }
    if let Some(calls) = small("hbase.client.max.perserver.tasks") {
        client.calls_per_operation = calls.clamp(1, 256);
    }
    if let Some(bytes) = number("hbase.client.scanner.max.result.size") {
        client.scan_bytes_max = bytes.max(1);
    }
    Ok(())
}

fn masters(settings: &Settings) -> Result<Vec<Address>, ConfigError> {
    let key = "weft.hbase.masters";
    let list = settings.get(key).unwrap_or_default();
    let list = list.split(',').map(str::trim).filter(|master| !master.is_empty());
    list.map(|master| {
        Address::parse(master)
            .ok_or_else(|| settings.error(key, &format!("{master} is not host:port")))
    })
    .collect()
}

fn with_port(quorum: &str, port: Option<&str>) -> String {
    let hosts = quorum.split(',').map(str::trim).filter(|host| !host.is_empty());
    let hosts = hosts.map(|host| match port {
        Some(port) if !host.contains(':') => format!("{host}:{port}"),
        _ => host.to_owned(),
    });
    hosts.collect::<Vec<String>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> Settings {
        Settings::parse(text).expect("a configuration")
    }

    #[test]
    fn keys_of_the_reference_mean_what_they_meant() {
        let settings = settings(
            "store.hbase.data.zkconnect = a,b:7\nstore.hbase.zookeeper.property.clientPort = 5\n\
             store.hbase.data.znode = /h\nstore.hbase.data.table = t\n\
             store.hbase.data.colfam = f\nstore.hbase.client.pause = 20\n\
             store.hbase.client.retries.number = 9\nstore.hbase.rpc.timeout = 2000\n\
             store.hbase.client.ipc.pool.size = 2\n",
        );
        let config = store(&settings, Duration::from_secs(60)).expect("a configuration");
        assert_eq!(config.quorum, "a:5,b:7");
        assert_eq!(config.client.registry, Registry::Zookeeper { parent: "/h".to_owned() });
        assert_eq!(config.client.pause, Duration::from_millis(20));
        assert_eq!((config.client.attempts_max, config.client.connections_per_server), (9, 2));
        assert_eq!(config.client.call_timeout, Duration::from_secs(2));
        assert_eq!(config.client.operation_timeout, Duration::from_secs(54));
        let data = config.columns.data.expect("columns");
        assert_eq!((&data.table[..], &data.family[..]), (&b"t"[..], &b"f"[..]));
        assert!(settings.without_effect().is_empty(), "{:?}", settings.without_effect());
    }

    #[test]
    fn a_server_that_hangs_is_left_before_the_store_gives_up() {
        let settings = settings("store.hbase.data.zkconnect = a\n");
        let config = store(&settings, Duration::from_secs(10)).expect("a configuration");
        assert_eq!(config.client.operation_timeout, Duration::from_secs(9));
        assert_eq!(config.client.call_timeout, Duration::from_secs(3));
    }

    #[test]
    fn servers_must_be_named_and_listed_properties_set() {
        let error = directory(&settings("")).expect_err("no servers").to_string();
        assert!(error.contains("directory.hbase.metadata.zkconnect"), "{error}");
        let masters = settings("weft.hbase.masters = m:16000,n:16000\n");
        let config = directory(&masters).expect("masters");
        assert!(matches!(config.client.registry, Registry::Masters(masters) if masters.len() == 2));
        let listed = settings("egress.hbase.data.zkconnect = a\negress.hbase.config = hbase.x\n");
        let error = egress(&listed).expect_err("a property that is not set").to_string();
        assert!(error.contains("egress.hbase.x"), "{error}");
        let filter = settings("egress.hbase.data.zkconnect = a\negress.hbase.filter = true\n");
        let data = egress(&filter).expect("a configuration").columns.data.expect("columns");
        assert_eq!(data.row_filter_above, Some(16));
    }
}
