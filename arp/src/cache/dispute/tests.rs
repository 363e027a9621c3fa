use core::net::Ipv4Addr;
use std::{vec, vec::Vec};

use ::testkit::Random;

use super::*;
use crate::{
    Timing,
    cache::{Cache, Resolution},
};

const PEER: MacAddr = MacAddr([2, 0, 10, 0, 0, 1]);
const OTHER: MacAddr = MacAddr([2, 0, 10, 0, 0, 9]);
const THEM: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

fn host(number: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x0a00_0000 + number)
}

/// A cache, the time, and the stations that answer when they are asked alone.
struct Net<'g> {
    cache: Cache<'g>,
    now: Instant,
    living: Vec<(Ipv4Addr, MacAddr)>,
    /// The packets that the cache heard, and the questions that it asked.
    heard: u64,
    asked: u64,
}

impl<'g> Net<'g> {
    fn new(storage: &'g mut [Entry]) -> Self {
        let cache = Cache::new(storage, Timing::default(), 7);
        let now = Instant::from_millis(1_000_000);
        Self { cache, now, living: Vec::new(), heard: 0, asked: 0 }
    }

    /// A neighbour in use.
    fn meets(&mut self, address: Ipv4Addr, mac: MacAddr) {
        assert!(matches!(self.cache.resolve(self.now, address), Resolution::Ask { .. }));
        assert_eq!(self.cache.merge(self.now, address, mac, Claim::AnswersUs), Merged::Answered);
        self.living.push((address, mac));
    }

    /// A packet is heard; who is asked because of it answers at once, if he lives.
    fn hears(&mut self, address: Ipv4Addr, mac: MacAddr, claim: Claim) -> Merged {
        self.heard += 1;
        let merged = self.cache.merge(self.now, address, mac, claim);
        match merged {
            Merged::Contested => self.asks(address, mac),
            Merged::Rivalled(known) => self.asks(address, known),
            _ => {}
        }
        merged
    }

    fn asks(&mut self, address: Ipv4Addr, mac: MacAddr) {
        self.asked += 1;
        if self.living.contains(&(address, mac)) {
            let _ = self.hears(address, mac, Claim::AnswersUs);
        }
    }

    /// All are asked, and answer if they live.
    fn asks_all(&mut self, address: Ipv4Addr) {
        self.asked += 1;
        let living: Vec<_> = self.living.iter().filter(|it| it.0 == address).copied().collect();
        for (address, mac) in living {
            let _ = self.hears(address, mac, Claim::AnswersUs);
        }
    }

    /// Lets time pass; says what was due but questions to one.
    fn lives(&mut self, milliseconds: u64) -> Vec<Due> {
        let end = self.now + Duration::from_millis(milliseconds);
        let mut dues = Vec::new();
        while let Some(deadline) = self.cache.next_deadline().filter(|&deadline| deadline <= end) {
            self.now = self.now.max(deadline);
            while let Some(due) = self.cache.due(self.now) {
                match due {
                    Due::Poll(address, mac) => self.asks(address, mac),
                    Due::Ask(address) => {
                        dues.push(due);
                        self.asks_all(address);
                    }
                    due => dues.push(due),
                }
            }
        }
        self.now = end;
        dues
    }

    /// Where a packet goes.
    fn sends(&mut self, address: Ipv4Addr) -> Option<MacAddr> {
        if let Some(mac) = self.cache.lookup(self.now, address) {
            return Some(mac);
        }
        match self.cache.resolve(self.now, address) {
            Resolution::Stale(mac) => {
                self.asks(address, mac);
                Some(mac)
            }
            Resolution::Known(mac) => Some(mac),
            _ => None,
        }
    }
}

#[test]
fn who_only_says_that_a_neighbour_moved_changes_nothing() {
    for claim in [Claim::AsksUs, Claim::AnswersUs, Claim::Aside] {
        let mut storage = vec![Entry::FREE; 1024];
        let mut net = Net::new(&mut storage);
        net.meets(THEM, PEER);
        assert_eq!(net.hears(THEM, OTHER, claim), Merged::Contested);
        let mut dues = Vec::new();
        for _ in 0..40 {
            assert_eq!(net.sends(THEM), Some(PEER));
            dues.extend(net.lives(50));
        }
        // One question for its lie, two in case that one was lost, and one to all, which the neighbour has answered.
        assert_eq!(dues, [Due::Ask(THEM)]);
        assert_eq!((net.heard, net.asked), (2, 4));
    }
}

#[test]
fn a_neighbour_that_moved_is_followed_within_400_ms() {
    for claim in [Claim::AsksUs, Claim::AnswersUs, Claim::Aside] {
        // Searches of the table are due at any time.
        for delay in 0..110 {
            let mut storage = vec![Entry::FREE; 1024];
            let mut net = Net::new(&mut storage);
            net.meets(THEM, PEER);
            let _ = net.hears(THEM, MacAddr([2; 6]), claim);
            net.lives(2000 + delay);
            let _ = net.cache.resolve(net.now, host(77));
            net.lives(990);
            net.living = vec![(THEM, OTHER)];
            assert_eq!(net.hears(THEM, OTHER, claim), Merged::Contested);
            assert_eq!(net.sends(THEM), Some(PEER));
            assert_eq!(net.lives(190), [Due::Ask(host(77))]);
            assert_eq!(net.sends(THEM), Some(PEER));
            assert_eq!(net.lives(210), [Due::Changed(THEM)]);
            assert_eq!(net.sends(THEM), Some(OTHER));
        }
    }
}

/// A neighbour that moves again while its new place is asked for, as a bridge of Linux does that takes the lowest address of its ports,
/// is followed, though it says so once.
#[test]
fn a_neighbour_that_moves_twice_is_followed_within_a_second() {
    for claim in [Claim::AsksUs, Claim::AnswersUs, Claim::Aside] {
        for pause in (0..400).step_by(7) {
            let mut storage = vec![Entry::FREE; 1024];
            let mut net = Net::new(&mut storage);
            net.meets(THEM, PEER);
            let third = MacAddr([2; 6]);
            net.living = vec![(THEM, third)];
            assert_eq!(net.hears(THEM, OTHER, claim), Merged::Contested);
            net.lives(pause);
            let _ = net.hears(THEM, third, claim);
            net.lives(1000);
            assert_eq!(net.sends(THEM), Some(third), "{claim:?}, {pause} ms");
        }
    }
}

#[test]
fn a_question_that_is_lost_is_asked_again() {
    let mut storage = vec![Entry::FREE; 1024];
    let mut net = Net::new(&mut storage);
    net.meets(THEM, PEER);
    // It answers the second time.
    assert_eq!(net.hears(THEM, OTHER, Claim::Aside), Merged::Contested);
    net.living = vec![(THEM, OTHER)];
    assert_eq!(net.lives(450), [Due::Changed(THEM)]);
    // And so does the one that is known.
    net.living = vec![(THEM, PEER)];
    assert_eq!(net.hears(THEM, PEER, Claim::Aside), Merged::Contested);
    net.living = vec![(THEM, PEER), (THEM, OTHER)];
    assert_eq!(net.lives(2000), []);
    assert_eq!(net.sends(THEM), Some(OTHER));
}

#[test]
fn where_both_answer_the_known_one_stays_and_the_rival_has_to_wait() {
    let mut storage = vec![Entry::FREE; 1024];
    let mut net = Net::new(&mut storage);
    net.meets(THEM, PEER);
    net.living.push((THEM, OTHER));
    let third = MacAddr([2; 6]);
    for _ in 0..20 {
        assert_eq!(net.hears(THEM, OTHER, Claim::AsksUs), Merged::Contested);
        assert_eq!(net.sends(THEM), Some(PEER));
        assert_eq!(net.hears(THEM, OTHER, Claim::AsksUs), Merged::Unchanged);
        assert_eq!(net.hears(THEM, third, Claim::AsksUs), Merged::Unchanged);
        assert_eq!(net.lives(850), []);
        assert_eq!(net.hears(THEM, OTHER, Claim::AsksUs), Merged::Unchanged);
        assert_eq!(net.lives(250), []);
        assert_eq!(net.sends(THEM), Some(PEER));
    }
    assert_eq!(net.asked, 40);
    // Another one is heard sooner: it may have the address now.
    assert_eq!(net.hears(THEM, OTHER, Claim::AsksUs), Merged::Contested);
    net.lives(110);
    net.living = vec![(THEM, third)];
    assert_eq!(net.hears(THEM, third, Claim::AsksUs), Merged::Contested);
    assert_eq!(net.lives(400), [Due::Changed(THEM)]);
}

#[test]
fn who_asked_us_is_asked_when_it_is_first_sent_to() {
    let mut storage = vec![Entry::FREE; 1024];
    let mut net = Net::new(&mut storage);
    net.living = vec![(host(2), PEER)];
    net.cache.add(net.now, host(2), PEER).unwrap();
    net.cache.add(net.now, host(3), OTHER).unwrap();
    // The second one does not live.
    assert_eq!((net.sends(host(2)), net.sends(host(3))), (Some(PEER), Some(OTHER)));
    assert_eq!(net.cache.lookup(net.now, host(2)), Some(PEER));
    assert_eq!(net.lives(190), []);
    assert_eq!(net.sends(host(3)), Some(OTHER));
    assert_eq!(net.lives(120), [Due::Lost(host(3))]);
    assert_eq!((net.sends(host(2)), net.sends(host(3))), (Some(PEER), None));
    // Before that, the last one that asks is believed.
    net.cache.add(net.now, host(4), OTHER).unwrap();
    assert_eq!(net.hears(host(4), PEER, Claim::Aside), Merged::Unchanged);
    assert_eq!(net.hears(host(4), PEER, Claim::AsksUs), Merged::Changed);
    assert_eq!(net.sends(host(4)), Some(PEER));
}

#[test]
fn a_neighbour_that_speaks_for_itself_is_not_asked() {
    let mut storage = vec![Entry::FREE; 1024];
    let mut net = Net::new(&mut storage);
    net.meets(THEM, PEER);
    net.living.clear();
    assert_eq!(net.hears(THEM, OTHER, Claim::Aside), Merged::Contested);
    // An answer that it was not asked for shows nothing.
    assert_eq!(net.hears(THEM, PEER, Claim::AnswersUs), Merged::Unchanged);
    assert_eq!(net.hears(THEM, PEER, Claim::AsksUs), Merged::Confirmed);
    assert_eq!(net.hears(THEM, OTHER, Claim::AnswersUs), Merged::Unchanged);
    assert_eq!(net.lives(3000), []);
    assert_eq!(net.sends(THEM), Some(PEER));
}

/// Liars of every kind: in the names of all neighbours, some of whom live, with stations that answer and that do not.
#[test]
fn no_flood_of_lies_makes_us_ask_more_than_is_heard_nor_delays_an_honest_move() {
    let mut storage = vec![Entry::FREE; 1024];
    let mut net = Net::new(&mut storage);
    let mut random = Random::new(7);
    (1..=800).for_each(|number| net.meets(host(number), PEER));
    net.living.retain(|&(address, _)| address.octets()[3] % 4 != 0);
    net.living.extend((1..=800).map(|number| (host(number), OTHER)));
    net.meets(host(801), PEER);
    let start = net.now;
    for round in 0..300 {
        for _ in 0..random.below(200) {
            let whom = host(1 + random.below(800) as u32);
            let mac = if random.once_in(2) {
                OTHER
            } else {
                MacAddr([2, 1, 1, 1, 1, random.bits() as u8])
            };
            let claim = [Claim::AsksUs, Claim::AnswersUs, Claim::Aside][random.below(3)];
            let _ = net.hears(whom, mac, claim);
        }
        if round == 150 {
            net.living.retain(|living| *living != (host(801), PEER));
            net.living.push((host(801), OTHER));
            assert_eq!(net.hears(host(801), OTHER, Claim::Aside), Merged::Contested);
        }
        net.lives(10);
        if round == 190 {
            assert_eq!(net.sends(host(801)), Some(OTHER));
        }
    }
    let repeats = u64::from(REPEATS) * (net.now.since(start).as_millis() as u64 / 100 + 1);
    assert!(net.asked > 1000, "{}", net.asked);
    assert!(net.asked <= net.heard + repeats, "{} for {}", net.asked, net.heard);
}

/// The station that is lied about is not asked more than 20 times a second, however many liars there are.
#[test]
fn one_neighbour_is_asked_at_a_limited_rate() {
    let mut storage = vec![Entry::FREE; 1024];
    let mut net = Net::new(&mut storage);
    net.meets(THEM, PEER);
    net.living.extend((0..=255).map(|last| (THEM, MacAddr([2, 1, 1, 1, 1, last]))));
    for number in 0..10_000u32 {
        let _ = net.hears(THEM, MacAddr([2, 1, 1, 1, 1, number as u8]), Claim::Aside);
        net.lives(1);
        assert_eq!(net.sends(THEM), Some(PEER));
    }
    assert!(net.asked <= 10 * 20 + 2, "{}", net.asked);
}

#[test]
fn what_is_contested_is_not_believed_for_longer() {
    let mut storage = vec![Entry::FREE; 1024];
    let mut net = Net::new(&mut storage);
    net.meets(THEM, PEER);
    for number in 0..20 * 60 {
        let _ = net.hears(THEM, MacAddr([2, 1, 1, 1, 1, number as u8]), Claim::Aside);
        net.lives(1000);
    }
    assert_eq!(net.sends(THEM), None);
}
