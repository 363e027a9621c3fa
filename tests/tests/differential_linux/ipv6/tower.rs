//! Our host: a tower with IPv6 over an interface in memory.

use std::{net::Ipv6Addr, sync::OnceLock, time::Duration};

use cores::Core;
use ethernet::Link;
use icmpv6::Icmpv6;
use ipv6::Ipv6;
use lab::soak::frames::ipv6::{
    SOURCE_MAC, TARGET_MAC, discovery, mac_option, solicited_node, targeted,
};
use ndp::Ndp;
use rt_regions::Region;

use super::frames::{GATEWAY, PEER, Packet, US, to_us};
use crate::differential_linux::{
    frames::PEER_MAC,
    team::{Machine, Manner, Stack, with_echo},
};

/// How many pages a host has, or each of its cores. It is made for each conversation.
const PAGES: usize = 256;
/// How far time goes at once.
const STEP: Duration = Duration::from_millis(250);
/// A neighbour's solicitation, and its advertisement.
const SOLICITATION: u8 = 135;
const ADVERTISEMENT: u8 = 136;

/// A host with our stack.
pub(super) struct Tower<'a>(&'a mut dyn Machine);

impl Tower<'_> {
    /// Lets a frame arrive; gives what the host sent then.
    pub(super) fn hears(&mut self, frame: &[u8]) -> Vec<Vec<u8>> {
        self.0.hear(frame);
        self.0.drain()
    }

    /// Lets time pass; gives what the host sent then. The peer answers when it is asked whether it is there: Linux was
    /// told that it always is.
    pub(super) fn passes(&mut self, time: Duration) -> Vec<Vec<u8>> {
        let (mut sent, mut passed) = (Vec::new(), Duration::ZERO);
        while passed < time {
            self.0.pass(STEP);
            passed += STEP;
            for frame in self.0.drain() {
                if let Some((asks, asked)) = asked(&frame).filter(|(_, asked)| is_peer(*asked)) {
                    let option = mac_option(TARGET_MAC, PEER_MAC);
                    let rest = targeted(0x60, asked, &option);
                    self.0.hear(&to_us(&discovery(asked, asks, ADVERTISEMENT, &rest)));
                } else {
                    sent.push(frame);
                }
            }
        }
        sent
    }
}

fn is_peer(address: Ipv6Addr) -> bool {
    address == PEER || address == GATEWAY
}

/// Who asks for a neighbour in this frame, and for whom.
fn asked(frame: &[u8]) -> Option<(Ipv6Addr, Ipv6Addr)> {
    let packet = Packet::of(frame).filter(|packet| packet.message() == Some(SOLICITATION))?;
    let target: [u8; 16] = packet.0.get(48..64)?.try_into().ok()?;
    Some((packet.source(), target.into()))
}

/// The link-local address of our host, which is the same each time, as its secret is.
pub(super) fn our_link_local() -> Ipv6Addr {
    static ADDRESS: OnceLock<Ipv6Addr> = OnceLock::new();
    *ADDRESS.get_or_init(|| with_tower(Manner::Alone, |_, address| address))
}

/// Calls `test` with a host that has its addresses, and knows the peer, and with its link-local address.
pub(super) fn with_tower<T>(manner: Manner, test: impl FnOnce(&mut Tower<'_>, Ipv6Addr) -> T) -> T {
    with_echo::<OverIpv6, _>(manner, PAGES, |machine| {
        let mut tower = Tower(machine);
        let started = tower.passes(Duration::from_secs(10));
        let announced = started.iter().filter_map(|frame| {
            let packet = Packet::of(frame)?;
            (packet.message() == Some(ADVERTISEMENT)).then(|| packet.source())
        });
        let local = announced.into_iter().find(Ipv6Addr::is_unicast_link_local);
        let local = local.expect("it announces its addresses");
        for peer in [PEER, GATEWAY] {
            let rest = targeted(0, US, &mac_option(SOURCE_MAC, PEER_MAC));
            let asks = discovery(peer, solicited_node(US), SOLICITATION, &rest);
            assert_eq!(tower.hears(&to_us(&asks)).len(), 1, "{peer} is not answered");
        }
        test(&mut tower, local)
    })
}

/// The layers of IPv6.
enum OverIpv6 {}

impl Stack for OverIpv6 {
    type Over<'g, L: Link> = Icmpv6<Ipv6<'g, Ndp<'g, L>>>;

    fn over<'g, L: Link>(link: L, core: Core, memory: &'g Region<'_>) -> Self::Over<'g, L> {
        let cidr = format!("{US}/64").parse().expect("an address and its prefix");
        let ndp = Ndp::new(link, cidr, 7, memory).expect("there is room");
        let mut ndp = ndp.with_detection(false);
        ndp.set_gateway(Some(GATEWAY));
        let ipv6 = Ipv6::new(ndp, 1 + core.index() as u128, memory).expect("there is room");
        // Linux was told to limit none either.
        Icmpv6::new(ipv6, 7).with_error_rate(1 << 20, 1 << 20)
    }
}
