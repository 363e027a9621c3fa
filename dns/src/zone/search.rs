//! Finds names in a zone (RFC 1034 4.3.2, step 3).

use super::{
    Record, Zone,
    path::{self, Path},
    set,
};
use crate::wire::RecordType;

/// A name of a zone: its records, and whether the name exists, which it also does if there is only a name below it
/// (RFC 4592 2.2.2).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node<'z> {
    pub(crate) records: &'z [Record<'z>],
    pub(crate) exists: bool,
}

/// What is at a name of a zone.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Found<'z> {
    /// These records, by type; none of them at a name that only leads to names below it.
    Records(&'z [Record<'z>]),
    /// The name, or one above it, belongs to another zone, which has these servers. Their path has this length.
    Elsewhere(&'z [Record<'z>], usize),
    /// The name does not exist.
    Nothing,
}

impl<'z> Zone<'z> {
    /// The name of exactly this path.
    pub(crate) fn node(&self, path: &[u8]) -> Node<'z> {
        let start = self.records.partition_point(|record| path::order(record.path, path).is_lt());
        let rest = &self.records[start..];
        let count = rest.partition_point(|record| path::order(record.path, path).is_eq());
        let exists = rest.first().is_some_and(|record| path::is_within(record.path, path));
        Node { records: &rest[..count], exists }
    }

    /// What is at this path, which is that of the zone or below it, for a question of this type.
    pub(crate) fn search(&self, path: &Path, kind: RecordType) -> Found<'z> {
        let path = path.as_bytes();
        let mut end = self.origin.len();
        let mut node = self.node(&path[..end.min(path.len())]);
        while let Some(next) = path::label_end(path, end) {
            let below = self.node(&path[..next]);
            if !below.exists {
                // RFC 4592 3.3.1: the closest name that exists may have a wildcard below it.
                let wildcard = self.node(Path::wildcard_below(&path[..end]).as_bytes());
                return match wildcard.exists {
                    true => Found::Records(wildcard.records),
                    false => Found::Nothing,
                };
            }
            let servers = set(below.records, RecordType::NS);
            // The zone above answers what is asked about the keys of the zone below (RFC 4035 3.1.4.1).
            let asks_above = kind == RecordType::DS && next == path.len();
            if !servers.is_empty() && !asks_above {
                return Found::Elsewhere(servers, next);
            }
            (end, node) = (next, below);
        }
        Found::Records(node.records)
    }
}
