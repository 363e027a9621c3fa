//! A bad network, as wrappers: each takes an interface and is one, so any number of them stand
//! between a layer and the device without either knowing.

use layer::{Payload, Rx, TxOffload};
use netif::{Netif, RxFrame};
use rt_regions::Region;

use crate::{Random, bytes_of};

/// Loses frames in both directions.
#[derive(Debug)]
pub struct Lossy<N> {
    netif: N,
    random: Random,
    one_in: usize,
}

impl<N> Lossy<N> {
    /// Loses one frame in `one_in`.
    pub fn new(netif: N, one_in: usize, seed: u64) -> Self {
        Self { netif, random: Random::new(seed), one_in }
    }
}

impl<N: Netif> Netif for Lossy<N> {
    netif::forward!(netif);

    fn receive<'r>(&mut self, region: &'r Region<'_>) -> Result<Rx<RxFrame<'r>>, N::Error> {
        Ok(match self.netif.receive(region)? {
            Rx::Item(_) if self.random.once_in(self.one_in) => Rx::Handled,
            other => other,
        })
    }

    fn transmit(&mut self, frame: impl Payload, offload: TxOffload) -> Result<(), N::Error> {
        if self.random.once_in(self.one_in) { Ok(()) } else { self.netif.transmit(frame, offload) }
    }
}

/// Sends some frames twice.
#[derive(Debug)]
pub struct Duplicate<N> {
    netif: N,
    random: Random,
    one_in: usize,
}

impl<N> Duplicate<N> {
    /// Doubles one frame in `one_in`.
    pub fn new(netif: N, one_in: usize, seed: u64) -> Self {
        Self { netif, random: Random::new(seed), one_in }
    }
}

impl<N: Netif> Netif for Duplicate<N> {
    netif::forward!(netif);

    fn receive<'r>(&mut self, region: &'r Region<'_>) -> Result<Rx<RxFrame<'r>>, N::Error> {
        self.netif.receive(region)
    }

    fn transmit(&mut self, frame: impl Payload, offload: TxOffload) -> Result<(), N::Error> {
        if self.random.once_in(self.one_in) {
            self.netif.transmit(&frame, offload)?;
        }
        self.netif.transmit(frame, offload)
    }
}

/// Sends frames out of order: holds some back, up to `window` of them, and sends them later. At
/// most `window` frames are lost, if nothing follows them.
#[derive(Debug)]
pub struct Reorder<N> {
    netif: N,
    random: Random,
    window: usize,
    held: Vec<(Vec<u8>, TxOffload)>,
}

impl<N> Reorder<N> {
    /// Holds up to `window` frames back.
    pub fn new(netif: N, window: usize, seed: u64) -> Self {
        Self { netif, random: Random::new(seed), window, held: Vec::new() }
    }
}

impl<N: Netif> Reorder<N> {
    /// Sends what is still held back.
    ///
    /// # Errors
    /// The device is broken.
    pub fn flush(&mut self) -> Result<(), N::Error> {
        self.random.shuffle(&mut self.held);
        let mut held = self.held.drain(..);
        held.try_for_each(|(frame, offload)| self.netif.transmit(&frame[..], offload))
    }
}

impl<N: Netif> Netif for Reorder<N> {
    netif::forward!(netif);

    /// Nothing more is coming: what was held back goes out.
    fn receive<'r>(&mut self, region: &'r Region<'_>) -> Result<Rx<RxFrame<'r>>, N::Error> {
        let received = self.netif.receive(region)?;
        if matches!(received, Rx::Idle) && !self.held.is_empty() {
            self.flush()?;
        }
        Ok(received)
    }

    fn transmit(&mut self, frame: impl Payload, offload: TxOffload) -> Result<(), N::Error> {
        self.held.push((bytes_of(frame), offload));
        if self.held.len() <= self.window {
            return Ok(());
        }
        let next = self.random.below(self.held.len());
        let (frame, offload) = self.held.swap_remove(next);
        self.netif.transmit(&frame[..], offload)
    }
}

/// Adds bytes after the end of every frame that is received, as a link that pads does.
#[derive(Debug)]
pub struct Trailing<N> {
    netif: N,
    random: Random,
    most: usize,
}

impl<N> Trailing<N> {
    /// Adds up to `most` bytes.
    pub fn new(netif: N, most: usize, seed: u64) -> Self {
        Self { netif, random: Random::new(seed), most }
    }
}

impl<N: Netif> Netif for Trailing<N> {
    netif::forward!(netif);

    fn receive<'r>(&mut self, region: &'r Region<'_>) -> Result<Rx<RxFrame<'r>>, N::Error> {
        let frame = match self.netif.receive(region)? {
            Rx::Item(frame) => frame,
            other => return Ok(other),
        };
        let tail = self.random.below(self.most + 1);
        let mut bytes = frame.bytes.to_vec();
        bytes.extend(self.random.bytes(tail));
        Ok(match region.alloc_slice(&bytes) {
            Ok(bytes) => Rx::Item(RxFrame { bytes, ..frame }),
            Err(_) => Rx::Handled,
        })
    }

    fn transmit(&mut self, frame: impl Payload, offload: TxOffload) -> Result<(), N::Error> {
        self.netif.transmit(frame, offload)
    }
}
