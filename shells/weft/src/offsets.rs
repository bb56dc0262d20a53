//! `weft offsets`: where a group is, between ZooKeeper (where the reference's 1.x and 2.x keep it)
//! and Kafka's brokers.
//!
//! ```text
//! /consumers/GROUP/offsets/TOPIC/PARTITION   the first offset not done, as text
//! /consumers/GROUP/ids/…                     its members, while they run
//! ```

use std::collections::BTreeMap;

use clap::{Args, Subcommand};
use weft_log::kafka::{GroupOffsets, Properties};

use crate::zookeeper::{self, Zookeeper};

/// Which way.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Copy offsets from ZooKeeper to the brokers: before Weft takes a group over.
    #[command(after_help = "Example:\n  weft offsets import store data --zookeeper \
                            127.0.0.1:2181/kafka --servers 127.0.0.1:9092")]
    Import(Group),
    /// Copy offsets from the brokers to ZooKeeper: before a daemon of 1.x or 2.x takes it back.
    Export(Group),
}

/// Which group, and where it is.
#[derive(Args, Debug)]
pub(crate) struct Group {
    /// The group.
    group: String,
    /// The topic.
    topic: String,
    /// ZooKeeper, HOST:PORT,HOST:PORT/CHROOT, as in *.zkconnect.
    #[arg(long)]
    zookeeper: String,
    /// The brokers, HOST:PORT,HOST:PORT; those registered with ZooKeeper when none are named.
    #[arg(long)]
    servers: Option<String>,
    /// A property of the Kafka client, NAME=VALUE: security.protocol=SSL, say.
    #[arg(long)]
    property: Vec<String>,
}

/// Does it.
pub(crate) fn run(command: Command) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    runtime.block_on(async {
        match command {
            Command::Import(group) => import(&group).await,
            Command::Export(group) => export(&group).await,
        }
    })
}

async fn import(group: &Group) -> Result<(), String> {
    let (zookeeper, brokers) = group.connect().await?;
    let offsets = stored(&zookeeper, &group.group, &group.topic).await?;
    if offsets.is_empty() {
        return Err(format!(
            "group {} has no offsets under {}/consumers/{}/offsets/{}",
            group.group, group.zookeeper, group.group, group.topic
        ));
    }
    let list: Vec<(u32, u64)> = offsets.into_iter().collect();
    let (topic, copied) = (group.topic.clone(), list.clone());
    blocking(move || {
        let known = brokers.committed(&topic)?;
        if let Some((partition, _)) = copied.iter().find(|(p, _)| *p as usize >= known.len()) {
            let reason = format!("{topic} has {} partitions, and no {partition}", known.len());
            return Err(weft_daemons::contract::LogError::Refused(reason));
        }
        brokers.commit(&topic, &copied)
    })
    .await?;
    told(&list, "brokers");
    Ok(())
}

async fn export(group: &Group) -> Result<(), String> {
    let (zookeeper, brokers) = group.connect().await?;
    let topic = group.topic.clone();
    let committed = blocking(move || brokers.committed(&topic)).await?;
    let list: Vec<(u32, u64)> =
        committed.into_iter().filter_map(|(p, offset)| Some((p, offset?))).collect();
    if list.is_empty() {
        return Err(format!("group {} has no offsets in {}", group.group, group.topic));
    }
    for (partition, offset) in &list {
        let path = format!("{}/{partition}", offsets_path(&group.group, &group.topic));
        let put = zookeeper.put(&path, offset.to_string().into()).await;
        put.map_err(|error| format!("{path}: {error}"))?;
    }
    told(&list, "ZooKeeper");
    Ok(())
}

fn told(list: &[(u32, u64)], place: &str) {
    for (partition, offset) in list {
        println!("{partition} {offset}");
    }
    println!("{} partitions copied to {place}", list.len());
}

impl Group {
    /// Both sides of a group that has no members on either.
    async fn connect(&self) -> Result<(Zookeeper, GroupOffsets), String> {
        let zookeeper = Zookeeper::connect(&self.zookeeper).await?;
        refuse_members(&zookeeper, &self.zookeeper, &self.group).await?;
        let servers = match &self.servers {
            Some(servers) => servers.clone(),
            None => zookeeper::brokers(&self.zookeeper).await,
        };
        let mut properties = Properties::new(&servers);
        for property in &self.property {
            let pair = property.split_once('=');
            let (name, value) = pair.ok_or_else(|| format!("{property}: NAME=VALUE is meant"))?;
            properties = properties.with(name, value);
        }
        let group = self.group.clone();
        let brokers = blocking(move || {
            let brokers = GroupOffsets::new(&properties, &group)?;
            let members = brokers.members()?;
            Ok((brokers, members))
        });
        let (brokers, members) = brokers.await?;
        if members > 0 {
            return Err(format!(
                "group {} has {members} members on the brokers; stop them first, a group moves as \
                 a whole",
                self.group
            ));
        }
        Ok((zookeeper, brokers))
    }
}

/// An error while daemons of the reference are members of the group.
pub(crate) async fn refuse_members(
    zookeeper: &Zookeeper,
    quorum: &str,
    group: &str,
) -> Result<(), String> {
    let path = format!("/consumers/{group}/ids");
    let members = zookeeper.children(&path).await.map_err(|error| format!("{path}: {error}"))?;
    match members.as_slice() {
        [] => Ok(()),
        members => Err(format!(
            "group {group} has members under {quorum}{path} ({}); stop them first, a group moves \
             as a whole",
            members.join(", ")
        )),
    }
}

/// What ZooKeeper says of the group: first offsets not done, by partition.
async fn stored(
    zookeeper: &Zookeeper,
    group: &str,
    topic: &str,
) -> Result<BTreeMap<u32, u64>, String> {
    let root = offsets_path(group, topic);
    let mut offsets = BTreeMap::new();
    let names = zookeeper.children(&root).await.map_err(|error| format!("{root}: {error}"))?;
    for name in names {
        let path = format!("{root}/{name}");
        let data = zookeeper.get(&path).await.map_err(|error| format!("{path}: {error}"))?;
        let text = data.map(|data| String::from_utf8_lossy(&data).trim().to_owned());
        let offset = text.as_deref().and_then(|text| text.parse().ok());
        let (Ok(partition), Some(offset)) = (name.parse(), offset) else {
            return Err(format!("{path} holds no offset: {}", text.unwrap_or_default()));
        };
        offsets.insert(partition, offset);
    }
    Ok(offsets)
}

fn offsets_path(group: &str, topic: &str) -> String {
    format!("/consumers/{group}/offsets/{topic}")
}

/// Work that waits for brokers.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, weft_daemons::contract::LogError> + Send + 'static,
) -> Result<T, String> {
    let done = tokio::task::spawn_blocking(work).await.map_err(|error| error.to_string())?;
    done.map_err(|error| error.to_string())
}
