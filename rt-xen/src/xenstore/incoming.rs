//! A message from xenstore, as far as it has arrived.

use super::wire::Header;

/// The longest name of an error, and the longest token, that is recognised, in bytes.
const WORD_MAX: usize = 16;

/// The part of a message that has arrived.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Incoming {
    pub(super) header: [u8; Header::SIZE],
    /// How many bytes of header and payload have arrived.
    pub(super) length: usize,
    pub(super) word: Word,
}

/// The string in a payload that matters: the name of the error, or the token of the event, which is its second string.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Word {
    pub(super) bytes: [u8; WORD_MAX],
    /// Its length in bytes, at most one more than there is room for.
    pub(super) length: usize,
    /// How many strings have ended before it.
    pub(super) ended: u8,
}

impl Incoming {
    pub(super) fn header(&self) -> Header {
        Header::parse(self.header)
    }

    /// How many bytes are missing: of the header, if it is not complete, or of the message.
    pub(super) fn rest(&self) -> usize {
        match self.length.checked_sub(Header::SIZE) {
            None => Header::SIZE - self.length,
            Some(length) => (self.header().len as usize).saturating_sub(length),
        }
    }
}

impl Word {
    /// Searches the next piece of the payload for string number `wanted`.
    pub(super) fn add(&mut self, piece: &[u8], wanted: u8) {
        for byte in piece {
            if *byte == 0 {
                self.ended = self.ended.saturating_add(1);
            } else if self.ended == wanted {
                if let Some(place) = self.bytes.get_mut(self.length) {
                    *place = *byte;
                }
                self.length = (self.length + 1).min(WORD_MAX + 1);
            }
        }
    }

    /// The string, or an empty one if it is longer than all known ones.
    pub(super) fn get(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}
