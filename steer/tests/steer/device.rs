//! A device with one queue, in memory, and the cores that share it.

use std::{
    collections::VecDeque,
    convert::Infallible,
    sync::{Arc, Condvar, Mutex, MutexGuard},
};

use cores::{Core, Cores, Doorbell, Sizes, Spread};
use layer::{Counter, Offloads, Payload, Rx, TxOffload};
use netif::{MacAddr, Netif, RxFrame, RxMarks};
use rt_regions::Region;
use testkit::{bytes_of, program_memory};

pub(crate) const OURS: MacAddr = MacAddr([2, 0, 10, 0, 0, 2]);
pub(crate) const PEER: MacAddr = MacAddr([2, 0, 10, 0, 0, 1]);
/// The secret that the cores have in common.
pub(crate) const SEED: u128 = 7;
/// The events of the device and of a core without it.
pub(crate) const DEVICE_EVENT: usize = 1000;

/// Bells as a program has them: one that rings before the sleep ends it at once.
#[derive(Debug, Default)]
pub(crate) struct Bells {
    rung: Mutex<[u32; 4]>,
    any: Condvar,
}

impl Bells {
    pub(crate) fn wait(&self, core: usize) {
        let mut rung = self.rung.lock().unwrap();
        while rung[core] == 0 {
            rung = self.any.wait(rung).unwrap();
        }
        rung[core] = 0;
    }

    /// How often each was rung since its core last slept.
    pub(crate) fn rung(&self) -> [u32; 4] {
        *self.rung.lock().unwrap()
    }
}

impl Doorbell for Bells {
    fn ring(&self, core: usize) {
        self.rung.lock().unwrap()[core] += 1;
        self.any.notify_all();
    }

    fn pause(&self) {
        std::thread::sleep(std::time::Duration::from_micros(10));
    }
}

/// What `count` cores share, whose rings for frames have `wire` bytes.
pub(crate) fn cores(count: usize, wire: usize) -> (&'static Cores, &'static Bells) {
    let bells: &'static Bells = Box::leak(Box::default());
    let sizes = Sizes { frames: 16 << 10, packets: 4 << 10, messages: 1 << 10, wire };
    (Cores::new(program_memory(600), count, SEED, sizes, bells).unwrap(), bells)
}

pub(crate) fn join(cores: &'static Cores, index: usize) -> Core {
    Core::join(cores, index, program_memory(8)).unwrap()
}

/// The state of the device and its queues.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) incoming: VecDeque<(Vec<u8>, RxMarks)>,
    pub(crate) sent: VecDeque<(Vec<u8>, TxOffload)>,
    pub(crate) mtu: usize,
    pub(crate) offloads: Offloads,
    pub(crate) link_up: bool,
    /// Whether it uses the queues of all cores.
    pub(crate) is_spread: bool,
    /// How many more frames it takes before it drops one.
    pub(crate) room: usize,
    pub(crate) dropped: u64,
}

/// The other side of the device.
#[derive(Clone, Debug)]
pub(crate) struct Line(Arc<Mutex<State>>);

impl Line {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(State {
            incoming: VecDeque::new(),
            sent: VecDeque::new(),
            mtu: 1500,
            offloads: Offloads::NONE,
            link_up: true,
            is_spread: false,
            room: usize::MAX,
            dropped: 0,
        })))
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub(crate) fn device(&self) -> Device {
        Device(self.clone())
    }

    pub(crate) fn push(&self, frame: impl Into<Vec<u8>>) {
        self.state().incoming.push_back((frame.into(), RxMarks::default()));
    }

    /// All that was sent.
    pub(crate) fn drain(&self) -> Vec<(Vec<u8>, TxOffload)> {
        self.state().sent.drain(..).collect()
    }
}

/// The device.
#[derive(Debug)]
pub(crate) struct Device(Line);

impl Netif for Device {
    type Error = Infallible;
    type Event = usize;

    fn mac(&self) -> MacAddr {
        OURS
    }

    fn mtu(&self) -> usize {
        self.0.state().mtu
    }

    fn offloads(&self) -> Offloads {
        self.0.state().offloads
    }

    fn room(&self) -> usize {
        self.0.state().room
    }

    fn link_up(&self) -> bool {
        self.0.state().link_up
    }

    fn is_spread(&self) -> bool {
        self.0.state().is_spread
    }

    fn event(&self) -> usize {
        DEVICE_EVENT
    }

    fn receive<'r>(&mut self, region: &'r Region<'_>) -> Result<Rx<RxFrame<'r>>, Infallible> {
        let Some((frame, marks)) = self.0.state().incoming.pop_front() else { return Ok(Rx::Idle) };
        Ok(region.alloc_slice(&frame).map_or(Rx::Handled, |bytes| Rx::Item(marks.frame(bytes))))
    }

    fn transmit(&mut self, frame: impl Payload, offload: TxOffload) -> Result<(), Infallible> {
        let mut state = self.0.state();
        if state.room == 0 || !state.link_up {
            state.dropped += 1;
        } else {
            state.room = state.room.saturating_sub(1);
            state.sent.push_back((bytes_of(frame), offload));
        }
        Ok(())
    }

    fn counters(&self, visit: &mut dyn FnMut(Counter)) {
        visit(Counter { layer: "device", name: "dropped", value: self.0.state().dropped });
    }
}

/// A frame to us with a datagram from port `port` of the peer that says `text`.
pub(crate) fn datagram(port: u16, text: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x45, 0];
    packet.extend((28 + text.len() as u16).to_be_bytes());
    packet.extend([0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    let checksum = network::Checksum::new().add(&packet[..]).finish().to_be_bytes();
    packet[10..12].copy_from_slice(&checksum);
    packet.extend(port.to_be_bytes());
    packet.extend(8080_u16.to_be_bytes());
    packet.extend((8 + text.len() as u16).to_be_bytes());
    packet.extend([0, 0]);
    packet.extend(text);
    frame(0x0800, &packet)
}

/// A frame to us from the peer.
pub(crate) fn frame(ethertype: u16, packet: &[u8]) -> Vec<u8> {
    [&OURS.0[..], &PEER.0, &ethertype.to_be_bytes(), packet].concat()
}

/// The core, of so many, that a frame is for.
pub(crate) fn owner(count: usize, frame: &[u8]) -> usize {
    Spread::new(SEED, count).core_of(frame)
}

/// A port of the peer from which datagrams are for this core of so many.
pub(crate) fn port_for(count: usize, core: usize) -> u16 {
    (4000..).find(|port| owner(count, &datagram(*port, b"")) == core).unwrap()
}
