//! That something does not exist (RFC 2308).

use super::*;

#[test]
fn a_name_that_does_not_exist_is_none_for_as_long_as_its_zone_says() {
    for (ttl, minimum, kept) in
        [(60, 900, 60), (900, 60, 60), (0, 60, 0), (u32::MAX, u32::MAX, 10_800)]
    {
        let mut bench = Bench::new("a.example", 1);
        let sent = bench.sent();
        bench.respond(&sent, RESPONSE | Rcode::NAME_ERROR.0, &[soa("example", ttl, minimum)]);
        assert_eq!(bench.failed(), (ResolveError::NoSuchName, Some(kept)));
    }
}

#[test]
fn a_name_without_an_address_has_none_for_as_long_as_its_zone_says() {
    let mut bench = Bench::new("a.example", 1);
    let sent = bench.sent();
    let aaaa = Data::Aaaa("2001:db8::1".parse().unwrap());
    let other = (Section::Answer, "a.example", 60, RecordType::AAAA, aaaa);
    bench.respond(&sent, RESPONSE, &[other, soa("a.example", 60, 50)]);
    assert_eq!(bench.failed(), (ResolveError::NoAddress, Some(50)));
}

/// RFC 2308 5.
#[test]
fn without_the_start_of_the_zone_it_is_not_kept() {
    for (rcode, error) in
        [(Rcode::NAME_ERROR, ResolveError::NoSuchName), (Rcode::NO_ERROR, ResolveError::NoAddress)]
    {
        for rows in [&[][..], &[soa("example.org", 60, 60)], &[soa("b.a.example", 60, 60)]] {
            let mut bench = Bench::new("a.example", 1);
            let sent = bench.sent();
            bench.respond(&sent, RESPONSE | rcode.0, rows);
            assert_eq!(bench.failed(), (error, None));
        }
    }
}

/// RFC 2308 2.1: the status is about the last name.
#[test]
fn an_alias_may_lead_to_nothing() {
    let target = name("b.example.org");
    let alias = (Section::Answer, "a.example", 30, RecordType::CNAME, Data::Cname(target.view()));
    for (rcode, error) in
        [(Rcode::NAME_ERROR, ResolveError::NoSuchName), (Rcode::NO_ERROR, ResolveError::NoAddress)]
    {
        let mut bench = Bench::new("a.example", 1);
        let sent = bench.sent();
        bench.respond(&sent, RESPONSE | rcode.0, &[alias, soa("example.org", 60, 60)]);
        assert_eq!(bench.failed(), (error, Some(30)));
    }
    // The zone of the alias is not that of what it leads to.
    let mut bench = Bench::new("a.example", 1);
    let sent = bench.sent();
    bench.respond(&sent, RESPONSE | Rcode::NAME_ERROR.0, &[alias, soa("a.example", 60, 60)]);
    assert_eq!(bench.failed(), (ResolveError::NoSuchName, None));
    // In several responses, the first alias counts too.
    let mut bench = Bench::new("a.example", 1);
    let sent = bench.sent();
    bench.respond(&sent, RESPONSE, &[alias]);
    let sent = bench.sent();
    bench.respond(&sent, RESPONSE | Rcode::NAME_ERROR.0, &[soa("example.org", 60, 60)]);
    assert_eq!(bench.failed(), (ResolveError::NoSuchName, Some(30)));
}

/// RFC 2308 2.2.1: what is no referral, because the server is an authority.
#[test]
fn an_authority_that_names_its_servers_has_answered() {
    let mut bench = Bench::new("a.example", 2);
    let sent = bench.sent();
    let ns = name("ns.example");
    let row = (Section::Authority, "example", 60, RecordType::NS, Data::Ns(ns.view()));
    bench.respond(&sent, RESPONSE | Flags::AUTHORITATIVE, &[row]);
    assert_eq!(bench.failed(), (ResolveError::NoAddress, None));
}
