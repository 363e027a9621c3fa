//! A guest with several cores, and its backend.

use std::{
    cell::{Cell, RefCell},
    ptr::NonNull,
    rc::Rc,
    sync::atomic::Ordering,
};

use layer::{Instant, Rx, TxOffload};
use netif::Netif;
use netif_xen::{Broken, Netfront, Pairs, Queues};
use rt_regions::{Pool, Region};
use rt_xen::{Access, DomainId, Errno, GrantError, GrantRef, Guest, OtherCore, Port, StillInUse};

use crate::{
    simulated::{World, backend::Backend},
    support::{MAC, frame},
};

/// The pages of all cores.
const PAGES: usize = 1300;

/// The part of the guest that another core than the first sees.
#[derive(Clone)]
pub(super) struct Other {
    world: World,
    /// How often it has woken the first core.
    wakes: Rc<Cell<u32>>,
}

// SAFETY: all is done by the world.
unsafe impl Guest for Other {
    fn now(&self) -> Instant {
        self.world.now()
    }

    fn pool(&self) -> &'static Pool<'static> {
        self.world.pool()
    }

    unsafe fn grant(
        &self,
        to: DomainId,
        page: NonNull<u8>,
        access: Access,
    ) -> Result<GrantRef, GrantError> {
        // SAFETY: what the caller promises.
        unsafe { self.world.grant(to, page, access) }
    }

    fn end_grant(&self, grant: GrantRef) -> Result<(), StillInUse> {
        self.world.end_grant(grant)
    }

    fn open_channel(&self, _: DomainId) -> Result<Port, Errno> {
        panic!("the first core opens them");
    }

    fn close_channel(&self, _: Port) {
        panic!("the first core closes them");
    }

    fn notify(&self, port: Port) -> Result<(), Errno> {
        // The first core may have closed it a moment ago.
        if self.world.is_open(port) { self.world.notify(port) } else { Err(Errno::EINVAL) }
    }

    fn sleep(&self, port: Option<Port>, deadline: Instant) {
        self.world.sleep(port.filter(|port| self.world.is_open(*port)), deadline);
    }
}

impl OtherCore for Other {
    fn wake_first(&self) {
        self.wakes.set(self.wakes.get() + 1);
    }
}

/// Another core than the first.
pub(super) struct Seat {
    pub(super) netif: Queues<Other>,
    pub(super) packet: Region<'static>,
}

/// A guest with several cores, and its backend.
pub(super) struct Team {
    pub(super) world: World,
    pub(super) first: Netfront<World>,
    packet: Region<'static>,
    pub(super) others: Vec<Seat>,
    /// What the backend does for each core.
    pub(super) backends: Vec<Rc<RefCell<Backend>>>,
    pub(super) pairs: &'static Pairs,
    pub(super) wakes: Rc<Cell<u32>>,
}

impl Team {
    /// So many cores, and a backend with as many queues.
    pub(super) fn new(cores: usize) -> Self {
        let mut team = Self::with(cores, Some(&cores.to_string()), false);
        team.join();
        team
    }

    /// So many cores, of which the first one has started, and a backend that says that it has so many queues.
    pub(super) fn with(cores: usize, most: Option<&str>, offloads: bool) -> Self {
        let world = World::new(PAGES);
        let mut backend = Backend::plug(&world, 0, &MAC.to_string(), None);
        backend.expects_segments = Some(offloads);
        if let Some(most) = most {
            backend.set("multi-queue-max-queues", most);
        }
        let backends: Vec<_> = (1..cores as u32)
            .map(|queue| backend.of_another_queue(queue))
            .map(|mut other| {
                other.expects_segments = Some(offloads);
                other
            })
            .collect();
        let backends: Vec<_> = [backend]
            .into_iter()
            .chain(backends)
            .map(|backend| Rc::new(RefCell::new(backend)))
            .collect();
        let asleep = backends.clone();
        world.while_asleep(move || turn(&asleep));
        let pairs = Pairs::new(cores, world.memory()).unwrap();
        let first =
            Netfront::attach_for_cores(world.clone(), None, None, offloads, world.memory(), pairs)
                .unwrap();
        assert!(first.is_connected());
        let packet = Region::new(world.pool(), "packet");
        Self { world, first, packet, others: Vec::new(), backends, pairs, wakes: Rc::default() }
    }

    /// The part of the guest that another core sees.
    pub(super) fn guest(&self) -> Other {
        Other { world: self.world.clone(), wakes: self.wakes.clone() }
    }

    /// The other cores start.
    pub(super) fn join(&mut self) {
        let offloads = self.backends[0].borrow().expects_segments == Some(true);
        for core in 1..self.backends.len() {
            let memory = self.world.memory();
            let netif = Queues::new(core, self.guest(), offloads, memory, self.pairs);
            let netif = netif.unwrap().expect("such a core");
            self.others.push(Seat { netif, packet: Region::new(self.world.pool(), "packet") });
        }
    }

    /// The backend's turn, for all queues.
    pub(super) fn turn(&self) {
        turn(&self.backends);
    }

    /// All look, until nothing happens any more.
    pub(super) fn meet(&mut self) {
        for _ in 0..8 {
            self.turn();
            self.receive(0);
            for core in 1..=self.others.len() {
                self.receive(core);
            }
        }
    }

    /// What a core receives until nothing is there.
    pub(super) fn receive(&mut self, core: usize) -> Vec<Vec<u8>> {
        match core.checked_sub(1) {
            None => receive(&self.world, &mut self.first, &mut self.packet),
            Some(other) => {
                let Seat { netif, packet } = &mut self.others[other];
                receive(&self.world, netif, packet)
            }
        }
    }

    /// A core sends.
    pub(super) fn send(&mut self, core: usize, bytes: &[u8]) {
        match core.checked_sub(1) {
            None => self.first.transmit(bytes, TxOffload::NONE).unwrap(),
            Some(other) => self.others[other].netif.transmit(bytes, TxOffload::NONE).unwrap(),
        }
    }

    /// What has come to the backend by the queue of a core.
    pub(super) fn sent(&self, core: usize) -> Vec<Vec<u8>> {
        let mut backend = self.backends[core].borrow_mut();
        backend.left.clear();
        std::mem::take(&mut backend.from_guest)
    }

    /// Whether all cores use their queues.
    pub(super) fn is_spread(&self) -> bool {
        self.first.is_spread() && self.others.iter().all(|other| other.netif.link_up())
    }

    /// Frames go both ways at each core, by its own queue.
    pub(super) fn works(&mut self) {
        assert!(self.is_spread(), "they are not in use");
        for core in 0..=self.others.len() {
            for (number, length) in [60, 1514, 700, 9000].into_iter().enumerate() {
                let (there, here) = (frame(length.min(1514), number), frame(length, core + 7));
                self.send(core, &there);
                // It may be sent only when the next turn of the core comes.
                let came = self.receive(core);
                assert_eq!(came, Vec::<Vec<u8>>::new());
                let length = here.len().min(1514);
                self.backends[core].borrow_mut().send(&here[..length]);
                self.turn();
                assert_eq!(self.sent(core), [there]);
                assert_eq!(self.receive(core), [&here[..length]]);
            }
        }
    }

    /// Frames go both ways, by one queue or by all.
    pub(super) fn works_as_it_is(&mut self) {
        if self.first.is_spread() { self.works() } else { self.works_with_one() }
    }

    /// Frames go both ways at the first core, and by no other queue.
    pub(super) fn works_with_one(&mut self) {
        assert!(self.first.is_connected() && !self.first.is_spread());
        assert_eq!(self.backends[0].borrow().queues(), 1);
        assert!(self.others.iter().all(|other| !other.netif.link_up()));
        self.send(0, &frame(100, 1));
        self.receive(0);
        self.backends[0].borrow_mut().send(&frame(200, 2));
        self.turn();
        assert_eq!(self.sent(0), [frame(100, 1)]);
        assert_eq!(self.receive(0), [frame(200, 2)]);
        for core in 1..=self.others.len() {
            assert_eq!(self.receive(core), Vec::<Vec<u8>>::new());
            assert!(!self.backends[core].borrow().is_connected());
        }
    }

    /// Writes an impossible number of responses into the ring of a core.
    pub(super) fn lie(&self, core: usize) {
        let backend = self.backends[core].borrow();
        let rx = backend.rx.as_ref().expect("it is connected");
        rx.word(2).store(100_000, Ordering::SeqCst);
    }

    pub(super) fn count(&self, core: usize, name: &str) -> u64 {
        let mut value = None;
        let mut visit = |counter: layer::Counter| {
            if counter.name == name {
                value = Some(counter.value);
            }
        };
        match core.checked_sub(1) {
            None => self.first.counters(&mut visit),
            Some(other) => self.others[other].netif.counters(&mut visit),
        }
        value.unwrap_or_else(|| panic!("there is no counter {name}"))
    }

    /// Ends everything, and checks that nothing was left behind.
    pub(super) fn end(mut self) {
        self.backends[0].borrow_mut().set("online", "0");
        self.backends[0].borrow_mut().unplug();
        for backend in &self.backends {
            backend.borrow_mut().disconnect();
        }
        self.world.unmap_all();
        self.receive(0);
        for core in 1..=self.others.len() {
            self.receive(core);
        }
        self.receive(0);
        drop(self.others);
        drop(self.first);
        drop(self.packet);
        self.world.end();
    }
}

/// The turn of a backend with these queues.
fn turn(backends: &[Rc<RefCell<Backend>>]) {
    let [first, others @ ..] = backends else { return };
    let was_connected = first.borrow().is_connected();
    // The rings of all queues are mapped before it says that it is connected, and let go of together.
    first.borrow_mut().turn();
    let (is_connected, queues) = (first.borrow().is_connected(), first.borrow().queues());
    for other in others {
        let mut other = other.borrow_mut();
        if !is_connected {
            other.disconnect();
        } else if !was_connected && queues as usize == backends.len() {
            other.disconnect();
            assert!(other.try_to_connect(), "the guest has not said where its rings are");
        }
        other.serve();
    }
}

fn receive(
    world: &World,
    netif: &mut impl Netif<Error = Broken>,
    packet: &mut Region<'static>,
) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    for _ in 0..10_000 {
        packet.reset();
        match netif.receive(packet).expect("it is not broken") {
            Rx::Item(frame) => {
                assert!(!world.is_granted(frame.bytes), "a frame in a page that is lent");
                frames.push(frame.bytes.to_vec());
            }
            Rx::Handled => {}
            Rx::Idle => return frames,
        }
    }
    panic!("it never comes to rest");
}
