//! What the record of EDNS says (RFC 6891 6.1.2, 6.1.3).

/// How many bytes a record of EDNS without options has.
pub const OPT_LEN: usize = 11;

/// The fixed part of a record of EDNS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edns {
    /// The longest datagram that the sender takes, in bytes.
    pub payload: u16,
    /// The version; 0 is the only one that is defined.
    pub version: u8,
    /// The flags. The highest one is DO: the sender wants the records of DNSSEC (RFC 3225).
    pub flags: u16,
}

impl Edns {
    /// The flag DO (RFC 3225 3).
    pub const DNSSEC_OK: u16 = 0x8000;

    /// From the fields that are the class and the time to live of other records.
    pub(super) const fn new(payload: u16, ttl: u32) -> Self {
        Self { payload, version: (ttl >> 16) as u8, flags: ttl as u16 }
    }

    /// The record, without options. `rcode` are the upper eight bits of the status.
    pub fn to_bytes(self, rcode: u8) -> [u8; OPT_LEN] {
        let ([a, b], [c, d]) = (self.payload.to_be_bytes(), self.flags.to_be_bytes());
        [0, 0, super::RecordType::OPT.0 as u8, a, b, rcode, self.version, c, d, 0, 0]
    }
}
