//! A limit on what is sent to strangers by UDP. The sender of a query can forge its address, and the answer goes there; so each
//! network gets some bytes a second, whoever asks in its name.

use core::net::IpAddr;

use layer::{Instant, KeyedHash};
use rt_regions::{Exhausted, Region};

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// How many networks the table remembers.
const PLACES: usize = 1024;
/// In how many places of the table a network may be.
const WAYS: usize = 4;

/// How many bits of an address are those of a host: of IPv4 the networks are /24, the smallest that routers tell each other of.
const HOST_BITS: u32 = 8;
/// Of IPv6 they are /56, what one customer has (RFC 6177).
const HOST_BITS_V6: u32 = 72;

/// Of so many answers over the limit, one says that the client may come by TCP.
const SLIP: u8 = 2;

/// A network that was answered.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// The address of the network, without the host; of IPv6, 32 bits made of it.
    network: u32,
    /// How many answers were over the limit, modulo [`SLIP`].
    over: u8,
    /// When nothing will be left of what was sent.
    full_at: u64,
}

/// Whether an answer may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    /// It may: tell its length to [`RateLimit::pay`].
    Send,
    /// It may say that the client may come by TCP, and nothing else. That is no longer than the query.
    Slip,
    /// It may not.
    Drop,
}

/// A limit on the bytes that each network of 256 addresses gets in a second, and at once. The table has 16 KiB, for 1,024 networks;
/// which of them share a place is secret. A network that finds no place shares the one of another, and is limited with it.
#[derive(Debug)]
pub struct RateLimit<'t> {
    places: &'t mut [Place],
    secret: KeyedHash,
    /// How long a byte counts, in nanoseconds.
    interval: u64,
    /// How long the bytes that are sent at once count, in nanoseconds.
    room: u64,
}

impl<'t> RateLimit<'t> {
    /// A limit of `per_second` bytes, with `burst` at once. 0 is no limit. The table is in `region`; `seed` is a secret, which layers
    /// may share.
    ///
    /// # Errors
    /// The region has no room for the table.
    pub fn new(
        per_second: u32,
        burst: u32,
        seed: u128,
        region: &'t Region<'_>,
    ) -> Result<Self, Exhausted> {
        let interval = match per_second {
            0 => 0,
            rate => NANOS_PER_SECOND.div_ceil(rate as u64),
        };
        let place = Place { network: 0, over: 0, full_at: 0 };
        let room = interval * burst as u64;
        let places = region.alloc_slice_with(PLACES, |_| place)?;
        let secret = KeyedHash::new(layer::seed_for(*b"dns ", seed));
        Ok(Self { places, secret, interval, room })
    }

    /// Whether an answer may be sent to this address now.
    pub fn ask(&mut self, to: IpAddr, now: Instant) -> Permit {
        let (now, room) = (now.as_nanos(), self.room);
        if self.interval == 0 {
            return Permit::Send;
        }
        let place = self.place(to, now);
        if place.full_at.saturating_sub(now) < room {
            return Permit::Send;
        }
        place.over = (place.over + 1) % SLIP;
        if place.over == 0 { Permit::Slip } else { Permit::Drop }
    }

    /// Counts so many bytes, which were sent to this address.
    pub fn pay(&mut self, to: IpAddr, now: Instant, bytes: usize) {
        let (now, cost) = (now.as_nanos(), self.interval.saturating_mul(bytes as u64));
        if self.interval > 0 {
            let place = self.place(to, now);
            place.full_at = place.full_at.max(now).saturating_add(cost);
        }
    }

    /// The place of the network of this address: its own, or one of a network that has got nothing lately, or, where there is neither, that of
    /// the network that will have all its bytes first.
    fn place(&mut self, to: IpAddr, now: u64) -> &mut Place {
        let network = match to {
            IpAddr::V4(address) => address.to_bits() >> HOST_BITS,
            IpAddr::V6(address) => {
                let network = address.to_bits() >> HOST_BITS_V6;
                (network ^ network >> 32) as u32
            }
        };
        let set = self.secret.hash(network.into()) as usize % (PLACES / WAYS);
        let ways = &mut self.places[set * WAYS..][..WAYS];
        let index = ways.iter().position(|place| place.network == network && place.full_at > now);
        let first = || {
            let all = ways.iter().enumerate();
            all.min_by_key(|(_, place)| place.full_at).map_or(0, |(index, _)| index)
        };
        let index = index.unwrap_or_else(first);
        let place = &mut ways[index];
        if place.full_at <= now {
            *place = Place { network, over: place.over, full_at: now };
        }
        place
    }
}
