//! SYN cookies: a SYN is answered without a memory of it (RFC 4987 3.6).

use core::net::SocketAddr;

use layer::{Instant, KeyedHash, seed_for};

use crate::{Flags, Options, Segment, Seq, Timestamps, ends};

/// How long a counter counts, in nanoseconds: a minute. A cookie is valid while its counter or the next one counts.
const PERIOD: u64 = 60_000_000_000;

/// The sizes that a cookie can hold: those that are common on the Internet, and a few below and above them.
const SIZES: [u16; 8] = [216, 536, 1220, 1360, 1420, 1440, 1460, 8940];

const SIZE_BITS: u32 = SIZES.len().trailing_zeros();

/// The low bits of a timestamp: 4 for the window scale and 1 for SACK.
const STAMP_MASK: u32 = 0x1f;
const STAMP_SACK: u32 = 0x10;
const NO_SCALE: u32 = 0xf;

/// Makes initial sequence numbers that say what a SYN asked for, and tells whether an acknowledgment is of one of them.
///
/// The number has an index of the peer's MSS in 3 bits, and 29 bits of a hash over both ends, the peer's initial number,
/// the MSS and a counter of minutes. A cookie is valid for one to two minutes. Who does not see it has to guess: each
/// guess succeeds with a probability of 2 to the power of -28, as there are two counters.
///
/// What else the SYN asked for, the window scale and SACK, is in the low 5 bits of our timestamp, which comes back with
/// the acknowledgment. Without timestamps it is not kept: see [`kept`](Self::kept).
#[derive(Clone, Copy, Debug)]
pub struct Cookies(KeyedHash);

impl Cookies {
    /// The cookies that follow from this seed: the secret is derived from it.
    pub fn new(seed: u128) -> Self {
        Self(KeyedHash::new(seed_for(*b"syn ", seed)))
    }

    /// What of the options of a SYN is kept: all if there are timestamps, otherwise only the MSS, so that nothing else
    /// may be granted. The MSS becomes the next smaller one that a cookie can hold, 216 bytes at least.
    pub fn kept(options: &Options) -> Options {
        let mss = Some(SIZES[size_index(options.mss)]);
        let timestamps = options.timestamps;
        if timestamps.is_none() {
            return Options { mss, ..Options::default() };
        }
        let window_scale = options.window_scale.map(|shift| shift.min(14));
        Options { mss, window_scale, timestamps, ..*options }
    }

    /// The initial number for the answer to a SYN with this initial number and MSS.
    pub fn make(
        self,
        now: Instant,
        ours: SocketAddr,
        peer: SocketAddr,
        irs: Seq,
        mss: Option<u16>,
    ) -> Seq {
        let counter = now.as_nanos() / PERIOD;
        self.cookie(ends::hash_of(self.0, ours, peer), irs, size_index(mss), counter)
    }

    /// The timestamp for the answer to a SYN with these options: `clock`, the timestamp of the moment, or up to 32 less.
    pub fn timestamp(clock: u32, options: &Options) -> u32 {
        let scale = options.window_scale.map_or(NO_SCALE, |shift| shift.min(14).into());
        let sack = if options.sack_permitted { STAMP_SACK } else { 0 };
        let value = clock & !STAMP_MASK | scale | sack;
        if value & STAMP_MASK > clock & STAMP_MASK {
            value.wrapping_sub(STAMP_MASK + 1)
        } else {
            value
        }
    }

    /// The options that the peer's SYN had, as far as they were kept, if `segment` acknowledges a cookie that is valid.
    /// Then our initial number was `segment.ack - 1`, and the peer's `segment.seq - 1`.
    pub fn check(
        self,
        now: Instant,
        ours: SocketAddr,
        peer: SocketAddr,
        segment: &Segment<'_>,
    ) -> Option<Options> {
        let not_first = Flags::SYN.with(Flags::RST);
        if !segment.flags.contains(Flags::ACK) || segment.flags.0 & not_first.0 != 0 {
            return None;
        }
        let [cookie, irs] = [segment.ack, segment.seq].map(|seq| Seq(seq.0.wrapping_sub(1)));
        let hash = ends::hash_of(self.0, ours, peer);
        let index = cookie.0 as usize % SIZES.len();
        let counter = now.as_nanos() / PERIOD;
        let valid = [Some(counter), counter.checked_sub(1)]
            .into_iter()
            .flatten()
            .any(|counter| self.cookie(hash, irs, index, counter) == cookie);
        valid.then(|| options(SIZES[index], segment.options.timestamps))
    }

    fn cookie(self, hash: u64, irs: Seq, index: usize, counter: u64) -> Seq {
        let hash = self.0.hash(hash ^ (u64::from(irs.0) << 32 | index as u64));
        let hash = self.0.hash(hash ^ counter);
        Seq((hash as u32) << SIZE_BITS | index as u32)
    }
}

/// The index of the largest size that is not more than `mss`; none is 536 (RFC 9293 3.7.1, MUST-15).
fn size_index(mss: Option<u16>) -> usize {
    let mss = mss.unwrap_or(536);
    SIZES.iter().rposition(|&size| size <= mss).unwrap_or(0)
}

/// What a SYN asked for, as its MSS and the timestamps of an acknowledgment have it.
fn options(mss: u16, timestamps: Option<Timestamps>) -> Options {
    let mut options = Options { mss: Some(mss), timestamps, ..Options::default() };
    if let Some(Timestamps { echo, .. }) = timestamps {
        let scale = echo & NO_SCALE;
        options.window_scale = (scale != NO_SCALE).then_some(scale as u8);
        options.sack_permitted = echo & STAMP_SACK != 0;
    }
    options
}

#[cfg(test)]
mod tests {
    use testkit::Random;

    use super::*;

    const IRS: Seq = Seq(u32::MAX);

    fn ends() -> (SocketAddr, SocketAddr) {
        (SocketAddr::from(([10, 0, 0, 2], 80)), SocketAddr::from(([10, 0, 0, 1], 5000)))
    }

    fn ack(cookie: Seq, options: Options) -> Segment<'static> {
        Segment {
            ports: [5000, 80],
            seq: IRS + 1,
            ack: cookie + 1,
            flags: Flags::ACK,
            window: 100,
            urgent: 0,
            options,
            payload: b"GET",
            joined: 1,
        }
    }

    fn minutes(minutes: u64) -> Instant {
        Instant::from_millis(minutes * 60_000)
    }

    #[test]
    fn what_the_syn_asked_for_comes_back() {
        let cookies = Cookies::new(7);
        let (ours, peer) = ends();
        let now = minutes(0);
        for mss in [None, Some(1), Some(536), Some(1000), Some(1460), Some(9000), Some(u16::MAX)] {
            for window_scale in [None, Some(0), Some(7), Some(14), Some(255)] {
                for sack_permitted in [false, true] {
                    for clock in [0, 5, 31, 32, 1000, 0x8000_0000, u32::MAX] {
                        let timestamps = Some(Timestamps { value: 9, echo: 0 });
                        let syn = Options {
                            mss,
                            window_scale,
                            sack_permitted,
                            timestamps,
                            ..Options::default()
                        };
                        let cookie = cookies.make(now, ours, peer, IRS, mss);
                        let value = Cookies::timestamp(clock, &syn);
                        assert!(clock.wrapping_sub(value) <= 32, "{clock} {value}");
                        let timestamps = Some(Timestamps { value: 10, echo: value });
                        let first = ack(cookie, Options { timestamps, ..Options::default() });
                        let kept = cookies.check(now, ours, peer, &first).unwrap();
                        assert_eq!(kept, Options { timestamps, ..Cookies::kept(&syn) });
                        // Without timestamps only the MSS is kept.
                        let plain = Options { timestamps: None, ..syn };
                        let first = ack(cookie, Options::default());
                        let kept = cookies.check(now, ours, peer, &first).unwrap();
                        assert_eq!(kept, Cookies::kept(&plain));
                        assert_eq!(kept, Options { mss: kept.mss, ..Options::default() });
                    }
                }
            }
        }
        let kept = [None, Some(1000), Some(1459), Some(1460), Some(8939), Some(1)]
            .map(|mss| Cookies::kept(&Options { mss, ..Options::default() }).mss.unwrap());
        assert_eq!(kept, [536, 536, 1440, 1460, 1460, 216]);
    }

    #[test]
    fn a_cookie_is_valid_for_one_to_two_minutes() {
        let cookies = Cookies::new(7);
        let (ours, peer) = ends();
        for made in [0, 1_u64, 59_999, 60_000, 600_123] {
            let cookie = cookies.make(Instant::from_millis(made), ours, peer, IRS, None);
            let segment = ack(cookie, Options::default());
            let check = |millis| cookies.check(Instant::from_millis(millis), ours, peer, &segment);
            let end = (made / 60_000 + 2) * 60_000;
            assert!(check(made).is_some() && check(made + 60_000).is_some());
            assert!(check(end - 1).is_some() && check(end).is_none() && check(2 * end).is_none());
        }
    }

    #[test]
    fn a_cookie_is_of_one_connection() {
        let (cookies, (ours, peer)) = (Cookies::new(7), ends());
        let now = minutes(3);
        let good = ack(cookies.make(now, ours, peer, IRS, Some(1460)), Options::default());
        assert!(cookies.check(now, ours, peer, &good).is_some());
        let mut other = peer;
        other.set_port(5001);
        assert_eq!(cookies.check(now, ours, other, &good), None);
        assert_eq!(cookies.check(now, peer, ours, &good), None);
        assert_eq!(Cookies::new(8).check(now, ours, peer, &good), None);
        let flags = [Flags::SYN.with(Flags::ACK), Flags::RST.with(Flags::ACK), Flags::default()];
        for flags in flags {
            assert_eq!(cookies.check(now, ours, peer, &Segment { flags, ..good }), None);
        }
        for bit in 0..32 {
            let damaged = [
                Segment { ack: Seq(good.ack.0 ^ 1 << bit), ..good },
                Segment { seq: Seq(good.seq.0 ^ 1 << bit), ..good },
            ];
            for segment in damaged {
                assert_eq!(cookies.check(now, ours, peer, &segment), None, "{bit}");
            }
        }
    }

    /// A guess succeeds once in 2^28 times: 2^20 of them succeed with a probability of 0.4 %, and with this secret they
    /// do not. Cookies that were seen on other connections do not help.
    #[test]
    fn forged_cookies_are_refused() {
        let (cookies, (ours, peer)) = (Cookies::new(7), ends());
        let now = minutes(3);
        let mut random = Random::new(1);
        for round in 0..1 << 20 {
            let mut seen = peer;
            seen.set_port(random.bits() as u16);
            let guess = match round % 4 {
                0 if seen != peer => cookies.make(now, ours, seen, IRS, Some(1460)),
                1 => cookies.make(now, ours, peer, Seq(random.bits() as u32), Some(1460)),
                2 => cookies.make(minutes(round / 4 + 4), ours, peer, IRS, Some(1460)),
                _ => Seq(random.bits() as u32),
            };
            assert_eq!(cookies.check(now, ours, peer, &ack(guess, Options::default())), None);
        }
    }
}
