//! The fragments of a datagram, as far as a difference may be due to them.

use super::frames::Packet;

/// The last datagram of a conversation of which there were fragments.
pub(crate) struct Pieces<'a>(Vec<Packet<'a>>);

impl<'a> Pieces<'a> {
    /// The fragments of the datagram that the last frame belongs to; none if it is no fragment.
    pub(crate) fn of(heard: &'a [Vec<u8>]) -> Self {
        let packets = || heard.iter().filter_map(|frame| Packet::of(frame));
        let key = |packet: &Packet<'_>| {
            (packet.source(), packet.destination(), packet.protocol(), packet.identification())
        };
        let last = heard.last().and_then(|frame| Packet::of(frame));
        let Some(last) = last.filter(Packet::is_fragment) else { return Self(Vec::new()) };
        Self(packets().filter(|one| one.is_fragment() && key(one) == key(&last)).collect())
    }

    /// Whether two overlap that are not the same bytes at the same place.
    pub(crate) fn has_overlap(&self) -> bool {
        let Self(pieces) = self;
        let end = |piece: &Packet<'_>| piece.offset() + piece.payload().len();
        let same = |one: &Packet<'_>, other: &Packet<'_>| {
            (one.offset(), one.payload(), one.more())
                == (other.offset(), other.payload(), other.more())
        };
        pieces.iter().enumerate().any(|(number, one)| {
            pieces[..number].iter().any(|other| {
                one.offset() < end(other) && other.offset() < end(one) && !same(one, other)
            })
        })
    }

    /// Whether one is empty, not a multiple of 8 bytes though more follow, or beyond the largest packet or the
    /// end.
    pub(crate) fn has_impossible(&self) -> bool {
        let Self(pieces) = self;
        let end = |piece: &Packet<'_>| piece.offset() + piece.payload().len();
        let last = pieces.iter().filter(|piece| !piece.more()).map(end).min();
        pieces.iter().any(|piece| {
            let length = piece.payload().len();
            length == 0
                || piece.more() && length % 8 != 0
                || end(piece) + piece.header > 65_535
                || last.is_some_and(|last| end(piece) > last)
        })
    }

    /// Whether some have ECN and others have not.
    pub(crate) fn has_mixed_ecn(&self) -> bool {
        let Self(pieces) = self;
        let without = pieces.iter().filter(|piece| piece.tos() & 3 == 0).count();
        without > 0 && without < pieces.len()
    }
}
