//! What happens to a frame, one core after the other.

use std::num::NonZeroU16;

use cores::Core;
use layer::{Offloads, PartialChecksum, Rx, TxOffload};
use netif::{Checksums, Netif, RxMarks};
use rt_regions::Region;
use steer::{Steer, SteerError};
use testkit::program_memory;

use crate::device::{
    Bells, DEVICE_EVENT, Device, Line, OURS, cores, datagram, frame, join, owner, port_for,
};

/// The interfaces of `count` cores on one device.
struct Shared {
    line: Line,
    bells: &'static Bells,
    each: Vec<(Core, Steer<Device>)>,
}

impl Shared {
    fn new(count: usize, wire: usize) -> Self {
        let ((cores, bells), line) = (cores(count, wire), Line::new());
        let mut shared = Self { line, bells, each: Vec::new() };
        let first = join(cores, 0);
        let steer = Steer::first(shared.line.device(), first).unwrap();
        shared.each.push((first, steer));
        for index in 1..count {
            let core = join(cores, index);
            shared.each.push((core, Steer::other(core, index, None).unwrap()));
        }
        shared
    }

    fn steer(&mut self, core: usize) -> &mut Steer<Device> {
        &mut self.each[core].1
    }

    /// What the core is handed when it asks once.
    fn receive(&mut self, core: usize) -> Rx<(Vec<u8>, RxMarks)> {
        let region = Region::new(program_memory(40).pool().unwrap(), "packet");
        let received = self.steer(core).receive(&region).unwrap();
        received.map(|frame| (frame.bytes.to_vec(), RxMarks::of(&frame)))
    }

    /// What it is handed until there is nothing.
    fn all(&mut self, core: usize) -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
        loop {
            match self.receive(core) {
                Rx::Item((bytes, _)) => frames.push(bytes),
                Rx::Handled => {}
                Rx::Idle => return frames,
            }
        }
    }
}

#[test]
fn alone_it_is_the_device() {
    let line = Line::new();
    let mut steer = Steer::<Device>::first(line.device(), Core::ALONE).unwrap();
    assert_eq!((steer.mac(), steer.mtu(), steer.room()), (OURS, 1500, usize::MAX));
    assert_eq!((steer.event(), steer.link_up()), (DEVICE_EVENT, true));
    let region = Region::new(program_memory(4).pool().unwrap(), "packet");
    for port in 4000..4008 {
        line.push(datagram(port, b"hello"));
        let received = steer.receive(&region).unwrap().item();
        assert_eq!(received.unwrap().bytes, datagram(port, b"hello"));
    }
    steer.transmit(b"reply", TxOffload::NONE).unwrap();
    assert_eq!(line.drain(), [(b"reply".to_vec(), TxOffload::NONE)]);
    let mut names = Vec::new();
    steer.counters(&mut |counter| names.push(counter.layer));
    assert_eq!(names, ["device"]);
}

#[test]
fn a_frame_goes_to_its_core_and_the_rest_stays_at_the_first() {
    let mut shared = Shared::new(3, 64 << 10);
    let mut expected = vec![Vec::new(); 3];
    let mut frames: Vec<_> = (4000..4100).map(|port| datagram(port, b"hello")).collect();
    frames.push(frame(0x0806, &[0; 46]));
    frames.push(vec![1, 2, 3]);
    frames.push(Vec::new());
    frames.push(frame(0x0800, &[0x45, 0]));
    for frame in frames {
        expected[owner(3, &frame)].push(frame.clone());
        shared.line.push(frame);
    }
    assert!(expected.iter().all(|frames| frames.len() > 20));
    let steered = (expected[1].len() + expected[2].len()) as u64;
    for (core, expected) in expected.iter().enumerate() {
        assert_eq!(shared.all(core), *expected, "core {core}");
    }
    let counters = [0, 1, 2].map(|core| shared.steer(core).stats());
    assert_eq!((counters[0].steered, counters[0].not_steered), (steered, 0));
    assert_eq!(counters[1].taken + counters[2].taken, steered);
    // All of them but the device's, which one core has.
    let mut counts = [0, 0];
    for (core, count) in counts.iter_mut().enumerate() {
        shared.steer(core).counters(&mut |_| *count += 1);
    }
    assert_eq!(counts[0], counts[1] + 1);
}

#[test]
fn what_is_known_of_a_frame_goes_with_it() {
    let mut shared = Shared::new(2, 64 << 10);
    let port = port_for(2, 1);
    let marks = [Checksums::NotChecked, Checksums::Verified, Checksums::Blank]
        .into_iter()
        .flat_map(|checksums| [0, 1448].map(|size| (checksums, NonZeroU16::new(size))))
        .map(|(checksums, segment_size)| RxMarks { checksums, segment_size });
    for marks in marks {
        shared.line.state().incoming.push_back((datagram(port, &[5; 9000]), marks));
        assert_eq!(shared.receive(0), Rx::Handled);
        assert_eq!(shared.receive(1), Rx::Item((datagram(port, &[5; 9000]), marks)));
    }
}

#[test]
fn what_is_left_undone_goes_with_a_frame_that_is_sent() {
    let mut shared = Shared::new(2, 256 << 10);
    let checksum =
        |start, offset| Some(PartialChecksum { start, offset: NonZeroU16::new(offset).unwrap() });
    let size = NonZeroU16::new;
    let offloads = [
        TxOffload::NONE,
        TxOffload { checksum: checksum(34, 6), segment_size: None },
        TxOffload { checksum: checksum(54, 16), segment_size: size(1440) },
        TxOffload { checksum: checksum(u16::MAX, u16::MAX), segment_size: size(u16::MAX) },
    ];
    // Of all lengths, in pieces, as a tower sends them.
    let mut sent = Vec::new();
    for (nth, offload) in offloads.into_iter().cycle().take(200).enumerate() {
        let bytes = vec![nth as u8; nth * nth % 1501];
        shared.steer(1).transmit(([1_u8; 14], (&[2_u8; 20], &bytes[..])), offload).unwrap();
        sent.push(([&[1; 14][..], &[2; 20], &bytes].concat(), offload));
        if nth % 20 == 19 {
            assert_eq!(shared.all(0), [] as [Vec<u8>; 0]);
        }
    }
    let long = vec![9_u8; 65_535];
    shared.steer(1).transmit(&long[..], offloads[2]).unwrap();
    sent.push((long, offloads[2]));
    shared.all(0);
    assert_eq!(shared.line.drain(), sent);
    assert_eq!(shared.steer(1).stats().handed_over, 201);
    assert_eq!(shared.steer(0).stats().sent_for_others, 201);
}

#[test]
fn a_core_that_does_not_read_costs_only_its_own_frames() {
    let mut shared = Shared::new(3, 4096);
    let ports = [0, 1, 2].map(|core| port_for(3, core));
    let (mut to_first, mut to_last) = (0, 0);
    for _ in 0..100 {
        for port in ports {
            shared.line.push(datagram(port, &[1; 1000]));
        }
        to_first += shared.all(0).len();
        to_last += shared.all(2).len();
    }
    assert_eq!((to_first, to_last), (100, 100));
    // Three with heads of 8 bytes are 3,150 bytes.
    let counters = shared.steer(0).stats();
    assert_eq!((counters.steered, counters.not_steered), (103, 97));
    assert_eq!(shared.all(1).len(), 3);
}

#[test]
fn a_frame_for_which_a_core_has_no_memory_is_lost_and_counted() {
    let mut shared = Shared::new(2, 64 << 10);
    let port = port_for(2, 1);
    shared.line.push(datagram(port, &[1; 9000]));
    shared.line.push(datagram(port, b"small"));
    shared.all(0);
    let region = Region::new(program_memory(1).pool().unwrap(), "packet");
    let (_, steer) = &mut shared.each[1];
    assert!(matches!(steer.receive(&region), Ok(Rx::Handled)));
    assert!(matches!(steer.receive(&region), Ok(Rx::Item(_))));
    assert_eq!((steer.stats().exhausted, steer.stats().taken), (1, 1));
}

#[test]
fn the_first_core_sends_for_each_in_turn_and_receives_in_between() {
    let mut shared = Shared::new(3, 64 << 10);
    let own = datagram(port_for(3, 0), b"own");
    for nth in 0..40_u8 {
        shared.steer(1).transmit([1, nth], TxOffload::NONE).unwrap();
        shared.steer(2).transmit([2, nth], TxOffload::NONE).unwrap();
    }
    shared.line.push(own.clone());
    shared.line.push(own.clone());
    let mut order = Vec::new();
    for turn in 1..=5 {
        let received = shared.receive(0);
        let expected = if turn <= 2 { Some(&own) } else { None };
        assert_eq!(received.item().as_ref().map(|(bytes, _)| bytes), expected, "turn {turn}");
        order.extend(shared.line.drain().into_iter().map(|(bytes, _)| bytes));
        assert_eq!(order.len(), 16 * turn);
    }
    let expected: Vec<_> = (0..40).flat_map(|nth| [vec![1, nth], vec![2, nth]]).collect();
    assert_eq!(order, expected);
    assert_eq!(shared.receive(0), Rx::Idle);
}

#[test]
fn half_of_the_room_of_the_device_is_left_to_the_first_core() {
    let mut shared = Shared::new(2, 64 << 10);
    shared.line.state().room = 10;
    for nth in 0..9_u8 {
        shared.steer(1).transmit([nth], TxOffload::NONE).unwrap();
    }
    // 5 of 10, 3 of 5, then one for each turn.
    let mut sent = 0;
    for expected in [5, 3, 1] {
        assert_eq!(shared.receive(0), Rx::Handled);
        sent += expected;
        assert_eq!(shared.line.state().sent.len(), sent);
    }
    assert_eq!(shared.receive(0), Rx::Idle);
    // A device that is stuck drops, and the rings are emptied.
    shared.line.state().room = 0;
    for nth in 0..9_u8 {
        shared.steer(1).transmit([nth], TxOffload::NONE).unwrap();
    }
    for _ in 0..9 {
        assert_eq!(shared.receive(0), Rx::Handled);
    }
    assert_eq!((shared.receive(0), shared.line.state().dropped), (Rx::Idle, 9));
}

#[test]
fn as_many_frames_as_there_is_room_for_are_not_lost() {
    for (mtu, wire) in [(1500, 4 << 10), (1500, 64 << 10), (576, 4 << 10), (9000, 32 << 10)] {
        let mut shared = Shared::new(2, wire);
        shared.line.state().mtu = mtu;
        shared.all(0);
        for round in 0..20 {
            let room = shared.steer(1).room();
            assert!(room >= 2, "{mtu} in {wire}: {room}");
            let frame = vec![1_u8; 14 + mtu];
            // Not from the beginning of the ring each time.
            for _ in 0..room - round % 2 {
                let before = shared.steer(1).room();
                assert!(before > 0);
                shared.steer(1).transmit(&frame[..], TxOffload::NONE).unwrap();
            }
            assert_eq!(shared.steer(1).room(), round % 2);
            shared.steer(1).transmit(b"small", TxOffload::NONE).unwrap();
            shared.all(0);
        }
        assert_eq!(shared.steer(1).stats().not_handed_over, 0);
        // Beyond that, what does not fit is counted.
        for _ in 0..1000 {
            shared.steer(1).transmit([1; 1000], TxOffload::NONE).unwrap();
        }
        let counters = shared.steer(1).stats();
        assert!(counters.not_handed_over > 900 && shared.steer(1).room() == 0);
    }
}

#[test]
fn what_changes_of_the_device_is_seen_by_all_and_wakes_who_sleeps() {
    let mut shared = Shared::new(3, 64 << 10);
    let offloads = Offloads { checksum: true, tcp_segmentation: true, ..Offloads::NONE };
    for core in [1, 2] {
        let steer = shared.steer(core);
        assert_eq!((steer.mac(), steer.mtu(), steer.event()), (OURS, 1500, core));
        assert_eq!((steer.offloads(), steer.link_up()), (Offloads::NONE, true));
        assert_eq!(steer.link_interval(), None);
        assert_eq!(shared.receive(core), Rx::Idle);
    }
    assert!(shared.each[1].0.may_sleep());
    shared.line.state().link_up = false;
    assert_eq!(shared.receive(0), Rx::Idle);
    assert_eq!(shared.bells.rung(), [0, 1, 0, 0], "core 2 is awake, and core 1 is not");
    shared.each[1].0.woke();
    shared.line.state().mtu = 1400;
    shared.line.state().offloads = offloads;
    assert!(!shared.each[0].1.link_up());
    for core in [1, 2] {
        let steer = shared.steer(core);
        assert_eq!((steer.mtu(), steer.offloads(), steer.link_up()), (1400, offloads, false));
        // Twice, and then there is nothing.
        let seen = [shared.receive(core), shared.receive(core), shared.receive(core)];
        assert_eq!(seen, [Rx::Handled, Rx::Handled, Rx::Idle]);
    }
    assert_eq!(shared.receive(0), Rx::Idle);
    assert_eq!(shared.receive(1), Rx::Idle, "nothing has changed");
}

#[test]
fn what_cannot_be_shared_is_an_error_in_words() {
    let open = |wire, change: fn(&mut crate::device::State)| {
        let line = Line::new();
        change(&mut line.state());
        Steer::<Device>::first(line.device(), join(cores(2, wire).0, 0)).map(|_| ())
    };
    assert_eq!(open(2048, |_| {}), Ok(()));
    assert_eq!(open(0, |_| {}), Err(SteerError::NoWire));
    let jumbo = open(8192, |state| state.mtu = 9000);
    assert_eq!(jumbo, Err(SteerError::TooShort { longest: 9018, most: 8176 }));
    let joined = open(64 << 10, |state| state.offloads.tcp_segmentation = true);
    assert_eq!(joined, Err(SteerError::TooShort { longest: 65_553, most: 65_520 }));
    assert_eq!(open(128 << 10, |state| state.offloads.tcp_segmentation = true), Ok(()));

    let (shared, _) = cores(2, 4096);
    let [zero, one] = [0, 1].map(|index| join(shared, index));
    let other = |core| Steer::<Device>::other(core, 1, None).map(|_| ());
    assert_eq!(other(one), Err(SteerError::NotOpen));
    assert_eq!(
        (other(zero), other(Core::ALONE)),
        (Err(SteerError::IsFirst), Err(SteerError::IsFirst))
    );
    assert_eq!(
        Steer::<Device>::first(Line::new().device(), one).map(|_| ()),
        Err(SteerError::NotFirst)
    );
    let _first = Steer::<Device>::first(Line::new().device(), zero).unwrap();
    assert_eq!(other(one), Ok(()));
    let one = join(cores(2, 0).0, 1);
    assert_eq!(other(one), Err(SteerError::NoWire));
    for (error, word) in [
        (SteerError::NoWire, "with_wire"),
        (SteerError::TooShort { longest: 9018, most: 8176 }, "9018 bytes"),
        (SteerError::NotOpen, "not opened"),
        (SteerError::IsFirst, "first core"),
        (SteerError::NotFirst, "first core"),
    ] {
        assert!(error.to_string().contains(word), "{error}");
    }
}
