//! Duplicate address detection that is attacked: somebody has every address that is looked for (RFC 3756 4.1.3).

use std::{
    net::Ipv6Addr,
    time::{Duration, Instant},
};

use lab::soak::{
    attacks::ipv6::Target,
    frames::ipv6::{ALL_NODES, TARGET_MAC, discovery, mac_option, targeted},
};

use super::{
    bed::{ARGUMENT, HOST, SERVICE, echo, in_network, ip, target_at},
    client::served,
    puppet::{Puppet, ROUTER_LIFETIME, advertises, probed, solicits_routers},
};

/// How long an address and three others may take to be looked for: a second before each and one after it, and some time.
const SEARCH: Duration = Duration::from_secs(20);
/// The most addresses that are tried: the first and three others (RFC 7217 5).
const TRIES: usize = 4;

/// The frame in which an attacker says that it has an address.
fn claims(target: &Target, address: Ipv6Addr) -> Vec<u8> {
    let rest = targeted(0x20, address, &mac_option(TARGET_MAC, target.evil()));
    target.frame(target.evil(), &discovery(address, ALL_NODES, 136, &rest))
}

/// The program ends after a bounded number of tries, and says which address is in use, and by which station.
pub(crate) fn an_answer_to_every_probe_is_said(cores: usize) {
    let echo = echo(cores);
    for (argument, tries) in [(ARGUMENT, 1), ("--ipv6=auto", TRIES)] {
        in_network(cores, |lab| {
            let target = target_at(SERVICE);
            let start = Instant::now();
            let claim = |frame: &[u8]| {
                let address = probed(frame)?;
                (argument != ARGUMENT || address == SERVICE).then(|| claims(&target, address))
            };
            let (output, answered) = Puppet::answers(claim, || {
                let several = format!("--cores={cores}");
                let args = if cores > 1 { vec![argument, &several] } else { vec![argument] };
                lab.command(&echo, args).output().expect("it can be started")
            });
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{said}");
            assert!(said.contains("is in use by the station 02:bd:00:00:00:01"), "{said}");
            println!("{argument}: {answered} probes, {} ms: {said}", start.elapsed().as_millis());
            assert_eq!(answered, tries, "{said}");
            assert!(start.elapsed() < SEARCH, "it took {:?}", start.elapsed());
        });
    }
}

/// Somebody has all addresses with a router's prefix: they are given up, and the service is there at its address of the link and over
/// IPv4.
pub(crate) fn an_answer_to_every_probe_of_a_prefix_ends(cores: usize) {
    let echo = echo(cores);
    in_network(cores, |lab| {
        let target = target_at(SERVICE);
        let answer = |frame: &[u8]| {
            if solicits_routers(frame) {
                return Some(advertises(&target, ROUTER_LIFETIME));
            }
            let address = probed(frame)?;
            (!address.is_unicast_link_local()).then(|| claims(&target, address))
        };
        let (service, _) = Puppet::answers(answer, || {
            let (service, site) = lab::soak::start(lab, &echo, cores, &["--ipv6=auto"], |_| ())
                .unwrap_or_else(|error| panic!("{error:#}"));
            let start = Instant::now();
            let counter = |name: &str| site.counters().expect("it tells")[name];
            while counter("ndp.given_up") == 0 {
                assert!(start.elapsed() < SEARCH, "the addresses are not given up");
                std::thread::sleep(Duration::from_millis(200));
            }
            // Each core hears the answers, and counts them.
            assert_eq!(counter("ndp.duplicates") as usize, TRIES * cores);
            site.serve_good_client(1).unwrap_or_else(|error| panic!("{error:#}"));
            let (status, lines) = service.stop().expect("it ends");
            assert!(status.success(), "{status}: {lines:#?}");
            lines
        });
        println!("{:?}", service.iter().find(|line| line.starts_with("serving")));
    });
}

/// Who was told not to look for duplicates has its address, whatever others say.
pub(crate) fn who_does_not_look_is_served(cores: usize) {
    let echo = echo(cores);
    in_network(cores, |lab| {
        ip(&format!("-6 address add {HOST}/64 dev tap0 nodad"));
        let target = target_at(SERVICE);
        let claim = |frame: &[u8]| probed(frame).map(|address| claims(&target, address));
        let (_, answered) = Puppet::answers(claim, || {
            let arguments = [ARGUMENT, "--ipv6-dad=off"];
            let (service, _) = lab::soak::start(lab, &echo, cores, &arguments, |_| ())
                .unwrap_or_else(|error| panic!("{error:#}"));
            served(SERVICE, 1).expect("it has its address");
            assert!(service.stop().expect("it ends").0.success());
        });
        assert_eq!(answered, 0, "it has looked for others");
    });
}
