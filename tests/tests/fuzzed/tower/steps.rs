//! What a byte of an input makes happen.

use std::time::Duration;

use super::*;

/// Hosts with sense and without; addresses beyond the table are of the network 10.0.0.0.
const HOSTS: [Ipv4Addr; 12] = [
    CLIENT.1,
    Ipv4Addr::new(10, 0, 0, 1),
    GATEWAY,
    Ipv4Addr::new(192, 0, 2, 7),
    OURS.1,
    Ipv4Addr::new(10, 0, 0, 255),
    Ipv4Addr::BROADCAST,
    Ipv4Addr::new(224, 0, 0, 1),
    Ipv4Addr::new(239, 1, 2, 3),
    Ipv4Addr::UNSPECIFIED,
    Ipv4Addr::LOCALHOST,
    Ipv4Addr::new(240, 0, 0, 1),
];

fn host(number: u8) -> Ipv4Addr {
    HOSTS.get(usize::from(number)).copied().unwrap_or(Ipv4Addr::new(10, 0, 0, number))
}

/// The hardware address of that host.
fn mac(number: u8) -> Mac {
    match host(number) {
        address if address == CLIENT.1 => CLIENT.0,
        address if address == OURS.1 => OURS.0,
        _ => [2, 0, 0, 0, 1, number],
    }
}

/// Where a frame goes: mostly to us.
fn station(number: u8) -> Mac {
    match number & 7 {
        5 => frames::BROADCAST,
        6 => [1, 0, 0x5e, 0, 0, 1],
        7 => [2, 0, 0, 0, 1, number],
        _ => OURS.0,
    }
}

fn port(number: u8) -> u16 {
    let ports = [ECHO, TWICE, COUNTERS, OTHERS[0], OTHERS[1], OTHERS[2], 9, 0];
    ports[usize::from(number) % ports.len()]
}

/// `length` bytes that `seed` follow from.
fn payload(length: usize, seed: u8) -> Vec<u8> {
    (0..length).map(|place| (place / 8 * 7) as u8 ^ seed).collect()
}

impl Host<'_> {
    /// Does what the next bytes of the input say.
    pub(super) fn step(&mut self, input: &mut Input<'_>) {
        match input.byte() % 16 {
            0 => self.waits(Duration::from_millis(input.byte().into())),
            1 => {
                let time = input.byte();
                self.waits(Duration::from_millis((u64::from(time & 15) + 1) << (time >> 4)));
            }
            2 => {
                let length = usize::from(input.word() % 2048);
                self.hears(input.take(length));
            }
            3 => self.hears_packet(input),
            4 => self.hears_datagram(input),
            5 => self.hears_fragment(input),
            6 => self.hears_message(input),
            7 => self.hears_arp(input),
            8 => self.answers_arp(input),
            9 => self.hears_again(input),
            10 => self.speaks(input),
            11 => self.pool.keep_back(usize::from(input.byte()) * 2),
            12 => self.pool.refuse(input.byte().into()),
            13 => self.binds(input),
            14 => self.is_asked_at_its_deadline(),
            _ => self.hears_damaged(input),
        }
    }

    /// Any header, and any payload, with the lengths and the checksum right.
    fn hears_packet(&mut self, input: &mut Input<'_>) {
        let (to, from, destination) = (input.byte(), input.byte(), input.byte());
        let (protocol, flags) = (input.byte(), input.word());
        let words = usize::from(input.byte() % 11);
        let length = usize::from(input.byte());
        let identification = input.word();
        let mut options = input.take(words * 4).to_vec();
        options.resize(words * 4, 0);
        let header = frames::Ipv4 {
            identification,
            flags_offset: flags & 0x7fff,
            options,
            ..frames::Ipv4::new(host(from), host(destination), protocol)
        };
        let packet = header.packet(input.take(length));
        self.hears(&frames::ethernet(station(to), mac(from), 0x0800, &packet));
    }

    /// A datagram of any size, in pieces where it does not fit, all of them or not.
    fn hears_datagram(&mut self, input: &mut Input<'_>) {
        let (to, from, flags) = (input.byte(), input.byte(), input.byte());
        let length = usize::from(input.word()).min(65_507);
        let destination = if flags & 0x40 == 0 { OURS.1 } else { host(input.byte()) };
        let ports = [4000, port(input.byte())];
        let bytes = payload(length, from);
        let datagram = frames::udp((host(from), ports[0]), (destination, ports[1]), &bytes);
        let identification = input.byte().into();
        let header = frames::Ipv4 {
            identification,
            ..frames::Ipv4::new(host(from), destination, frames::UDP)
        };
        let step = [1480, 8, 552, 8192][usize::from(flags & 3)].max(datagram.len() / 512 * 8);
        let mut packets = header.fragments(&datagram, step);
        if flags & 4 != 0 {
            packets.reverse();
        }
        if flags & 8 != 0 {
            packets.remove(input.below(packets.len()));
        }
        for packet in packets {
            self.hears(&frames::ethernet(station(to), mac(from), 0x0800, &packet));
        }
    }

    /// One fragment, of a few datagrams.
    fn hears_fragment(&mut self, input: &mut Input<'_>) {
        let (from, which, flags) = (input.byte(), input.byte(), input.word());
        let length = usize::from(input.word() % 2048);
        let length = if flags & 0x8000 == 0 { length & !7 } else { length };
        let header = frames::Ipv4 {
            identification: u16::from(which & 3),
            flags_offset: flags & 0x3fff,
            ..frames::Ipv4::new(
                host(from),
                OURS.1,
                if which & 4 == 0 { frames::UDP } else { frames::ICMP },
            )
        };
        // At the beginning a header of UDP, of a datagram to the echo.
        let mut bytes = payload(length, which);
        if flags & 0x1fff == 0 && which & 4 == 0 && length >= 8 {
            bytes[..8].copy_from_slice(&[15, 160, 31, 144, 0, 16, 0, 0]);
        }
        let packet = header.packet(&bytes);
        self.hears(&frames::ethernet(OURS.0, mac(from), 0x0800, &packet));
    }

    /// A message with its checksum; it may quote what the host sent last.
    fn hears_message(&mut self, input: &mut Input<'_>) {
        let (to, from, kind, code) = (input.byte(), input.byte(), input.byte(), input.byte());
        let mut rest = input.take(4).to_vec();
        rest.resize(4, 0);
        let flags = input.byte();
        if flags & 1 == 0 {
            let length = usize::from(flags >> 1);
            rest.extend(input.take(length));
        } else {
            let mut quote = self.ledger.packet.clone();
            quote.truncate(28 + usize::from(flags >> 4) * 32);
            if flags & 2 != 0 && !quote.is_empty() {
                let at = input.below(quote.len());
                quote[at] ^= input.byte();
            }
            rest.extend(quote);
        }
        // The usual kinds have small numbers.
        let kind = [8, 3, 11, 12, 0, 5, kind][usize::from(kind) % 7];
        let message = frames::icmp(kind, code, &rest);
        let packet = frames::Ipv4::new(host(from), OURS.1, frames::ICMP).packet(&message);
        self.hears(&frames::ethernet(station(to), mac(from), 0x0800, &packet));
    }

    fn hears_arp(&mut self, input: &mut Input<'_>) {
        let (to, from, operation) = (input.byte(), input.byte(), input.byte());
        let (sender, target) = (input.byte(), input.byte());
        let target_mac = if operation & 0x80 == 0 { [0; 6] } else { OURS.0 };
        let operation = u16::from(operation & 3);
        let packet = frames::arp(operation, (mac(from), host(sender)), (target_mac, host(target)));
        self.hears(&frames::ethernet(station(to), mac(from), 0x0806, &packet));
    }

    /// Those that were asked for answer, or some of them.
    fn answers_arp(&mut self, input: &mut Input<'_>) {
        let keep = input.byte();
        let asked = std::mem::take(&mut self.ledger.asked);
        for (number, address) in asked.into_iter().enumerate() {
            if keep >> (number % 8) & 1 == 0 {
                let from = mac(address.octets()[3]);
                let packet = frames::arp(2, (from, address), OURS);
                self.hears(&frames::ethernet(OURS.0, from, 0x0806, &packet));
            }
        }
    }

    /// The last frame once more, with a few bytes changed; the checksums are as they were.
    fn hears_again(&mut self, input: &mut Input<'_>) {
        let mut frame = self.ledger.heard.clone();
        for _ in 0..input.byte() % 4 {
            let at = usize::from(input.word());
            let change = input.byte();
            if let Some(byte) = frame.get_mut(at % 2048) {
                *byte ^= change;
            }
        }
        self.hears(&frame);
    }

    /// The last frame cut or with something behind it, its IPv4 header checked out again.
    fn hears_damaged(&mut self, input: &mut Input<'_>) {
        let mut frame = self.ledger.heard.clone();
        let length = usize::from(input.word() % 2048);
        frame.resize(length, 0xee);
        let (at, change) = (14 + input.below(20), input.byte());
        if frame.len() >= 34 && frame[12..14] == [8, 0] {
            frame[at] ^= change;
            let header = (usize::from(frame[14] & 0xf) * 4).clamp(20, frame.len() - 14);
            frame[24..26].fill(0);
            let sum = frames::checksum(&frame[14..14 + header]);
            frame[24..26].copy_from_slice(&sum.to_be_bytes());
        }
        self.hears(&frame);
    }

    /// The host sends a datagram of its own.
    fn speaks(&mut self, input: &mut Input<'_>) {
        let (from, to, ttl, flags) = (input.byte(), input.byte(), input.byte(), input.byte());
        let length = usize::from(input.word());
        let outgoing = Outgoing {
            ttl: (flags & 1 != 0).then_some(ttl),
            tos: flags & 0xfc,
            dont_fragment: flags & 2 != 0,
            ..Outgoing::new(host(to).into(), Protocol::UDP)
        };
        self.sends(port(from), (host(to), 4000), outgoing, &payload(length, to));
    }

    /// A service comes, goes, or wants to hear of what did not arrive.
    fn binds(&mut self, input: &mut Input<'_>) {
        let what = input.byte();
        let port = OTHERS[usize::from(what >> 2) % OTHERS.len()];
        match what & 3 {
            0 => drop(self.tower.unbind(port)),
            1 => drop(self.tower.on_error(port, |_| {})),
            2 => drop(self.tower.bind(port, |request, _| Ok(request))),
            _ => drop(self.tower.bind(port, |_, _| Err(Failure::Silent))),
        }
        // Never more than these.
        self.bound = 2 + OTHERS.len();
        self.turn(0);
    }

    /// As the loop of a runtime does it.
    fn is_asked_at_its_deadline(&mut self) {
        if let Some(deadline) = self.tower.next_deadline() {
            self.waits(deadline.since(self.now));
        }
    }
}
