//! `dig`, of BIND 9.

use super::bed::{DIG, counter, dig, records, with_dns};

/// The records of the zone of the service, as `dig` writes them.
const ROWS: &[(&str, &[&str])] = &[
    ("www.example.org A", &["www.example.org. 3600 IN A 192.0.2.80"]),
    ("www.example.org AAAA", &["www.example.org. 3600 IN AAAA 2001:db8::80"]),
    (
        "example.org NS",
        &["example.org. 3600 IN NS ns1.example.org.", "example.org. 3600 IN NS ns2.example.org."],
    ),
    (
        "example.org MX",
        &[
            "example.org. 3600 IN MX 10 mail.example.org.",
            "example.org. 3600 IN MX 20 mail.example.net.",
        ],
    ),
    ("example.org TXT", &["example.org. 3600 IN TXT \"v=spf1 mx -all\""]),
    (
        "example.org SOA",
        &[
            "example.org. 3600 IN SOA ns1.example.org. hostmaster.example.org. 2026113001 3600 900 604800 300",
        ],
    ),
    ("docs.example.org CNAME", &["docs.example.org. 3600 IN CNAME www.example.net."]),
    (
        "web.example.org A",
        &[
            "web.example.org. 3600 IN CNAME www.example.org.",
            "www.example.org. 3600 IN A 192.0.2.80",
        ],
    ),
    ("80.2.0.192.in-addr.arpa PTR", &["80.2.0.192.in-addr.arpa. 3600 IN PTR www.example.org."]),
    ("-x 192.0.2.25", &["25.2.0.192.in-addr.arpa. 3600 IN PTR mail.example.org."]),
    ("eve.people.example.org A", &["eve.people.example.org. 3600 IN A 192.0.2.81"]),
    ("ada.people.example.org A", &["ada.people.example.org. 3600 IN A 192.0.2.82"]),
    ("www.example.org ANY +notcp", &["www.example.org. 3600 IN A 192.0.2.80"]),
];

pub(crate) fn each_type_is_answered() {
    with_dns(&[DIG], &[], |lab| {
        for (question, rows) in ROWS {
            for how in ["+noedns", "+edns=0", "+tcp", "+dnssec"] {
                let said = dig(&format!("{question} {how} +noall +answer"));
                let mut all = records(&said);
                all.sort();
                if !question.contains("+notcp") || how != "+tcp" {
                    assert_eq!(all, *rows, "{question} {how}");
                }
            }
        }
        let said = dig("www.example.org A");
        assert!(said.contains("status: NOERROR"), "{said}");
        assert!(
            said.contains("flags: qr aa rd; QUERY: 1, ANSWER: 1, AUTHORITY: 0, ADDITIONAL: 1"),
            "{said}"
        );
        assert!(said.contains("; EDNS: version: 0, flags:; udp: 1232"), "{said}");
        assert!(
            !said.to_lowercase().contains("malformed") && !said.contains("extra bytes"),
            "{said}"
        );
        assert!(counter(lab, "eth0.dns.messages") >= 12);
    });
}

pub(crate) fn what_is_not_there_is_said() {
    with_dns(&[DIG], &[], |lab| {
        let start = "example.org. 300 IN SOA ns1.example.org. hostmaster.example.org. 2026113001 3600 900 604800 300";
        for (question, status, rows) in [
            ("nothing.example.org A", "NXDOMAIN", &[start][..]),
            ("www.example.org MX", "NOERROR", &[start]),
            ("people.example.org A", "NOERROR", &[start]),
            ("www.example.net A", "REFUSED", &[]),
            ("www.example.org CH TXT", "REFUSED", &[]),
            ("+opcode=NOTIFY example.org SOA", "NOTIMP", &[]),
            ("+edns=1 +noednsnegotiation www.example.org A", "BADVERS", &[]),
            ("example.org AXFR +tcp", "", &[]),
        ] {
            let said = dig(question);
            if !status.is_empty() {
                assert!(said.contains(&format!("status: {status}")), "{question}: {said}");
            } else {
                assert!(said.contains("Transfer failed"), "{said}");
            }
            assert_eq!(records(&said), rows, "{question}");
        }
        let names = ["no_names", "no_data", "refused", "not_implemented"];
        let counted = names.map(|name| counter(lab, &format!("eth0.dns.{name}")));
        assert_eq!(counted, [1, 2, 3, 2]);
    });
}

pub(crate) fn other_servers_are_named() {
    with_dns(&[DIG], &[], |_| {
        let said = dig("host.sub.example.org A");
        assert!(
            said.contains("flags: qr rd; QUERY: 1, ANSWER: 0, AUTHORITY: 2, ADDITIONAL: 2"),
            "{said}"
        );
        assert_eq!(
            records(&said),
            [
                "sub.example.org. 3600 IN NS ns.sub.example.org.",
                "sub.example.org. 3600 IN NS ns.example.net.",
                "ns.sub.example.org. 3600 IN A 192.0.2.54",
            ]
        );
    });
}

/// RFC 6891 6.2.3 to 6.2.5.
pub(crate) fn edns_says_how_long_answers_are() {
    with_dns(&[DIG], &[], |lab| {
        // 32 addresses take 557 bytes with EDNS.
        for (how, is_cut) in [
            ("+noedns", true),
            ("+bufsize=512", true),
            ("+bufsize=556", true),
            ("+bufsize=557", false),
            ("+bufsize=4096", false),
        ] {
            let said = dig(&format!("pool.example.org A +ignore {how}"));
            assert_eq!(
                said.contains("flags: qr aa tc rd") || said.contains("flags: qr tc rd"),
                is_cut,
                "{how}: {said}"
            );
            assert_eq!(records(&said).len(), if is_cut { 0 } else { 32 }, "{how}");
        }
        assert_eq!(counter(lab, "eth0.dns.truncated"), 3);
    });
}

pub(crate) fn long_answers_come_by_tcp() {
    with_dns(&[DIG], &[], |lab| {
        // It asks again by itself.
        let said = dig("pool.example.org A +noedns");
        assert!(said.contains("(TCP)"), "{said}");
        assert_eq!(records(&said).len(), 32);
        let counted = ["truncated", "datagrams", "messages"]
            .map(|name| counter(lab, &format!("eth0.dns.{name}")));
        assert_eq!(counted, [1, 1, 1]);
    });
}

/// RFC 7766 6.2.1.
pub(crate) fn queries_share_a_connection() {
    with_dns(&[DIG], &[], |lab| {
        let question = "www.example.org A mail.example.org A nothing.example.org A example.org NS";
        let said = dig(&format!("+tcp +keepopen {question}"));
        assert_eq!(records(&said).len(), 1 + 1 + 1 + 2 + 3, "{said}");
        assert_eq!(counter(lab, "eth0.tcp.accepted"), 1);
        assert_eq!(counter(lab, "eth0.dns.messages"), 4);
    });
}

/// RFC 5936.
pub(crate) fn zones_are_sent_to_who_is_named() {
    with_dns(&[DIG], &["--transfer-to=10.0.0.1/32"], |lab| {
        let said = dig("example.org AXFR +noidnout");
        let all = records(&said);
        assert!(said.contains("XFR size: 55 records"), "{said}");
        assert_eq!(all.len(), 55);
        assert!(all[0].contains(" SOA ") && all[0] == all[54], "{said}");
        for row in [
            "*.people.example.org. 3600 IN MX 10 mail.example.org.",
            "ns.sub.example.org. 3600 IN A 192.0.2.54",
            "_dmarc.example.org. 3600 IN TXT \"v=DMARC1; p=reject; \"",
        ] {
            assert!(all.iter().any(|line| line == row), "{row}: {said}");
        }
        assert_eq!(records(&dig("2.0.192.in-addr.arpa AXFR")).len(), 7);
        let changes = dig("example.org IXFR=1");
        assert_eq!(records(&changes).len(), 55);
        assert_eq!(counter(lab, "eth0.dns.transfers"), 3);
    });
}
