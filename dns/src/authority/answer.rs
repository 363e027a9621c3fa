//! The records of an answer (RFC 1034 4.3.2).

use super::{
    Kind,
    response::{Response, Writer, put, put_all},
};
use crate::{
    Name, NameRef,
    wire::{Data, Flags, Question, Rcode, RecordType, Section, WriteError},
    zone::{
        Found, MOST_ALIASES, Record, Zone,
        path::{self, Path, to_name},
        set,
    },
};

/// The addresses of so many names are added to an answer that has them in its data.
const MOST_NAMES: usize = 16;

/// What has become of the answer.
#[derive(Clone, Copy)]
struct Outcome {
    kind: Kind,
    rcode: Rcode,
    is_authoritative: bool,
}

impl Response<'_> {
    /// Writes the answer to a question about a name in this zone.
    pub(super) fn answer(&mut self, zone: &Zone<'_>, question: &Question<'_>) -> Kind {
        let written = self.writer.all_or_nothing(|writer| walk(writer, zone, question));
        self.take(written)
    }

    /// Answers with the start of a zone.
    pub(super) fn answer_start(&mut self, zone: &Zone<'_>) -> Kind {
        let name = zone.origin();
        let written = self.writer.all_or_nothing(|writer| {
            zone.soa()
                .map_or(Ok(()), |soa| put(writer, Section::Answer, name.view(), soa, soa.ttl))?;
            Ok(Outcome::answer())
        });
        self.take(written)
    }

    fn take(&mut self, written: Result<Outcome, WriteError>) -> Kind {
        // What does not fit was taken back.
        let Ok(outcome) = written else { return Kind::Truncated };
        self.rcode = outcome.rcode;
        if outcome.is_authoritative {
            self.flags.0 |= Flags::AUTHORITATIVE;
        }
        outcome.kind
    }
}

impl Outcome {
    const fn answer() -> Self {
        Self { kind: Kind::Answer, rcode: Rcode::NO_ERROR, is_authoritative: true }
    }
}

/// Follows the name, and the aliases that it leads to within the zone.
fn walk(
    writer: &mut Writer<'_>,
    zone: &Zone<'_>,
    question: &Question<'_>,
) -> Result<Outcome, WriteError> {
    let kind = question.kind;
    let mut name: Option<Name> = None;
    for step in 0..=MOST_ALIASES {
        let owner = name.as_ref().map_or(question.name, Name::view);
        let path = Path::of(owner);
        if !path::is_within(path.as_bytes(), zone.top()) {
            break;
        }
        let records = match zone.search(&path, kind) {
            Found::Records(records) => records,
            Found::Elsewhere(servers, length) => {
                referral(writer, zone, servers, &path.as_bytes()[..length])?;
                // RFC 1034 4.3.2: of an alias, the answer stays.
                let kind = if step == 0 { Kind::Referral } else { Kind::Answer };
                return Ok(Outcome { kind, is_authoritative: step > 0, ..Outcome::answer() });
            }
            Found::Nothing => {
                negative(writer, zone)?;
                // RFC 2308 2.1: with aliases, it is about the last name.
                let (kind, rcode) = (Kind::NameError, Rcode::NAME_ERROR);
                return Ok(Outcome { kind, rcode, ..Outcome::answer() });
            }
        };
        let found = match kind {
            // RFC 8482 4.1: the records of one type.
            RecordType::ANY => records.first().map_or(records, |first| set(records, first.kind)),
            kind => set(records, kind),
        };
        if !found.is_empty() {
            put_all(writer, Section::Answer, owner, found)?;
            addresses(writer, zone, found);
            return Ok(Outcome::answer());
        }
        let alias = set(records, RecordType::CNAME).first();
        let Some(Ok(Data::Cname(target))) = alias.map(Record::data) else {
            negative(writer, zone)?;
            let kind = if step == 0 { Kind::NoData } else { Kind::Answer };
            return Ok(Outcome { kind, ..Outcome::answer() });
        };
        if let Some(alias) = alias {
            put(writer, Section::Answer, owner, alias, alias.ttl)?;
        }
        name = Some(target.to_name());
    }
    Ok(Outcome::answer())
}

/// The start of the zone, which says for how long it may be kept that something does not exist (RFC 2308 3).
fn negative(writer: &mut Writer<'_>, zone: &Zone<'_>) -> Result<(), WriteError> {
    let (Some(soa), name) = (zone.soa(), zone.origin()) else { return Ok(()) };
    put(writer, Section::Authority, name.view(), soa, zone.negative_ttl())
}

/// The servers of a zone below, and their addresses: those which nobody else has must be there (RFC 9471 3.1).
fn referral(
    writer: &mut Writer<'_>,
    zone: &Zone<'_>,
    servers: &[Record<'_>],
    cut: &[u8],
) -> Result<(), WriteError> {
    let below = to_name(cut);
    put_all(writer, Section::Authority, below.view(), servers)?;
    // Those that must be there come first.
    for is_needed in [true, false] {
        for server in servers {
            let Ok(Data::Ns(name)) = server.data() else { continue };
            let path = Path::of(name);
            let path = path.as_bytes();
            if path::is_within(path, zone.top()) && path::is_within(path, cut) == is_needed {
                let written = put_addresses(writer, name, zone.node(path).records);
                if is_needed {
                    written?;
                }
            }
        }
    }
    Ok(())
}

/// Adds the addresses of the names in these records that are in the zone, as far as they fit.
fn addresses(writer: &mut Writer<'_>, zone: &Zone<'_>, records: &[Record<'_>]) {
    for record in records.iter().take(MOST_NAMES) {
        let (Ok(Data::Ns(name)) | Ok(Data::Mx(_, name))) = record.data() else { return };
        let path = Path::of(name);
        if !path::is_within(path.as_bytes(), zone.top()) {
            continue;
        }
        if let Found::Records(records) = zone.search(&path, RecordType::A) {
            // What does not fit can be asked for.
            let _ = put_addresses(writer, name, records);
        }
    }
}

/// Writes the addresses among these records, all of a type or none.
fn put_addresses(
    writer: &mut Writer<'_>,
    name: NameRef<'_>,
    records: &[Record<'_>],
) -> Result<(), WriteError> {
    for kind in [RecordType::A, RecordType::AAAA] {
        writer.all_or_nothing(|writer| {
            put_all(writer, Section::Additional, name, set(records, kind))
        })?;
    }
    Ok(())
}
