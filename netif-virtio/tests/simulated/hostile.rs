//! A device that does as it likes, and a guest that goes on: any sequence of numbers is a program of both.

mod guest;

use std::sync::atomic::Ordering;

use netif_virtio::{Guest, VirtioNet};
use rt_regions::{Page, Region};

use super::{
    World,
    device::Device,
    ring::DeviceRing,
    transport::{NEEDS_RESET, Registers, SimulatedTransport, feature},
};

/// The EtherType of IPv6.
const IPV6: [u8; 2] = [0x86, 0xdd];

/// The pages of the guest.
const PAGES: usize = 430;

/// What happened in all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Happened {
    pub steps: u64,
    pub frames_rx: u64,
    pub frames_tx: u64,
    pub connections: u64,
    pub violations: u64,
    pub failures: u64,
    /// How often the interface was broken.
    pub broken: u64,
    /// Frames that were spread over several buffers, that were joined from segments, and that were to be cut.
    pub spread: u64,
    pub joined: u64,
    pub cut: u64,
    /// Of these, those of IPv6.
    pub joined_ipv6: u64,
    pub cut_ipv6: u64,
}

impl Happened {
    pub fn add(&mut self, other: Self) {
        self.steps += other.steps;
        self.frames_rx += other.frames_rx;
        self.frames_tx += other.frames_tx;
        self.connections += other.connections;
        self.violations += other.violations;
        self.failures += other.failures;
        self.broken += other.broken;
        self.spread += other.spread;
        self.joined += other.joined;
        self.cut += other.cut;
        self.joined_ipv6 += other.joined_ipv6;
        self.cut_ipv6 += other.cut_ipv6;
    }
}

/// A frame that was received, in a region that still has it.
struct Kept {
    bytes: *const [u8],
    copy: Vec<u8>,
}

struct Hostile<'n> {
    numbers: &'n mut dyn FnMut() -> Option<u32>,
    world: World,
    /// In a box: what it borrows ends in `end`, to which it is passed.
    netif: Box<VirtioNet<SimulatedTransport, World>>,
    device: Device,
    /// Received into by turns, and what was received into them.
    regions: [Region<'static>; 3],
    kept: [Vec<Kept>; 3],
    turn: usize,
    /// Pages that the guest uses for other things.
    taken: Vec<Page<'static>>,
    /// Sent frames that were taken and not used yet, by their first descriptors.
    unanswered: Vec<u16>,
    happened: Happened,
    /// How rarely something goes wrong.
    patience: u32,
    /// How often the guest was not ready in a row.
    waited: u32,
}

/// Runs the program that `numbers` gives until they end. Whatever it is: no panic, no page used while it is shared, no page
/// shared that holds old data, and in the end, when the device has become honest, frames go both ways and everything is
/// given back.
pub fn run(numbers: &mut dyn FnMut() -> Option<u32>) -> Happened {
    let world = World::new(PAGES);
    world.tick(1_000_000);
    let offers = numbers().unwrap_or_default();
    let device = Device::with(&world, registers(offers));
    let transport = device.transport();
    let offloads = offers & 3 != 0;
    let netif =
        VirtioNet::attach_with(transport, world.clone(), None, offloads, world.memory()).unwrap();
    // While it waits for room to send, its sleeps are mostly in vain, and sometimes for a lie.
    let (other, registers, mut sleeps) = (world.clone(), device.registers.clone(), 0_u32);
    world.while_asleep(move || {
        sleeps += 1;
        if sleeps.is_multiple_of(4)
            && let Some(places) = registers.borrow().queues[1]
            && let Some(index) = other.half(places.device_area + 2)
        {
            let more = [1, 7, 256, u16::MAX][(sleeps / 4) as usize % 4];
            index.fetch_add(more, Ordering::SeqCst);
        }
    });
    let regions = ["one", "two", "three"].map(|name| Region::new(world.pool(), name));
    let mut hostile = Hostile {
        numbers,
        world,
        netif: Box::new(netif),
        device,
        regions,
        kept: Default::default(),
        turn: 0,
        taken: Vec::new(),
        unanswered: Vec::new(),
        happened: Happened::default(),
        patience: 256,
        waited: 0,
    };
    while hostile.step().is_some() {
        hostile.happened.steps += 1;
    }
    hostile.end()
}

/// Registers of a device that can be used, and offers more or less.
fn registers(offers: u32) -> Registers {
    let optional = [
        feature::EVENT_IDX,
        feature::MRG_RXBUF,
        feature::STATUS,
        feature::GUEST_CSUM,
        feature::MTU,
        feature::CSUM,
        feature::HOST_TSO4,
        feature::GUEST_TSO4,
        feature::HOST_TSO6,
        feature::GUEST_TSO6,
    ];
    // The last two share bits with the first.
    let left_out = optional.iter().enumerate().filter(|(at, _)| offers >> (3 * at % 23) & 7 == 7);
    let offered = left_out.fold(feature::ALL, |offered, (_, feature)| offered & !feature);
    let sizes = [[32, 64, 256, 1024][offers as usize >> 26 & 3]; 2];
    let mut registers = Registers { offered, sizes, ..Registers::default() };
    registers.set_mtu([1500, 1500, 9000, 68][offers as usize >> 28 & 3]);
    registers
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
        self.waited = if self.netif.is_ready() { 0 } else { self.waited + 1 };
        if self.waited > 300 {
            self.heal();
        }
        let reset_count = self.device.registers.borrow().reset_count;
        match self.below(32)? {
            0..8 => self.receive(),
            8..12 => self.transmit()?,
            12..18 => self.fill()?,
            18..22 => self.answer()?,
            22 => self.memory()?,
            23 => self.patience = [4, 64, 1024, 65_536][self.below(4)? as usize],
            _ if !self.goes_wrong()? => self.receive(),
            24..26 => self.scribble()?,
            26 => self.change_status()?,
            27 => self.change_config()?,
            28 => self.change_offer()?,
            29 => self.unanswered.clear(),
            30 => self.device.rx = None,
            _ => self.world.interrupt(),
        }
        if self.device.registers.borrow().reset_count != reset_count {
            self.unanswered.clear();
        }
        self.device.look_up();
        Some(())
    }

    /// Makes the registers those of a device that can be used. What is in the rings stays.
    fn heal(&mut self) {
        self.waited = 0;
        let mut registers = self.device.registers.borrow_mut();
        let Registers { status, driver_status, queues, reset_count, accepted, .. } = *registers;
        *registers = Registers {
            status,
            driver_status,
            queues,
            reset_count,
            accepted,
            ..Registers::default()
        };
    }

    /// Fills buffers and uses them, mostly as it should.
    fn fill(&mut self) -> Option<()> {
        let Some(mut rx) = self.device.rx else { return Some(()) };
        let spreads = self.device.registers.borrow().has(feature::MRG_RXBUF);
        let joins = [(1, feature::GUEST_TSO4), (4, feature::GUEST_TSO6)]
            .map(|(kind, feature)| self.device.registers.borrow().has(feature).then_some(kind));
        for _ in 0..=self.below(4)? {
            let count = match self.below(8)? {
                0 if spreads => 1 + self.below(17)?,
                1 if spreads => 2,
                _ => 1,
            };
            // Its word on how many there are is the driver's, and true.
            if u32::from(rx.available(&self.world)) < count {
                break;
            }
            self.happened.spread += u64::from(count > 1);
            let mut header = [0; 12];
            (header[0], header[10]) = (self.below(4)? as u8, count as u8);
            if let Some(kind) = joins[self.below(2)? as usize]
                && self.below(2)? == 0
            {
                header[1] = kind;
                header[4..6].copy_from_slice(&(1 + self.below(1500)? as u16).to_le_bytes());
            }
            if self.goes_wrong()? {
                let at = [0, 1, 4, 5, 10, 11][self.below(6)? as usize];
                header[at] = self.below(256)? as u8;
            }
            for piece in 0..count {
                let Some(head) = rx.take(&self.world) else { break };
                let Some(descriptor) = rx.descriptor(&self.world, head) else { break };
                let mut length =
                    if piece + 1 < count { 4096 } else { 12 + 14 + self.below(1520)? };
                self.world.copy_to(descriptor.address, &vec![0x5a; length.min(4096) as usize]);
                if piece == 0 {
                    self.world.copy_to(descriptor.address, &header);
                }
                if piece == 0 && header[1] == 4 {
                    self.world.copy_to(descriptor.address + 24, &IPV6);
                }
                let mut id = u32::from(head);
                if self.below(16)? == 0 {
                    length = 12 + self.below(4085)?;
                }
                if self.goes_wrong()? {
                    match self.below(5)? {
                        0 => id = (self.numbers)()?,
                        1 => id = self.below(256)?,
                        2 => length = (self.numbers)()?,
                        3 => length = self.below(20)?,
                        _ => rx.write_used(&self.world, id, length),
                    }
                }
                rx.write_used(&self.world, id, length);
            }
        }
        self.show(&mut rx)?;
        self.device.rx = Some(rx);
        Some(())
    }

    /// Shows what was used, or something else.
    fn show(&mut self, ring: &mut DeviceRing) -> Option<()> {
        if self.goes_wrong()? {
            let more = [1, 2, 300, 0x8000, u16::MAX][self.below(5)? as usize];
            ring.written = ring.written.wrapping_add(more);
        }
        if ring.show_used(&self.world) {
            self.world.interrupt();
        }
        Some(())
    }

    /// Takes what was sent, looks at it, and uses some of it.
    fn answer(&mut self) -> Option<()> {
        let Some(mut tx) = self.device.tx else { return Some(()) };
        for _ in 0..tx.available(&self.world).min(tx.places.size) {
            let Some(head) = tx.take(&self.world) else { break };
            self.unanswered.push(head);
            let Some(first) = tx.descriptor(&self.world, head) else { break };
            // What it reads is a header and a frame or zeroes, and nothing else of the guest.
            if let Some(bytes) = self.world.copy_from(first.address, first.length as usize) {
                let frame = bytes.get(12..).unwrap_or_default();
                let is_frame = |(at, byte): (usize, &u8)| {
                    *byte == 0xa5 || matches!(at, 12 | 13) && *byte == IPV6[at - 12]
                };
                assert!(frame.iter().enumerate().all(is_frame), "that was no frame");
            }
        }
        let addresses = self.world.addresses();
        let address = addresses.get(self.below(256)? as usize % addresses.len().max(1));
        if let Some(address) = address.filter(|address| !self.is_ring(**address))
            && let Some(bytes) = self.world.copy_from(*address, rt_regions::PAGE_SIZE)
        {
            // There are headers, too.
            let old = bytes.iter().filter(|byte| [0xee, 0x5a].contains(*byte)).count();
            assert!(old < 64, "old data in a page to send");
        }
        for _ in 0..self.below(40)? {
            let most = self.unanswered.len() as u32;
            if most == 0 {
                break;
            }
            let which = self.below(most)? as usize;
            let mut id = u32::from(self.unanswered.swap_remove(which));
            if self.goes_wrong()? {
                id = [self.below(256)?, (self.numbers)()?][self.below(2)? as usize];
            }
            let length = if self.below(4)? == 0 { (self.numbers)()? } else { 0 };
            tx.write_used(&self.world, id, length);
        }
        if !self.goes_wrong()? {
            tx.rest(&self.world);
        }
        self.show(&mut tx)?;
        self.device.tx = Some(tx);
        Some(())
    }

    fn is_ring(&self, address: u64) -> bool {
        let queues = self.device.registers.borrow().queues;
        queues.iter().flatten().any(|it| [it.descriptors, it.driver_area].contains(&address))
    }

    /// Writes anything anywhere that it can.
    fn scribble(&mut self) -> Option<()> {
        let (place, value) = (self.below(2048)?, (self.numbers)()?);
        let queues = self.device.registers.borrow().queues;
        let queue = self.below(2)? as usize;
        match (self.below(4)?, queues[queue]) {
            (0, Some(places)) => {
                let start = u64::from(place % 1024 * 4);
                if let Some(word) = self.world.word(places.descriptors + start) {
                    word.store(value, Ordering::SeqCst);
                }
            }
            (1 | 2, Some(places)) => {
                // Mostly at the indices and the flags.
                let start = if value & 1 == 0 { place % 4 } else { place };
                let area = if value & 2 == 0 { places.device_area } else { places.driver_area };
                if let Some(half) =
                    self.world.half(area & !4095 | (area + u64::from(start * 2)) & 4095)
                {
                    let near = half.load(Ordering::SeqCst).wrapping_add(value as u16 >> 2 & 7);
                    let value = if value & 0x100 == 0 { near } else { (value >> 16) as u16 };
                    half.store(value, Ordering::SeqCst);
                }
            }
            _ => {
                for address in self.world.addresses() {
                    self.world.copy_to(address + u64::from(place % 1000), &[0x5a; 3000]);
                }
            }
        }
        Some(())
    }

    fn change_status(&mut self) -> Option<()> {
        let value = self.below(256)?;
        let kind = self.below(6)?;
        let mut registers = self.device.registers.borrow_mut();
        match kind {
            0 => registers.status |= NEEDS_RESET,
            1 => registers.status = 0,
            2 => registers.status = value,
            3 => registers.is_gone = !registers.is_gone,
            4 => registers.resets = !registers.resets,
            _ => registers.status_when_ready ^= NEEDS_RESET,
        }
        drop(registers);
        self.world.change_config();
        Some(())
    }

    fn change_config(&mut self) -> Option<()> {
        let (at, value, restless) =
            (self.below(12)? as usize, self.below(256)? as u8, self.below(100)?);
        let mut registers = self.device.registers.borrow_mut();
        registers.config[at] = value;
        registers.generation.set(registers.generation.get().wrapping_add(1));
        registers.restless.set(restless);
        if value < 8 {
            registers.config_size = value.into();
        }
        drop(registers);
        self.world.change_config();
        Some(())
    }

    /// The next negotiation finds another device.
    fn change_offer(&mut self) -> Option<()> {
        let (offers, kind) = ((self.numbers)()?, self.below(8)?);
        let new = registers(offers);
        let mut registers = self.device.registers.borrow_mut();
        (registers.offered, registers.config) = (new.offered, new.config);
        match kind {
            0 => registers.sizes = new.sizes.map(|_| offers & 0x1ff),
            1 => registers.agrees = !registers.agrees,
            2 => registers.is_legacy = !registers.is_legacy,
            3 => registers.offered = offers.into(),
            _ => {}
        }
        Some(())
    }
}
