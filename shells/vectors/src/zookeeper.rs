//! `zookeeper.jsonl`: nodes that the daemons write.

use serde_json::Value as Json;
use weft_gts::SeriesId;
use weft_wire::token::parse_uuid;
use weft_wire::znode::{
    DIRECTORY_SERVICE, ServiceInstance, read_subscription_name, subscription_nodes,
};

use crate::json::{array, hex, long, string, unhex};
use crate::{Checker, Outcome, all};

/// Checks `zookeeper.jsonl`.
pub(crate) struct ZookeeperChecker;

impl Checker for ZookeeperChecker {
    fn check(&mut self, kind: &str, line: &Json) -> Outcome {
        match kind {
            "service-instance" => service_instance(line),
            "znode" => node(line),
            // Who leads is no format: all there is to say is that one does.
            "leader-latch" => Outcome::equal(
                &(line["first_has_leadership"] == true, line["second"] == true),
                &(true, false),
            ),
            "plasma-subscription" => subscription(line),
            _ => Outcome::Skip("unknown kind"),
        }
    }
}

fn service_instance(line: &Json) -> Outcome {
    let payload = line["payload"].as_object().expect("a payload");
    let asked = string(&line["json"]);
    let name: Json = serde_json::from_str(asked).expect("JSON");
    let instance = ServiceInstance {
        name: string(&name["name"]).to_owned(),
        id: string(&line["id"]).to_owned(),
        address: string(&line["address"]).to_owned(),
        port: u16::try_from(long(&line["port"])).expect("a port"),
        payload: payload.iter().map(|(k, v)| (k.clone(), string(v).to_owned())).collect(),
        registered_ms: long(&line["registrationTimeUTC"]),
    };
    let written: Json = serde_json::from_slice(&instance.encode()).expect("JSON");
    let read = ServiceInstance::decode(asked.as_bytes());
    all([
        Outcome::equal(&instance.path(string(&line["base_path"])).as_str(), &string(&line["path"])),
        // As values: the payload comes in the order of a Java map.
        Outcome::equal(&written, &name),
        Outcome::equal(&read.ok(), &Some(instance)),
    ])
}

/// A real registration must be readable; the rest of the nodes carry no data.
fn node(line: &Json) -> Outcome {
    let (path, data) = (string(&line["path"]), unhex(&line["data"]));
    if data.is_empty() || !path.contains(DIRECTORY_SERVICE) {
        return Outcome::Pass;
    }
    let Ok(instance) = ServiceInstance::decode(&data) else {
        return Outcome::Fail("not a service instance".to_owned());
    };
    let root = path.split(&format!("/{DIRECTORY_SERVICE}")).next().unwrap_or_default();
    Outcome::equal(&instance.path(root).as_str(), &path)
}

fn subscription(line: &Json) -> Outcome {
    let ids: Vec<SeriesId> = array(&line["subscribed_ids"])
        .iter()
        .map(|id| SeriesId::from_bytes(unhex(id).try_into().expect("sixteen bytes")))
        .collect();
    let (root, topic) = (string(&line["znode_root"]), string(&line["topic"]));
    let frontend = parse_uuid(string(&line["uuid"])).expect("a UUID");
    let size_max = usize::try_from(long(&line["maxznodesize"])).expect("a size");
    let nodes = subscription_nodes(frontend, topic, &ids, size_max);
    let got: Vec<(String, String)> =
        nodes.iter().map(|node| (format!("{root}/{}", node.name), hex(&node.data))).collect();
    let asked: Vec<(String, String)> = array(&line["znodes"])
        .iter()
        .map(|node| (string(&node["path"]).to_owned(), string(&node["data"]).to_owned()))
        .collect();
    let are_read = nodes
        .iter()
        .all(|node| read_subscription_name(&node.name).is_some_and(|name| name.topic == topic));
    all([Outcome::equal(&got, &asked), Outcome::equal(&are_read, &true)])
}
