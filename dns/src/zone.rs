//! Zones: read from a text in the format of master files (RFC 1035 5), checked, and searched.
//!
//! A zone is a sorted row of records in a region. To find a name takes a binary search for each of its labels below the top of
//! the zone, as far as there are such names: in a zone of 1,000 records about 10 comparisons for each label.

mod check;
mod error;
pub(crate) mod path;
mod search;
mod text;
mod tokens;
mod values;

#[cfg(test)]
mod tests;

use rt_regions::{Region, RegionVec};

pub(crate) use self::search::Found;
pub use self::{
    check::{MAX_SET, MOST_ALIASES},
    error::{Problem, ZoneError},
    values::MAX_DATA,
};
use crate::{
    Name,
    wire::{CLASS_IN, Data, ParseError, RecordType},
};
use path::Path;

/// A record of a zone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record<'z> {
    /// The labels of its name from the root on.
    pub(crate) path: &'z [u8],
    /// Its data, as it is in a message, without pointers.
    bytes: &'z [u8],
    /// For how many seconds it may be kept.
    pub(crate) ttl: u32,
    /// Its type.
    pub(crate) kind: RecordType,
    /// Its line in the text: there are no more than fit.
    line: u16,
}

impl<'z> Record<'z> {
    /// What it says.
    ///
    /// # Errors
    /// None: what was written from a text can be read.
    pub(crate) fn data(&self) -> Result<Data<'z>, ParseError> {
        Data::parse(self.bytes, 0..self.bytes.len(), self.kind, CLASS_IN)
    }

    /// How many bytes it takes in a message, if no name is compressed.
    fn most_bytes(&self) -> usize {
        // A root, type, class, time to live and length.
        self.path.len() + 1 + 10 + self.bytes.len()
    }

    /// Where the record lies in the order of a zone.
    fn order(&self, other: &Self) -> core::cmp::Ordering {
        path::order(self.path, other.path)
            .then(self.kind.0.cmp(&other.kind.0))
            .then_with(|| self.bytes.cmp(other.bytes))
            .then(self.line.cmp(&other.line))
    }
}

/// A zone: its records, sorted by name (in the order of RFC 4034 6.1), type and data.
///
/// ```
/// use dns::zone::Zone;
///
/// let text = "
/// $ORIGIN example.org.
/// $TTL 1h
/// @    SOA  ns1 hostmaster (2026112901 1h 15m 1w 5m)
///      NS   ns1
/// ns1  A    192.0.2.1
/// www  A    192.0.2.7
///      AAAA 2001:db8::7
/// ";
/// # let mut memory = vec![std::mem::MaybeUninit::uninit(); 1 << 16];
/// # let pool = rt_regions::Pool::new(&mut memory);
/// # let region = rt_regions::Region::new(&pool, "zone");
/// let zone = Zone::parse(text, &region)?;
/// assert_eq!((zone.origin().to_string(), zone.len()), ("example.org".into(), 5));
/// # Ok::<(), Box<dyn std::error::Error + '_>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Zone<'z> {
    /// The path of the top of the zone.
    origin: &'z [u8],
    records: &'z [Record<'z>],
    /// For how many seconds it may be kept that something does not exist (RFC 2308 3).
    negative_ttl: u32,
}

impl<'z> Zone<'z> {
    /// Reads a zone from its text, into `region`: 40 bytes for each record, its data, and its name once for all records that follow
    /// each other.
    ///
    /// # Errors
    /// The first thing that is wrong, with its line.
    pub fn parse<'t>(text: &'t str, region: &'z Region<'_>) -> Result<Self, ZoneError<'t>> {
        let mut count = 0;
        text::read(text, &mut |_| {
            count += 1;
            Ok(())
        })?;
        let out_of_memory =
            |exhausted| ZoneError { line: 1, problem: Problem::Exhausted(exhausted) };
        let mut records = RegionVec::with_capacity(count, region).map_err(out_of_memory)?;
        let mut last: &'z [u8] = &[];
        text::read(text, &mut |entry| {
            let path = Path::of(entry.name.view());
            if path.as_bytes() != last {
                last = region.alloc_slice(path.as_bytes()).map_err(Problem::Exhausted)?;
            }
            let rule = "a zone has 65535 lines at most";
            let line = u16::try_from(entry.line).map_err(|_| Problem::Rule(rule))?;
            let bytes = region.alloc_slice(entry.data).map_err(Problem::Exhausted)?;
            let (ttl, kind) = (entry.ttl, entry.kind);
            let record = Record { path: last, bytes, ttl, kind, line };
            records.push(record).map_err(Problem::Exhausted)
        })?;
        check::zone(records.into_slice())
    }

    /// The name of the top of the zone.
    pub fn origin(&self) -> Name {
        path::to_name(self.origin)
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there are none, which is never so: a zone has the record of its start.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The path of its top.
    pub(crate) fn top(&self) -> &'z [u8] {
        self.origin
    }

    /// All records, sorted.
    pub(crate) fn records(&self) -> &'z [Record<'z>] {
        self.records
    }

    /// For how many seconds it may be kept that something does not exist.
    pub(crate) fn negative_ttl(&self) -> u32 {
        self.negative_ttl
    }

    /// The record of its start.
    pub(crate) fn soa(&self) -> Option<&'z Record<'z>> {
        set(self.node(self.origin).records, RecordType::SOA).first()
    }
}

/// The name that a word of a zone stands for, if it is whole, with a dot at its end or without.
#[cfg(test)]
pub(crate) fn name(text: &str) -> Option<Name> {
    values::name(text, Some(&Name::ROOT)).ok()
}

/// The records of one type, of those of a name.
pub(crate) fn set<'z>(records: &'z [Record<'z>], kind: RecordType) -> &'z [Record<'z>] {
    let start = records.partition_point(|record| record.kind.0 < kind.0);
    let count = records[start..].partition_point(|record| record.kind == kind);
    &records[start..start + count]
}
