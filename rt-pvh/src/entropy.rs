//! A generator of unpredictable bytes.
//!
//! The generator has a state of 32 bytes. For each request, Ascon-XOF128 (NIST SP 800-232) absorbs the state, a number,
//! and fresh noise from the processor. Its output is first the next state and then the requested bytes, so that earlier
//! output cannot be computed from a later state.
//!
//! The noise comes from RDSEED or RDRAND, if the processor has one and it works. Otherwise the noise is the time that
//! an instruction takes which the host must emulate: that is [`Quality::Weak`], and the guest prints a warning.

mod xof;

use self::xof::Xof;
use crate::pvclock::time_stamp;

/// The state of the generator in words of 64 bits.
const STATE: usize = 4;
/// How many words of 64 bits are taken from the processor for each request: 256 bits.
const WORDS: usize = 4;
/// How many words are tested before the processor's random numbers are trusted.
const TRIAL: usize = 16;
/// How often RDSEED and RDRAND are tried for one word. They fail if they are used too fast; the processor's vendors
/// recommend 10 tries for RDRAND.
const TRIES: u32 = 128;
/// How many times are measured if there is no other noise: at the start, and for each request. Each is a call of the
/// hypervisor, which takes some microseconds, or some tens of them if the hypervisor is itself emulated.
const TIMES_AT_START: usize = 256;
const TIMES: usize = 64;

/// The quality of the noise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quality {
    /// The noise is the processor's random numbers.
    Strong,
    /// The noise is times only: the processor has no random numbers.
    Weak,
    /// The noise is times only: the processor's random numbers are not random.
    Stuck,
    /// The noise is times only, but a seed of 256 bits from the host is secret.
    Seeded,
}

impl Quality {
    /// Why the bytes are weak, if they are: the beginning of a sentence.
    pub fn why_weak(self) -> Option<&'static str> {
        match self {
            Self::Strong | Self::Seeded => None,
            Self::Weak => Some("no RDRAND and no RDSEED"),
            Self::Stuck => Some("RDRAND and RDSEED are broken"),
        }
    }
}

/// The sources of noise that a processor has.
pub trait Processor {
    /// A random word, if there is an instruction for it and it succeeds.
    fn random(&mut self) -> Option<u64>;

    /// Whether there is such an instruction.
    fn has_random(&self) -> bool;

    /// A time whose last digits are unpredictable.
    fn time(&mut self) -> u64;
}

/// The generator.
pub struct Entropy<C> {
    state: [u64; STATE],
    requests: u64,
    processor: C,
    quality: Quality,
}

impl<C: Processor> Entropy<C> {
    /// A generator whose state is made from the processor's noise and from `seeds`. The seeds distinguish this guest
    /// from others, and need not be secret.
    pub fn new(mut processor: C, seeds: &[&[u8]]) -> Self {
        let quality = match (processor.has_random(), is_random(&mut processor)) {
            (true, true) => Quality::Strong,
            (true, false) => Quality::Stuck,
            (false, _) => Quality::Weak,
        };
        let mut xof = Xof::new();
        for seed in seeds {
            // The length of each seed is absorbed too, so that two different lists of seeds differ.
            xof.absorb(seed.len() as u64);
            for bytes in seed.chunks(8) {
                let mut word = [0; 8];
                word[..bytes.len()].copy_from_slice(bytes);
                xof.absorb(u64::from_le_bytes(word));
            }
        }
        add_noise(&mut xof, &mut processor, quality, TIMES_AT_START);
        let mut words = xof.finish();
        Self { state: core::array::from_fn(|_| words.squeeze()), requests: 0, processor, quality }
    }

    /// Takes the seed that came first as secret and random, as that of an entropy device of the host is. The bytes are strong
    /// then, whatever the processor has.
    #[must_use]
    pub fn trust_seed(mut self) -> Self {
        if self.quality != Quality::Strong {
            self.quality = Quality::Seeded;
        }
        self
    }

    /// The quality of the noise.
    pub fn quality(&self) -> Quality {
        self.quality
    }

    /// Fills `out`.
    pub fn fill(&mut self, out: &mut [u8]) {
        self.requests = self.requests.wrapping_add(1);
        let mut xof = Xof::new();
        for word in self.state {
            xof.absorb(word);
        }
        xof.absorb(self.requests);
        add_noise(&mut xof, &mut self.processor, self.quality, TIMES);
        let mut words = xof.finish();
        for word in &mut self.state {
            *word = words.squeeze();
        }
        for bytes in out.chunks_mut(8) {
            bytes.copy_from_slice(&words.squeeze().to_le_bytes()[..bytes.len()]);
        }
    }
}

impl<C> core::fmt::Debug for Entropy<C> {
    /// Omits the state.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Entropy").field("quality", &self.quality).finish_non_exhaustive()
    }
}

/// Adds noise from the processor: words if they are random, otherwise `times` times.
#[inline(never)]
fn add_noise(xof: &mut Xof, processor: &mut impl Processor, quality: Quality, times: usize) {
    if quality == Quality::Strong {
        for _ in 0..WORDS {
            // A missing word does no harm, because earlier words are in the state.
            xof.absorb(word(processor).unwrap_or(0));
        }
    } else {
        for _ in 0..times {
            xof.absorb(processor.time());
        }
    }
}

/// A random word, unless all tries fail.
#[inline(never)]
fn word(processor: &mut impl Processor) -> Option<u64> {
    (0..TRIES).find_map(|_| processor.random())
}

/// Whether the processor's words look random at all. Processors whose generator is broken return all ones, or always
/// the same word, and report success.
fn is_random(processor: &mut impl Processor) -> bool {
    let mut last = 0;
    processor.has_random()
        && (0..TRIAL).all(|_| match word(processor) {
            None | Some(0 | u64::MAX) => false,
            Some(word) => core::mem::replace(&mut last, word) != word,
        })
}

/// The processor that we run on.
#[derive(Clone, Copy, Debug)]
pub struct Cpu {
    /// INVARIANT: true only if the processor reports this instruction.
    rdseed: bool,
    /// INVARIANT: true only if the processor reports this instruction.
    rdrand: bool,
}

impl Cpu {
    /// Checks which instructions the processor has.
    pub fn detect() -> Self {
        use core::arch::x86_64::{__cpuid, __cpuid_count};
        let last = __cpuid(0).eax;
        // Intel's manual, volume 2A, CPUID: leaf 1, ECX, bit 30; leaf 7.0, EBX, bit 18.
        Self {
            rdrand: last >= 1 && __cpuid(1).ecx & 1 << 30 != 0,
            rdseed: last >= 7 && __cpuid_count(7, 0).ebx & 1 << 18 != 0,
        }
    }
}

impl Processor for Cpu {
    fn random(&mut self) -> Option<u64> {
        #[target_feature(enable = "rdseed")]
        fn rdseed(word: &mut u64) -> i32 {
            core::arch::x86_64::_rdseed64_step(word)
        }
        #[target_feature(enable = "rdrand")]
        fn rdrand(word: &mut u64) -> i32 {
            core::arch::x86_64::_rdrand64_step(word)
        }
        let mut word = 0;
        // SAFETY: the processor has the instruction, by the invariant.
        if self.rdseed && unsafe { rdseed(&mut word) } == 1 {
            return Some(word);
        }
        // SAFETY: as above.
        (self.rdrand && unsafe { rdrand(&mut word) } == 1).then_some(word)
    }

    fn has_random(&self) -> bool {
        self.rdseed || self.rdrand
    }

    fn time(&mut self) -> u64 {
        // This instruction calls the hypervisor, which takes an unpredictable time.
        core::hint::black_box(core::arch::x86_64::__cpuid(0));
        time_stamp()
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, vec::Vec};

    use super::*;

    /// The words of a processor, by their number.
    type Words = fn(u64) -> Option<u64>;

    /// A processor that says what it is told to.
    #[derive(Clone)]
    struct Script {
        has: bool,
        words: Words,
        asked: u64,
        time: u64,
        /// How many times there are before it stands still.
        ticks: u64,
    }

    const GOOD: Script = Script {
        has: true,
        words: |n| Some(n.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
        asked: 0,
        time: 0,
        ticks: 0,
    };

    impl Processor for Script {
        fn random(&mut self) -> Option<u64> {
            self.asked += 1;
            (self.words)(self.asked)
        }

        fn has_random(&self) -> bool {
            self.has
        }

        fn time(&mut self) -> u64 {
            self.time += u64::from(self.ticks > 0);
            self.ticks = self.ticks.saturating_sub(1);
            self.time
        }
    }

    fn first(processor: Script, seeds: &[&[u8]]) -> [u8; 16] {
        let mut out = [0; 16];
        Entropy::new(processor, seeds).fill(&mut out);
        out
    }

    #[test]
    fn stuck_words_are_not_believed() {
        let cases: [(Words, _); 8] = [
            (|_| None, Quality::Stuck),
            (|_| Some(0), Quality::Stuck),
            (|_| Some(u64::MAX), Quality::Stuck),
            (|_| Some(0x1234_5678), Quality::Stuck),
            (|n| Some(if n < 15 { n } else { u64::MAX }), Quality::Stuck),
            (|n| Some(n / 2 + 5), Quality::Stuck),
            // Says no now and then, as it may.
            (|n| (n % 100 == 0).then_some(n), Quality::Strong),
            (|n| Some(n << 40), Quality::Strong),
        ];
        for (number, (words, quality)) in cases.into_iter().enumerate() {
            assert_eq!(Entropy::new(Script { words, ..GOOD }, &[]).quality(), quality, "{number}");
        }
        let none = Script { has: false, words: |_| panic!("asked for what is not there"), ..GOOD };
        let mut entropy = Entropy::new(none, &[]);
        assert_eq!(entropy.quality(), Quality::Weak);
        entropy.fill(&mut [0; 8]);
    }

    #[test]
    fn a_processor_that_never_says_yes_is_asked_a_bounded_number_of_times() {
        let words = |n| (n <= (TRIAL + WORDS) as u64).then_some(n);
        let mut entropy = Entropy::new(Script { words, ..GOOD }, &[]);
        assert_eq!(entropy.quality(), Quality::Strong);
        entropy.fill(&mut [0; 8]);
        assert_eq!(entropy.processor.asked, (TRIAL + WORDS + TRIES as usize * WORDS) as u64);
    }

    #[test]
    fn everything_that_goes_in_changes_what_comes_out() {
        let weak = Script { has: false, ..GOOD };
        let same = first(weak.clone(), &[b"ab", b"c"]);
        assert_eq!(same, first(weak.clone(), &[b"ab", b"c"]));
        let mut seen = BTreeSet::from([same]);
        for seeds in [&[] as &[&[u8]], &[b"ab"], &[b"a", b"bc"], &[b"abc"], &[b"ab", b"c", b""]] {
            assert!(seen.insert(first(weak.clone(), seeds)), "{seeds:?}");
        }
        let last = (TIMES_AT_START + TIMES) as u64;
        for ticks in [1, TIMES_AT_START as u64, last] {
            assert!(seen.insert(first(Script { ticks, ..weak.clone() }, &[b"ab", b"c"])));
        }
        assert!(seen.insert(first(GOOD, &[b"ab", b"c"])));
        let other = Script { words: |n| Some(n.wrapping_mul(3)), ..GOOD };
        assert!(seen.insert(first(other, &[b"ab", b"c"])));
    }

    #[test]
    fn no_two_requests_get_the_same() {
        let mut entropy = Entropy::new(Script { has: false, ..GOOD }, &[]);
        let mut seen = BTreeSet::new();
        for _ in 0..2000 {
            let mut out = [0; 40];
            entropy.fill(&mut out);
            assert!(seen.insert(out[..8].to_vec()) && seen.insert(out[32..].to_vec()));
            // What was given out is not what is kept.
            let kept = entropy.state.map(u64::to_le_bytes);
            assert!(!out.windows(8).any(|window| kept.as_flattened().starts_with(window)));
        }
        entropy.fill(&mut []);
    }

    #[test]
    fn as_many_bits_are_set_as_not() {
        let mut entropy = Entropy::new(Cpu::detect(), &[]);
        let mut out = [0; 1 << 16];
        entropy.fill(&mut out);
        let ones: u32 = out.iter().map(|byte| byte.count_ones()).sum();
        // 2^19 bits: seven standard deviations of 362.
        assert!(ones.abs_diff(1 << 18) < 2534, "{ones}");
    }

    #[test]
    fn the_real_processor_has_times_that_differ() {
        let mut cpu = Cpu::detect();
        let times: Vec<_> = (0..TIMES).map(|_| cpu.time()).collect();
        assert!(times.is_sorted() && times.first() < times.last());
        if cpu.has_random() {
            assert!(word(&mut cpu).is_some());
        }
    }
}
