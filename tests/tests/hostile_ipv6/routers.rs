//! Routers that are forged, against a service that has its address from one (RFC 3756 4.2).

use std::{net::Ipv6Addr, time::Duration};

use lab::soak::{
    attacks::ipv6::{self, Target},
    frames::ipv6::{ALL_NODES, SOURCE_MAC, discovery, mac_option, prefix_option, router},
};
use testkit::Random;

use super::{
    bed::{HOST, SERVICE, assert_bounded, echo, in_network, ip, memory, target, target_at},
    client::{served, served_during},
    puppet::{PREFIX, Puppet, ROUTER, ROUTER_LIFETIME, advertises, solicits_routers},
};
use crate::hostile::held::free;

/// How long addresses may take to be formed and looked for duplicates of.
const FORMED: Duration = Duration::from_secs(4);

/// In the router's name: it is none, its prefix is over, packets go one hop.
fn ends_all(target: &Target) -> Vec<u8> {
    let prefix = prefix_option(PREFIX, (64, 0xc0), (0, 0));
    let options = [mac_option(SOURCE_MAC, target.host_mac), prefix].concat();
    let rest = router(1, 0, 0, &options);
    target.frame(target.evil(), &discovery(ROUTER, ALL_NODES, 134, &rest))
}

/// The address that comes from the router is kept for two hours at least (RFC 4862 5.5.3 (e)), and the client is served at it while
/// thousands of others say what they want; the addresses that are made of their prefixes are few.
pub(crate) fn a_forged_router_takes_no_address(cores: usize) {
    let echo = echo(cores);
    in_network(cores, |lab| {
        ip(&format!("-6 address add {HOST}/64 dev tap0 nodad"));
        ip(&format!("-6 address add {ROUTER}/64 dev tap0 nodad"));
        let at = target_at(SERVICE);
        let answer =
            |frame: &[u8]| solicits_routers(frame).then(|| advertises(&at, ROUTER_LIFETIME));
        Puppet::answers(answer, || {
            let (service, site) = lab::soak::start(lab, &echo, cores, &["--ipv6=auto"], |_| ())
                .unwrap_or_else(|error| panic!("{error:#}"));
            let lines = service.lines();
            let line = lines.iter().find(|line| line.starts_with("serving")).expect("it serves");
            let address: Ipv6Addr = line
                .split(" at ")
                .nth(1)
                .and_then(|rest| rest.split('/').next()?.parse().ok())
                .unwrap_or_else(|| panic!("no address of IPv6: {line}"));
            assert_eq!(address.segments()[..4], PREFIX.segments()[..4], "{line}");
            let target = target(&site, address);
            served(address, 1).expect("nobody disturbs");
            let before = memory(&site);

            // Without its prefix the link is not known, nor a way off it (RFC 4861 6.3.4): until the router speaks again, nobody is served.
            site.send(&vec![ends_all(&target); 1000]).unwrap_or_else(|error| panic!("{error:#}"));
            site.send(&[advertises(&target, ROUTER_LIFETIME)]).unwrap_or_else(|e| panic!("{e:#}"));
            served(address, 1).expect("the address is kept");
            let many = ipv6::all().into_iter().find(|attack| attack.name == "ra_of_many_routers");
            let frames = (many.expect("it is there").frames)(&target, &mut Random::new(1));
            served_during(address, &frames, "many routers");
            std::thread::sleep(FORMED);
            served(address, 2).expect("the address is kept");
            let counters = site.counters().expect("it tells");
            // Each address is looked for duplicates of once, and announced, as each core counts for itself.
            let formed = counters["ndp.announcements_tx"] / cores as u64;
            println!(
                "{formed} addresses were formed in all, {} routers, prefixes and addresses had no place",
                counters["ndp.lists_full"]
            );
            assert!((2..=8).contains(&formed) && counters["ndp.lists_full"] > 1000);
            assert_bounded(&memory(&site), "forged routers");
            assert_eq!(free(&memory(&site)), free(&before), "the addresses take pages");
            let (status, lines) = service.stop().expect("it ends");
            assert!(status.success(), "{status}: {lines:#?}");
        });
    });
}
