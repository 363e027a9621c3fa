//! The entry of the fuzz target into this crate: the handling of what the kernel gives. No program uses it.

use netif::{Checksums, RxFrame};
use rt_regions::Region;

use crate::{
    device::OffloadLevel,
    incoming::{Incoming, Loaded, One, Refused},
};

/// Takes what was `read` from a device with all offloads, a header of virtio and a frame, and hands the frames that
/// come of it to `each`, one by one, from `region`, which is empty before each. Says whether anything came of it: what
/// is too long, or cannot be cut, is refused.
///
/// `buffer` has the length of [`buffer_len`]; what does not fit is cut off, as the kernel does it.
pub fn receive(
    read: &[u8],
    mtu: usize,
    buffer: &mut [u8],
    region: &mut Region<'_>,
    each: &mut dyn FnMut(RxFrame<'_>),
) -> bool {
    let mut incoming = Incoming::new(buffer, mtu);
    let room = incoming.buffer();
    let length = read.len().min(room.len());
    room[..length].copy_from_slice(&read[..length]);
    match incoming.load(length) {
        Ok(Loaded::One(one)) => {
            let One { checksums, segment_size, .. } = one;
            if let Ok(bytes) = incoming.one(one, region) {
                each(RxFrame { bytes, checksums, segment_size });
            }
        }
        Ok(Loaded::Many) => {
            while let Some(frame) = incoming.next(region) {
                if let Ok(bytes) = frame {
                    each(RxFrame { checksums: Checksums::Blank, ..RxFrame::new(bytes) });
                }
                region.reset();
            }
        }
        Err(Refused::TooLong | Refused::NotCut) => return false,
    }
    true
}

/// The length of the buffer that frames of an MTU of `mtu` bytes need, with all offloads.
pub fn buffer_len(mtu: usize) -> usize {
    Incoming::buffer_len(OffloadLevel::Datagrams, mtu)
}
