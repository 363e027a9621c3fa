//! What the fuzzer does with an input. The targets in `fuzz` call this, and so does a plain test.

mod arguments;
pub(crate) mod authority;
pub(crate) mod dhcp;
pub(crate) mod dns;
mod http;
mod input;
mod ipv6;
pub(crate) mod ndp;
mod parsers;
mod reassembly;
mod requests;
pub(crate) mod sntp;
mod start_info;
mod tap;
mod tasks;
mod tcp_segment;
mod tower;
mod xenstore;

pub(crate) use input::Input;

/// What an input is for.
pub(crate) type Target = fn(&[u8]);

/// Every target, by the name that it has in `fuzz`.
pub(crate) const TARGETS: [(&str, Target); 21] = [
    ("arguments", arguments::run),
    ("arp", parsers::arp),
    ("authority", authority::run),
    ("dhcp", dhcp::run),
    ("dns", dns::run),
    ("ethernet", parsers::ethernet),
    ("http", http::run),
    ("icmp", parsers::icmp),
    ("ipv4", parsers::ipv4),
    ("ipv6", ipv6::run),
    ("ndp", ndp::run),
    ("reassembly", reassembly::run),
    ("requests", requests::run),
    ("sntp", sntp::run),
    ("start_info", start_info::run),
    ("tap", tap::run),
    ("tasks", tasks::run),
    ("tcp_segment", tcp_segment::run),
    ("tower", tower::run),
    ("udp", parsers::udp),
    ("xenstore", xenstore::run),
];

/// Runs the target of this name.
pub(crate) fn run(name: &str, input: &[u8]) {
    let target = TARGETS.iter().find(|(known, _)| *known == name);
    let (_, run) = target.unwrap_or_else(|| panic!("there is no target {name}"));
    run(input);
}
