//! Packets that wait for a neighbour's hardware address (RFC 1122 2.3.2.2, RFC 4861 7.2.2). Each neighbour's packets are in a
//! region of their own.

use core::{
    net::{Ipv4Addr, Ipv6Addr},
    num::NonZeroU16,
};

use layer::{Instant, PartialChecksum, Payload, TxOffload};
use rt_regions::{ChunkQueue, PAGE_SIZE, Pool, Region};

use crate::EtherType;

/// The most neighbours for which packets can wait at the same time.
pub const MAX_WAITING: usize = 16;

/// The most memory that the packets for one neighbour can take, in bytes: it is enough for the fragments of a datagram
/// of 64 KiB at any MTU.
pub const MAX_WAITING_BYTES: usize = 160 * 1024;

/// The packets of all neighbours together take at most this fraction of the pool (one page in 8), or
/// [`MAX_WAITING_BYTES`] if that is more.
const POOL_SHARE: usize = 8;

/// The length of [`Undone`] in bytes.
const UNDONE_LEN: usize = size_of::<Undone>();

/// An upper limit for what a queue needs in addition to the bytes of a packet.
const OVERHEAD: usize = 64;

/// The work on a packet that is left to the interface, stored before the bytes of the packet as three numbers in this
/// machine's byte order. A 0 means none: no checksum has that offset, and no segment that size.
type Undone = [[u8; 2]; 3];

/// The packets for one neighbour with an address `A`, in order; see [`packets`].
pub type Queue<'g, A> = ChunkQueue<'g, Neighbour<A>>;

/// A neighbour for which packets wait.
#[derive(Debug)]
pub struct Neighbour<A> {
    address: A,
    /// When the first packet came.
    since: Instant,
    packets: u64,
}

impl<A> Neighbour<A> {
    /// How many packets wait.
    pub fn packets(&self) -> u64 {
        self.packets
    }
}

/// The packets for all neighbours, whose addresses are of type `A`.
#[derive(Debug)]
pub struct Waiting<'g, A> {
    /// The pool of the regions. Without a pool, no packets wait.
    pool: Option<&'g Pool<'g>>,
    queues: [Option<Queue<'g, A>>; MAX_WAITING],
}

/// An address of a network, which packets wait for.
pub trait Awaited: Copy + PartialEq {
    /// The name of the regions with the packets.
    const REGION: &'static str;
}

impl Awaited for Ipv4Addr {
    const REGION: &'static str = "arp-waiting";
}

impl Awaited for Ipv6Addr {
    const REGION: &'static str = "ndp-waiting";
}

impl<'g, A: Awaited> Waiting<'g, A> {
    /// No packets yet. They are kept in pages of `pool`; without a pool they are dropped.
    pub const fn new(pool: Option<&'g Pool<'g>>) -> Self {
        Self { pool, queues: [const { None }; MAX_WAITING] }
    }

    /// Keeps a copy of a packet for the neighbour `address`; returns how many packets were dropped, including this one.
    ///
    /// A queue that is full takes no more packets, so that those it holds stay whole. If there are too many queues, or
    /// they are too large together, the neighbour that has waited longest makes room, because it is the least likely to
    /// answer.
    pub fn keep(
        &mut self,
        now: Instant,
        address: A,
        ethertype: EtherType,
        payload: &dyn Payload,
        offload: TxOffload,
    ) -> u64 {
        let mut dropped = 0;
        let kept = self.make_room(address, payload.len(), &mut dropped)
            && self.push(now, address, ethertype, payload, offload).is_some();
        dropped + u64::from(!kept)
    }

    /// Makes room for `length` more bytes for `address` by dropping the packets of others; returns whether there is
    /// room now.
    fn make_room(&mut self, address: A, length: usize, dropped: &mut u64) -> bool {
        let Some(pool) = self.pool else { return false };
        let most = (pool.pages() / POOL_SHARE).max(MAX_WAITING_BYTES / PAGE_SIZE);
        let needed = (length + OVERHEAD).div_ceil(PAGE_SIZE).next_power_of_two() + 1;
        let own = self.position(address);
        if own.map_or(0, |index| self.pages_of(index)) + needed > most {
            return false;
        }
        while self.pages() + needed > most || (own.is_none() && self.free_place().is_none()) {
            let Some(oldest) = self.oldest_except(own) else { return false };
            *dropped += self.empty(oldest);
        }
        true
    }

    fn push(
        &mut self,
        now: Instant,
        address: A,
        ethertype: EtherType,
        payload: &dyn Payload,
        offload: TxOffload,
    ) -> Option<()> {
        let place = self.position(address).or_else(|| self.free_place())?;
        let mut queue = match self.queues[place].take() {
            Some(queue) => queue,
            None => {
                let region = Region::new(self.pool?, A::REGION).with_cap(MAX_WAITING_BYTES);
                ChunkQueue::new(region, Neighbour { address, since: now, packets: 0 }).ok()?
            }
        };
        let undone: Undone = undone(offload);
        let copy = |room: &mut [u8]| {
            let (before, packet) = room.split_at_mut(UNDONE_LEN);
            before.copy_from_slice(undone.as_flattened());
            payload.copy_to(0, packet);
        };
        let pushed = queue.push_with(ethertype.0.into(), UNDONE_LEN + payload.len(), copy).ok();
        queue.value_mut().packets += u64::from(pushed.is_some());
        if queue.value().packets > 0 {
            self.queues[place] = Some(queue);
        }
        pushed
    }

    /// Takes out the packets that wait for `address`. Dropping the queue frees them.
    pub fn take(&mut self, address: A) -> Option<Queue<'g, A>> {
        self.queues[self.position(address)?].take()
    }

    /// Drops the packets that wait for `address`; returns how many there were.
    pub fn discard(&mut self, address: A) -> u64 {
        self.position(address).map_or(0, |index| self.empty(index))
    }

    /// Drops all packets; returns how many there were.
    pub fn clear(&mut self) -> u64 {
        (0..MAX_WAITING).map(|index| self.empty(index)).sum()
    }

    fn empty(&mut self, index: usize) -> u64 {
        self.queues[index].take().map_or(0, |queue| queue.value().packets)
    }

    fn position(&self, address: A) -> Option<usize> {
        let ours = |queue: &Queue<'_, A>| queue.value().address == address;
        self.queues.iter().position(|queue| queue.as_ref().is_some_and(ours))
    }

    fn free_place(&self) -> Option<usize> {
        self.queues.iter().position(Option::is_none)
    }

    fn oldest_except(&self, own: Option<usize>) -> Option<usize> {
        let since = |index: usize| Some((self.queues[index].as_ref()?.value().since, index));
        let others = (0..MAX_WAITING).filter(|&index| Some(index) != own);
        others.filter_map(since).min().map(|(_, index)| index)
    }

    fn pages_of(&self, index: usize) -> usize {
        self.queues[index].as_ref().map_or(0, ChunkQueue::pages)
    }

    /// The number of pages that all queues hold.
    fn pages(&self) -> usize {
        (0..MAX_WAITING).map(|index| self.pages_of(index)).sum()
    }
}

/// The packets of a queue, each with its EtherType and with the work that is left to the interface.
pub fn packets<'q, A>(
    queue: &'q Queue<'_, A>,
) -> impl Iterator<Item = (EtherType, &'q [u8], TxOffload)> {
    queue.iter().filter_map(|(ethertype, bytes)| {
        let (before, packet) = bytes.split_at_checked(UNDONE_LEN)?;
        let word = |at: usize| u16::from_ne_bytes([before[at], before[at + 1]]);
        let (start, offset) = (word(0), word(2));
        let checksum = NonZeroU16::new(offset).map(|offset| PartialChecksum { start, offset });
        let offload = TxOffload { checksum, segment_size: NonZeroU16::new(word(4)) };
        // The stored number was a `u16`.
        Some((EtherType(ethertype as u16), packet, offload))
    })
}

fn undone(offload: TxOffload) -> Undone {
    let (start, offset) =
        offload.checksum.map_or((0, 0), |partial| (partial.start, partial.offset.get()));
    let size = offload.segment_size.map_or(0, NonZeroU16::get);
    [start, offset, size].map(u16::to_ne_bytes)
}

#[cfg(test)]
mod tests;
