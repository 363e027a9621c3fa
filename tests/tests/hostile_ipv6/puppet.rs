//! A station that answers what passes the link, and a router among such stations.

use std::{
    net::Ipv6Addr,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use lab::soak::{
    self,
    attacks::ipv6::Target,
    ear::Ear,
    frames::ipv6::{
        ALL_NODES, HEADER, ICMPV6, SOURCE_MAC, discovery, mac_option, prefix_option, router,
    },
    wire::Wire,
};

/// The router of the network, which is the good client's host.
pub(crate) const ROUTER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
/// Its prefix.
pub(crate) const PREFIX: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0);
/// How long it is a router, and its prefix is valid and preferred, in seconds.
pub(crate) const ROUTER_LIFETIME: u32 = 9000;
/// How long nothing is heard before it is looked whether all is over.
const TICK: Duration = Duration::from_millis(20);

/// The message of ICMPv6 in a frame without extension headers.
fn message(frame: &[u8]) -> Option<&[u8]> {
    let packet = frame.get(14..).filter(|packet| packet.first().is_some_and(|it| it >> 4 == 6))?;
    (*packet.get(6)? == ICMPV6).then(|| packet.get(HEADER..))?
}

/// The address that is looked for duplicates of in a frame.
pub(crate) fn probed(frame: &[u8]) -> Option<Ipv6Addr> {
    let message = message(frame).filter(|message| message.first() == Some(&135))?;
    let is_from_nobody = frame.get(22..38)? == [0; 16];
    let target: [u8; 16] = message.get(8..24)?.try_into().ok()?;
    is_from_nobody.then_some(target.into())
}

/// Whether routers are asked for in a frame.
pub(crate) fn solicits_routers(frame: &[u8]) -> bool {
    message(frame).is_some_and(|message| message.first() == Some(&133))
}

/// The frame in which the router says its prefix, which lasts so many seconds.
pub(crate) fn advertises(target: &Target, seconds: u32) -> Vec<u8> {
    let options = [
        mac_option(SOURCE_MAC, target.host_mac),
        prefix_option(PREFIX, (64, 0xc0), (seconds, seconds)),
    ];
    let rest = router(64, 0, seconds as u16, &options.concat());
    target.frame(target.host_mac, &discovery(ROUTER, ALL_NODES, 134, &rest))
}

/// A station on the link.
pub(crate) struct Puppet;

impl Puppet {
    /// Calls `work`, and in the meantime sends what `answer` says to each frame of the service. Gives what `work` gives, and how many
    /// answers there were.
    pub(crate) fn answers<T>(
        mut answer: impl FnMut(&[u8]) -> Option<Vec<u8>> + Send,
        work: impl FnOnce() -> T,
    ) -> (T, usize) {
        let interface = soak::place().interface;
        let mut ear = Ear::open(&interface).expect("frames can be heard");
        let wire = Wire::open(&interface).expect("the interface is there");
        let over = AtomicBool::new(false);
        let is_over = &over;
        thread::scope(|scope| {
            let station = scope.spawn(move || {
                let mut answers = 0;
                while !is_over.load(Ordering::Relaxed) {
                    let Ok(frame) = ear.hear(Instant::now() + TICK) else { break };
                    if let Some(reply) = frame.and_then(|frame| answer(&frame)) {
                        wire.send(&reply).expect("it is sent");
                        answers += 1;
                    }
                }
                answers
            });
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
            over.store(true, Ordering::Relaxed);
            let answers = station.join().expect("it does not panic");
            match result {
                Ok(result) => (result, answers),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }
}
