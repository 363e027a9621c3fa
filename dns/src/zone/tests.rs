use std::{
    borrow::ToOwned as _,
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};

use proptest::prelude::*;
use rt_regions::Region;
use testkit::with_pool;

use super::*;
use crate::wire::Data;

/// What a zone has to begin with.
const TOP: &str =
    "$ORIGIN example.org.\n$TTL 1h\n@ SOA ns1 host 1 2 3 4 5\n@ NS ns1\nns1 A 192.0.2.1\n";

/// A zone of the top, and of these lines, the first of which is the sixth.
fn records(lines: &str) -> Vec<String> {
    let text = format!("{TOP}{lines}");
    with_pool(64, |pool| {
        let region = Region::new(pool, "zone");
        let zone = Zone::parse(&text, &region).unwrap_or_else(|error| panic!("{error}"));
        zone.records.iter().map(shown).collect()
    })
}

/// A record in a line, with its name, its time to live, its type and its data.
fn shown(record: &Record<'_>) -> String {
    let name = path::to_name(record.path);
    let data = match record.data().unwrap() {
        Data::A(address) => address.to_string(),
        Data::Aaaa(address) => address.to_string(),
        Data::Cname(name) | Data::Ns(name) | Data::Ptr(name) => name.to_string(),
        Data::Mx(preference, name) => format!("{preference} {name}"),
        Data::Txt(texts) => {
            let texts = texts.iter().map(|text| format!("\"{}\"", text.escape_ascii()));
            texts.collect::<Vec<_>>().join(" ")
        }
        Data::Soa(soa) => format!(
            "{} {} {} {} {} {} {}",
            soa.server, soa.mailbox, soa.serial, soa.refresh, soa.retry, soa.expire, soa.minimum
        ),
        other => format!("{other:?}"),
    };
    format!("{name} {} {} {data}", record.ttl, record.kind)
}

/// The record that these lines add to the top, written in one line.
fn added(lines: &str) -> String {
    let top = records("");
    let mut all = records(lines);
    all.retain(|line| !top.contains(line));
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

/// What is said of a text.
fn error_of(text: &str) -> String {
    with_pool(64, |pool| {
        let region = Region::new(pool, "zone");
        Zone::parse(text, &region).map(|_| ()).unwrap_err().to_string()
    })
}

/// What is said of these lines after the top.
fn error(lines: &str) -> String {
    error_of(&format!("{TOP}{lines}"))
}

#[test]
fn each_type_is_read() {
    for (line, record) in [
        ("www A 192.0.2.7", "www.example.org 3600 A 192.0.2.7"),
        ("www AAAA 2001:DB8::7", "www.example.org 3600 AAAA 2001:db8::7"),
        ("web CNAME www", "web.example.org 3600 CNAME www.example.org"),
        ("@ MX 10 ns1", "example.org 3600 MX 10 ns1.example.org"),
        ("@ NS ns.example.net.", "example.org 3600 NS ns.example.net"),
        ("7 PTR www.example.net.", "7.example.org 3600 PTR www.example.net"),
        (r#"@ TXT "v=spf1 -all" two "" "#, r#"example.org 3600 TXT "v=spf1 -all" "two" """#),
    ] {
        assert_eq!(added(line), record, "{line}");
    }
    assert_eq!(records("")[1], "example.org 3600 SOA ns1.example.org host.example.org 1 2 3 4 5");
}

/// RFC 1035 5.1.
#[test]
fn the_parts_of_a_line_may_be_left_out_or_change_places() {
    for line in [
        "www 300 IN A 192.0.2.7",
        "www IN 300 A 192.0.2.7",
        "www 300 A 192.0.2.7",
        "WWW.example.ORG. 5m in a 192.0.2.7 ; a comment",
        "$TTL 300\nwww A 192.0.2.7",
        "\t\n  ; nothing but a comment\n\nwww 0h5m A\t192.0.2.7\r\n",
        "www 300 ( IN ; a comment ) \n\n A\n192.0.2.7 )",
        "$ORIGIN www\n@ 300 A 192.0.2.7",
        "$ORIGIN org.\nwww.example 300 A 192.0.2.7",
        r"w\119\w 300 A 192.0.2.7",
        "\"www\" 300 A \"192.0.2.7\"",
    ] {
        assert_eq!(added(line).to_lowercase(), "www.example.org 300 a 192.0.2.7", "{line}");
    }
}

/// RFC 1035 5.1: a line that begins with a space has the name of the record before; RFC 2308 4: `$TTL`, and else its time.
#[test]
fn what_a_line_does_not_have_is_that_of_the_line_before() {
    let all = records("www A 192.0.2.7\n 9 MX 1 ns1\n\t7 TXT x\n AAAA 2001:db8::7");
    assert_eq!(
        all[3..],
        [
            "www.example.org 3600 A 192.0.2.7",
            "www.example.org 9 MX 1 ns1.example.org",
            "www.example.org 7 TXT \"x\"",
            "www.example.org 3600 AAAA 2001:db8::7",
        ]
    );
    let text = "a. 9 SOA b. c. 1 2 3 4 5\n NS b.\n 7 TXT x\n MX 1 b.";
    with_pool(64, |pool| {
        let region = Region::new(pool, "zone");
        let zone = Zone::parse(text, &region).unwrap();
        let times: Vec<_> = zone.records.iter().map(|record| (record.kind, record.ttl)).collect();
        let kinds = [RecordType::NS, RecordType::SOA, RecordType::MX, RecordType::TXT];
        assert_eq!(times, Vec::from_iter(kinds.into_iter().zip([9, 9, 7, 7])));
    });
}

/// RFC 1035 5.1.
#[test]
fn a_backslash_takes_the_meaning_away() {
    assert_eq!(
        added(r#"@ TXT "a\"b\\c\010" d\ e\;f "#),
        r#"example.org 3600 TXT "a\"b\\c\n" "d e;f""#
    );
    assert_eq!(added(r"a\.b A 192.0.2.7"), r"a\046b.example.org 3600 A 192.0.2.7");
    assert_eq!(added(r"\@ A 192.0.2.7"), "@.example.org 3600 A 192.0.2.7");
    assert_eq!(added(r"*.\042 A 192.0.2.7"), "*.*.example.org 3600 A 192.0.2.7");
}

#[test]
fn times_have_units() {
    for (text, seconds) in [
        ("0", 0),
        ("1w2d3h4m5s", 788_645),
        ("1H30M", 5400),
        ("2147483647", 2_147_483_647),
        ("1h7", 3607),
    ] {
        assert_eq!(values::time(text), Ok(seconds), "{text}");
    }
    for text in ["", "h", "1x", "2147483648", "1hh", "4000w", "-1", "99999999999999999999"] {
        assert!(values::time(text).is_err(), "{text}");
    }
}

#[test]
fn what_is_wrong_is_said_with_its_line_and_what_would_be_right() {
    for (line, said) in [
        ("www A 192.0.2.256", "\"192.0.2.256\": expected an IPv4 address, such as 192.0.2.7"),
        ("www A", "the line ends: expected an IPv4 address, such as 192.0.2.7"),
        ("www AAAA ::g", "\"::g\": expected an IPv6 address, such as 2001:db8::7"),
        (
            "www SRV 0 0 80 x",
            "\"SRV\": expected one of the types A, AAAA, CNAME, MX, NS, PTR, SOA and TXT",
        ),
        ("www", "the line ends: expected a type and its data, such as A 192.0.2.7"),
        ("www CH A 192.0.2.7", "\"CH\": expected the class IN, or none"),
        (
            "www 1x A 192.0.2.7",
            "\"1x\": expected a time such as 3600, 1h or 1d12h, 2147483647 seconds at most",
        ),
        (
            "www A 192.0.2.7 x",
            "\"x\": expected the end of the line, or a semicolon before a comment",
        ),
        ("@ MX mail", "\"mail\": expected a preference from 0 to 65535, and a name"),
        ("@ MX 10", "the line ends: expected the name of a mail server"),
        ("@ TXT", "the line ends: expected texts of 255 bytes at most, such as \"v=spf1 -all\""),
        ("a..b A 192.0.2.7", "\"a..b\": expected a name with labels of 1 to 63 bytes, 255 in all"),
        (
            r"a\256 A 192.0.2.7",
            "\"a\\256\": expected a name with labels of 1 to 63 bytes, 255 in all",
        ),
        ("bücher A 192.0.2.7", "\"bücher\": expected the name in ASCII, with xn--"),
        (
            "$INCLUDE x",
            "\"$INCLUDE\": expected $ORIGIN or $TTL: files are not included, and nothing is generated",
        ),
        ("$TTL", "the line ends: expected a time to live, such as 1h"),
        ("www ( A 192.0.2.7", "the parenthesis is not closed"),
        ("www ( A ( 192.0.2.7 ))", "a parenthesis opens inside of another one"),
        ("www A 192.0.2.7 )", "a parenthesis closes that was not opened"),
        ("@ TXT \"x", "a text in quotes does not end in its line"),
        ("@ TXT \"x\\", "a text in quotes does not end in its line"),
        ("@ TXT x\\", "nothing follows a backslash that it can stand before"),
        ("www.example.net. A 192.0.2.7", "the name is not within the zone"),
        ("@ SOA ns1 host 2 2 3 4 5", "a zone has one SOA, which is in line 3"),
        ("ns1 CNAME www", "a name with a CNAME has nothing else: there is one in line 5"),
        ("ns1 A 192.0.2.1", "the record is there already in line 5"),
        (
            "ns1 7 A 192.0.2.2",
            "records of one name and type have one time to live: another one is in line 5",
        ),
        ("@ NS ns2", "the server has no address: expected an A or AAAA record of its name"),
        ("@ MX 1 ns2", "the server has no address: expected an A or AAAA record of its name"),
        ("sub NS ns.sub", "the server has no address: expected an A or AAAA record of its name"),
        ("*.x NS ns1", "a wildcard has no NS"),
        ("a CNAME a", "more than 8 aliases follow each other from here, or lead back"),
    ] {
        assert_eq!(error(line), format!("line 6: {said}"), "{line}");
    }
    let alias = "the name of a server is not an alias, which it is in line 7";
    assert_eq!(error("@ MX 1 m\nm CNAME ns1"), format!("line 6: {alias}"));
    let other = "a name with a CNAME has nothing else: there is one in line 6";
    assert_eq!(error("a CNAME b\na CNAME c"), "line 7: a name has one CNAME, which is in line 6");
    assert_eq!(error("a CNAME b\n TXT c"), format!("line 7: {other}"));
    // The line of what is wrong, in parentheses too.
    assert!(error("www (\nA ; x\n\n192.0.2 )").starts_with("line 9: \"192.0.2\""));
    assert!(error("w ( A ; x\n").starts_with("line 6: the parenthesis"));
}

#[test]
fn a_text_without_what_a_zone_needs_is_refused() {
    for (text, said) in [
        (
            "",
            "line 1: the first record of a zone is its SOA: expected @ SOA ns1 hostmaster 1 1h 15m 1w 5m",
        ),
        (
            "a. 1 A 192.0.2.1",
            "line 1: the first record of a zone is its SOA: expected @ SOA ns1 hostmaster 1 1h 15m 1w 5m",
        ),
        (
            "a. 1 SOA b. c. 1 2 3 4 5",
            "line 1: the name of the zone has no NS: expected one at least",
        ),
        (
            "@ 1 SOA b. c. 1 2 3 4 5",
            "line 1: a name without a dot at its end: expected a line \"$ORIGIN example.org.\" before",
        ),
        ("a. SOA b. c. 1 2 3 4 5", "line 1: no time to live: expected a line \"$TTL 1h\" before"),
        (
            "\n 1 A 192.0.2.1",
            "line 2: a line that begins with a space has the name of the record before: there is none",
        ),
    ] {
        assert_eq!(error_of(text), said, "{text}");
    }
}

/// Each record fits into a message of a transfer, and each answer into one by TCP.
#[test]
fn what_belongs_together_is_not_too_long() {
    let texts = |count| format!("a TXT {}\n", format!("\"{}\" ", "x".repeat(255)).repeat(count));
    assert_eq!(records(&texts(8)).len(), 4);
    let said = "line 6: the data of the record has more than 2048 bytes";
    assert_eq!(error(&texts(9)), said);
    assert!(error(&format!("a TXT {}", "x".repeat(256))).contains("expected texts of 255 bytes"));
    let set =
        |count| (0..count).map(|n| texts(7).replace("\n", &format!(" {n}\n"))).collect::<String>();
    assert_eq!(records(&set(4)).len(), 7);
    let said = error(&set(5));
    assert!(
        said.ends_with("the records of this name and type take more than 8192 bytes"),
        "{said}"
    );
}

#[test]
fn a_zone_without_memory_is_refused() {
    let line = |number| format!("h{number} A 192.0.2.{}\n", number % 256);
    let text = TOP.to_owned() + &(0..1000).map(line).collect::<String>();
    with_pool(8, |pool| {
        let region = Region::new(pool, "zone");
        let said = Zone::parse(&text, &region).map(|_| ()).unwrap_err().to_string();
        assert!(said.starts_with("line 1: out of memory: region zone"), "{said}");
    });
    with_pool(64, |pool| {
        let region = Region::new(pool, "zone");
        assert_eq!(Zone::parse(&text, &region).unwrap().len(), 1003);
        assert!(region.pages() <= 24, "{} pages", region.pages());
    });
}

/// RFC 4034 6.1, with its example.
#[test]
fn names_are_in_canonical_order() {
    let sorted = [
        "example.org.",
        "a.example.org.",
        "yljkjljk.a.example.org.",
        "Z.a.example.org.",
        "zABC.a.EXAMPLE.org.",
        "z.example.org.",
        r"\001.z.example.org.",
        "*.z.example.org.",
        r"\200.z.example.org.",
    ];
    let lines: String = sorted[1..].iter().rev().map(|name| format!("{name} TXT x\n")).collect();
    let names: Vec<_> = records(&lines).into_iter().filter(|line| line.contains("TXT")).collect();
    let names: Vec<_> = names.iter().map(|line| line.split(' ').next().unwrap()).collect();
    let shown: Vec<_> = sorted[1..].iter().map(|name| name.trim_end_matches('.')).collect();
    assert_eq!(names, shown);
}

proptest! {
    /// Any text is a zone, or is refused with a line that it has.
    #[test]
    fn any_text_is_read_or_refused(
        pieces in prop::collection::vec(
            prop_oneof![
                Just("@ "), Just("www "), Just("A "), Just("192.0.2.7"), Just("\n"), Just("("), Just(")"),
                Just("\""), Just("\\"), Just(" "), Just(";"), Just("TXT "), Just("$TTL "), Just("1h "),
                Just("$ORIGIN "), Just("CNAME "), Just("MX 1 "), Just("NS "), Just("*."), Just("é"), Just("\\200"),
                Just("sub.www "), Just("IN "),
            ],
            0..60,
        ),
    ) {
        let text = TOP.to_owned() + &pieces.concat();
        with_pool(16, |pool| {
            let region = Region::new(pool, "zone");
            match Zone::parse(&text, &region) {
                Ok(zone) => assert!(zone.len() >= 3),
                Err(error) => {
                    assert!((1..=text.lines().count() as u32 + 1).contains(&error.line), "{error}: {text}");
                    assert!(!error.to_string().is_empty());
                }
            }
        });
    }

    /// The path of a name is read as the name, and lies within those of the names above.
    #[test]
    fn a_path_is_a_name(labels in prop::collection::vec("[a-zA-Z0-9*_-]{1,20}", 0..8)) {
        let name = values::name(&(labels.join(".") + "."), None).unwrap();
        let path = Path::of(name.view());
        prop_assert_eq!(path::to_name(path.as_bytes()), name);
        for above in 0..labels.len() {
            let above = values::name(&(labels[above..].join(".") + "."), None).unwrap();
            prop_assert!(path::is_within(path.as_bytes(), Path::of(above.view()).as_bytes()));
        }
    }
}
