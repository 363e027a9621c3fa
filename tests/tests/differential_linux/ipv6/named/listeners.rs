//! Queries for listeners of groups (RFC 9777, RFC 2710).

use std::{net::Ipv6Addr, time::Duration};

use lab::soak::frames::ipv6::{ALL_NODES, ICMPV6, Ipv6, icmpv6, listener, options, solicited_node};

use super::{Case, case};
use crate::differential_linux::ipv6::{
    compare::Step,
    frames::{GATEWAY, GROUP, PEER, US, to_us},
};

const QUERY: u8 = 130;

/// What follows the first 4 bytes of a query of version 2: the longest delay in milliseconds, the group, and sources.
fn query(delay: u16, group: Ipv6Addr, sources: &[Ipv6Addr]) -> Vec<u8> {
    let mut rest = [&delay.to_be_bytes()[..], &[0, 0], &group.octets()].concat();
    rest.extend([2, 125]);
    rest.extend((sources.len() as u16).to_be_bytes());
    sources.iter().for_each(|source| rest.extend(source.octets()));
    rest
}

pub(super) fn cases() -> Vec<Case> {
    let any = Ipv6Addr::UNSPECIFIED;
    let general = query(1, any, &[]);
    let group = solicited_node(US);
    let from =
        |source, destination, rest: &[u8]| to_us(&listener(source, destination, QUERY, rest));
    let bare = |hop_limit, next, headers: &[u8]| {
        let header = Ipv6 { hop_limit, ..Ipv6::new(GATEWAY, ALL_NODES, next) };
        let message = icmpv6(GATEWAY, ALL_NODES, (QUERY, 0), &general);
        to_us(&header.packet(&[headers, &message].concat()))
    };
    let alert = options(ICMPV6, &[5, 2, 0, 0]);
    let other_alert = options(ICMPV6, &[5, 2, 0, 1]);
    let queries = [
        ("a query", from(GATEWAY, ALL_NODES, &general)),
        ("a query for a group of ours", from(GATEWAY, group, &query(1, group, &[]))),
        ("a query for a group of ours, to us", from(GATEWAY, US, &query(1, group, &[]))),
        ("a query for another group", from(GATEWAY, GROUP, &query(1, GROUP, &[]))),
        ("a query for sources", from(GATEWAY, group, &query(1, group, &[PEER]))),
        ("a query for what is no group", from(GATEWAY, ALL_NODES, &query(1, PEER, &[]))),
        ("a query for all nodes", from(GATEWAY, ALL_NODES, &query(1, ALL_NODES, &[]))),
        ("a query of a host elsewhere", from(PEER, ALL_NODES, &general)),
        ("a query of nobody", from(any, ALL_NODES, &general)),
        ("a query of version 1", from(GATEWAY, ALL_NODES, &general[..20])),
        ("a query of version 1 for a group", from(GATEWAY, group, &query(1, group, &[])[..20])),
        ("a query of 25 bytes", from(GATEWAY, ALL_NODES, &general[..21])),
        ("a query of 23 bytes", from(GATEWAY, ALL_NODES, &general[..19])),
        ("a query of 40 bytes", from(GATEWAY, ALL_NODES, &[&general[..], &[0; 12]].concat())),
        ("a query with sources that are not there", {
            let mut rest = query(1, group, &[]);
            rest[23] = 9;
            from(GATEWAY, group, &rest)
        }),
        ("a query with hop limit 2", bare(2, 0, &alert)),
        ("a query with hop limit 255", bare(255, 0, &alert)),
        ("a query without an alert", bare(1, ICMPV6, &[])),
        ("a query with another alert", bare(1, 0, &other_alert)),
    ];
    let slow = |(name, frame): (&str, Vec<u8>)| {
        // A report is due within a millisecond, and Linux' timer has its own steps.
        let (ours, theirs) = (Duration::from_millis(500), Duration::from_millis(150));
        let steps = vec![Step::Slow(frame, ours, theirs)];
        Case { steps, ..case(name, []) }.alone()
    };
    queries.into_iter().map(slow).collect()
}
