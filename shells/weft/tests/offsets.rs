//! A group moves between ZooKeeper and the brokers, both ways, against the servers that
//! `WEFT_ZOOKEEPER=host:port` and `WEFT_KAFKA=host:port` name.
#![cfg(feature = "kafka")]

mod common;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use common::run;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use weft_coord::{ZookeeperClient, ZookeeperConfig};
use weft_daemons::contract::{ActionId, CoordAction, CoordEvent};

/// What a command says, and whether it did it.
fn weft(arguments: &[&str]) -> (bool, String) {
    let (succeeded, out, error) = run(Path::new("."), arguments, "");
    (succeeded, out + &error)
}

/// A client of ZooKeeper.
struct Zookeeper {
    client: ZookeeperClient,
    events: UnboundedReceiver<CoordEvent>,
}

impl Zookeeper {
    fn new(quorum: &str) -> Self {
        let (sender, events) = unbounded_channel();
        let session_timeout = Duration::from_secs(10);
        let config = ZookeeperConfig { quorum: quorum.to_owned(), session_timeout };
        let runtime = tokio::runtime::Handle::current();
        let client = ZookeeperClient::new(config, &runtime, move |event| drop(sender.send(event)));
        Self { client, events }
    }

    async fn ask(&mut self, action: CoordAction) -> CoordEvent {
        self.client.submit(action);
        loop {
            match self.events.recv().await.expect("it runs") {
                CoordEvent::Connected | CoordEvent::Disconnected => {}
                event => return event,
            }
        }
    }

    async fn connected(&mut self) {
        while self.events.recv().await != Some(CoordEvent::Connected) {}
    }

    async fn create(&mut self, path: &str, data: &str, ephemeral: bool) {
        let (path, data) = (path.to_owned(), data.to_owned().into());
        let done = self.ask(CoordAction::Create { id: ActionId(1), path, data, ephemeral }).await;
        assert_eq!(done, CoordEvent::Done { id: ActionId(1), result: Ok(()) });
    }

    async fn get(&mut self, path: &str) -> String {
        let action = CoordAction::Get { id: ActionId(2), path: path.to_owned(), watch: false };
        match self.ask(action).await {
            CoordEvent::Data { result: Ok(data), .. } => {
                String::from_utf8_lossy(&data).into_owned()
            }
            other => panic!("{path}: {other:?}"),
        }
    }
}

async fn make_topic(kafka: &str, topic: &str) {
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", kafka).create().expect("a client");
    let topic = NewTopic::new(topic, 2, TopicReplication::Fixed(1));
    admin.create_topics([&topic], &AdminOptions::new()).await.expect("made");
}

/// ZooKeeper and Kafka to test against, if there are any.
fn servers() -> Option<(String, String)> {
    let server = |name: &str| std::env::var(name).ok();
    let servers = server("WEFT_ZOOKEEPER").zip(server("WEFT_KAFKA"));
    if servers.is_none() {
        eprintln!("WEFT_ZOOKEEPER and WEFT_KAFKA name no servers: skipped");
    }
    servers
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_moves_as_a_whole_and_back() {
    let Some((zookeeper, kafka)) = servers() else { return };
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().expect("after 1970").as_nanos();
    let (group, topic) = (format!("group-{since}"), format!("topic-{since}"));
    make_topic(&kafka, &topic).await;
    let mut tree = Zookeeper::new(&zookeeper);
    tree.connected().await;
    let offsets = |what: &str, group: &str| {
        weft(&["offsets", what, group, &topic, "--zookeeper", &zookeeper, "--servers", &kafka])
    };
    // There is nothing yet.
    let (done, said) = offsets("import", &group);
    assert!(!done && said.contains("has no offsets under"), "{said}");
    let (done, said) = offsets("export", &group);
    assert!(!done && said.contains("has no offsets in"), "{said}");
    // From ZooKeeper to the brokers, which are found by themselves.
    let path =
        |group: &str, partition: u32| format!("/consumers/{group}/offsets/{topic}/{partition}");
    tree.create(&path(&group, 0), "17", false).await;
    tree.create(&path(&group, 1), "4", false).await;
    let (done, said) = weft(&["offsets", "import", &group, &topic, "--zookeeper", &zookeeper]);
    assert!(done && said.contains("0 17\n1 4\n2 partitions copied to brokers"), "{said}");
    // Back again, over what ZooKeeper had meanwhile.
    let action = CoordAction::Set { id: ActionId(3), path: path(&group, 0), data: "1".into() };
    tree.ask(action).await;
    let (done, said) = offsets("export", &group);
    assert!(done && said.contains("2 partitions copied to ZooKeeper"), "{said}");
    assert_eq!(tree.get(&path(&group, 0)).await, "17");
    assert_eq!(tree.get(&path(&group, 1)).await, "4");
    // Not while somebody is at work.
    tree.create(&format!("/consumers/{group}/ids/daemon"), "{}", true).await;
    for what in ["import", "export"] {
        let (done, said) = offsets(what, &group);
        assert!(!done && said.contains("has members under"), "{said}");
    }
    // A partition that the topic does not have, and what is no offset.
    tree.create(&path("odd", 2), "1", false).await;
    let (done, said) = offsets("import", "odd");
    assert!(!done && said.contains("has 2 partitions, and no 2"), "{said}");
    tree.create(&path("odder", 0), "x", false).await;
    let (done, said) = offsets("import", "odder");
    assert!(!done && said.contains("holds no offset"), "{said}");
    started(&zookeeper, &kafka, &topic, &format!("{group}-2"), &mut tree).await;
}

/// What `weft start` refuses, and why.
async fn started(zookeeper: &str, kafka: &str, topic: &str, group: &str, tree: &mut Zookeeper) {
    let folder = tempfile::tempdir().expect("a folder");
    let (_, keys) = weft(&["keys"]);
    let conf = folder.path().join("weft.conf");
    let text = format!(
        "{keys}warp.components = store\nstandalone.port = 0\nweft.home = {}\n\
         store.kafka.data.topic = {topic}\nstore.kafka.data.groupid = {group}\n\
         store.kafka.data.brokerlist = {kafka}\nstore.kafka.data.zkconnect = {zookeeper}\n",
        folder.path().display()
    );
    std::fs::write(&conf, text).expect("written");
    let start = || weft(&["start", conf.to_str().expect("UTF-8")]);
    let (done, said) = start();
    assert!(!done && said.contains("has no offsets in") && said.contains("--from"), "{said}");
    tree.create(&format!("/consumers/{group}/ids/daemon"), "{}", true).await;
    let (done, said) = start();
    assert!(!done && said.contains("has members under"), "{said}");
}

#[test]
fn tls_is_refused_by_name_where_it_is_not_built_in() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_, keys) = weft(&["keys"]);
    let conf = folder.path().join("weft.conf");
    let check = |more: &str| {
        let text = format!(
            "{keys}warp.components = store\nstore.kafka.data.consumer.bootstrap.servers = h:1\n\
             store.kafka.data.consumer.conf.prefix = kafka.\n{more}"
        );
        std::fs::write(&conf, text).expect("written");
        weft(&["config", "check", conf.to_str().expect("UTF-8")])
    };
    let (done, said) = check("kafka.security.protocol = SASL_SSL\n");
    assert_eq!(done, cfg!(feature = "kafka-tls"), "{said}");
    let reason = "security.protocol = SASL_SSL: this weft was built without TLS";
    assert!(done || said.contains(reason), "{said}");
    let (done, said) = check("kafka.no.such = 1\n");
    assert!(!done && said.contains("no.such = 1"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_are_members_of_one_group() {
    let Some((zookeeper, kafka)) = servers() else { return };
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().expect("after 1970").as_nanos();
    let (group, topic) = (format!("workers-{since}"), format!("topic-workers-{since}"));
    make_topic(&kafka, &topic).await;
    let folder = tempfile::tempdir().expect("a folder");
    let (_, keys) = weft(&["keys"]);
    let conf = folder.path().join("weft.conf");
    let text = format!(
        "{keys}warp.components = store\nstandalone.port = 0\nweft.home = {}\n\
         store.kafka.data.topic = {topic}\nstore.kafka.data.groupid = {group}\n\
         store.kafka.data.consumer.bootstrap.servers = {kafka}\n\
         store.kafka.data.zkconnect = {zookeeper}\n\
         store.nthreads = 2\nstore.nthreads.kafka = 3\n",
        folder.path().display()
    );
    std::fs::write(&conf, text).expect("written");
    // Without offsets it begins only because it is told to.
    let arguments = ["start", conf.to_str().expect("UTF-8"), "--from", "earliest"];
    let child = Command::new(env!("CARGO_BIN_EXE_weft")).args(arguments).spawn();
    let mut child = child.expect("it runs");
    let client: BaseConsumer =
        ClientConfig::new().set("bootstrap.servers", &kafka).create().expect("a client");
    let members = || {
        let list = client.fetch_group_list(Some(&group), Duration::from_secs(20)).ok()?;
        list.groups().first().map(|group| group.members().len())
    };
    let begun = std::time::Instant::now();
    while members() != Some(6) && begun.elapsed() < Duration::from_secs(60) {
        assert_eq!(child.try_wait().expect("a child"), None, "it ended");
    }
    let found = members();
    child.kill().expect("it runs");
    child.wait().expect("it has ended");
    assert_eq!(found, Some(6), "2 times 3 workers");
}
