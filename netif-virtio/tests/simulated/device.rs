//! A device as it should be: it works when it was notified, and interrupts when it was asked to.

use std::{cell::RefCell, collections::VecDeque, rc::Rc};

use super::{
    World,
    ring::{Descriptor, DeviceRing},
    transport::{Registers, SimulatedTransport, feature},
};

const HEADER: usize = 12;

/// A frame for the guest.
#[derive(Clone, Debug, Default)]
pub struct Delivery {
    pub bytes: Vec<u8>,
    pub flags: u8,
    pub gso_type: u8,
    pub gso_size: u16,
}

/// A frame from the guest, with its header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    pub header: [u8; HEADER],
    pub bytes: Vec<u8>,
}

pub struct Device {
    pub world: World,
    /// Which of its pairs of queues this is.
    pair: usize,
    pub registers: Rc<RefCell<Registers>>,
    pub rx: Option<DeviceRing>,
    pub tx: Option<DeviceRing>,
    /// The reset after which the rings were looked up.
    reset_count: u64,
    pub to_guest: VecDeque<Delivery>,
    pub from_guest: Vec<Sent>,
    /// Buffers that were taken and not used yet, if it sends only later.
    pub under_way: Vec<u16>,
    /// Whether there were too few buffers for a frame, and the driver has not notified since.
    starves: bool,
    /// Whether what was sent is held back.
    pub holds_back: bool,
}

impl Device {
    pub fn new(world: &World) -> Self {
        Self::with(world, Registers::default())
    }

    pub fn with(world: &World, registers: Registers) -> Self {
        Self::of_pair(0, world, Rc::new(RefCell::new(registers)))
    }

    /// The part of the device with these registers that works for a pair of queues, which are in the memory of `world`.
    pub fn of_pair(pair: usize, world: &World, registers: Rc<RefCell<Registers>>) -> Self {
        Self {
            world: world.clone(),
            pair,
            registers,
            rx: None,
            tx: None,
            reset_count: 0,
            to_guest: VecDeque::new(),
            from_guest: Vec::new(),
            under_way: Vec::new(),
            starves: false,
            holds_back: false,
        }
    }

    pub fn transport(&self) -> SimulatedTransport {
        SimulatedTransport(self.registers.clone())
    }

    /// Takes over the rings after the driver has made the device ready.
    pub fn look_up(&mut self) {
        let registers = self.registers.borrow();
        if !registers.is_ready() {
            (self.rx, self.tx) = (None, None);
        } else if self.rx.is_none() || registers.reset_count != self.reset_count {
            self.reset_count = registers.reset_count;
            self.under_way.clear();
            self.starves = false;
            let event_idx = registers.has(feature::EVENT_IDX);
            let ring = |queue: usize| {
                registers.queues[2 * self.pair + queue].map(|it| DeviceRing::new(it, event_idx))
            };
            (self.rx, self.tx) = (ring(0), ring(1));
        }
    }

    /// Takes what was sent, and delivers what is there.
    pub fn turn(&mut self) {
        self.look_up();
        self.send();
        self.deliver();
    }

    fn send(&mut self) {
        let Some(mut tx) = self.tx else { return };
        let was_notified =
            std::mem::take(&mut self.registers.borrow_mut().notified[2 * self.pair + 1]) > 0;
        // Without a notification there is nothing new, or it was asked for and did not come.
        if was_notified {
            while let Some(head) = tx.take(&self.world) {
                let chain = tx.chain(&self.world, head);
                let mut bytes = Vec::new();
                for Descriptor { address, length, flags, .. } in chain {
                    assert_eq!(flags & !1, 0, "a buffer to send is read");
                    let piece = self.world.copy_from(address, length as usize);
                    bytes.extend(piece.expect("a buffer that the device may read"));
                }
                let (header, bytes) = bytes.split_first_chunk().expect("a header");
                self.check_header(*header, bytes);
                self.from_guest.push(Sent { header: *header, bytes: bytes.into() });
                self.under_way.push(head);
            }
            tx.rest(&self.world);
        }
        if !self.holds_back {
            for head in self.under_way.drain(..) {
                tx.write_used(&self.world, head.into(), 0);
            }
        }
        if tx.show_used(&self.world) {
            self.world.interrupt();
        }
        self.tx = Some(tx);
    }

    /// What a driver must do (5.1.6.2.1).
    fn check_header(&self, header: [u8; HEADER], frame: &[u8]) {
        let registers = self.registers.borrow();
        assert_eq!(header[10..], [0, 0], "num_buffers");
        assert_eq!(header[0] & !1, 0, "flags");
        assert!(header[0] == 0 || registers.has(feature::CSUM));
        let is_ipv6 = frame.get(12..14) == Some(&[0x86, 0xdd]);
        match header[1] {
            0 => {}
            1 => assert!(registers.has(feature::HOST_TSO4) && !is_ipv6),
            4 => assert!(registers.has(feature::HOST_TSO6) && is_ipv6),
            kind => panic!("nobody agreed on gso_type {kind}"),
        }
        assert!(header[1] == 0 || header[0] == 1, "segments have a partial checksum");
    }

    fn deliver(&mut self) {
        let Some(mut rx) = self.rx else { return };
        if std::mem::take(&mut self.registers.borrow_mut().notified[2 * self.pair]) > 0 {
            self.starves = false;
        }
        while !self.starves
            && let Some(delivery) = self.to_guest.pop_front()
        {
            if !self.put(&mut rx, &delivery) {
                self.to_guest.push_front(delivery);
                self.starves = true;
            }
        }
        rx.rest(&self.world);
        if rx.show_used(&self.world) {
            self.world.interrupt();
        }
        self.rx = Some(rx);
    }

    /// Writes a frame into as many buffers as it takes, if there are so many.
    fn put(&mut self, rx: &mut DeviceRing, delivery: &Delivery) -> bool {
        let frame = &delivery.bytes[..];
        let spreads = self.registers.borrow().has(feature::MRG_RXBUF);
        let size = rt_regions::PAGE_SIZE;
        let count = (HEADER + frame.len()).div_ceil(size);
        if usize::from(rx.available(&self.world)) < count {
            return false;
        }
        if count > 1 && !spreads {
            // It does not fit, and is lost.
            return true;
        }
        let mut header = [delivery.flags, delivery.gso_type, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        header[4..6].copy_from_slice(&delivery.gso_size.to_le_bytes());
        // QEMU before 10 leaves the field alone if frames are not spread.
        let buffers = if spreads { count as u16 } else { 0xabcd };
        header[10..].copy_from_slice(&buffers.to_le_bytes());
        let bytes = [&header[..], frame].concat();
        for piece in bytes.chunks(size) {
            let head = rx.take(&self.world).unwrap();
            let [descriptor] = rx.chain(&self.world, head)[..] else { panic!("one buffer") };
            assert_eq!((descriptor.length as usize, descriptor.flags), (size, 2));
            assert!(self.world.copy_to(descriptor.address, piece), "a buffer to write");
            rx.write_used(&self.world, head.into(), piece.len() as u32);
        }
        true
    }

    /// Lies: uses a buffer that it does not have.
    pub fn lie(&mut self) {
        self.look_up();
        let rx = self.rx.as_mut().expect("it is ready");
        rx.write_used(&self.world, 9999, 0);
        rx.show_used(&self.world);
    }

    pub fn send_to_guest(&mut self, bytes: &[u8]) {
        self.to_guest.push_back(Delivery { bytes: bytes.into(), ..Delivery::default() });
    }
}
