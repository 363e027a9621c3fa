//! The features of a network device that this driver knows (virtio 1.2, 5.1.3 and 6), and those of them that it asks for.

use crate::segments::SEGMENTS;

/// `VIRTIO_NET_F_CSUM`: the device completes partial checksums.
pub(crate) const CSUM: u64 = 1 << 0;
/// `VIRTIO_NET_F_GUEST_CSUM`: the driver takes frames with partial checksums, and what the device says of others.
pub(crate) const GUEST_CSUM: u64 = 1 << 1;
/// `VIRTIO_NET_F_MTU`: the device has an MTU.
pub(crate) const MTU: u64 = 1 << 3;
/// `VIRTIO_NET_F_MAC`: the device has a hardware address.
pub(crate) const MAC: u64 = 1 << 5;
/// `VIRTIO_NET_F_GUEST_TSO4`: the driver takes frames that were joined from TCP segments over IPv4.
pub(crate) const GUEST_TSO4: u64 = 1 << 7;
/// `VIRTIO_NET_F_GUEST_TSO6`: the driver takes frames that were joined from TCP segments over IPv6.
pub(crate) const GUEST_TSO6: u64 = 1 << 8;
/// `VIRTIO_NET_F_HOST_TSO4`: the device cuts TCP segments over IPv4.
pub(crate) const HOST_TSO4: u64 = 1 << 11;
/// `VIRTIO_NET_F_HOST_TSO6`: the device cuts TCP segments over IPv6.
pub(crate) const HOST_TSO6: u64 = 1 << 12;
/// `VIRTIO_NET_F_MRG_RXBUF`: a received frame may be spread over several buffers.
pub(crate) const MRG_RXBUF: u64 = 1 << 15;
/// `VIRTIO_NET_F_STATUS`: the device says whether the link is up.
pub(crate) const STATUS: u64 = 1 << 16;
/// `VIRTIO_NET_F_CTRL_VQ` and `VIRTIO_NET_F_MQ`, which stands on it: the device has several pairs of queues, and a queue in which it
/// is told how many of them it is to use.
#[cfg(feature = "cores")]
pub(crate) const SEVERAL: u64 = 1 << 17 | 1 << 22;
/// `VIRTIO_F_EVENT_IDX`: both ends say at which index they want to hear of the other.
pub(crate) const EVENT_IDX: u64 = 1 << 29;
/// `VIRTIO_F_VERSION_1`: the device is no legacy device.
pub(crate) const VERSION_1: u64 = 1 << 32;

/// The device cuts TCP segments, and the driver takes those that were joined, over either family.
const HOST_TSO: u64 = HOST_TSO4 | HOST_TSO6;
const GUEST_TSO: u64 = GUEST_TSO4 | GUEST_TSO6;

/// The features to accept of those that a device offers, each with what it stands on (5.1.3.1), with the work on frames
/// if `offloads` is true.
///
/// A frame that was joined is longer than a page, so that is accepted only with `MRG_RXBUF`: otherwise each buffer would
/// have to have 65,562 bytes. Without the code for them, a frame is in one buffer.
pub(crate) const fn accept(offered: u64, offloads: bool) -> u64 {
    let mut wanted = GUEST_CSUM | MTU | MAC | STATUS | EVENT_IDX | VERSION_1;
    if SEGMENTS {
        wanted |= MRG_RXBUF;
    }
    if offloads {
        wanted |= CSUM | HOST_TSO | GUEST_TSO;
    }
    let mut accepted = offered & wanted;
    if accepted & CSUM == 0 {
        accepted &= !HOST_TSO;
    }
    if accepted & GUEST_CSUM == 0 || accepted & MRG_RXBUF == 0 {
        accepted &= !GUEST_TSO;
    }
    accepted
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: u64 = GUEST_CSUM
        | MTU
        | MAC
        | if SEGMENTS { MRG_RXBUF } else { 0 }
        | STATUS
        | EVENT_IDX
        | VERSION_1;

    #[test]
    fn nothing_is_accepted_that_is_not_offered_or_not_known() {
        assert_eq!(accept(u64::MAX, false), BASE);
        let joined = if SEGMENTS { GUEST_TSO } else { 0 };
        assert_eq!(accept(u64::MAX, true), BASE | CSUM | HOST_TSO | joined);
        assert_eq!(accept(0, true), 0);
        assert_eq!(accept(VERSION_1 | MAC, true), VERSION_1 | MAC);
    }

    #[test]
    fn a_feature_is_not_accepted_without_the_one_that_it_stands_on() {
        assert_eq!(accept(!CSUM, true) & HOST_TSO, 0);
        assert_eq!(accept(!GUEST_CSUM, true) & GUEST_TSO, 0);
        assert_eq!(accept(!MRG_RXBUF, true) & (GUEST_TSO | HOST_TSO), HOST_TSO);
    }

    #[cfg(feature = "segmentation")]
    #[test]
    fn each_family_is_accepted_without_the_other() {
        for feature in [HOST_TSO4, HOST_TSO6, GUEST_TSO4, GUEST_TSO6] {
            let all = HOST_TSO | GUEST_TSO;
            assert_eq!(accept(!feature, true) & all, all & !feature);
            assert_eq!(accept(!all | feature, true) & all, feature);
        }
    }
}
