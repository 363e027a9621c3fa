//! Frames in and out of a TAP device.

use core::{fmt, mem::MaybeUninit, num::NonZeroU16, time::Duration};

use layer::{Counter, Offloads, Payload, Rx, TxOffload};
use netif::{Checksums, MacAddr, Netif, RxFrame};
use rt_regions::{Exhausted, Region};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::{self, Errno},
    time::{ClockId, clock_gettime},
};

use crate::{
    Counters, Error, Event,
    batch::{Batch, LARGEST_HEADER},
    device::{self, OffloadLevel},
    headers::ETHERNET,
    incoming::{Incoming, Loaded, Refused},
};

mod open;

/// A service that takes longer for a reply is not made to wait for the next request as well.
const PROMPT: Duration = Duration::from_micros(20);
/// How often the interface is asked whether it is up, because no event reports that.
const LINK_INTERVAL: Duration = Duration::from_secs(1);
/// A TAP device: an Ethernet link to the Linux host that this process runs on.
///
/// It stays open until the process ends.
pub struct Tap {
    name: &'static str,
    event: Event,
    mac: MacAddr,
    mtu: usize,
    level: OffloadLevel,
    /// Whether the kernel is told at the end to leave nothing undone.
    takes_back: bool,
    /// What was read and not yet handed up.
    incoming: Incoming<'static>,
    /// What is to be written.
    batch: Batch<'static>,
    /// When a frame was last given to be sent.
    last_sent: Duration,
    counters: Counters,
}

impl Tap {
    /// Reads a frame for which there is no room, and discards it. A read takes a frame off the queue even if
    /// it takes only its first byte.
    fn lose(&mut self) -> Result<Rx<RxFrame<'static>>, Error> {
        match io::retry_on_intr(|| io::read(self.event, &mut [0; 1])) {
            Ok(_) => {
                self.counters.rx_no_room += 1;
                Ok(Rx::Handled)
            }
            Err(Errno::AGAIN) => Ok(Rx::Idle),
            Err(errno) => Err(broken("read", errno)),
        }
    }

    /// Receives from a device whose frames have no header.
    fn receive_plain<'r>(&mut self, region: &'r Region<'_>) -> Result<Rx<RxFrame<'r>>, Error> {
        let (longest, device) = (self.mtu + LARGEST_HEADER, self.event);
        // One byte more than the longest frame has, so that a frame which was cut can be told from
        // one which just fits.
        let (bytes, result) = loop {
            match region.fill(longest + 1, |buffer| read(device, buffer)) {
                Ok((_, Err(Errno::INTR))) => {}
                Ok(frame) => break frame,
                Err(_exhausted) => return self.lose(),
            }
        };
        match (bytes, result) {
            (Some(bytes), Ok(())) if bytes.len() <= longest => {
                Ok(self.received(Ok(bytes), Checksums::NotChecked, None))
            }
            (_, Ok(())) => {
                self.counters.rx_too_long += 1;
                Ok(Rx::Handled)
            }
            (_, Err(Errno::AGAIN)) => Ok(Rx::Idle),
            (_, Err(errno)) => Err(broken("read", errno)),
        }
    }

    /// Receives from a device whose frames have a header.
    fn receive_with_header<'r>(
        &mut self,
        region: &'r Region<'_>,
    ) -> Result<Rx<RxFrame<'r>>, Error> {
        let read = match io::retry_on_intr(|| io::read(self.event, self.incoming.buffer())) {
            Ok(read) => read,
            Err(Errno::AGAIN) => return Ok(Rx::Idle),
            Err(errno) => return Err(broken("read", errno)),
        };
        match self.incoming.load(read) {
            Ok(Loaded::One(one)) => {
                self.counters.rx_joined += u64::from(one.segment_size.is_some());
                let bytes = self.incoming.one(one, region);
                Ok(self.received(bytes, one.checksums, one.segment_size))
            }
            Ok(Loaded::Many) => {
                self.counters.reads_cut += 1;
                Ok(self.next_of_many(region))
            }
            Err(Refused::TooLong) => {
                self.counters.rx_too_long += 1;
                Ok(Rx::Handled)
            }
            Err(Refused::NotCut) => {
                self.counters.rx_not_cut += 1;
                Ok(Rx::Handled)
            }
        }
    }

    /// The next of many datagrams that were read as one.
    fn next_of_many<'r>(&mut self, region: &'r Region<'_>) -> Rx<RxFrame<'r>> {
        match self.incoming.next(region) {
            Some(frame) => self.received(frame, Checksums::Blank, None),
            None => Rx::Handled,
        }
    }

    fn received<'r>(
        &mut self,
        frame: Result<&'r [u8], Exhausted>,
        checksums: Checksums,
        segment_size: Option<NonZeroU16>,
    ) -> Rx<RxFrame<'r>> {
        let Ok(bytes) = frame else {
            self.counters.rx_no_room += 1;
            return Rx::Handled;
        };
        self.counters.frames_rx += 1;
        self.counters.bytes_rx += bytes.len() as u64;
        Rx::Item(RxFrame { bytes, checksums, segment_size })
    }

    /// Whether a frame may wait for the next one: other datagrams of the same read are left, and this one was
    /// answered at once.
    fn may_wait(&mut self) -> bool {
        if self.incoming.is_empty() {
            return false;
        }
        let now = now();
        now - core::mem::replace(&mut self.last_sent, now) < PROMPT
    }

    /// Writes what is to be written.
    fn flush(&mut self) -> Result<(), Error> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let (frames, bytes) = self.batch.count();
        let written = io::retry_on_intr(|| io::write(self.event, self.batch.bytes()));
        self.batch.clear();
        match written {
            Ok(_) => {
                self.counters.frames_tx += frames;
                self.counters.bytes_tx += bytes;
                self.counters.writes_joined += u64::from(frames > 1);
            }
            Err(Errno::AGAIN | Errno::NOBUFS) => self.counters.tx_queue_full += frames,
            Err(Errno::IO) => self.counters.tx_interface_down += frames,
            Err(Errno::INVAL) => self.counters.tx_refused += frames,
            Err(errno) => return Err(broken("write", errno)),
        }
        Ok(())
    }
}

impl Netif for Tap {
    type Error = Error;
    type Event = Event;

    fn mac(&self) -> MacAddr {
        self.mac
    }

    fn mtu(&self) -> usize {
        self.mtu
    }

    #[inline]
    fn offloads(&self) -> Offloads {
        Offloads {
            checksum: self.level != OffloadLevel::None,
            udp_fragmentation: self.level >= OffloadLevel::LongPackets,
            tcp_segmentation: self.level >= OffloadLevel::LongPackets,
            tcp_segmentation_ipv6: self.level >= OffloadLevel::LongPackets,
        }
    }

    fn link_up(&self) -> bool {
        // The kernel takes nothing while the interface is down. If the flags cannot be read, the interface
        // counts as up.
        let mut device = [PollFd::new(&self.event, PollFlags::OUT)];
        poll(&mut device, Some(&Timespec::default())) != Ok(0)
    }

    fn link_interval(&self) -> Option<Duration> {
        Some(LINK_INTERVAL)
    }

    fn event(&self) -> Event {
        self.event
    }

    fn receive<'r>(&mut self, region: &'r Region<'_>) -> Result<Rx<RxFrame<'r>>, Error> {
        match self.level {
            OffloadLevel::None => self.receive_plain(region),
            _ if self.incoming.is_empty() => {
                // The last one was not answered.
                self.flush()?;
                self.receive_with_header(region)
            }
            _ => Ok(self.next_of_many(region)),
        }
    }

    fn transmit(&mut self, frame: impl Payload, offload: TxOffload) -> Result<(), Error> {
        if !(ETHERNET..=self.batch.longest()).contains(&frame.len()) {
            self.counters.tx_bad_length += 1;
            return Ok(());
        }
        if offload.checksum.is_none() || !self.batch.join(&frame) {
            self.flush()?;
            match self.batch.put(&frame, offload) {
                Ok(true) if self.may_wait() => {}
                Ok(_) => self.flush()?,
                Err(_too_long) => self.counters.tx_bad_length += 1,
            }
        } else if !self.may_wait() {
            self.flush()?;
        }
        Ok(())
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " on {} {}", self.name, self.mac)
    }

    fn counters(&self, visit: &mut dyn FnMut(Counter)) {
        self.counters.visit(visit);
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        // There is no caller left to report a broken device to.
        let _ = self.flush();
        if self.takes_back && self.level != OffloadLevel::None {
            device::take_back(self.event);
        }
    }
}

impl fmt::Debug for Tap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tap")
            .field("name", &self.name)
            .field("event", &self.event)
            .field("mac", &self.mac)
            .field("mtu", &self.mtu)
            .field("counters", &self.counters)
            .finish_non_exhaustive()
    }
}

/// Reads one frame, in the form that [`Region::fill`] asks for.
fn read(device: Event, buffer: &mut [MaybeUninit<u8>]) -> (Option<&mut [u8]>, Result<(), Errno>) {
    match io::read(device, buffer) {
        Ok((frame, _rest)) => (Some(frame), Ok(())),
        Err(errno) => (None, Err(errno)),
    }
}

/// The time since some moment.
fn now() -> Duration {
    let time = clock_gettime(ClockId::Monotonic);
    Duration::new(time.tv_sec.cast_unsigned(), time.tv_nsec as u32)
}

/// A failure of `call` that also affects all later frames.
fn broken(call: &'static str, errno: Errno) -> Error {
    match errno {
        Errno::BADFD => Error::Deleted,
        _ => Error::System(call, errno),
    }
}

#[cfg(test)]
mod tests;
