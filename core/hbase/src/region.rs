//! Regions: what `hbase:meta` and ZooKeeper say of them, and what is remembered of that.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use prost::Message;

use crate::keyvalue::CellBlock;
use crate::pb;

/// The table that says where regions are.
pub const META_TABLE: &[u8] = b"hbase:meta";

/// The only region of [`META_TABLE`].
const META_REGION: &[u8] = b"hbase:meta,,1";

/// The family of its columns.
pub(crate) const META_FAMILY: &[u8] = b"info";

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address {
    /// Its name, as it is registered.
    pub host: Arc<str>,
    /// Its port.
    pub port: u16,
}

impl Address {
    /// From `host:port`.
    pub fn parse(text: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let port = port.parse().ok().filter(|port| *port > 0)?;
        (!host.is_empty()).then(|| Self { host: host.into(), port })
    }

    pub(crate) fn of_server(name: &pb::ServerName) -> Option<Self> {
        let port = u16::try_from(name.port?).ok().filter(|port| *port > 0)?;
        (!name.host_name.is_empty()).then(|| Self { host: name.host_name.as_str().into(), port })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// A region, and the server that has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    /// Its full name.
    pub name: Bytes,
    /// Its first row; empty: the table's first.
    pub start: Bytes,
    /// The first row after it; empty: it goes to the table's end.
    pub end: Bytes,
    /// Where it is.
    pub server: Address,
}

impl Region {
    pub(crate) fn meta(server: Address) -> Self {
        let name = Bytes::from_static(META_REGION);
        Self { name, start: Bytes::new(), end: Bytes::new(), server }
    }

    pub(crate) fn specifier(&self) -> pb::RegionSpecifier {
        pb::RegionSpecifier { kind: pb::REGION_NAME, value: self.name.clone() }
    }

    /// Whether the row is in it.
    pub fn contains(&self, row: &[u8]) -> bool {
        self.start[..] <= *row && self.is_before_end(row)
    }

    fn is_before_end(&self, row: &[u8]) -> bool {
        self.end.is_empty() || *row < self.end[..]
    }
}

/// Which region is looked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// The one with the row.
    At(Bytes),
    /// The one that ends where this row begins, or has it in its midst.
    Before(Bytes),
}

impl Place {
    /// Where a scan backwards over [`META_TABLE`] begins to find it.
    pub(crate) fn meta_row(&self, table: &[u8]) -> Bytes {
        let (row, id) = match self {
            // No region is as young as that.
            Self::At(row) => (row, &b"99999999999999"[..]),
            Self::Before(row) => (row, &b""[..]),
        };
        let mut key = BytesMut::with_capacity(table.len() + row.len() + id.len() + 2);
        for part in [table, b",", row, b",", id] {
            key.extend_from_slice(part);
        }
        key.freeze()
    }

    pub(crate) fn is_in(&self, region: &Region) -> bool {
        match self {
            Self::At(row) => region.contains(row),
            Self::Before(row) => {
                region.start < *row && (region.end.is_empty() || *row <= region.end)
            }
        }
    }
}

/// What a row of [`META_TABLE`] says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetaError {
    /// There is no row for the table and place.
    #[error("hbase:meta has no region for it")]
    Missing,
    /// The region is being split, merged, moved or opened.
    #[error("its region is not open: {0}")]
    InTransition(&'static str),
    /// The row cannot be read.
    #[error("hbase:meta has a row that cannot be read: {0}")]
    Malformed(&'static str),
}

/// The region of a row of [`META_TABLE`], and its table.
pub fn region_of_row(cells: &CellBlock) -> Result<(Bytes, Region), MetaError> {
    let (mut info, mut server, mut name) = (None, None, None);
    for (index, cell) in cells.iter().enumerate() {
        if cell.family != META_FAMILY {
            continue;
        }
        name = Some(cells.shared_row(index));
        match cell.qualifier {
            b"regioninfo" => info = Some(cell.value),
            b"server" => server = Some(cell.value),
            _ => {}
        }
    }
    let (Some(info), Some(name)) = (info, name) else { return Err(MetaError::Missing) };
    let info = info.strip_prefix(b"PBUF").ok_or(MetaError::Malformed("no region info"))?;
    let info = pb::RegionInfo::decode(info).map_err(|_| MetaError::Malformed("no region info"))?;
    if info.split == Some(true) {
        return Err(MetaError::InTransition("it was split"));
    }
    if info.offline == Some(true) {
        return Err(MetaError::InTransition("it is offline"));
    }
    let server = server.ok_or(MetaError::InTransition("no server has it"))?;
    let server = std::str::from_utf8(server).ok().and_then(Address::parse);
    let server = server.ok_or(MetaError::InTransition("no server has it"))?;
    let table = table_name(&info.table_name);
    let (start, end) = (info.start_key.unwrap_or_default(), info.end_key.unwrap_or_default());
    Ok((table, Region { name, start, end, server }))
}

/// As it stands in names of regions.
fn table_name(name: &pb::TableName) -> Bytes {
    if name.namespace.is_empty() || name.namespace[..] == *b"default" {
        return name.qualifier.clone();
    }
    [&name.namespace[..], b":", &name.qualifier].concat().into()
}

/// Regions that were looked up.
#[derive(Debug, Default)]
pub(crate) struct RegionCache {
    tables: BTreeMap<Bytes, BTreeMap<Bytes, Arc<Region>>>,
}

/// Regions of one table that are remembered at most; beyond that, all are forgotten.
const REGIONS_MAX: usize = 200_000;

impl RegionCache {
    pub(crate) fn find(&self, table: &[u8], place: &Place) -> Option<Arc<Region>> {
        let regions = self.tables.get(table)?;
        let (_, region) = match place {
            Place::At(row) => regions.range::<Bytes, _>(..=row).next_back()?,
            Place::Before(row) => regions.range::<Bytes, _>(..row).next_back()?,
        };
        place.is_in(region).then(|| region.clone())
    }

    /// Remembers a region; those that it overlaps are no more.
    pub(crate) fn insert(&mut self, table: Bytes, region: Arc<Region>) {
        let regions = self.tables.entry(table).or_default();
        if regions.len() >= REGIONS_MAX {
            regions.clear();
        }
        let before = regions.range::<Bytes, _>(..&region.start).next_back();
        let overlapped = before.filter(|(_, before)| before.is_before_end(&region.start));
        let mut gone: Vec<Bytes> = overlapped.map(|(start, _)| start.clone()).into_iter().collect();
        let after = regions.range::<Bytes, _>(&region.start..);
        let covered = after.take_while(|(start, _)| region.is_before_end(start));
        gone.extend(covered.map(|(start, _)| start.clone()));
        for start in gone {
            regions.remove(&start);
        }
        regions.insert(region.start.clone(), region);
    }

    /// Forgets a region, unless another has taken its place.
    pub(crate) fn forget(&mut self, table: &[u8], region: &Region) {
        if let Some(regions) = self.tables.get_mut(table)
            && regions.get(&region.start).is_some_and(|known| known.name == region.name)
        {
            regions.remove(&region.start);
        }
    }

    pub(crate) fn forget_server(&mut self, server: &Address) {
        for regions in self.tables.values_mut() {
            regions.retain(|_, region| region.server != *server);
        }
    }
}

/// The server in the data of a znode: behind the name of its writer and a mark.
pub(crate) fn znode_message<M: Message + Default>(data: &[u8]) -> Option<M> {
    let rest = match data.split_first()? {
        (0xff, rest) => {
            let (length, rest) = rest.split_first_chunk::<4>()?;
            rest.get(u32::from_be_bytes(*length) as usize..)?
        }
        _ => data,
    };
    M::decode(rest.strip_prefix(b"PBUF")?).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::keyvalue::{CellBlockBuilder, CellType};

    fn region(start: &'static str, end: &'static str) -> Arc<Region> {
        let server = Address { host: "h".into(), port: 1 };
        let name = Bytes::from(format!("t,{start},1"));
        Arc::new(Region { name, start: start.into(), end: end.into(), server })
    }

    fn found(cache: &RegionCache, place: Place) -> Option<String> {
        cache.find(b"t", &place).map(|r| String::from_utf8_lossy(&r.start).into_owned())
    }

    #[test]
    fn regions_are_found_by_row_and_by_end() {
        let mut cache = RegionCache::default();
        for (start, end) in [("", "b"), ("b", "d"), ("f", "")] {
            cache.insert("t".into(), region(start, end));
        }
        let at = |row: &'static str| found(&cache, Place::At(row.into()));
        assert_eq!((at("a").as_deref(), at("b").as_deref()), (Some(""), Some("b")));
        assert_eq!((at("e"), at("z").as_deref()), (None, Some("f")));
        let before = |row: &'static str| found(&cache, Place::Before(row.into()));
        assert_eq!((before("b").as_deref(), before("d").as_deref()), (Some(""), Some("b")));
        assert_eq!((before("f"), before("c").as_deref()), (None, Some("b")));
    }

    #[test]
    fn daughters_take_the_place_of_their_parent() {
        let mut cache = RegionCache::default();
        cache.insert("t".into(), region("b", "f"));
        cache.insert("t".into(), region("d", "f"));
        assert_eq!(found(&cache, Place::At("c".into())), None);
        cache.insert("t".into(), region("b", "d"));
        assert_eq!(found(&cache, Place::At("c".into())).as_deref(), Some("b"));
        cache.insert("t".into(), region("a", ""));
        assert_eq!(found(&cache, Place::At("e".into())).as_deref(), Some("a"));
        cache.forget(b"t", &region("a", ""));
        assert_eq!(found(&cache, Place::At("e".into())), None);
    }

    #[test]
    fn a_row_of_meta_is_a_region() {
        let info = pb::RegionInfo {
            region_id: 5,
            table_name: pb::TableName { namespace: "default".into(), qualifier: "t".into() },
            start_key: Some("b".into()),
            end_key: Some("d".into()),
            offline: None,
            split: None,
            replica_id: None,
        };
        let row = |info: &pb::RegionInfo, server: Option<&str>| {
            let mut cells = CellBlockBuilder::default();
            let value = [b"PBUF", &info.encode_to_vec()[..]].concat();
            cells.push(CellType::Put, b"t,b,5.x.", (b"info", b"regioninfo"), 1, &value);
            if let Some(server) = server {
                let column = (&b"info"[..], &b"server"[..]);
                cells.push(CellType::Put, b"t,b,5.x.", column, 1, server.as_bytes());
            }
            region_of_row(&cells.finish())
        };
        let (table, region) = row(&info, Some("host:16020")).expect("a region");
        assert_eq!((&table[..], &region.name[..]), (&b"t"[..], &b"t,b,5.x."[..]));
        assert_eq!(region.server.to_string(), "host:16020");
        assert!(matches!(row(&info, None), Err(MetaError::InTransition(_))));
        assert!(matches!(row(&info, Some("host")), Err(MetaError::InTransition(_))));
        let split = pb::RegionInfo { split: Some(true), ..info };
        assert!(matches!(row(&split, Some("h:1")), Err(MetaError::InTransition(_))));
        assert_eq!(region_of_row(&CellBlock::default()), Err(MetaError::Missing));
    }

    #[test]
    fn znodes_are_read_behind_the_name_of_their_writer() {
        let server = pb::ServerName { host_name: "h".into(), port: Some(7), start_code: Some(1) };
        let message = pb::Master { master: server };
        let plain = [b"PBUF", &message.encode_to_vec()[..]].concat();
        let named = [&[0xff, 0, 0, 0, 3][..], b"me!", &plain].concat();
        assert_eq!(znode_message(&plain), Some(message.clone()));
        assert_eq!(znode_message(&named), Some(message));
        assert_eq!(znode_message::<pb::Master>(b"\xff\xff\xff\xff\xffPBUF"), None);
    }

    proptest! {
        #[test]
        fn hostile_znodes_are_refused_or_read(data in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = znode_message::<pb::MetaRegionServer>(&data);
        }

        /// Whatever is inserted, no row is in two regions, and the newest wins.
        #[test]
        fn the_newest_region_wins(bounds in proptest::collection::vec((0u8..9, 0u8..9), 1..20)) {
            let mut cache = RegionCache::default();
            let mut owner = [None; 9];
            for (number, (start, end)) in bounds.into_iter().enumerate() {
                let (start, end) = (start.min(end), start.max(end) + 1);
                let server = Address { host: "h".into(), port: 1 };
                let name = Bytes::from(number.to_string());
                let (from, to) = (vec![start].into(), vec![end].into());
                let region = Region { name, start: from, end: to, server };
                cache.insert("t".into(), Arc::new(region));
                // Whoever is overlapped is forgotten whole.
                let overlapped: Vec<usize> =
                    owner[usize::from(start)..usize::from(end)].iter().flatten().copied().collect();
                for slot in &mut owner {
                    slot.take_if(|owner| overlapped.contains(owner));
                }
                owner[usize::from(start)..usize::from(end)].fill(Some(number));
            }
            for (row, owner) in (0u8..).zip(owner) {
                let found = cache.find(b"t", &Place::At(vec![row].into()));
                let name = found.map(|region| region.name.clone());
                prop_assert_eq!(name, owner.map(|owner| Bytes::from(owner.to_string())));
            }
        }
    }
}
