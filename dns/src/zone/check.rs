//! What must hold for the records of a zone.

use super::{
    Found, Problem, Record, Zone, ZoneError,
    path::{self, Path},
    set,
};
use crate::{
    NameRef,
    wire::{Data, RecordType},
};

/// The most bytes of the records of one name and type, and of all addresses that a referral to them needs: so each answer fits
/// into a message by TCP.
pub const MAX_SET: usize = 8192;

/// How many aliases may lead to a name.
pub const MOST_ALIASES: usize = 8;

/// Sorts the records, in which the first is that of the start, and checks them.
pub(super) fn zone<'z, 't>(records: &'z mut [Record<'z>]) -> Result<Zone<'z>, ZoneError<'t>> {
    let first = records.first().filter(|first| first.kind == RecordType::SOA).copied();
    let line = records.first().map_or(1, |first| first.line);
    let rule =
        "the first record of a zone is its SOA: expected @ SOA ns1 hostmaster 1 1h 15m 1w 5m";
    let Some(first) = first else { return Err(error(line, Problem::Rule(rule))) };
    let negative_ttl = match first.data() {
        // RFC 2308 3: the shorter one.
        Ok(Data::Soa(soa)) => soa.minimum.min(first.ttl),
        _ => 0,
    };
    for record in records.iter() {
        if !path::is_within(record.path, first.path) {
            return Err(rule_of(record, "the name is not within the zone"));
        }
        if record.kind == RecordType::SOA && record.line != first.line {
            let rule = "a zone has one SOA, which is";
            return Err(conflict(record, rule, &first));
        }
    }
    records.sort_unstable_by(Record::order);
    let zone = Zone { origin: first.path, records, negative_ttl };
    if set(zone.node(zone.origin).records, RecordType::NS).is_empty() {
        return Err(rule_of(&first, "the name of the zone has no NS: expected one at least"));
    }
    pairs(&zone)?;
    let mut rest = zone.records;
    while let Some(first) = rest.first() {
        let is_same = |record: &Record<'_>| {
            record.kind == first.kind && path::order(record.path, first.path).is_eq()
        };
        let (records, after) = rest.split_at(rest.partition_point(is_same));
        one_set(&zone, records)?;
        rest = after;
    }
    Ok(zone)
}

/// What must hold for records of the same name.
fn pairs<'t>(zone: &Zone<'_>) -> Result<(), ZoneError<'t>> {
    for pair in zone.records.windows(2) {
        let [one, other] = pair else { continue };
        if path::order(one.path, other.path).is_ne() {
            continue;
        }
        if one.kind != other.kind {
            // RFC 1034 3.6.2, RFC 2181 10.1.
            if [one.kind, other.kind].contains(&RecordType::CNAME) {
                return Err(conflict(
                    other,
                    "a name with a CNAME has nothing else: there is one",
                    one,
                ));
            }
        } else if one.kind == RecordType::CNAME {
            return Err(conflict(other, "a name has one CNAME, which is", one));
        } else if one.bytes == other.bytes {
            return Err(conflict(other, "the record is there already", one));
        } else if one.ttl != other.ttl {
            // RFC 2181 5.2.
            let rule = "records of one name and type have one time to live: another one is";
            return Err(conflict(other, rule, one));
        }
    }
    Ok(())
}

/// What must hold for the records of a name and a type.
fn one_set<'t>(zone: &Zone<'_>, records: &[Record<'_>]) -> Result<(), ZoneError<'t>> {
    let mut size: usize = records.iter().map(Record::most_bytes).sum();
    for record in records {
        match record.data() {
            Ok(Data::Ns(_)) if is_wildcard(record.path) => {
                // RFC 4592 4.2.
                return Err(rule_of(record, "a wildcard has no NS"));
            }
            Ok(Data::Ns(server)) => size += server_of(zone, record, server)?,
            Ok(Data::Mx(_, server)) => _ = server_of(zone, record, server)?,
            Ok(Data::Cname(target)) => aliases(zone, record, target)?,
            _ => {}
        }
        if size > MAX_SET {
            let rule = "the records of this name and type take more than 8192 bytes";
            return Err(rule_of(record, rule));
        }
    }
    Ok(())
}

fn is_wildcard(path: &[u8]) -> bool {
    path.ends_with(b"\x01*")
}

/// How many bytes the addresses of a server take, which must be there if its name is within the zone.
fn server_of<'t>(
    zone: &Zone<'_>,
    record: &Record<'_>,
    server: NameRef<'_>,
) -> Result<usize, ZoneError<'t>> {
    let path = Path::of(server);
    if !path::is_within(path.as_bytes(), zone.origin) {
        return Ok(0);
    }
    let records = match zone.search(&path, RecordType::A) {
        Found::Records(records) => records,
        // The addresses of servers below the name that they serve are here too; others are with the zone below.
        Found::Elsewhere(..) if path::is_within(path.as_bytes(), record.path) => {
            zone.node(path.as_bytes()).records
        }
        Found::Elsewhere(..) => return Ok(0),
        Found::Nothing => &[],
    };
    // RFC 2181 10.3.
    if let Some(alias) = set(records, RecordType::CNAME).first() {
        let rule = "the name of a server is not an alias, which it is";
        return Err(error(record.line, Problem::Conflict(rule, alias.line.into())));
    }
    let sets = [RecordType::A, RecordType::AAAA].map(|kind| set(records, kind));
    let size = sets.iter().copied().flatten().map(Record::most_bytes).sum();
    if size == 0 {
        let rule = "the server has no address: expected an A or AAAA record of its name";
        return Err(rule_of(record, rule));
    }
    Ok(size)
}

/// Checks that the aliases from here on lead somewhere.
fn aliases<'t>(
    zone: &Zone<'_>,
    record: &Record<'_>,
    target: NameRef<'_>,
) -> Result<(), ZoneError<'t>> {
    let mut target = target;
    for _ in 1..MOST_ALIASES {
        let path = Path::of(target);
        if !path::is_within(path.as_bytes(), zone.origin) {
            return Ok(());
        }
        let Found::Records(records) = zone.search(&path, RecordType::CNAME) else { return Ok(()) };
        match set(records, RecordType::CNAME).first().map(Record::data) {
            Some(Ok(Data::Cname(next))) => target = next,
            _ => return Ok(()),
        }
    }
    Err(rule_of(record, "more than 8 aliases follow each other from here, or lead back"))
}

fn error<'t>(line: u16, problem: Problem<'t>) -> ZoneError<'t> {
    ZoneError { line: line.into(), problem }
}

fn rule_of<'t>(record: &Record<'_>, rule: &'static str) -> ZoneError<'t> {
    error(record.line, Problem::Rule(rule))
}

/// That the later one of two records breaks a rule because of the earlier one.
fn conflict<'t>(one: &Record<'_>, rule: &'static str, other: &Record<'_>) -> ZoneError<'t> {
    error(one.line.max(other.line), Problem::Conflict(rule, one.line.min(other.line).into()))
}
