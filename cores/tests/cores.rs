//! Several cores, each on a thread of its own.

#![cfg(not(loom))]

use std::{
    cell::Cell,
    sync::{Condvar, Mutex},
    thread,
    time::Duration,
};

use cores::{
    Channel, Claim, ClaimError, Core, Cores, Doorbell, JoinError, Load, MAX_NOTICE, NOTICES, Sizes,
};
use layer::Instant;
use rt_regions::{PAGE_SIZE, Pool, Region};

/// Bells as a program has them: one that rings before the sleep ends it at once.
#[derive(Debug, Default)]
struct Bells {
    rung: Mutex<[u32; 4]>,
    any: Condvar,
}

impl Bells {
    fn wait(&self, core: usize) {
        let mut rung = self.rung.lock().unwrap();
        while rung[core] == 0 {
            rung = self.any.wait(rung).unwrap();
        }
        rung[core] = 0;
    }
}

impl Doorbell for Bells {
    fn ring(&self, core: usize) {
        self.rung.lock().unwrap()[core] += 1;
        self.any.notify_all();
    }
}

fn memory(pages: usize) -> &'static Region<'static> {
    let bytes = Box::leak(Box::new_uninit_slice((pages + 2) * PAGE_SIZE));
    let pool: &'static Pool<'static> = Box::leak(Box::new(Pool::new(bytes)));
    Box::leak(Box::new(Region::new(pool, "memory")))
}

fn cores(count: usize) -> (&'static Cores, &'static Bells) {
    let bells: &'static Bells = Box::leak(Box::default());
    let sizes = Sizes { frames: 4096, packets: 4096, messages: 1024, wire: 0 };
    (Cores::new(memory(100), count, 7, sizes, bells).unwrap(), bells)
}

#[test]
fn each_core_joins_once_and_knows_the_others() {
    let (cores, _) = cores(3);
    let one = Core::join(cores, 1, memory(8)).unwrap();
    assert_eq!((one.index(), one.count(), one.is_first(), one.is_alone()), (1, 3, false, false));
    assert_eq!(one.others().collect::<Vec<_>>(), [0, 2]);
    assert_eq!(one.shared_seed(), Some(7));
    for index in [1, 3] {
        let error = Core::join(cores, index, memory(8)).unwrap_err();
        assert_eq!(error, JoinError::NotFree);
    }
    let zero = Core::join(cores, 0, memory(8)).unwrap();
    assert!(zero.is_first());
}

#[test]
fn one_that_is_alone_has_nobody_to_talk_to() {
    let alone = Core::ALONE;
    assert_eq!((alone.index(), alone.count(), alone.shared_seed()), (0, 1, None));
    assert!(alone.is_first() && alone.may_sleep() && !alone.has_mail());
    assert!(
        !alone.send(0, Channel::Messages, 0, b"x") && !alone.send(1, Channel::Messages, 0, b"x")
    );
    assert!(alone.receive(Channel::Messages).is_none() && alone.take_requests() == 0);
    let claim = Claim { protocol: 17, port: 53 };
    assert_eq!((alone.claim(claim, 0), alone.owner(claim)), (Ok(true), None));
    assert_eq!(alone.claim(claim, 1), Err(ClaimError::NoSuchCore { count: 1 }));
}

#[test]
fn a_message_goes_to_whom_it_is_for_and_each_sender_has_its_turn() {
    let (cores, _) = cores(3);
    let [zero, one, two] = [0, 1, 2].map(|index| Core::join(cores, index, memory(8)).unwrap());
    for number in 0..4_u32 {
        assert!(zero.send(2, Channel::Frames, number, b"from 0"));
        assert!(one.send(2, Channel::Frames, number, b"from 1"));
    }
    // Not to itself, and not to one that is not there.
    assert!(!zero.send(0, Channel::Frames, 0, b"") && !zero.send(3, Channel::Frames, 0, b""));
    assert!(zero.receive(Channel::Frames).is_none() && one.receive(Channel::Frames).is_none());
    assert!(two.receive(Channel::Packets).is_none() && two.has_mail());
    let mut seen = Vec::new();
    while let Some((from, message)) = two.receive(Channel::Frames) {
        let mut bytes = [0; 6];
        message.copy_to(&mut bytes);
        assert_eq!(bytes, *format!("from {from}").as_bytes());
        seen.push((from, message.tag()));
    }
    assert_eq!(seen, [(0, 0), (1, 0), (0, 1), (1, 1), (0, 2), (1, 2), (0, 3), (1, 3)]);
    assert_eq!(two.counters().messages_rx, 8);
    // A core that does not read loses what has no room, and nobody waits.
    let sent = (0..1000).filter(|_| zero.send(1, Channel::Messages, 0, &[0; 56])).count();
    assert_eq!((sent, zero.counters().no_room), (1024 / 64, 1000 - 1024 / 64));
}

#[test]
fn a_wire_is_between_the_first_core_and_each_other_one() {
    let bells: &'static Bells = Box::leak(Box::default());
    let sizes = Sizes { frames: 64, packets: 64, messages: 64, wire: 1024 };
    let cores = Cores::new(memory(100), 3, 7, sizes, bells).unwrap();
    let [zero, one, two] = [0, 1, 2].map(|index| Core::join(cores, index, memory(8)).unwrap());
    let wire = Channel::Wire;
    assert!(!one.send(2, wire, 0, b"") && !two.send(1, wire, 0, b""));
    assert_eq!((one.room(2, wire), one.max_len(2, wire)), (0, 0));
    assert_eq!((one.room(0, wire), one.max_len(0, wire)), (1024, 1016));
    for number in 0..2 {
        assert!(one.send(0, wire, number, b"from 1") && two.send(0, wire, number, b"from 2"));
        assert!(zero.send(1, wire, number, b"to 1") && zero.send(2, wire, number, b"to 2"));
    }
    assert_eq!(one.room(0, wire), 1024 - 2 * 16);
    assert!(zero.has_mail() && one.has_mail() && !zero.may_sleep());
    let seen = |core: Core| {
        std::iter::from_fn(|| {
            let (from, message) = core.receive(wire)?;
            let mut bytes = vec![0; message.len()];
            message.copy_to(&mut bytes);
            Some((from, message.tag(), String::from_utf8(bytes).unwrap()))
        })
        .collect::<Vec<_>>()
    };
    let of = |from, tag, bytes: &str| (from, tag, bytes.to_owned());
    let expected = [of(1, 0, "from 1"), of(2, 0, "from 2"), of(1, 1, "from 1"), of(2, 1, "from 2")];
    assert_eq!(seen(zero), expected);
    assert_eq!(seen(one), [of(0, 0, "to 1"), of(0, 1, "to 1")]);
    assert_eq!(seen(two), [of(0, 0, "to 2"), of(0, 1, "to 2")]);
    assert!(!one.has_mail() && one.room(0, wire) == 1024);
    // Who did not ask for such rings has none.
    let (without, _) = self::cores(2);
    let [zero, one] = [0, 1].map(|index| Core::join(without, index, memory(8)).unwrap());
    assert!(!zero.send(1, wire, 0, b"") && !one.send(0, wire, 0, b""));
    assert!(zero.receive(wire).is_none() && one.receive(wire).is_none());
}

#[test]
fn all_see_what_the_first_core_announces() {
    let (cores, _) = cores(2);
    let [zero, one] = [0, 1].map(|index| Core::join(cores, index, memory(8)).unwrap());
    assert_eq!(one.announced(1), 0);
    zero.announce(1, 42);
    zero.announce(NOTICES, 1);
    one.announce(1, 43);
    assert_eq!([0, 1, 2].map(|nth| one.announced(nth)), [0, 42, 0]);
    assert_eq!((zero.announced(1), zero.announced(NOTICES)), (42, 0));
    assert_eq!(Core::ALONE.announced(1), 0);
}

#[test]
fn who_listens_is_called_while_a_message_of_services_waits() {
    let (cores, _) = cores(2);
    let [zero, one] = [0, 1].map(|index| Core::join(cores, index, memory(8)).unwrap());
    let called: &'static Cell<u32> = Box::leak(Box::default());
    assert!(zero.send(1, Channel::Messages, 0, b"before"));
    one.deliver();
    one.listen(Box::leak(Box::new(|| called.set(called.get() + 1))));
    one.deliver();
    one.deliver();
    assert_eq!(called.get(), 2);
    // A message of 6 bytes takes two words.
    assert_eq!([zero.capacity(Channel::Messages), zero.room(1, Channel::Messages)], [1024, 1008]);
    drop(one.receive(Channel::Messages));
    // Others are not its affair.
    assert!(zero.send(1, Channel::Frames, 0, b"x") && zero.send(1, Channel::Packets, 0, b"x"));
    one.deliver();
    assert_eq!(called.get(), 2);
    Core::ALONE.listen(Box::leak(Box::new(|| called.set(9))));
    Core::ALONE.deliver();
    assert_eq!(called.get(), 2);
    assert_eq!([zero.room(0, Channel::Messages), zero.room(2, Channel::Messages)], [0; 2]);
    assert_eq!(
        [Core::ALONE.capacity(Channel::Frames), Core::ALONE.room(1, Channel::Frames)],
        [0; 2]
    );
}

#[test]
fn a_claim_is_seen_by_all() {
    let (cores, _) = cores(2);
    let [zero, one] = [0, 1].map(|index| Core::join(cores, index, memory(8)).unwrap());
    let claim = Claim { protocol: 17, port: 53 };
    assert_eq!((zero.claim(claim, 1), one.claim(claim, 1)), (Ok(false), Ok(true)));
    assert_eq!((zero.owner(claim), one.owner(claim)), (Some(1), Some(1)));
    assert_eq!(zero.claim(claim, 0), Err(ClaimError::Taken { core: 1 }));
    assert_eq!(zero.claim(claim, 2), Err(ClaimError::NoSuchCore { count: 2 }));
}

#[test]
fn the_last_notice_counts_and_keeps_who_reads_notices_awake() {
    let (cores, bells) = cores(3);
    let [zero, one, two] = [0, 1, 2].map(|index| Core::join(cores, index, memory(8)).unwrap());
    let mut out = [0; MAX_NOTICE];
    assert_eq!((one.take_notice(&mut out), Core::ALONE.take_notice(&mut out)), (None, None));
    assert!(!one.post(b"not the first") && !Core::ALONE.post(b"nobody to tell"));
    assert!(!zero.post(&[0; MAX_NOTICE + 1]) && zero.post(b"first"));
    // Only one of them reads notices.
    assert!(!one.may_sleep() && two.may_sleep());
    one.woke();
    assert!(zero.post(b"the second one"));
    assert_eq!(*bells.rung.lock().unwrap(), [0, 0, 1, 0]);
    assert_eq!(one.take_notice(&mut out), Some(14));
    assert_eq!(&out[..14], b"the second one");
    assert_eq!(one.take_notice(&mut out), None);
    assert!(one.may_sleep() && zero.post(b""));
    assert_eq!(bells.rung.lock().unwrap()[1], 1);
    assert_eq!((one.take_notice(&mut out), two.take_notice(&mut out)), (Some(0), Some(0)));
    assert!(zero.post(&[7; MAX_NOTICE]));
    assert_eq!(one.take_notice(&mut out), Some(MAX_NOTICE));
    assert_eq!(out, [7; MAX_NOTICE]);
}

#[test]
fn notices_are_whole_while_they_are_written() {
    let (cores, _) = cores(2);
    let rounds: usize = if cfg!(miri) { 50 } else { 100_000 };
    let zero = Core::join(cores, 0, memory(8)).unwrap();
    let reading = thread::spawn(move || {
        let one = Core::join(cores, 1, memory(8)).unwrap();
        let (mut out, mut last, mut read) = ([0; MAX_NOTICE], 0, 0);
        while last != rounds {
            let Some(length) = one.take_notice(&mut out) else {
                thread::yield_now();
                continue;
            };
            let number = usize::from_le_bytes(*out.first_chunk().unwrap());
            assert_eq!(length, 8 + number % 200);
            assert!(out[8..length].iter().all(|byte| *byte == number as u8));
            assert!(number > last, "{number} after {last}");
            (last, read) = (number, read + 1);
        }
        read
    });
    for number in 1..=rounds {
        let rest = [number as u8; 200];
        assert!(zero.post(&(number.to_le_bytes(), &rest[..number % 200])));
    }
    assert!(reading.join().unwrap() > 0);
}

#[test]
fn a_core_that_sleeps_is_woken_once_by_what_is_for_it() {
    let (cores, bells) = cores(3);
    let [zero, one, two] = [0, 1, 2].map(|index| Core::join(cores, index, memory(8)).unwrap());
    assert!(zero.send(1, Channel::Frames, 0, b"x"));
    assert_eq!(*bells.rung.lock().unwrap(), [0; 4], "nobody sleeps");
    assert!(!one.may_sleep(), "there is something to do");
    one.woke();
    drop(one.receive(Channel::Frames));
    assert!(one.may_sleep() && two.may_sleep());
    for _ in 0..3 {
        assert!(zero.send(1, Channel::Messages, 0, b"x"));
    }
    assert_eq!(*bells.rung.lock().unwrap(), [0, 1, 0, 0]);
    one.woke();
    zero.request_others(2);
    assert_eq!(*bells.rung.lock().unwrap(), [0, 1, 1, 0]);
    assert!(!one.may_sleep());
    assert_eq!((one.take_requests(), one.take_requests(), two.take_requests()), (2, 0, 2));
}

#[test]
fn what_is_published_is_seen_in_order() {
    let (cores, _) = cores(2);
    let one = Core::join(cores, 1, memory(8)).unwrap();
    let seen = |core| (cores.edition(core), [0, 1, 2, 3].map(|nth| cores.number(core, nth)));
    assert_eq!(seen(1), (0, [0; 4]));
    let publish = |numbers: &mut dyn Iterator<Item = u64>| {
        let mut publishing = one.publish(Instant::from_millis(5));
        numbers.for_each(|number| publishing.put(number));
    };
    publish(&mut (10..13));
    assert_eq!(seen(1), (1, [10, 11, 12, 0]));
    publish(&mut (0..1000));
    assert_eq!(seen(1), (2, [0, 1, 2, 3]));
    assert_eq!((cores.number(1, 507), cores.number(1, 508)), (507, 0));
    // Fewer than before: what is no longer said is not there.
    publish(&mut std::iter::once(7));
    assert_eq!(seen(1), (3, [7, 0, 0, 0]));
    assert_eq!(seen(0), (0, [0; 4]));
    assert!(!cores.has_finished(1));
    one.finish();
    assert!(cores.has_finished(1) && !cores.has_finished(0));
}

#[test]
fn the_load_of_a_core_is_what_it_does_not_sleep() {
    let (cores, _) = cores(2);
    let core = Core::join(cores, 1, memory(8)).unwrap();
    let at = Instant::from_millis;
    assert_eq!(core.load(at(5)), Load::default());
    core.slept(at(10), at(40));
    core.slept(at(60), at(90));
    let millis = Duration::from_millis;
    assert_eq!(core.load(at(110)), Load { busy: millis(40), idle: millis(60), sleeps: 2 });
    assert_eq!(Core::ALONE.load(at(110)), Load::default());
}

#[test]
fn numbers_of_all_cores_are_summed_and_their_loads_are_known() {
    let (cores, _) = cores(3);
    let [zero, one, two] = [0, 1, 2].map(|index| Core::join(cores, index, memory(8)).unwrap());
    let (at, millis) = (Instant::from_millis, Duration::from_millis);
    let all = zero.all().unwrap();
    assert_eq!((all.count(), all.sum(0, 7), all.load(1)), (3, 7, Load::default()));
    for (core, numbers) in [(one, [1, 10]), (two, [2, 20])] {
        let mut publishing = core.publish(at(100));
        numbers.into_iter().for_each(|number| publishing.put(number));
    }
    assert_eq!([all.sum(0, 100), all.sum(1, 0), all.sum(2, 5)], [103, 30, 5]);
    // This one has the device, and its counters before all others.
    let mut publishing = zero.publish(at(100));
    [7, 8, 100, 0].into_iter().for_each(|number| publishing.put(number));
    drop(publishing);
    let sums = [(0, 7), (1, 8), (2, 100), (3, 0)].map(|(nth, own)| all.sum(nth, own));
    assert_eq!(sums, [7, 8, 103, 30]);
    let of_one = one.all().unwrap();
    assert_eq!([of_one.sum(0, 1), of_one.sum(1, 10)], [103, 30]);
    // Both have slept for 30 of 40 ms. One sleeps since, the other one works.
    one.slept(at(100), at(130));
    two.slept(at(100), at(130));
    drop((one.publish(at(140)), two.publish(at(140))));
    assert!(one.may_sleep());
    // It is told the time.
    zero.must_publish(at(240));
    assert_eq!(all.load(1), Load { busy: millis(10), idle: millis(130), sleeps: 1 });
    assert_eq!(all.load(2), Load { busy: millis(110), idle: millis(30), sleeps: 1 });
    assert_eq!(all.load(3), Load::default());
    assert!(Core::ALONE.all().is_none());
}

#[test]
fn who_works_publishes_twice_a_second_and_once_more_before_it_sleeps_for_long() {
    let (cores, _) = cores(2);
    let core = Core::join(cores, 1, memory(8)).unwrap();
    let at = Instant::from_millis;
    assert!(core.must_publish(at(0)), "it never has");
    drop(core.publish(at(10)));
    // It has nothing to do, and is not woken.
    assert!(!core.must_publish(at(5000)) && core.publish_by().is_none());
    core.worked();
    assert_eq!(core.publish_by(), Some(at(510)));
    assert!(!core.must_publish(at(509)) && core.must_publish(at(510)));
    drop(core.publish(at(510)));
    assert!(core.publish_by().is_none() && !core.must_publish(at(9000)));
    assert!(!Core::ALONE.must_publish(at(9000)) && Core::ALONE.publish_by().is_none());
}

/// Each core passes on what it gets and sleeps in between. A wake-up that is lost stops all of them.
#[test]
fn a_message_goes_round_and_wakes_each_core() {
    let (cores, bells) = cores(3);
    let rounds = if cfg!(miri) { 20 } else { 20_000_u32 };
    thread::scope(|scope| {
        for index in 0..3 {
            scope.spawn(move || {
                let core = Core::join(cores, index, memory(8)).unwrap();
                let next = (index + 1) % 3;
                if core.is_first() {
                    assert!(core.send(next, Channel::Messages, 0, b"go"));
                }
                let mut seen = 0;
                while seen < rounds {
                    if let Some((from, message)) = core.receive(Channel::Messages) {
                        assert_eq!((from, message.tag()), ((index + 2) % 3, seen));
                        drop(message);
                        let round = if core.is_first() { seen + 1 } else { seen };
                        if round < rounds {
                            assert!(core.send(next, Channel::Messages, round, b"go"));
                        }
                        seen += 1;
                    } else {
                        if core.may_sleep() {
                            bells.wait(index);
                        }
                        core.woke();
                    }
                }
            });
        }
    });
}

#[test]
fn rings_take_a_part_of_the_memory_that_a_core_can_spare() {
    for (bytes, count) in [(2 << 20, 2), (64 << 20, 2), (64 << 20, 32), (1 << 30, 4)] {
        let Sizes { frames, packets, messages, wire } = Sizes::within(bytes, count);
        let all = (frames + packets + messages) * count * (count - 1);
        assert_eq!(wire, 0);
        let wire = Sizes::within(bytes, count).with_wire(bytes, count).wire * 2 * (count - 1);
        assert!(wire <= bytes / 8, "{count} cores: {wire} of {bytes} bytes");
        assert!(all <= bytes / 16 || frames == 1024, "{count} cores: {all} of {bytes} bytes");
        let more = Sizes::within(bytes, count).with_queues(bytes, count);
        assert!(more.frames >= frames && more.packets == packets && more.messages == messages);
        let all = more.frames * count * (count - 1);
        assert!(
            all <= bytes / 8 || more.frames == 1024.max(frames),
            "{count} cores: {all} of {bytes}"
        );
    }
    let sizes = Sizes::within(64 << 20, 2);
    assert_eq!(sizes, Sizes { frames: 512 << 10, packets: 256 << 10, messages: 64 << 10, wire: 0 });
}
