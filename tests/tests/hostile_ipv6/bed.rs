//! The service, its network, and what its memory may hold.

use std::{
    net::Ipv6Addr,
    path::PathBuf,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use lab::{
    Lab, Service,
    soak::{
        self,
        attacks::ipv6::Target,
        frames::UDP,
        listing::Memory,
        site::{Place, Site},
        wire::Wire,
    },
};

use crate::{
    cores::program_for,
    hostile::held::{free, held},
    site,
};

/// Where the good client is.
pub(crate) const HOST: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
/// Where the service is.
pub(crate) const SERVICE: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2);
pub(crate) const ARGUMENT: &str = "--ipv6=2001:db8::2/64";
/// The most packets that wait for fragments at once (`ipv6::reassembly::Limits`).
const REASSEMBLIES: u32 = 256;
/// How long what waits for a neighbour waits at most, and then some (README of ndp).
const LET_GO: Duration = Duration::from_secs(10);

/// The program of `echo` with IPv6, for so many cores.
pub(crate) fn echo(cores: usize) -> PathBuf {
    program_for(cores, "echo", &["ipv6", "tcp", "dhcp"])
}

pub(crate) fn ip(arguments: &str) {
    let status = Command::new("ip").args(arguments.split(' ')).status().expect("ip can be called");
    assert!(status.success(), "ip {arguments}");
}

/// Calls `test` with a service on so many cores at this address, which is asked for its counters over IPv4.
pub(crate) fn with_service(
    cores: usize,
    args: &[&str],
    test: impl FnOnce(&mut Service<'_>, &Site, &Target) + Send,
) {
    site::with_site(&echo(cores), cores, args, |service, site| {
        ip(&format!("-6 address add {HOST}/64 dev tap0 nodad"));
        let target = target(site, SERVICE);
        test(service, site, &target);
    });
}

/// Calls `test` in a network of its own for a service on so many cores, in which none is.
pub(crate) fn in_network(cores: usize, test: impl FnOnce(&Lab) + Send) {
    lab::in_namespace(soak::network(cores), |lab| {
        lab::quiet(lab).unwrap_or_else(|error| panic!("{error:#}"));
        test(lab);
    })
    .unwrap_or_else(|error| panic!("{error:#}"));
}

/// The service at this address, as a target.
pub(crate) fn target(site: &Site, address: Ipv6Addr) -> Target {
    Target { host_mac: site.target().host_mac, ..target_at(address) }
}

/// The service at this address, which may not run yet.
pub(crate) fn target_at(address: Ipv6Addr) -> Target {
    let Place { mac, port, interface, .. } = soak::place();
    let host_mac = Wire::open(&interface).expect("the interface is there").mac();
    Target { mac, address, port, host_mac, host: HOST }
}

/// The memory, in a state that does not depend on what was sent before: the table of reassembly, where the oldest gives way, is
/// filled with small pieces.
pub(crate) fn settled(site: &Site, target: &Target) -> Memory {
    // A number that no packet had before.
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(1 << 30);
    // Each core puts together the datagrams that it owns by their numbers: about as many as another one.
    let pieces = match site.cores() {
        1 => REASSEMBLIES,
        cores => REASSEMBLIES * 2 * cores as u32,
    };
    let first = NEXT.fetch_add(pieces, std::sync::atomic::Ordering::Relaxed);
    let piece = |number| {
        let packet = target.header(0).fragment(UDP, number, (8, true), &[0; 8]);
        target.frame(target.host_mac, &packet)
    };
    let pieces: Vec<_> = (first..first + pieces).map(piece).collect();
    site.send(&pieces).unwrap_or_else(|error| panic!("{error:#}"));
    memory(site)
}

pub(crate) fn memory(site: &Site) -> Memory {
    site.memory().unwrap_or_else(|error| panic!("{error:#}"))
}

/// Waits until the regions hold what they held before, and as many pages are free.
pub(crate) fn assert_comes_back(site: &Site, target: &Target, before: &Memory, what: &str) {
    let start = Instant::now();
    loop {
        let after = settled(site, target);
        if held(before) == held(&after) && free(before) == free(&after) {
            println!("{what}: all pages are back after {} ms", start.elapsed().as_millis());
            return;
        }
        let (before, after) = (held(before), held(&after));
        assert!(start.elapsed() < LET_GO, "{what}: there were {before:?}, and there are {after:?}");
        thread::sleep(Duration::from_millis(200));
    }
}

/// What waits for others, or is kept of them, is bounded (the READMEs of ndp and ipv6), and most of the pool is free for whoever
/// comes next.
pub(crate) fn assert_bounded(memory: &Memory, what: &str) {
    for memory in memory.of_cores() {
        let pages = memory.pages;
        let mut said = Vec::new();
        for (region, share) in [("ipv6.reassembly", 4), ("ndp-waiting", 8), ("packet", 8)] {
            let most = memory.region(region).most;
            said.push(format!("{region} {most}"));
            assert!(most <= pages / share, "{what}: {region} held {most} of {pages} pages");
        }
        println!("{what}: of {pages} pages the most were: {}", said.join(", "));
        let names = memory.regions.keys().any(|name| name == "(others)");
        assert!(!names && memory.regions.len() < 14, "{what} made new regions: {memory:#?}");
    }
}
