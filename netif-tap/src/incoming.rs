//! The result of a read with a header: a frame, many TCP segments as one, which are handed up so, or many equal datagrams
//! of one flow as one, which are cut and handed up one by one.

use core::num::NonZeroU16;

use netif::{Checksums, Family};
use rt_regions::{Exhausted, Region};
use zerocopy::FromBytes;

use crate::{
    batch::LARGEST_HEADER,
    device::OffloadLevel,
    headers::{self, Datagram, ETHERNET, LONGEST_PACKET, Segment, UDP},
    virtio::{self, Header},
};

/// The longest headers of datagrams that are cut, in bytes: all options that IPv4 can have, or as many bytes of IPv6.
const LONGEST_HEADERS: usize = ETHERNET + 60 + UDP;

/// A buffer, and its datagrams that have not been handed up.
#[derive(Debug)]
pub(crate) struct Incoming<'b> {
    /// The header of virtio, and the frame. What has been handed up is overwritten by the headers of the next one.
    buffer: &'b mut [u8],
    mtu: usize,
    /// The headers of each datagram, except the fields that differ.
    headers: [u8; LONGEST_HEADERS],
    header_len: usize,
    /// Where in the buffer the next payload begins, and where the last one ends.
    next: usize,
    end: usize,
    /// The length of each payload, but for the last.
    size: usize,
    identification: u16,
}

/// What was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loaded {
    /// A frame.
    One(One),
    /// Many datagrams.
    Many,
}

/// A frame that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct One {
    /// Its length in bytes.
    length: usize,
    pub(crate) checksums: Checksums,
    /// The number of data bytes in each of the TCP segments that it was joined from.
    pub(crate) segment_size: Option<NonZeroU16>,
}

/// A frame that is not handed up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Longer than the MTU, or many datagrams or segments that are.
    TooLong,
    /// Many in one, but not UDP datagrams or TCP segments, or with inconsistent lengths.
    NotCut,
}

impl<'b> Incoming<'b> {
    /// The length of the buffer that frames of an MTU of `mtu` bytes need: one byte more than the longest, so
    /// that a frame which was cut off can be told from one which just fits.
    pub(crate) fn buffer_len(level: OffloadLevel, mtu: usize) -> usize {
        let longest = match level {
            OffloadLevel::None => return 0,
            OffloadLevel::Checksums => mtu,
            OffloadLevel::LongPackets | OffloadLevel::Datagrams => mtu.max(LONGEST_PACKET),
        };
        virtio::HEADER_LEN + LARGEST_HEADER + longest + 1
    }

    /// Nothing, with room in `buffer`, which has the length of [`buffer_len`](Self::buffer_len).
    pub(crate) fn new(buffer: &'b mut [u8], mtu: usize) -> Self {
        Self {
            buffer,
            mtu,
            headers: [0; LONGEST_HEADERS],
            header_len: 0,
            next: 0,
            end: 0,
            size: 0,
            identification: 0,
        }
    }

    /// Whether all that was read has been handed up.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.next >= self.end
    }

    /// Where to read into.
    pub(crate) fn buffer(&mut self) -> &mut [u8] {
        self.buffer
    }

    /// Examines the `read` bytes that were read.
    #[inline]
    pub(crate) fn load(&mut self, read: usize) -> Result<Loaded, Refused> {
        (self.next, self.end) = (0, 0);
        if read >= self.buffer.len() {
            return Err(Refused::TooLong);
        }
        let (header, frame) =
            Header::mut_from_prefix(&mut self.buffer[..read]).map_err(|_| Refused::NotCut)?;
        if !header.is_one() {
            let header = *header;
            return match header.joined() {
                Some((family, size)) => self.load_joined(&header, family, size, read),
                None => self.load_many(&header, read),
            };
        }
        if frame.len() > self.mtu + LARGEST_HEADER {
            return Err(Refused::TooLong);
        }
        let one = One { length: frame.len(), checksums: Checksums::NotChecked, segment_size: None };
        // The kernel's mark for verified checksums is ignored, because fragments have it as well, although no
        // device has seen their whole datagram.
        //
        // A fragment has no checksum of its own. A blank checksum there belongs to a datagram that no device
        // has seen whole.
        if !header.is_blank() || headers::is_fragment(frame) {
            return Ok(Loaded::One(one));
        }
        // The field has the sum of the pseudo header, which a recorder of the frame would show as a wrong
        // checksum.
        if let Some(at) = header.blank_udp_checksum()
            && let Some(checksum) = frame.get_mut(at..at + 2)
        {
            checksum.fill(0);
        }
        Ok(Loaded::One(One { checksums: Checksums::Blank, ..one }))
    }

    /// TCP segments of a family with `size` bytes of data that are one.
    fn load_joined(
        &self,
        header: &Header,
        family: Family,
        size: NonZeroU16,
        read: usize,
    ) -> Result<Loaded, Refused> {
        let frame = &self.buffer[virtio::HEADER_LEN..read];
        let found = Segment::find(frame).filter(|found| found.family == family);
        let Segment { data, end, .. } = found.ok_or(Refused::NotCut)?;
        if data - ETHERNET + usize::from(size.get()) > self.mtu {
            return Err(Refused::TooLong);
        }
        // Of the checksums of those that were joined nothing is left.
        let checksums = match (header.is_blank(), header.is_verified()) {
            (true, _) => Checksums::Blank,
            (false, true) => Checksums::Verified,
            (false, false) => Checksums::NotChecked,
        };
        let segment_size = Some(size).filter(|size| end - data > usize::from(size.get()));
        Ok(Loaded::One(One { length: end, checksums, segment_size }))
    }

    fn load_many(&mut self, header: &Header, read: usize) -> Result<Loaded, Refused> {
        let size = header.datagram_size().ok_or(Refused::NotCut)?;
        let frame = &self.buffer[virtio::HEADER_LEN..read];
        let found = Datagram::find(frame).ok_or(Refused::NotCut)?;
        let header_len = found.headers();
        if header_len > LONGEST_HEADERS {
            return Err(Refused::NotCut);
        }
        if header_len - ETHERNET + size > self.mtu {
            return Err(Refused::TooLong);
        }
        self.headers[..header_len].copy_from_slice(&frame[..header_len]);
        // Blank: the sum of the pseudo header was that of all of them.
        self.headers[header_len - 2..header_len].fill(0);
        self.identification = headers::word_at(frame, 18);
        (self.header_len, self.size) = (header_len, size);
        self.next = virtio::HEADER_LEN + header_len;
        self.end = virtio::HEADER_LEN + found.end;
        Ok(Loaded::Many)
    }

    /// The one frame that was read, in `region`.
    #[inline]
    pub(crate) fn one<'r>(&self, one: One, region: &'r Region<'_>) -> Result<&'r [u8], Exhausted> {
        Ok(region.alloc_slice(&self.buffer[virtio::HEADER_LEN..][..one.length])?)
    }

    /// The next of many datagrams, in `region`; it is lost if there is no room. Its checksum is blank.
    #[inline]
    pub(crate) fn next<'r>(
        &mut self,
        region: &'r Region<'_>,
    ) -> Option<Result<&'r [u8], Exhausted>> {
        if self.is_empty() {
            return None;
        }
        let (start, payload) = (self.next, self.size.min(self.end - self.next));
        let headers = &mut self.headers[..self.header_len];
        headers::set_length(headers, payload, self.identification);
        self.identification = self.identification.wrapping_add(1);
        self.next += payload;
        // The bytes there have been handed up.
        let frame = &mut self.buffer[start - self.header_len..start + payload];
        frame[..self.header_len].copy_from_slice(headers);
        Some(region.alloc_slice(frame).map(|frame| &*frame))
    }
}

#[cfg(test)]
mod tests;
