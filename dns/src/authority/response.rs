//! A response while it is written.

use super::{Action, Kind, MAX_DATAGRAM};
use crate::{
    NameRef,
    wire::{
        CLASS_IN, Edns, Flags, MessageWriter, OPT_LEN, Pointers, Question, Rcode, Section,
        WriteError,
    },
    zone::Record,
};

/// What a response is written with.
pub(super) type Writer<'b> = MessageWriter<'b, Pointers>;

/// A response: the question, records, and EDNS if the query has it, for which room is kept.
pub(super) struct Response<'b> {
    pub(super) writer: Writer<'b>,
    pub(super) flags: Flags,
    pub(super) rcode: Rcode,
    edns: Option<Edns>,
}

/// A response of a header alone, for a query that cannot be read.
pub(super) fn short<'b, 'z>(
    id: u16,
    flags: Flags,
    kind: Kind,
    rcode: Rcode,
    buffer: &'b mut [u8],
) -> Action<'b, 'z> {
    match MessageWriter::new(buffer, id, Flags(flags.0 | rcode.0)) {
        Ok(writer) => Action::Send(writer.finish(), kind),
        Err(_) => Action::Ignore,
    }
}

impl<'b> Response<'b> {
    /// A response without records. `buffer` is as long as the response may be.
    pub(super) fn new(
        buffer: &'b mut [u8],
        id: u16,
        flags: Flags,
        question: &Question<'_>,
        edns: Option<Edns>,
    ) -> Result<Self, WriteError> {
        let mut writer = MessageWriter::compressing(buffer, id, flags, Pointers::new())?;
        writer.keep_free(if edns.is_some() { OPT_LEN } else { 0 });
        writer.question(question.name, question.kind, question.class)?;
        Ok(Self { writer, flags, edns, rcode: Rcode::NO_ERROR })
    }

    /// The message.
    pub(super) fn finish(mut self, kind: Kind) -> &'b [u8] {
        if kind == Kind::Truncated {
            self.flags.0 |= Flags::TRUNCATED;
        }
        self.writer.set_flags(Flags(self.flags.0 | self.rcode.0 & 0xf));
        if let Some(edns) = self.edns {
            self.writer.keep_free(0);
            // Room was kept.
            let _ = self.writer.edns(ours(edns), self.rcode);
        }
        self.writer.finish()
    }
}

/// The record of EDNS of a response (RFC 6891 6.1.1, 6.1.3; RFC 3225 3).
pub(super) fn ours(theirs: Edns) -> Edns {
    Edns { payload: MAX_DATAGRAM as u16, version: 0, flags: theirs.flags & Edns::DNSSEC_OK }
}

/// Writes a record under this name.
pub(super) fn put(
    writer: &mut Writer<'_>,
    section: Section,
    name: NameRef<'_>,
    record: &Record<'_>,
    ttl: u32,
) -> Result<(), WriteError> {
    // What a zone has can be read.
    let Ok(data) = record.data() else { return Ok(()) };
    writer.record(section, name, (record.kind, CLASS_IN), ttl, data)
}

/// Writes all these records under this name.
pub(super) fn put_all(
    writer: &mut Writer<'_>,
    section: Section,
    name: NameRef<'_>,
    records: &[Record<'_>],
) -> Result<(), WriteError> {
    records.iter().try_for_each(|record| put(writer, section, name, record, record.ttl))
}
