//! What RFC 8200 says of a packet, in the plainest way: first all headers are collected, and then each is looked at. Fragments are
//! kept in a list, with an array of the bytes that have come.

use std::{net::Ipv6Addr, time::Duration};

use layer::Instant;
use network::Problem;

/// What is to become of a packet.
#[derive(Debug)]
pub(super) enum Expected {
    /// It is handed up: `protocol` begins at byte `end`.
    Packet {
        end: usize,
        protocol: u8,
        bytes: Vec<u8>,
    },
    /// Its sender is told.
    Rejected(Problem),
    /// It is a fragment; its Fragment header is at this byte.
    Fragment(usize),
    Nothing,
}

/// The extension headers of a packet: number, beginning and end of each. And what is behind them, or `None` if the packet ends
/// before.
type Chain = (Vec<(u8, usize, usize)>, Option<(u8, usize)>);

/// The extension headers of a packet whose numbers are `known`, from `next` at byte `at` on.
fn collect(bytes: &[u8], mut next: u8, mut at: usize, known: &[u8]) -> Chain {
    let mut headers = Vec::new();
    while known.contains(&next) {
        let length = match (next, bytes.get(at + 1)) {
            (_, None) => return (headers, None),
            (44, _) => 8,
            (51, Some(&length)) => (usize::from(length) + 2) * 4,
            (_, Some(&length)) => (usize::from(length) + 1) * 8,
        };
        if bytes.len() < at + length {
            return (headers, None);
        }
        headers.push((next, at, at + length));
        (next, at) = (bytes[at], at + length);
    }
    (headers, Some((next, at)))
}

/// What is to become of `bytes`, a packet without padding.
pub(super) fn read(bytes: &[u8], to_group: bool, reassembled: bool) -> Expected {
    let (headers, behind) = collect(bytes, bytes[6], 40, &[0, 43, 44, 60]);
    let mut is_fragment = reassembled;
    for (count, &(number, at, end)) in headers.iter().enumerate() {
        if number == 0 && count > 0 {
            return Expected::Rejected(Problem::ProtocolUnreachable);
        }
        if count == 8 {
            return Expected::Nothing;
        }
        let result = match number {
            43 if bytes[at + 3] > 0 => Some(Expected::Rejected(Problem::Parameter(at as u32 + 2))),
            43 => None,
            44 => {
                let field = u16::from_be_bytes([bytes[at + 2], bytes[at + 3]]);
                let is_atomic = field & 0xfff9 == 0;
                match (is_atomic, core::mem::replace(&mut is_fragment, true)) {
                    (true, _) => None,
                    (false, true) => Some(Expected::Nothing),
                    (false, false) => Some(Expected::Fragment(at)),
                }
            }
            _ => options(bytes, at + 2, end, to_group),
        };
        if let Some(result) = result {
            return result;
        }
    }
    match behind {
        Some((59, _)) => Expected::Nothing,
        Some((protocol, end)) => Expected::Packet { end, protocol, bytes: bytes.to_vec() },
        // A header that is cut, but whose place is already wrong.
        None => {
            let named_at = headers.last().map_or(6, |&(_, at, _)| at);
            match bytes[named_at] {
                0 if !headers.is_empty() => Expected::Rejected(Problem::ProtocolUnreachable),
                _ => Expected::Nothing,
            }
        }
    }
}

/// What the options between two bytes demand, if it is not to go on.
fn options(bytes: &[u8], from: usize, to: usize, to_group: bool) -> Option<Expected> {
    let (mut at, mut options, mut padding) = (from, 0, 0);
    while at < to {
        let kind = bytes[at];
        let length = if kind == 0 {
            1
        } else {
            match bytes[at..to].get(1) {
                Some(&length) if at + 2 + usize::from(length) <= to => 2 + usize::from(length),
                Some(_) => return Some(Expected::Rejected(Problem::Parameter(at as u32 + 1))),
                // Where its length would be, another header begins, or nothing.
                None => return Some(Expected::Rejected(Problem::Parameter(at as u32))),
            }
        };
        if kind < 2 {
            padding += length;
        } else {
            padding = 0;
            options += 1;
        }
        if padding > 7 || options > 8 {
            return Some(Expected::Nothing);
        }
        let unknown = Expected::Rejected(Problem::UnknownOption(at as u32));
        match kind & 0xc0 {
            0x40 => return Some(Expected::Nothing),
            0x80 => return Some(unknown),
            0xc0 => return Some(if to_group { Expected::Nothing } else { unknown }),
            _ => at += length,
        }
    }
    None
}

/// A fragment.
pub(super) struct Piece {
    source_destination: [u8; 32],
    pub(super) identification: u32,
    pub(super) offset: usize,
    pub(super) more: bool,
    ecn: u8,
    /// All up to the Fragment header, and that.
    headers: Vec<u8>,
    pub(super) part: Vec<u8>,
}

impl Piece {
    /// The fragment that `bytes` are, with its Fragment header at byte `at`.
    pub(super) fn read(bytes: &[u8], at: usize) -> Self {
        let field = u16::from_be_bytes([bytes[at + 2], bytes[at + 3]]);
        Self {
            source_destination: bytes[8..40].try_into().expect("32"),
            identification: u32::from_be_bytes(bytes[at + 4..at + 8].try_into().expect("4")),
            offset: usize::from(field & 0xfff8),
            more: field & 1 != 0,
            ecn: bytes[1] >> 4 & 3,
            headers: bytes[..at + 8].to_vec(),
            part: bytes[at + 8..].to_vec(),
        }
    }

    fn end(&self) -> usize {
        self.offset + self.part.len()
    }

    /// Whether the chain of headers ends in this first fragment (RFC 7112), that of the transport included.
    fn is_complete(&self) -> bool {
        let bytes = [&self.headers[..], &self.part].concat();
        let next = bytes[self.headers.len() - 8];
        let (headers, behind) = collect(&bytes, next, self.headers.len(), &[0, 43, 44, 51, 60]);
        let needed = |next| match next {
            6 => 20,
            17 => 8,
            58 => 4,
            _ => 0,
        };
        headers.len() <= 8 && behind.is_some_and(|(next, at)| at + needed(next) <= bytes.len())
    }
}

/// A packet of which fragments have come.
struct Waiting {
    opened: Instant,
    refused: bool,
    pieces: Vec<Piece>,
    come: Vec<bool>,
}

/// The packets that wait, the oldest first.
#[derive(Default)]
pub(super) struct Fragments(Vec<(([u8; 32], u32), Waiting)>);

impl Fragments {
    /// The whole packet, if it is whole now; or what its sender is told.
    pub(super) fn insert(
        &mut self,
        now: Instant,
        piece: &Piece,
    ) -> Result<Option<Vec<u8>>, Problem> {
        let length = piece.part.len();
        let is_odd = piece.more && !length.is_multiple_of(8);
        if piece.offset == 0 && length.is_multiple_of(8) && !piece.is_complete() {
            return Err(Problem::IncompleteChain);
        }
        if is_odd {
            return Err(Problem::Parameter(4));
        }
        if piece.headers.len() - 48 + piece.end() > 65_535 {
            return Err(Problem::Parameter(piece.headers.len() as u32 - 8 + 2));
        }
        if length == 0 {
            return Ok(None);
        }
        let key = (piece.source_destination, piece.identification);
        let index = self.0.iter().position(|(known, _)| *known == key).unwrap_or_else(|| {
            let (pieces, come) = (Vec::new(), vec![false; 1 << 16]);
            self.0.push((key, Waiting { opened: now, refused: false, pieces, come }));
            self.0.len() - 1
        });
        let waiting = &mut self.0[index].1;
        let (from, to) = (piece.offset, piece.end());
        let is_same =
            |other: &Piece| (other.offset, other.end(), other.more) == (from, to, piece.more);
        if waiting.refused || waiting.pieces.iter().any(is_same) {
            return Ok(None);
        }
        let end = waiting.pieces.iter().find(|other| !other.more).map(Piece::end);
        let contradicts = match end {
            Some(end) => !piece.more || to > end,
            None => !piece.more && waiting.pieces.iter().any(|other| other.end() > to),
        };
        if contradicts || waiting.come[from..to].contains(&true) {
            waiting.refused = true;
            return Ok(None);
        }
        waiting.come[from..to].fill(true);
        waiting.pieces.push(Piece {
            headers: piece.headers.clone(),
            part: piece.part.clone(),
            ..*piece
        });
        let end = waiting.pieces.iter().find(|other| !other.more).map(Piece::end);
        let is_whole = end.is_some_and(|end| !waiting.come[..end].contains(&false));
        if !is_whole {
            return Ok(None);
        }
        let (_, mut waiting) = self.0.remove(index);
        waiting.pieces.sort_by_key(|piece| piece.offset);
        let has = |codepoint| waiting.pieces.iter().any(|piece| piece.ecn == codepoint);
        let headers = &waiting.pieces[0].headers;
        let part: Vec<u8> = waiting.pieces.iter().flat_map(|piece| piece.part.clone()).collect();
        if has(3) && has(0) || headers.len() - 48 + part.len() > 65_535 {
            return Ok(None);
        }
        // Without the Fragment header, and with what that names.
        let (before, fragment) = headers.split_at(headers.len() - 8);
        let mut packet = [before, &part].concat();
        let (last, _) = collect(headers, headers[6], 40, &[0, 43, 44, 60]);
        let named_at = last.iter().rev().nth(1).map_or(6, |&(_, at, _)| at);
        packet[named_at] = fragment[0];
        let length = (packet.len() - 40) as u16;
        packet[4..6].copy_from_slice(&length.to_be_bytes());
        Ok(Some(packet))
    }

    /// Takes out those whose time is over; the first fragment of each that is reported.
    pub(super) fn expire(
        &mut self,
        now: Instant,
        timeout: Duration,
        ours: Ipv6Addr,
    ) -> Vec<Vec<u8>> {
        let due = self.0.iter().take_while(|(_, waiting)| waiting.opened + timeout <= now).count();
        let over = self.0.drain(..due).filter(|(_, waiting)| !waiting.refused);
        over.filter_map(|((addresses, _), waiting)| {
            let first = waiting.pieces.iter().find(|piece| piece.offset == 0)?;
            let is_ours = addresses[16..] == ours.octets();
            is_ours.then(|| [&first.headers[..], &first.part].concat())
        })
        .collect()
    }
}
