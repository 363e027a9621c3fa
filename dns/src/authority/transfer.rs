//! The transfer of a zone (RFC 5936): its records in several messages, each written when the one before was sent.

use super::response::{ours, put};
use crate::{
    wire::{
        CLASS_IN, Edns, Flags, HEADER_LEN, Message, MessageWriter, OPT_LEN, Pointers, Rcode,
        RecordType, Section,
    },
    zone::{Record, Zone, path::to_name},
};

/// How many bytes the buffer of a transfer has at least: one record fits in any case.
pub const MIN_TRANSFER: usize = 3 << 10;

/// A transfer that goes on: what was not yet sent of a zone.
#[derive(Clone, Debug)]
pub struct Transfer<'z> {
    zone: &'z Zone<'z>,
    id: u16,
    flags: Flags,
    kind: RecordType,
    edns: Option<Edns>,
    /// How many records were written. The start of the zone is the first one, and the last.
    written: usize,
}

impl<'z> Transfer<'z> {
    pub(super) fn new(zone: &'z Zone<'z>, message: &Message<'_>, kind: RecordType) -> Self {
        let kept = message.flags().0 & Flags::RECURSION_DESIRED;
        let flags = Flags(Flags::RESPONSE | Flags::AUTHORITATIVE | kept);
        let id = message.header.id.get();
        Self { zone, id, flags, kind, edns: message.edns(), written: 0 }
    }

    /// The next message, with as many records as there is room for in `buffer`, which has [`MIN_TRANSFER`] bytes at least. None after
    /// the last one.
    pub fn next<'b>(&mut self, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
        let total = self.zone.len() + 1;
        let is_first = self.written == 0;
        let before = self.written;
        let names = Pointers::keeping_case();
        let mut writer = MessageWriter::compressing(buffer, self.id, self.flags, names).ok()?;
        if is_first {
            // RFC 5936 2.2: the question and EDNS are in the first message, and need not be in others.
            writer.question(self.zone.origin().view(), self.kind, CLASS_IN).ok()?;
            writer.keep_free(if self.edns.is_some() { OPT_LEN } else { 0 });
        }
        while self.written < total {
            let record = self.record(self.written)?;
            let name = to_name(record.path);
            if put(&mut writer, Section::Answer, name.view(), record, record.ttl).is_err() {
                break;
            }
            self.written += 1;
        }
        if self.written == before {
            return None;
        }
        if let Some(edns) = self.edns.filter(|_| is_first) {
            writer.keep_free(0);
            writer.edns(ours(edns), Rcode::NO_ERROR).ok()?;
        }
        Some(writer.finish())
    }

    /// The message that is sent instead, where there are too many transfers: the header alone, with status 2.
    pub fn refused(&self) -> [u8; HEADER_LEN] {
        let mut message = [0; HEADER_LEN];
        let flags = self.flags.0 & !Flags::AUTHORITATIVE | Rcode::SERVER_FAILURE.0;
        message[..2].copy_from_slice(&self.id.to_be_bytes());
        message[2..4].copy_from_slice(&flags.to_be_bytes());
        message
    }

    /// Whether all was written.
    pub fn is_done(&self) -> bool {
        self.written > self.zone.len()
    }

    /// The record that is written as number `index`.
    fn record(&self, index: usize) -> Option<&'z Record<'z>> {
        let records = self.zone.records();
        // The start of the zone is the only record of its type. The records before it come after it.
        let start = records.iter().position(|record| record.kind == RecordType::SOA)?;
        match index {
            0 => records.get(start),
            _ if index == records.len() => records.get(start),
            _ if index <= start => records.get(index - 1),
            _ => records.get(index),
        }
    }
}
