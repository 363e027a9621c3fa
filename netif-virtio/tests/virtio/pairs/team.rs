//! A guest with several cores, and its device.

use std::{
    cell::{Cell, RefCell},
    ptr::NonNull,
    rc::Rc,
};

use layer::{Instant, TxOffload};
use netif::Netif;
use netif_virtio::{Access, DeviceError, Guest, OtherCore, Pairs, Queues, VirtioNet};
use rt_regions::{Pool, Region};

use crate::{
    simulated::{
        World,
        device::Device,
        ring::{DeviceRing, Places},
        transport::{Registers, SimulatedTransport, feature},
    },
    support::{frame, receive},
};

/// The pages of each core: none has a pool of another's.
const PAGES: [usize; 3] = [430, 431, 432];

/// The part of the guest that another core than the first sees.
#[derive(Clone)]
pub(super) struct Other {
    world: World,
    registers: Rc<RefCell<Registers>>,
    first: World,
    /// How often it has woken the first core.
    wakes: Rc<Cell<u32>>,
}

// SAFETY: all is done by the world.
unsafe impl Guest for Other {
    type Event = &'static str;

    fn event(&self) -> &'static str {
        self.world.event()
    }

    fn now(&self) -> Instant {
        self.world.now()
    }

    fn sleep(&self, deadline: Instant) {
        self.world.sleep(deadline);
    }

    fn pool(&self) -> &'static Pool<'static> {
        self.world.pool()
    }

    unsafe fn share(&self, page: NonNull<u8>, access: Access) -> u64 {
        // SAFETY: what the caller promises.
        unsafe { self.world.share(page, access) }
    }

    fn unshare(&self, page: NonNull<u8>) {
        self.world.unshare(page);
    }

    fn config_changed(&self) -> bool {
        panic!("that is the first core's");
    }
}

impl OtherCore for Other {
    fn notify(&self, queue: u16) {
        self.registers.borrow_mut().notify(queue);
    }

    fn wake_first(&self) {
        self.wakes.set(self.wakes.get() + 1);
        self.first.interrupt();
    }
}

/// How the device answers a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Obeys,
    Refuses,
    Never,
    OtherBuffer,
    Nothing,
    TooMany,
}

/// A core, and what the device does for it.
pub(super) struct Seat<N> {
    pub(super) world: World,
    pub(super) netif: Box<N>,
    pub(super) device: Rc<RefCell<Device>>,
    pub(super) packet: Region<'static>,
}

/// A guest with several cores, and its device.
pub(super) struct Team {
    pub(super) registers: Rc<RefCell<Registers>>,
    pub(super) first: Seat<VirtioNet<SimulatedTransport, World>>,
    pub(super) others: Vec<Seat<Queues<Other>>>,
    /// How many pairs the device was told to use, by each command.
    pub(super) told: Rc<RefCell<Vec<u16>>>,
    pub(super) wakes: Rc<Cell<u32>>,
}

fn seat<N>(world: World, pair: usize, registers: &Rc<RefCell<Registers>>, netif: N) -> Seat<N> {
    let device = Rc::new(RefCell::new(Device::of_pair(pair, &world, registers.clone())));
    let other = device.clone();
    world.while_asleep(move || other.borrow_mut().turn());
    let packet = Region::new(world.pool(), "packet");
    Seat { world, netif: Box::new(netif), device, packet }
}

impl<N: Netif<Error = DeviceError>> Seat<N> {
    /// Receives until nothing is there.
    pub(super) fn receive(&mut self) -> Vec<Vec<u8>> {
        let frames = receive(&self.world, &mut *self.netif, &mut self.packet);
        frames.into_iter().map(|(bytes, _)| bytes).collect()
    }

    pub(super) fn send(&mut self, bytes: &[u8]) {
        self.netif.transmit(bytes, TxOffload::NONE).unwrap();
    }

    pub(super) fn deliver(&self, bytes: &[u8]) {
        self.device.borrow_mut().send_to_guest(bytes);
    }

    pub(super) fn sent(&self) -> Vec<Vec<u8>> {
        let sent = std::mem::take(&mut self.device.borrow_mut().from_guest);
        sent.into_iter().map(|sent| sent.bytes).collect()
    }

    pub(super) fn count(&self, name: &str) -> u64 {
        let mut value = 0;
        self.netif.counters(&mut |counter| {
            value += counter.value * u64::from(counter.name == name);
        });
        value
    }

    /// Lets the device lie in the queue of this core.
    pub(super) fn lie(&self) {
        self.device.borrow_mut().lie();
    }
}

/// The device's part when it was notified of a command.
fn obey(world: World, answer: Rc<Cell<Answer>>, told: Rc<RefCell<Vec<u16>>>) -> impl FnMut(Places) {
    move |places| {
        let mut ring = DeviceRing::new(places, false);
        let head = ring.take(&world).expect("a command");
        let [command, reply] = ring.chain(&world, head)[..] else {
            panic!("a command and a reply")
        };
        assert_eq!((command.flags & 2, reply.flags & 2, reply.length), (0, 2, 1));
        let bytes = world.copy_from(command.address, command.length as usize).unwrap();
        let [4, 0, low, high] = bytes[..] else { panic!("no command that is known: {bytes:?}") };
        told.borrow_mut().push(u16::from_le_bytes([low, high]));
        let answer = answer.get();
        if answer == Answer::Never {
            return;
        }
        assert!(world.copy_to(reply.address, &[u8::from(answer == Answer::Refuses)]));
        let id = if answer == Answer::OtherBuffer { 1 } else { u32::from(head) };
        ring.write_used(&world, id, u32::from(answer != Answer::Nothing));
        if answer == Answer::TooMany {
            ring.written = 300;
        }
        ring.show_used(&world);
    }
}

impl Team {
    /// So many cores, of a device that has as many pairs.
    pub(super) fn new(cores: usize) -> Self {
        Self::with(cores, cores as u16, |_| (), Answer::Obeys)
    }

    pub(super) fn with(
        cores: usize,
        pairs: u16,
        change: impl FnOnce(&mut Registers),
        answer: Answer,
    ) -> Self {
        let mut registers = Registers::default();
        registers.offered |= feature::SEVERAL;
        registers.set_pairs(pairs);
        change(&mut registers);
        let registers = Rc::new(RefCell::new(registers));
        let (told, wakes) = (Rc::<RefCell<Vec<u16>>>::default(), Rc::<Cell<u32>>::default());
        let world = World::new(PAGES[0]);
        let answer = Rc::new(Cell::new(answer));
        registers.borrow_mut().commanded =
            Some(Box::new(obey(world.clone(), answer, told.clone())));
        let memory = world.memory();
        let shared = Pairs::new(cores, memory).unwrap();
        let transport = SimulatedTransport(registers.clone());
        let netif =
            VirtioNet::attach_for_cores(transport, world.clone(), None, false, memory, shared);
        let first = seat(world.clone(), 0, &registers, netif.unwrap());
        let other = |core: usize| {
            let other = Other {
                world: World::new(PAGES[core]),
                registers: registers.clone(),
                first: world.clone(),
                wakes: wakes.clone(),
            };
            let world = other.world.clone();
            let queues = Queues::new(core, other, false, world.memory(), shared).unwrap();
            seat(world, core, &registers, queues.unwrap())
        };
        let others = (1..cores).map(other).collect();
        Self { registers, first, others, told, wakes }
    }

    pub(super) fn turn(&self) {
        self.first.device.borrow_mut().turn();
        self.others.iter().for_each(|other| other.device.borrow_mut().turn());
    }

    pub(super) fn are_in_use(&self) -> bool {
        let others = self.others.iter().all(|other| other.netif.link_up());
        assert!(!others || self.first.netif.is_spread(), "others believe something else");
        others
    }

    /// Each core receives, until the device uses the queues of all.
    pub(super) fn meet(&mut self) {
        for _ in 0..20 {
            self.first.receive();
            for other in &mut self.others {
                assert_eq!(other.receive(), Vec::<Vec<u8>>::new());
            }
            if self.are_in_use() {
                return;
            }
        }
        panic!("the queues of other cores are not used: {:?}", self.first.netif);
    }

    /// A frame each way at each core, by its own queues.
    pub(super) fn works(&mut self) {
        assert!(self.are_in_use());
        self.first.deliver(&frame(60, 0));
        self.first.send(&frame(61, 0));
        for (core, other) in (1..).zip(&mut self.others) {
            other.deliver(&frame(60, core));
            other.send(&frame(61, core));
            assert_eq!(other.receive(), Vec::<Vec<u8>>::new());
        }
        self.first.receive();
        self.turn();
        assert!(self.first.world.take_interrupt());
        assert_eq!(self.first.receive(), [frame(60, 0)]);
        assert_eq!(self.first.sent(), [frame(61, 0)]);
        for (core, other) in (1..).zip(&mut self.others) {
            assert!(other.world.take_interrupt(), "core {core} sleeps on");
            assert_eq!(other.receive(), [frame(60, core)]);
            assert_eq!(other.sent(), [frame(61, core)]);
        }
    }

    /// A frame each way at the first core, with its queues alone.
    pub(super) fn works_with_one(&mut self) {
        assert!(!self.first.netif.is_spread() && self.others.iter().all(|it| !it.netif.link_up()));
        self.first.deliver(&frame(60, 0));
        self.first.send(&frame(61, 0));
        self.first.receive();
        self.first.device.borrow_mut().turn();
        assert_eq!(self.first.receive(), [frame(60, 0)]);
        assert_eq!(self.first.sent(), [frame(61, 0)]);
        for other in &mut self.others {
            assert_eq!(other.receive(), Vec::<Vec<u8>>::new());
            let before = other.count("tx_interface_down");
            other.send(&frame(61, 1));
            assert_eq!(other.count("tx_interface_down"), before + 1);
        }
    }

    /// Ends everything, and checks that nothing was left behind.
    pub(super) fn end(self) {
        let Self { registers, first, others, .. } = self;
        let Seat { world, netif, packet, device } = first;
        drop((netif, packet, device));
        assert!(registers.borrow().is_dropped && registers.borrow().status == 0);
        registers.borrow_mut().commanded = None;
        for Seat { world, netif, packet, device } in others {
            drop((netif, packet, device));
            world.end();
        }
        world.end();
    }
}
