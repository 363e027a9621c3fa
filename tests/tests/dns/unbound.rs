//! unbound, a resolver that asks the service for its zones (a "stub zone").

use lab::Lab;

use super::bed::{ADDRESS, DIG, counter, dig, records, with_dns};
use crate::unbound::{UNBOUND, Unbound};

/// Starts it on port 5300 of the client's address, with these further lines in its section `server`.
fn start(options: &str) -> Unbound {
    let zones = ["example.org", "2.0.192.in-addr.arpa"].map(|zone| {
        format!("stub-zone:\n name: \"{zone}\"\n stub-addr: {ADDRESS}\n stub-prime: no\n")
    });
    let options = format!(
        "do-ip6: no\n qname-minimisation: yes\n use-caps-for-id: yes\n harden-referral-path: no\n \
         local-zone: \"2.0.192.in-addr.arpa\" nodefault\n {options}"
    );
    Unbound::start("10.0.0.1@5300", &options, &zones.concat())
}

/// What it finds, and how it says that there is nothing.
fn ask_everything() {
    let ask = |question: &str| dig(&format!("@10.0.0.1 -p 5300 {question}"));
    for (question, row) in [
        ("www.example.org A", "A 192.0.2.80"),
        ("www.example.org AAAA", "AAAA 2001:db8::80"),
        ("web.example.org A", "A 192.0.2.80"),
        ("example.org MX", "MX 10 mail.example.org."),
        ("example.org TXT", "TXT \"v=spf1 mx -all\""),
        ("example.org NS", "NS ns2.example.org."),
        (
            "example.org SOA",
            "SOA ns1.example.org. hostmaster.example.org. 2026113001 3600 900 604800 300",
        ),
        ("-x 192.0.2.80", "PTR www.example.org."),
        ("eve.people.example.org A", "A 192.0.2.81"),
        ("a.b.people.example.org MX", "MX 10 mail.example.org."),
    ] {
        let said = ask(question);
        assert!(said.contains("status: NOERROR"), "{question}: {said}");
        assert!(records(&said).iter().any(|line| line.ends_with(row)), "{question}: {said}");
    }
    assert_eq!(records(&ask("pool.example.org A")).len(), 32);
    for (question, status) in [
        ("nothing.example.org A", "NXDOMAIN"),
        ("www.example.org MX", "NOERROR"),
        ("people.example.org A", "NOERROR"),
    ] {
        let said = ask(question);
        assert!(said.contains(&format!("status: {status}")), "{question}: {said}");
        assert!(said.contains("ANSWER: 0, AUTHORITY: 1"), "{question}: {said}");
    }
    // For as long as the zone says: five minutes (RFC 2308 5).
    let said = records(&ask("nothing.example.org A"));
    let ttl: u32 = said[0].split(' ').nth(1).expect("a time").parse().expect("a number");
    assert!((200..=300).contains(&ttl), "{said:?}");
}

pub(crate) fn a_resolver_finds_everything() {
    with_dns(&[DIG, UNBOUND], &[], |lab| {
        let server = start("");
        ask_everything();
        finish(lab, &server);
        assert!(counter(lab, "eth0.dns.datagrams") > 10);
    });
}

/// All that it asks, it asks by TCP.
pub(crate) fn a_resolver_over_tcp() {
    with_dns(&[DIG, UNBOUND], &[], |lab| {
        let server = start("tcp-upstream: yes");
        ask_everything();
        finish(lab, &server);
        assert_eq!(counter(lab, "eth0.dns.datagrams"), 0);
        assert!(counter(lab, "eth0.dns.messages") > 10);
    });
}

/// It had nothing to complain about.
fn finish(lab: &Lab, server: &Unbound) {
    for words in ["malformed", "lame", "FORMERR"] {
        assert!(!server.said(words), "{words}");
    }
    let names = ["malformed", "refused", "not_implemented", "limited"];
    let counted = names.map(|name| counter(lab, &format!("eth0.dns.{name}")));
    assert_eq!(counted, [0; 4]);
}
