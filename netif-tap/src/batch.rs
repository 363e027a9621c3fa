//! The next write: a frame, a packet that the kernel cuts, or many equal datagrams of one flow, which the
//! kernel takes as one.

use layer::{PartialChecksum, Payload, TxOffload};
use netif::Family;
use zerocopy::IntoBytes;

use crate::{
    device::OffloadLevel,
    headers::{self, Datagram, ETHERNET, LONGEST_PACKET, UDP},
    virtio,
};

/// The most datagrams in one write, which is the kernel's own limit (`UDP_MAX_SEGMENTS`, `linux/udp.h`).
const MOST: usize = 128;
/// The largest header: the Ethernet header with one VLAN tag (IEEE 802.1Q).
pub(crate) const LARGEST_HEADER: usize = ETHERNET + 4;

/// A buffer with the next write.
#[derive(Debug)]
pub(crate) struct Batch<'b> {
    /// The header of virtio, and the frame.
    buffer: &'b mut [u8],
    level: OffloadLevel,
    mtu: usize,
    /// The length of the frame, or of all the datagrams as one, in bytes; 0 if there is none.
    length: usize,
    /// The number of frames and their length.
    frames: usize,
    frame_length: usize,
    kind: Kind,
}

/// What is in the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A frame as it is.
    Plain,
    /// A frame with a partial checksum.
    Partial(PartialChecksum),
    /// A datagram with a partial checksum, which others of the same length can join.
    Open(Datagram),
    /// A datagram with a partial checksum that is too long for one frame: where its UDP header is, and how much
    /// a fragment carries.
    Long { transport: u16, size: u16 },
    /// A TCP segment with a partial checksum that is cut into segments: where its data begin, and how much of them each
    /// segment carries.
    Segments { family: Family, checksum: PartialChecksum, data: u16, size: u16 },
}

/// A frame that cannot be sent: longer than the MTU, and not to be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

impl<'b> Batch<'b> {
    /// The length of the buffer that frames of an MTU of `mtu` bytes need.
    pub(crate) fn buffer_len(level: OffloadLevel, mtu: usize) -> usize {
        let longest = mtu + LARGEST_HEADER;
        virtio::HEADER_LEN
            + match level {
                OffloadLevel::None | OffloadLevel::Checksums => longest,
                OffloadLevel::LongPackets | OffloadLevel::Datagrams => {
                    longest.max(LARGEST_HEADER + LONGEST_PACKET)
                }
            }
    }

    /// Nothing, with room in `buffer`, which has at least the length of [`buffer_len`](Self::buffer_len).
    pub(crate) fn new(buffer: &'b mut [u8], level: OffloadLevel, mtu: usize) -> Self {
        let kind = Kind::Plain;
        Self { buffer, level, mtu, length: 0, frames: 0, frame_length: 0, kind }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.frames == 0
    }

    /// The longest frame that may be put in, in bytes.
    pub(crate) fn longest(&self) -> usize {
        self.buffer.len() - virtio::HEADER_LEN
    }

    /// Adds `frame` to the batch, if it is another datagram of its flow with the same length.
    #[inline]
    pub(crate) fn join(&mut self, frame: &impl Payload) -> bool {
        let Kind::Open(datagram) = self.kind else { return false };
        if self.frames == 0 || self.frames == MOST || frame.len() != self.frame_length {
            return false;
        }
        let mut headers = [0; headers::MOST];
        let headers = &mut headers[..datagram.headers()];
        frame.copy_to(0, headers);
        let (first, payload) = (&self.buffer[virtio::HEADER_LEN..], datagram.payload());
        // All that says whose it is and how it travels is the same, down to the checksum of IPv4.
        if *headers != first[..headers.len()] || self.end() + payload > ETHERNET + LONGEST_PACKET {
            return false;
        }
        let start = virtio::HEADER_LEN + self.end();
        frame.copy_to(headers.len(), &mut self.buffer[start..start + payload]);
        self.frames += 1;
        self.length = self.end();
        true
    }

    /// Where the last of the datagrams ends, in bytes from the beginning of the frame, without padding.
    fn end(&self) -> usize {
        match self.kind {
            Kind::Open(datagram) => datagram.headers() + self.frames * datagram.payload(),
            _ => self.length,
        }
    }

    /// Replaces the contents by `frame`. Says whether others could join it.
    ///
    /// It is at least as long as an Ethernet header, and at most [`longest`](Self::longest).
    #[inline]
    pub(crate) fn put(
        &mut self,
        frame: &impl Payload,
        offload: TxOffload,
    ) -> Result<bool, TooLong> {
        let length = frame.len();
        let start = virtio::HEADER_LEN;
        frame.copy_to(0, &mut self.buffer[start..start + length]);
        (self.length, self.frames, self.frame_length) = (length, 1, length);
        self.examine(offload).inspect_err(|_| self.clear())
    }

    /// Finds out what is in.
    fn examine(&mut self, offload: TxOffload) -> Result<bool, TooLong> {
        self.kind = match offload {
            TxOffload { checksum: Some(checksum), segment_size: Some(size) }
                if self.level >= OffloadLevel::LongPackets =>
            {
                let size = size.get();
                self.kind = match checksum.is_tcp() {
                    true => Kind::Segments {
                        family: Family::of(&self.frame()),
                        checksum,
                        data: self.data_at(checksum),
                        size,
                    },
                    false => Kind::Long { transport: checksum.start, size },
                };
                return Ok(false);
            }
            TxOffload { checksum: Some(checksum), segment_size: None }
                if self.level != OffloadLevel::None =>
            {
                self.open().map_or(Kind::Partial(checksum), Kind::Open)
            }
            TxOffload { checksum: None, segment_size: None } => Kind::Plain,
            // More than the interface has said that it does.
            _ => return Err(TooLong),
        };
        if self.length > self.mtu + LARGEST_HEADER {
            return Err(TooLong);
        }
        Ok(matches!(self.kind, Kind::Open(_)))
    }

    /// Where the data of the TCP segment in the buffer begin. The kernel refuses a frame in which they do not.
    fn data_at(&self, checksum: PartialChecksum) -> u16 {
        let data = headers::data_at(self.frame(), checksum.start.into());
        data.and_then(|data| u16::try_from(data).ok()).unwrap_or(u16::MAX)
    }

    /// The datagram in the buffer, if others can join it: without options, and not empty.
    fn open(&self) -> Option<Datagram> {
        if self.level != OffloadLevel::Datagrams {
            return None;
        }
        let datagram = Datagram::find(self.frame())?;
        (datagram.is_plain(self.frame()) && datagram.payload() > 0).then_some(datagram)
    }

    /// The frame in the buffer.
    fn frame(&self) -> &[u8] {
        &self.buffer[virtio::HEADER_LEN..][..self.length]
    }

    /// The bytes to be written.
    pub(crate) fn bytes(&mut self) -> &[u8] {
        if self.level == OffloadLevel::None {
            return &self.buffer[virtio::HEADER_LEN..][..self.length];
        }
        let (head, frame) = self.buffer.split_at_mut(virtio::HEADER_LEN);
        let header = match self.kind {
            Kind::Plain => virtio::Header::WHOLE,
            Kind::Partial(checksum) => virtio::Header::partial(checksum),
            Kind::Open(datagram) if self.frames > 1 => {
                let (size, payload) = (datagram.payload(), self.frames * datagram.payload());
                let identification = headers::word_at(frame, 18);
                headers::set_length(&mut frame[..datagram.headers()], payload, identification);
                headers::set_partial_checksum(frame, datagram.transport, UDP + payload);
                virtio::Header::datagrams(datagram.transport as u16, size as u16)
            }
            Kind::Open(datagram) => virtio::Header::partial_udp(datagram.transport as u16),
            Kind::Long { transport, size } => virtio::Header::to_fragment(transport, size),
            Kind::Segments { family, checksum, data, size } => {
                virtio::Header::segments(family, checksum, data, size)
            }
        };
        head.copy_from_slice(header.as_bytes());
        &self.buffer[..virtio::HEADER_LEN + self.length]
    }

    /// The number of frames in the buffer, and their bytes together.
    pub(crate) fn count(&self) -> (u64, u64) {
        (self.frames as u64, (self.frames * self.frame_length) as u64)
    }

    /// Empties the buffer.
    pub(crate) fn clear(&mut self) {
        (self.length, self.frames, self.kind) = (0, 0, Kind::Plain);
    }
}

#[cfg(test)]
mod tests;
