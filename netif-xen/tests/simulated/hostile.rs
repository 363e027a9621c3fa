//! A backend that does as it likes, and a guest that goes on: any sequence of numbers is a program of both.

mod guest;

use std::sync::atomic::Ordering;

use netif_xen::Netfront;
use rt_regions::{PAGE_SIZE, Page, Region};
use rt_xen::Guest;

use super::{
    World,
    backend::Backend,
    ring::{BackRing, SIZE},
};

/// The EtherType of IPv6.
const IPV6: [u8; 2] = [0x86, 0xdd];

/// The pages of the guest.
const PAGES: usize = 430;

const MAC: &str = "00:16:3e:00:00:07";

/// Values that xenstore might have.
const VALUES: [&str; 14] =
    ["0", "1", "2", "3", "4", "5", "6", "7", "8", "", "1500", "65517", "99999999999", "/nowhere"];

/// What happened in all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Happened {
    pub steps: u64,
    pub frames_rx: u64,
    pub frames_tx: u64,
    pub connections: u64,
    pub lies: u64,
    pub in_use: u64,
    /// Frames that were joined from segments, and that were to be cut, and how many of the latter were of IPv6.
    pub joined: u64,
    pub cut: u64,
    pub cut_ipv6: u64,
    /// How often it was said of a frame that it was joined from segments of IPv6.
    pub said_ipv6: u64,
}

/// A frame that was received, in a region that still has it.
struct Kept {
    bytes: *const [u8],
    copy: Vec<u8>,
}

struct Hostile<'n> {
    numbers: &'n mut dyn FnMut() -> Option<u32>,
    world: World,
    netfront: Netfront<World>,
    backend: Backend,
    /// Received into by turns, and what was received into them.
    regions: [Region<'static>; 3],
    kept: [Vec<Kept>; 3],
    turn: usize,
    /// Pages that the guest uses for other things.
    taken: Vec<Page<'static>>,
    /// Grants that are held on to.
    held: Vec<u32>,
    /// Transmit requests that were not answered: their ids, and none for an extra information.
    unanswered: Vec<Option<u16>>,
    /// The next transmit request is an extra information.
    awaits_extra: bool,
    /// Frames that were joined from segments, and that were to be cut.
    joined: u64,
    cut: u64,
    cut_ipv6: u64,
    said_ipv6: u64,
    /// How rarely something goes wrong.
    patience: u32,
    /// How often it has waited for the guest in vain.
    waited: u32,
    /// The last response said that an extra information follows.
    owes_extra: bool,
}

/// Runs the program that `numbers` gives until they end. Whatever it is: no panic, no page used while it is
/// granted, no page granted that holds old data, and in the end everything is given back; an honest backend
/// that comes then is served.
pub fn run(numbers: &mut dyn FnMut() -> Option<u32>) -> Happened {
    let world = World::new(PAGES);
    let mut backend = Backend::plug(&world, 0, MAC, None);
    let mut second = Backend::plug(&world, 0, MAC, None);
    let offloads = numbers().is_some_and(|number| number % 4 != 0);
    second.expects_segments = None;
    world.while_asleep(move || second.turn());
    let netfront =
        Netfront::attach_with(world.clone(), None, None, offloads, world.memory()).unwrap();
    // From now on its sleeps, while it waits for room to send, are mostly in vain, and sometimes for a lie.
    let (other, mut sleeps) = (world.clone(), 0_u32);
    world.while_asleep(move || {
        sleeps += 1;
        if sleeps.is_multiple_of(4) {
            meddle(&other, sleeps / 4);
        }
    });
    backend.port = 0;
    let regions = ["one", "two", "three"].map(|name| Region::new(world.pool(), name));
    let mut hostile = Hostile {
        numbers,
        world,
        netfront,
        backend,
        regions,
        kept: Default::default(),
        turn: 0,
        taken: Vec::new(),
        held: Vec::new(),
        unanswered: Vec::new(),
        awaits_extra: false,
        joined: 0,
        cut: 0,
        cut_ipv6: 0,
        said_ipv6: 0,
        patience: 256,
        waited: 0,
        owes_extra: false,
    };
    // The one that answered while the guest slept has the rings mapped.
    hostile.world.unmap_all();
    hostile.backend.try_to_connect();
    let mut steps = 0;
    while hostile.step().is_some() {
        steps += 1;
    }
    let mut happened = hostile.end();
    happened.steps = steps;
    happened
}

/// Says while the guest sleeps that there are more responses: one that nobody has written, or many.
fn meddle(world: &World, number: u32) {
    for device in 0..4 {
        let key = format!("device/vif/{device}/tx-ring-ref");
        let Some(grant) = world.store(|store| store.number(&key)) else { continue };
        let Some(page) = world.map_shared(grant) else { continue };
        let ring = BackRing::new(page, 3);
        let more = [1, 7, SIZE, u32::MAX][number as usize % 4];
        ring.word(2).fetch_add(more, Ordering::SeqCst);
        world.unmap(grant);
    }
}

impl Hostile<'_> {
    fn below(&mut self, bound: u32) -> Option<u32> {
        (self.numbers)().map(|number| number % bound)
    }

    /// Whether something goes wrong now.
    fn goes_wrong(&mut self) -> Option<bool> {
        let patience = self.patience;
        Some(self.below(patience)? == 0)
    }

    fn step(&mut self) -> Option<()> {
        match self.below(32)? {
            0..8 => self.receive(),
            8..12 => self.transmit()?,
            12..18 => self.answer_rx()?,
            18..22 => self.answer_tx()?,
            22..25 => self.handshake()?,
            25 => self.memory()?,
            26 => self.patience = [4, 64, 1024, 65_536][self.below(4)? as usize],
            _ if !self.goes_wrong()? => self.receive(),
            27 => self.scribble()?,
            28 => self.write_state()?,
            29 => self.hold()?,
            30 => self.replug()?,
            _ if self.below(2)? == 0 => self.refuse()?,
            _ => {
                let port = self.below(4)?;
                self.world.wake(port);
            }
        }
        Some(())
    }

    /// Takes a request, if the ring says that there is one.
    fn pop(ring: &mut BackRing) -> Option<[u32; 3]> {
        (1..=SIZE).contains(&ring.waiting()).then(|| ring.pop()).flatten()
    }

    fn answer_rx(&mut self) -> Option<()> {
        let Some(mut rx) = self.backend.rx else { return Some(()) };
        for _ in 0..=self.below(4)? {
            let Some([first, grant, _]) = Self::pop(&mut rx) else { break };
            if std::mem::take(&mut self.owes_extra) && !self.goes_wrong()? {
                let kind = [1, 1, 1, 4][self.below(4)? as usize];
                let (mut size, mut of) = (1 + self.below(1500)?, 1 + self.below(2)?);
                if self.goes_wrong()? {
                    (size, of) = (self.below(0x1_0000)?, self.below(4)?);
                }
                self.said_ipv6 += u64::from(kind == 1 && of == 2);
                rx.push([kind | size << 16, of]);
                continue;
            }
            let mut id = first & 0xffff;
            let (mut offset, mut flags) = (self.below(3)? * 40, self.below(4)?);
            let mut status = 60 + self.below(1500)?;
            self.world.copy_to(grant, offset as usize, &vec![0x5a; status as usize]);
            match self.below(16)? {
                0 => flags |= 4,
                1 => (flags, self.owes_extra) = (flags | 8, true),
                // Page after page of one frame.
                5 | 6 => (flags, offset, status) = (flags | 4, 0, 4096),
                2 => status = self.below(30)?,
                3 => status = 0xffff - self.below(3)?,
                4 => (offset, status) = (0, self.below(4097)?),
                _ => {}
            }
            if self.goes_wrong()? {
                match self.below(5)? {
                    0 => id = self.below(0x1_0000)?,
                    1 => offset = self.below(0x1_0000)?,
                    2 => flags = self.below(0x1_0000)?,
                    3 => status = self.below(0x1_0000)?,
                    _ => (id, flags) = (1 | self.below(2)? << 8, 0),
                }
            }
            rx.push([id | offset << 16, flags | status << 16]);
        }
        self.backend.rx = Some(rx);
        self.backend.wake();
        Some(())
    }

    fn answer_tx(&mut self) -> Option<()> {
        let Some(mut tx) = self.backend.tx else { return Some(()) };
        while let Some([grant, second, third]) = Self::pop(&mut tx) {
            if std::mem::take(&mut self.awaits_extra) {
                self.unanswered.push(None);
                continue;
            }
            self.awaits_extra = second >> 16 & 8 != 0;
            self.unanswered.push(Some(third as u16));
            // What it reads is a frame or zeroes, and nothing else of the guest.
            let offset = (second & 0xffff) as usize;
            if let Some(bytes) = self.world.copy_from(grant, offset.min(PAGE_SIZE - 64), 64) {
                let is_frame = |byte| [0, 0xa5].contains(byte) || IPV6.contains(byte);
                assert!(bytes.iter().all(is_frame), "that was no frame");
            }
        }
        for _ in 0..self.below(40)? {
            let most = self.unanswered.len() as u32;
            let mut status = if self.below(8)? == 0 { 0xfffe } else { 0 };
            if most == 0 {
                break;
            }
            let which = self.below(most)? as usize;
            let Some(mut id) = self.unanswered.swap_remove(which).map(u32::from) else {
                // The id of an extra information is anything.
                tx.push([self.below(0x1_0000)? | 1 << 16, 0]);
                continue;
            };
            if self.goes_wrong()? {
                match self.below(3)? {
                    0 => id = self.below(0x1_0000)?,
                    1 => status = self.below(0x1_0000)?,
                    _ => id = self.below(256)?,
                }
            }
            tx.push([id | status << 16, 0]);
        }
        if self.goes_wrong()? {
            self.unanswered.clear();
        }
        tx.sleep();
        self.backend.tx = Some(tx);
        self.backend.wake();
        Some(())
    }

    /// Does what netback does next, or something else. A device that was spoilt for good is replaced.
    fn handshake(&mut self) -> Option<()> {
        self.waited = if self.netfront.is_connected() { 0 } else { self.waited + 1 };
        if self.waited > 12 {
            self.waited = 0;
            self.let_go();
            self.backend.unplug();
            self.world.limit_grants(1000);
            self.backend = Backend::plug(&self.world, 0, MAC, None);
            for grant in std::mem::take(&mut self.held) {
                self.world.unmap(grant);
            }
        }
        match self.backend.front("state") {
            Some(1) => {
                self.let_go();
                self.backend.set("state", "2");
            }
            Some(4) if self.backend.rx.is_none() => {
                if self.backend.try_to_connect() {
                    self.unanswered.clear();
                    (self.owes_extra, self.awaits_extra) = (false, false);
                }
                self.backend.set("state", "4");
            }
            Some(6) => {
                // It may keep the rings.
                if !self.goes_wrong()? {
                    self.let_go();
                }
                self.backend.set("state", "6");
            }
            _ => {}
        }
        Some(())
    }

    fn let_go(&mut self) {
        self.backend.disconnect();
    }

    /// Writes anything anywhere that it can.
    fn scribble(&mut self) -> Option<()> {
        let (word, value) = (self.below(1024)?, (self.numbers)()?);
        match (self.below(3)?, self.backend.tx, self.backend.rx) {
            (0, Some(ring), _) | (1, _, Some(ring)) => {
                let word = if value & 1 == 0 { word % 4 } else { word };
                let near = ring.word(word as usize).load(Ordering::SeqCst);
                let value = if value & 2 == 0 { near.wrapping_add(value % 9) } else { value };
                ring.word(word as usize).store(value, Ordering::SeqCst);
            }
            _ => {
                for grant in self.world.grant_numbers() {
                    self.world.copy_to(grant, word as usize, &[0x5a; 3000]);
                }
            }
        }
        Some(())
    }

    fn write_state(&mut self) -> Option<()> {
        let value = VALUES[self.below(VALUES.len() as u32)? as usize];
        let key = self.below(13)?;
        let number = self.backend.number;
        match key {
            0..6 => self.backend.set("state", value),
            6 => self.backend.set("online", value),
            7 => self.backend.set("mtu", value),
            8 => self.backend.set("feature-sg", value),
            9 => self.backend.set("feature-rx-copy", value),
            10 => {
                let keys = [
                    "feature-gso-tcpv4",
                    "feature-no-csum-offload",
                    "feature-gso-tcpv6",
                    "feature-ipv6-csum-offload",
                ];
                let key = keys[self.below(4)? as usize];
                self.backend.set(key, value);
            }
            _ => {
                let key =
                    ["mtu", "mac", "backend", "backend-id", "state", "x"][self.below(6)? as usize];
                self.world.store(|store| store.set(&format!("device/vif/{number}/{key}"), value));
            }
        }
        Some(())
    }

    /// Holds on to pages, or lets go of them.
    fn hold(&mut self) -> Option<()> {
        if self.below(3)? == 0 {
            for grant in std::mem::take(&mut self.held) {
                self.world.unmap(grant);
            }
            return Some(());
        }
        let grants = self.world.grant_numbers();
        for _ in 0..self.below(20)? {
            let Some(most @ 1..) = u32::try_from(grants.len()).ok() else { break };
            let grant = grants[self.below(most)? as usize];
            if self.world.map(grant).is_some() {
                self.held.push(grant);
            }
        }
        Some(())
    }

    /// Takes the device away, with or without a word, and brings another one.
    fn replug(&mut self) -> Option<()> {
        let number = self.below(4)?;
        match self.below(4)? {
            0 => self.backend.ask_to_unplug(),
            1 => {
                self.let_go();
                self.backend.unplug();
            }
            _ => {
                self.let_go();
                self.backend.unplug();
                let mtu = [None, Some(9000), Some(65_517), Some(68)][self.below(4)? as usize];
                let mac = [MAC, "00:16:3e:00:00:08"][self.below(2)? as usize];
                self.backend = Backend::plug(&self.world, number, mac, mtu);
            }
        }
        Some(())
    }

    /// Xen refuses: xenstore for a while, or grants.
    fn refuse(&mut self) -> Option<()> {
        use rt_xen::{Errno, StoreError as E};
        let errors =
            [E::Refused(Errno::EINVAL), E::Silent, E::Broken, E::TooLong(9), E::RequestTooLong];
        let error = errors[self.below(5)? as usize];
        let times = self.below(10)?;
        self.world.store(|store| store.refuse(times, error));
        let entries = [1000, 1000, 1000, 1, 5, 30][self.below(6)? as usize];
        self.world.limit_grants(entries);
        Some(())
    }
}
