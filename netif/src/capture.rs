//! A wrapper that shows every frame, received or sent, to a recorder.

use core::convert::Infallible;

use rt_regions::Region;

use crate::{Netif, RxFrame};
use layer::{PartialChecksum, Payload, Replaced, Rx, TxOffload};

/// A recorder of frames: for example a file that keeps them.
pub trait Recorder {
    /// Records a frame that was received or is about to be sent, from its Ethernet header on.
    fn record(&mut self, frame: &dyn Payload);
}

/// The recorder of a platform that has none.
impl Recorder for Infallible {
    fn record(&mut self, _: &dyn Payload) {
        match *self {}
    }
}

/// An interface, and a recorder of its frames if there is one.
///
/// A received frame is shown before any layer has seen it, a sent frame before the device takes it or drops
/// it. A checksum that is left to the device is shown as it will be, since nobody could tell a partial one
/// from
/// a wrong one. What the device is to cut is shown in one piece.
#[derive(Debug)]
pub struct Capture<N, R> {
    netif: N,
    recorder: Option<R>,
}

impl<N, R> Capture<N, R> {
    /// Shows the frames of `netif` to `recorder`.
    pub fn new(netif: N, recorder: Option<R>) -> Self {
        Self { netif, recorder }
    }

    /// The interface inside.
    pub fn netif(&self) -> &N {
        &self.netif
    }
}

impl<N: Netif, R: Recorder> Netif for Capture<N, R> {
    crate::forward!(netif);

    #[inline]
    fn receive<'r>(&mut self, region: &'r Region<'_>) -> Result<Rx<RxFrame<'r>>, N::Error> {
        let received = self.netif.receive(region)?;
        if let (Some(recorder), Rx::Item(frame)) = (&mut self.recorder, &received) {
            recorder.record(&frame.bytes);
        }
        Ok(received)
    }

    #[inline]
    fn transmit(&mut self, frame: impl Payload, offload: TxOffload) -> Result<(), N::Error> {
        if let Some(recorder) = &mut self.recorder {
            match offload.checksum {
                Some(checksum) => record_completed(recorder, &frame, checksum),
                None => recorder.record(&frame),
            }
        }
        self.netif.transmit(frame, offload)
    }
}

/// Shows a frame with the checksum that the device will complete.
#[cold]
fn record_completed(
    recorder: &mut impl Recorder,
    frame: &dyn Payload,
    PartialChecksum { start, offset }: PartialChecksum,
) {
    let start = usize::from(start).min(frame.len());
    // As RFC 1071 writes it: a wrapper of devices knows nothing of those who sum fast.
    let (mut sum, mut at) = (0_u64, 0);
    frame.visit(start, frame.len() - start, &mut |piece| {
        for byte in piece {
            sum += u64::from(*byte) << if at % 2 == 0 { 8 } else { 0 };
            at += 1;
        }
    });
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    // 0 says in UDP that there is none; 0xffff is the same sum (RFC 768).
    let checksum = match !sum as u16 {
        0 => u16::MAX,
        checksum => checksum,
    };
    recorder.record(&Replaced::new(
        frame,
        start + usize::from(offset.get()),
        checksum.to_be_bytes(),
    ));
}

#[cfg(test)]
mod tests {
    use core::num::NonZeroU16;
    use std::{vec, vec::Vec};

    use rt_regions::{Pool, Region};

    use super::*;
    use crate::{Checksums, MacAddr};

    /// Gives one frame, and takes all.
    struct Device(Option<&'static [u8]>, Vec<Vec<u8>>);

    impl Netif for Device {
        type Error = Infallible;
        type Event = ();

        fn mac(&self) -> MacAddr {
            MacAddr([2, 0, 0, 0, 0, 1])
        }

        fn mtu(&self) -> usize {
            1500
        }

        fn event(&self) {}

        fn receive<'r>(&mut self, _: &'r Region<'_>) -> Result<Rx<RxFrame<'r>>, Infallible> {
            Ok(self.0.take().map_or(Rx::Idle, |bytes| {
                Rx::Item(RxFrame {
                    bytes,
                    checksums: Checksums::Verified,
                    segment_size: NonZeroU16::new(3),
                })
            }))
        }

        fn transmit(&mut self, frame: impl Payload, _: TxOffload) -> Result<(), Infallible> {
            self.1.push(bytes(frame));
            Ok(())
        }
    }

    #[derive(Default)]
    struct Frames(Vec<Vec<u8>>);

    impl Recorder for Frames {
        fn record(&mut self, frame: &dyn Payload) {
            self.0.push(bytes(frame));
        }
    }

    fn bytes(frame: impl Payload) -> Vec<u8> {
        let mut bytes = vec![0; frame.len()];
        frame.copy_to(0, &mut bytes);
        bytes
    }

    #[test]
    fn both_ways_are_shown_and_nothing_is_changed() {
        let mut memory = vec![core::mem::MaybeUninit::uninit(); 64 << 10];
        let pool = Pool::new(&mut memory);
        let region = Region::new(&pool, "packet");
        let device = Device(Some(b"request"), Vec::new());
        let mut capture = Capture::new(device, Some(Frames::default()));
        let Ok(Rx::Item(frame)) = capture.receive(&region) else { panic!("a frame is there") };
        assert_eq!((frame.bytes, frame.checksums), (&b"request"[..], Checksums::Verified));
        assert_eq!(frame.segment_size, NonZeroU16::new(3));
        capture.transmit((*b"rep", *b"ly"), TxOffload::NONE).unwrap();
        assert_eq!(capture.receive(&region).unwrap().item().map(|frame| frame.bytes), None);
        assert_eq!(capture.netif().1, [b"reply"]);
        let seen = capture.recorder.unwrap();
        assert_eq!(seen.0, [&b"request"[..], b"reply"]);
    }

    /// RFC 1071, 3: the example, with the field behind it.
    #[test]
    fn a_checksum_that_is_left_to_the_device_is_shown_completed_and_left_to_it() {
        let summed = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        let sum = (!0xddf2_u16).to_be_bytes();
        let frame = ([7; 14], (&summed[..3], (&summed[3..], [0, 0])));
        let mut capture = Capture::new(Device(None, Vec::new()), Some(Frames::default()));
        let mut transmit = |frame: &dyn Payload, start, offset| {
            let offset = NonZeroU16::new(offset).unwrap();
            let checksum = Some(PartialChecksum { start, offset });
            capture.transmit(frame, TxOffload { checksum, segment_size: None }).unwrap();
        };
        transmit(&frame, 14, 8);
        // A sum of ones, and a place outside of the frame.
        transmit(&[0xff, 0xff, 0, 0], 0, 2);
        transmit(&[1, 2, 3], u16::MAX, u16::MAX);
        let sent = [bytes(frame), vec![0xff, 0xff, 0, 0], vec![1, 2, 3]];
        assert_eq!(capture.netif().1, sent);
        let completed = [&[7; 14][..], &summed, &sum].concat();
        assert_eq!(capture.recorder.unwrap().0, [completed, vec![0xff; 4], vec![1, 2, 3]]);
    }
}
