//! A backend that does as netback does.

use std::collections::VecDeque;

use rt_regions::PAGE_SIZE;

use super::{World, ring::BackRing};

/// A frame for the guest, and in which form it is delivered.
#[derive(Clone, Debug, Default)]
pub struct Delivery {
    pub bytes: Vec<u8>,
    /// `NETRXF_data_validated`, `NETRXF_csum_blank`.
    pub flags: u16,
    /// The longest piece; 0: a page.
    pub piece: usize,
    /// Where each piece begins in its page.
    pub offset: usize,
    /// The extra informations, by type.
    pub extras: Vec<u8>,
    /// The kind and the size of the segments that the frame was joined from, for an extra information of type 1.
    pub segments: (u8, u16),
}

/// A frame that the guest sent, and what it left undone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// The checksum has the sum of the pseudo header (`NETTXF_csum_blank`).
    pub is_blank: bool,
    /// The kind and the size of the segments to be made of it.
    pub segments: Option<(u8, u16)>,
}

/// A response to a transmit request: its id, or none for an extra information.
pub type Response = Option<u16>;

/// `NETTXF_csum_blank` with `NETTXF_data_validated`.
const BLANK: u16 = 3;
/// `NETIF_RSP_NULL`.
const NULL: u32 = 1;

/// `NETRXF_more_data`, and `NETTXF_more_data`.
pub const MORE_DATA: u16 = 4;
/// `NETRXF_extra_info`.
pub const EXTRA_INFO: u16 = 8;

/// The backend of one network device.
pub struct Backend {
    pub world: World,
    pub number: u32,
    /// Its directory in xenstore.
    pub path: String,
    pub tx: Option<BackRing>,
    pub rx: Option<BackRing>,
    /// The grants of the rings.
    rings: [u32; 2],
    pub port: u32,
    /// Frames on their way to the guest.
    pub to_guest: VecDeque<Delivery>,
    /// Frames that the guest sent.
    pub from_guest: Vec<Vec<u8>>,
    /// And what the guest left undone in each.
    pub left: Vec<Left>,
    /// Pieces of a frame that has not wholly come.
    pieces: Vec<(u32, u16, u16)>,
    /// Whether the guest takes and sends frames that are joined from segments; none if it may.
    pub expects_segments: Option<bool>,
    /// Transmit responses that are held back.
    pub held: VecDeque<Response>,
    pub hold_responses: bool,
    /// The status of transmit responses.
    pub tx_status: i16,
    /// Waits before it says Connected, for the script of its host.
    pub hotplug_pending: bool,
    /// How often the guest was woken.
    pub wakes: u64,
    /// The ids of requests under way; each is there once.
    under_way: Vec<u16>,
}

impl Backend {
    /// Makes a network device as a toolstack does.
    pub fn plug(world: &World, number: u32, mac: &str, mtu: Option<u32>) -> Self {
        let path = format!("/local/domain/0/backend/vif/7/{number}");
        world.store(|store| {
            store.set(&format!("{path}/state"), "2");
            for key in [
                "online",
                "feature-rx-copy",
                "feature-sg",
                "feature-gso-tcpv4",
                "feature-gso-tcpv6",
                "feature-ipv6-csum-offload",
            ] {
                store.set(&format!("{path}/{key}"), "1");
            }
            if let Some(mtu) = mtu {
                store.set(&format!("{path}/mtu"), mtu.to_string());
            }
            for (key, value) in
                [("backend-id", "0"), ("mac", mac), ("state", "1"), ("backend", &path)]
            {
                store.set(&format!("device/vif/{number}/{key}"), value);
            }
        });
        Self {
            world: world.clone(),
            number,
            path,
            tx: None,
            rx: None,
            rings: [0; 2],
            port: 0,
            to_guest: VecDeque::new(),
            from_guest: Vec::new(),
            left: Vec::new(),
            expects_segments: Some(false),
            pieces: Vec::new(),
            held: VecDeque::new(),
            hold_responses: false,
            tx_status: 0,
            hotplug_pending: false,
            wakes: 0,
            under_way: Vec::new(),
        }
    }

    /// Takes the device away as a toolstack does, in two steps: it asks first.
    pub fn ask_to_unplug(&self) {
        self.world.store(|store| {
            store.set(&format!("{}/online", self.path), "0");
            store.set(&format!("{}/state", self.path), "5");
        });
    }

    /// The second step: nothing is left.
    pub fn unplug(&mut self) {
        self.disconnect();
        self.world.store(|store| {
            store.remove(&format!("device/vif/{}", self.number));
            store.remove(&self.path);
        });
    }

    pub fn set(&self, key: &str, value: &str) {
        self.world.store(|store| store.set(&format!("{}/{key}", self.path), value));
    }

    pub fn state(&self) -> String {
        self.world.store(|store| store.text(&format!("{}/state", self.path)))
    }

    pub fn front(&self, key: &str) -> Option<u32> {
        self.world.store(|store| store.number(&format!("device/vif/{}/{key}", self.number)))
    }

    pub fn is_connected(&self) -> bool {
        self.rx.is_some()
    }

    fn enter(&self, state: &str) {
        if self.state() != state {
            self.set("state", state);
        }
    }

    /// One turn: looks at the guest's state, takes its frames, delivers its frames.
    pub fn turn(&mut self) {
        if !self.world.store(|store| store.has(&self.path)) {
            return;
        }
        match self.front("state") {
            Some(1) => {
                self.disconnect();
                self.enter("2");
            }
            Some(4) if !self.is_connected() && self.state() == "2" && !self.hotplug_pending => {
                self.connect();
                self.enter("4");
            }
            Some(5) => self.enter("5"),
            Some(6) | None => {
                self.disconnect();
                self.enter("6");
            }
            _ => {}
        }
        if self.is_connected() {
            self.take();
            self.deliver();
            self.wake();
            if let (Some(tx), Some(rx)) = (&self.tx, &self.rx) {
                tx.sleep();
                rx.sleep();
            }
        }
    }

    fn connect(&mut self) {
        assert!(self.try_to_connect(), "the guest has not said where its rings are");
        assert_eq!(self.front("request-rx-copy"), Some(1));
        assert_eq!(self.front("feature-rx-notify"), Some(1));
        assert_eq!(self.front("feature-sg"), Some(1));
        assert_eq!(self.front("feature-no-csum-offload").unwrap_or_default(), 0);
        let takes_segments = self.front("feature-gso-tcpv4") == Some(1);
        assert_eq!(takes_segments, self.expects_segments.unwrap_or(takes_segments));
        // Of IPv6 alike, for which Linux asks for blank checksums too.
        for key in ["feature-gso-tcpv6", "feature-ipv6-csum-offload"] {
            assert_eq!(self.front(key) == Some(1), takes_segments, "{key}");
        }
    }

    /// Maps the rings, if the guest has said where they are.
    pub fn try_to_connect(&mut self) -> bool {
        let keys = ["tx-ring-ref", "rx-ring-ref", "event-channel"].map(|key| self.front(key));
        let [Some(tx), Some(rx), Some(port)] = keys else { return false };
        let Some(tx_page) = self.world.map_shared(tx) else { return false };
        let Some(rx_page) = self.world.map_shared(rx) else {
            self.world.unmap(tx);
            return false;
        };
        self.tx = Some(BackRing::new(tx_page, 3));
        self.rx = Some(BackRing::new(rx_page, 2));
        self.rings = [tx, rx];
        self.port = port;
        self.under_way.clear();
        true
    }

    pub fn disconnect(&mut self) {
        if self.is_connected() {
            self.rings.iter().for_each(|number| self.world.unmap(*number));
            (self.tx, self.rx, self.rings) = (None, None, [0; 2]);
            self.pieces.clear();
            self.held.clear();
        }
    }

    /// Takes the frames that the guest sent.
    pub fn take(&mut self) {
        let Some(mut tx) = self.tx else { return };
        while let Some([grant, second, third]) = tx.pop() {
            let (offset, flags) = (second as u16, (second >> 16) as u16);
            let (id, size) = (third as u16, (third >> 16) as u16);
            assert!(!self.under_way.contains(&id), "request {id} is under way already");
            self.under_way.push(id);
            if self.pieces.is_empty() {
                let blank = flags & BLANK;
                assert!([0, BLANK].contains(&blank), "flags {flags:#x}");
                self.left.push(Left { is_blank: blank != 0, segments: None });
            }
            self.pieces.push((grant, offset, size));
            self.held.push_back(Some(id));
            let known = match self.pieces.len() {
                1 if self.expects_segments != Some(false) => MORE_DATA | EXTRA_INFO | BLANK,
                _ => MORE_DATA,
            };
            assert_eq!(flags & !known, 0);
            if flags & EXTRA_INFO != 0 {
                let [first, second, _] = tx.pop().expect("the extra information is there too");
                assert_eq!(first & 0xffff, 1, "one extra information about segments");
                assert!([1, 2].contains(&second), "of a kind that is not known");
                self.left.last_mut().unwrap().segments = Some((second as u8, (first >> 16) as u16));
                self.held.push_back(None);
            }
            if flags & MORE_DATA == 0 {
                let frame = self.gather();
                self.from_guest.push(frame);
            }
        }
        self.tx = Some(tx);
        if !self.hold_responses {
            self.respond(usize::MAX);
        }
    }

    fn gather(&mut self) -> Vec<u8> {
        let pieces = std::mem::take(&mut self.pieces);
        assert!(pieces.len() <= 18, "more slots than a backend must take: {}", pieces.len());
        let rest: usize = pieces[1..].iter().map(|piece| usize::from(piece.2)).sum();
        let mut frame = Vec::new();
        for (index, (grant, offset, size)) in pieces.into_iter().enumerate() {
            let size = if index == 0 { usize::from(size) - rest } else { size.into() };
            let piece = self.world.copy_from(grant, offset.into(), size);
            frame.extend(piece.expect("a piece of a frame in a page that is granted"));
        }
        frame
    }

    /// Sends so many of the responses that were held back.
    pub fn respond(&mut self, most: usize) {
        let Some(mut tx) = self.tx else { return };
        for _ in 0..most.min(self.held.len()) {
            let status = u32::from(self.tx_status.cast_unsigned());
            let response = match self.held.pop_front().unwrap() {
                Some(id) => {
                    self.under_way.retain(|other| *other != id);
                    u32::from(id) | status << 16
                }
                // What was in the slot before stays there as the id.
                None => 0xffff | NULL << 16,
            };
            tx.push([response, 0]);
        }
        self.tx = Some(tx);
    }

    /// Delivers as many whole frames as there is room for.
    pub fn deliver(&mut self) {
        while let Some(delivery) = self.to_guest.front() {
            let piece =
                if delivery.piece == 0 { PAGE_SIZE - delivery.offset } else { delivery.piece };
            let slots = delivery.bytes.len().div_ceil(piece).max(1) + delivery.extras.len();
            if self.rx.is_none_or(|rx| (rx.waiting() as usize) < slots) {
                return;
            }
            let delivery = self.to_guest.pop_front().unwrap();
            self.deliver_now(&delivery, piece);
        }
    }

    fn deliver_now(&mut self, delivery: &Delivery, longest: usize) {
        let Some(mut rx) = self.rx else { return };
        let mut pieces: Vec<&[u8]> = delivery.bytes.chunks(longest).collect();
        if pieces.is_empty() {
            pieces.push(&[]);
        }
        for (index, piece) in pieces.iter().enumerate() {
            let [first, grant, _] = rx.pop().expect("there was room");
            assert!(self.world.copy_to(grant, delivery.offset, piece), "a grant to write to");
            let mut flags = 0;
            if index + 1 < pieces.len() {
                flags |= MORE_DATA;
            }
            if index == 0 {
                flags |= delivery.flags;
                if !delivery.extras.is_empty() {
                    flags |= EXTRA_INFO;
                }
            }
            let id = first & 0xffff;
            rx.push([
                id | (delivery.offset as u32) << 16,
                u32::from(flags) | (piece.len() as u32) << 16,
            ]);
            for (number, kind) in delivery.extras.iter().enumerate().filter(|_| index == 0) {
                rx.pop().expect("there was room");
                let more = u32::from(number + 1 < delivery.extras.len());
                let (of, size) = delivery.segments;
                rx.push([u32::from(*kind) | more << 8 | u32::from(size) << 16, of.into()]);
            }
        }
        self.rx = Some(rx);
    }

    /// Wakes the guest if it asked for that.
    pub fn wake(&mut self) {
        let tx = self.tx.as_mut().is_some_and(BackRing::must_notify);
        let rx = self.rx.as_mut().is_some_and(BackRing::must_notify);
        if tx | rx {
            self.wakes += 1;
            self.world.wake(self.port);
        }
    }

    /// Sends a frame to the guest.
    pub fn send(&mut self, bytes: &[u8]) {
        self.to_guest.push_back(Delivery { bytes: bytes.to_vec(), ..Delivery::default() });
    }
}
