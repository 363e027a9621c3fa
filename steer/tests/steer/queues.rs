//! A device with queues for the other core too, which it uses at some times and not at others.

use layer::{Offloads, Rx, TxOffload};
use netif::Netif;
use rt_regions::Region;
use steer::Steer;
use testkit::program_memory;

use crate::device::{Bells, DEVICE_EVENT, Device, Line, OURS, cores, datagram, join, port_for};

type Interface = Steer<Device, Device>;

/// Two cores, and the lines of the queues of each.
struct Two {
    first: (Interface, Line),
    other: (Interface, Line),
    bells: &'static Bells,
}

impl Two {
    fn new() -> Self {
        let ((cores, bells), lines) = (cores(2, 64 << 10), [Line::new(), Line::new()]);
        let [line, queues] = lines.clone();
        let first = Interface::first(line.device(), join(cores, 0)).unwrap();
        queues.state().link_up = false;
        let other = Interface::other(join(cores, 1), 1, Some(queues.device())).unwrap();
        let [line, queues] = lines;
        Self { first: (first, line), other: (other, queues), bells }
    }

    /// The device uses the queues of both, or those of the first alone.
    fn spread(&mut self, is_spread: bool) {
        self.first.1.state().is_spread = is_spread;
        self.other.1.state().link_up = is_spread;
    }
}

/// What a core is handed until there is nothing.
fn all(steer: &mut Interface) -> Vec<Vec<u8>> {
    let region = Region::new(program_memory(40).pool().unwrap(), "packet");
    let mut frames = Vec::new();
    loop {
        match steer.receive(&region).unwrap() {
            Rx::Item(frame) => frames.push(frame.bytes.to_vec()),
            Rx::Handled => {}
            Rx::Idle => return frames,
        }
    }
}

fn sent(line: &Line) -> Vec<Vec<u8>> {
    line.drain().into_iter().map(|(frame, _)| frame).collect()
}

fn count(steer: &Interface, name: &str) -> u64 {
    let mut value = 0;
    steer.counters(&mut |it| value += if it.name == name { it.value } else { 0 });
    value
}

#[test]
fn each_core_uses_its_queues_while_the_device_does() {
    let mut two = Two::new();
    for is_spread in [false, true, false, true] {
        two.spread(is_spread);
        // Of flows of both cores.
        let frames =
            [0, 1].map(|core| datagram(port_for(2, core), &[core as u8, is_spread.into()]));
        frames.iter().for_each(|frame| two.first.1.push(frame.clone()));
        let (kept, passed) = frames.split_at(if is_spread { 2 } else { 1 });
        assert_eq!(all(&mut two.first.0), kept, "{is_spread}");
        let own = datagram(9, b"own");
        two.other.1.push(own.clone());
        let mut expected = passed.to_vec();
        // A device has nothing for a queue that it does not use, but what it had put there is not lost.
        expected.push(own.clone());
        assert_eq!(all(&mut two.other.0), expected, "{is_spread}");

        let handed_over = count(&two.other.0, "handed_over");
        two.other.0.transmit(&own[..], TxOffload::NONE).unwrap();
        assert_eq!(all(&mut two.first.0), [] as [Vec<u8>; 0]);
        let by_ring = count(&two.other.0, "handed_over") - handed_over;
        assert_eq!(by_ring, u64::from(!is_spread));
        let [of_first, of_other] = [&two.first.1, &two.other.1].map(sent);
        let (own_way, other_way) = match is_spread {
            true => (of_other, of_first),
            false => (of_first, of_other),
        };
        assert_eq!((own_way, other_way), (vec![own], vec![]), "{is_spread}");
    }
}

/// What is asked of the interface is asked of the queues that are used.
#[test]
fn terms_are_those_of_the_queues_in_use() {
    let mut two = Two::new();
    let offloads = Offloads { checksum: true, ..Offloads::NONE };
    {
        let mut state = two.other.1.state();
        (state.mtu, state.offloads, state.room) = (1400, offloads, 5);
    }
    let terms = |steer: &Interface| (steer.mtu(), steer.offloads(), steer.link_up(), steer.mac());
    assert_eq!(terms(&two.other.0), (1500, Offloads::NONE, true, OURS));
    assert!(two.other.0.room() > 5);
    two.spread(true);
    assert_eq!(terms(&two.other.0), (1400, offloads, true, OURS));
    assert_eq!((two.other.0.room(), two.other.0.event()), (5, 1));
    assert_eq!((two.first.0.event(), two.first.0.mtu()), (DEVICE_EVENT, 1500));
    // The cable of all is that of the first.
    two.first.1.state().link_up = false;
    assert_eq!(all(&mut two.first.0), [] as [Vec<u8>; 0]);
    assert!(!two.other.0.link_up());
    two.other.1.state().room = 0;
    two.other.0.transmit(&datagram(1, b"lost")[..], TxOffload::NONE).unwrap();
    assert_eq!(count(&two.other.0, "dropped"), 1, "the queues have counters of their own");
}

/// The others hear that the device does not use their queues any more, or again: there is something to do for them then.
#[test]
fn who_sleeps_is_woken_when_the_queues_come_into_use_and_when_they_do_not() {
    let mut two = Two::new();
    assert_eq!(all(&mut two.first.0), [] as [Vec<u8>; 0]);
    for is_spread in [true, false] {
        assert_eq!(all(&mut two.other.0), [] as [Vec<u8>; 0]);
        two.spread(is_spread);
        let before = two.bells.rung()[1];
        assert_eq!(all(&mut two.first.0), [] as [Vec<u8>; 0]);
        let region = Region::new(program_memory(40).pool().unwrap(), "packet");
        let heard = matches!(two.other.0.receive(&region), Ok(Rx::Handled));
        assert!(heard, "{is_spread}: rung {} times", two.bells.rung()[1] - before);
    }
}
