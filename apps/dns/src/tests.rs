//! The service on a network in memory: no device, no privileges, and no waiting.

mod net;

use std::time::Duration;

use dns::{
    Name,
    wire::{CLASS_IN, Edns, Flags, Message, MessageWriter, Rcode, RecordType, Section},
};
use rt_regions::Region;
use tcp::{Stream, StreamError};

use crate::{
    options::Options,
    stream::{IDLE, SLOW, TRANSFERS},
};
use net::Net;

/// A guest of 2 MiB has so many pages.
const PAGES: usize = 430;

fn query(id: u16, name: &str, kind: RecordType) -> Vec<u8> {
    let (mut buffer, name) = ([0; 512], name.parse::<Name>().unwrap());
    let mut writer = MessageWriter::new(&mut buffer, id, Flags(0)).unwrap();
    writer.question(name.view(), kind, CLASS_IN).unwrap();
    writer.edns(Edns { payload: 1232, version: 0, flags: 0 }, Rcode::NO_ERROR).unwrap();
    writer.finish().to_vec()
}

/// The query after its length.
fn framed(query: &[u8]) -> Vec<u8> {
    [&(query.len() as u16).to_be_bytes(), query].concat()
}

fn answers(message: &[u8]) -> usize {
    Message::parse(message).unwrap().section(Section::Answer).count()
}

/// The next message of a stream; none at its end.
async fn message(stream: &Stream) -> Option<Vec<u8>> {
    let mut length = [0; 2];
    stream.read_exact(&mut length).await.ok()?;
    let mut message = vec![0; u16::from_be_bytes(length).into()];
    stream.read_exact(&mut message).await.ok()?;
    Some(message)
}

fn options(transfer_to: &str) -> Options {
    Options { transfer_to: transfer_to.parse().unwrap(), ..Options::default() }
}

#[test]
fn datagrams_are_answered() {
    let mut net = Net::new(Options::default(), PAGES);
    let mut ask = |name, kind| {
        let answer = net.ask(&query(7, name, kind));
        (Message::parse(&answer).unwrap().rcode(), answers(&answer))
    };
    assert_eq!(ask("www.example.org", RecordType::A), (Rcode::NO_ERROR, 1));
    assert_eq!(ask("www.example.org", RecordType::MX), (Rcode::NO_ERROR, 0));
    assert_eq!(ask("80.2.0.192.in-addr.arpa", RecordType::PTR), (Rcode::NO_ERROR, 1));
    assert_eq!(ask("nothing.example.org", RecordType::A), (Rcode::NAME_ERROR, 0));
    assert_eq!(ask("example.net", RecordType::A), (Rcode::REFUSED, 0));
    let counters = ["datagrams", "answers", "no_data", "no_names", "refused"];
    assert_eq!(counters.map(|name| net.counter(name)), [5, 2, 1, 1, 1]);
}

/// A response, and what comes from the port of a service, is not answered.
#[test]
fn nobody_is_answered_for_ever() {
    let mut net = Net::new(Options::default(), PAGES);
    let mut response = query(7, "www.example.org", RecordType::A);
    assert_eq!(net.ask_from(53, &response).len(), 1);
    assert_eq!(net.ask_from(7, &response).len(), 0);
    response[2] |= 0x80;
    assert_eq!(net.ask_from(53, &response).len(), 0);
    assert_eq!(net.ask_from(40_000, b"not a query").len(), 0);
    assert_eq!((net.counter("ignored"), net.counter("datagrams")), (3, 1));
}

/// What a flood in somebody's name brings them, bytes for each byte: through all layers.
#[test]
fn a_flood_brings_less_than_it_costs() {
    let mut net = Net::new(Options::default(), PAGES);
    let asks = query(7, "pool.example.org", RecordType::A);
    let (mut bytes_in, mut bytes_out, mut slipped) = (0, 0, 0);
    // 2,000 queries a second, for ten seconds.
    for _ in 0..1000 {
        for _ in 0..20 {
            bytes_in += asks.len();
            for answer in net.ask_from(40_000, &asks) {
                bytes_out += answer.len();
                let is_slip = Message::parse(&answer).unwrap().flags().has(Flags::TRUNCATED);
                assert!(!is_slip || answer.len() <= asks.len());
                slipped += u64::from(is_slip);
            }
        }
        net.pass(Duration::from_millis(10));
    }
    let factor = f64::from(bytes_out as u32) / f64::from(bytes_in as u32);
    println!("{bytes_in} bytes in, {bytes_out} out: {factor:.2} for each");
    assert!(factor < 0.8, "{factor}");
    assert_eq!(net.counter("slipped"), slipped);
    assert!(net.counter("limited") > 18_000 && slipped > 9_000);
    // Without the limit, it is far more.
    let mut net = Net::new(Options { rate: 0, ..Options::default() }, PAGES);
    assert!(net.ask(&asks).len() > 10 * asks.len());
    assert_eq!(net.counter("limited"), 0);
}

/// RFC 7766 6.2.1, 6.2.1.1, 7: several queries on a connection, which may come at once and in pieces.
#[test]
fn a_connection_has_many_queries() {
    let mut net = Net::new(Options::default(), PAGES);
    // What the first connections take once.
    assert_eq!(net.talk(many_queries), Vec::from_iter(0..51));
    net.pass(Duration::from_secs(120));
    let before = net.pages();
    assert_eq!(net.talk(many_queries), Vec::from_iter(0..51));
    net.pass(Duration::from_secs(120));
    assert_eq!(net.pages(), before);
    assert_eq!((net.counter("messages"), net.counter("answers")), (102, 102));
}

/// The identifications of the answers to queries that come at once, and to one that comes in pieces.
async fn many_queries(stream: &Stream, _: &Region<'_>) -> Vec<u16> {
    let mut ids = Vec::new();
    let id = |answer: &[u8]| Message::parse(answer).unwrap().header.id.get();
    let all = (0..50).map(|id| framed(&query(id, "www.example.org", RecordType::A)));
    stream.send(&*all.collect::<Vec<_>>().concat()).await.unwrap();
    for _ in 0..50 {
        let answer = message(stream).await.unwrap();
        assert_eq!(answers(&answer), 1);
        ids.push(id(&answer));
    }
    for byte in framed(&query(50, "pool.example.org", RecordType::A)) {
        stream.send(&[byte][..]).await.unwrap();
        stream.sleep(Duration::from_millis(20)).await;
    }
    let answer = message(stream).await.unwrap();
    assert_eq!(answers(&answer), 32);
    ids.push(id(&answer));
    stream.shutdown();
    assert_eq!(message(stream).await, None);
    ids
}

/// RFC 7766 6.2.3.
#[test]
fn a_connection_that_is_idle_ends() {
    let mut net = Net::new(Options::default(), PAGES);
    for begin in [&b""[..], b"\0", b"\0\x1dabc"] {
        let waited = net.talk(async move |stream, _| {
            stream.send(begin).await.unwrap();
            let start = stream.now();
            let mut byte = [0];
            let read = stream.read(&mut byte).await;
            assert!(matches!(read, Ok(0) | Err(StreamError::Broken(_))), "{read:?}");
            stream.now().since(start)
        });
        assert!((IDLE..IDLE + Duration::from_secs(1)).contains(&waited), "{waited:?}");
    }
    assert_eq!(net.counter("idle"), 3);
    // What is too long, or no query, ends it at once.
    for message in [framed(&[0; 5000]), framed(b"no query")] {
        let waited = net.talk(async move |stream, _| {
            let start = stream.now();
            let _ = stream.send(&*message).await;
            let _ = stream.read(&mut [0]).await;
            stream.now().since(start)
        });
        assert!(waited < Duration::from_secs(1), "{waited:?}");
    }
}

/// The messages of a transfer: how many there are, and how many records they have.
async fn transfer(stream: &Stream) -> (usize, usize) {
    stream.send(&*framed(&query(9, "example.org", RecordType::AXFR))).await.unwrap();
    let (mut messages, mut records, mut starts) = (0, 0, 0);
    while starts < 2 {
        let Some(answer) = message(stream).await else { break };
        let answer = Message::parse(&answer).unwrap();
        if answer.rcode() != Rcode::NO_ERROR {
            break;
        }
        messages += 1;
        records += answer.section(Section::Answer).count();
        starts += answer.records().filter(|record| record.kind == RecordType::SOA).count();
    }
    (messages, records)
}

/// RFC 5936 5.
#[test]
fn only_who_is_named_gets_a_zone() {
    let mut net = Net::new(options("192.0.2.0/24"), PAGES);
    assert_eq!(net.talk(async |stream, _| transfer(stream).await), (0, 0));
    assert_eq!((net.counter("transfers"), net.counter("refused")), (0, 1));
    let mut net = Net::new(options("192.0.2.0/24,10.0.0.1/32"), PAGES);
    let (messages, records) = net.talk(async |stream, _| transfer(stream).await);
    assert!(messages >= 1 && records > 50, "{records} records");
    // The connection goes on (RFC 5936 4.1.1).
    let twice = net.talk(async |stream, _| (transfer(stream).await, transfer(stream).await));
    assert_eq!(twice, ((messages, records), (messages, records)));
    assert_eq!(net.counter("transfers"), 3);
}

/// Clients that ask for zones and take nothing: they hold little, and not for ever.
#[test]
fn slow_readers_end() {
    let mut net = Net::new(options("10.0.0.0/24"), PAGES);
    let before = net.pages();
    for _ in 0..TRANSFERS + 4 {
        let _ = net.start(async |stream, _| {
            let asks = framed(&query(9, "example.org", RecordType::AXFR));
            // More than the client has room for.
            for _ in 0..4000 {
                if stream.send(&*asks).await.is_err() {
                    break;
                }
            }
            // It reads nothing.
            stream.sleep(Duration::from_secs(600)).await;
        });
    }
    net.pass(Duration::from_secs(5));
    // Others are answered meanwhile.
    let answer = net.talk(async |stream, _| {
        stream.send(&*framed(&query(1, "www.example.org", RecordType::A))).await.unwrap();
        message(stream).await.map(|answer| answers(&answer))
    });
    assert_eq!(answer, Some(1));
    net.pass(SLOW * 60);
    assert!(net.counter("idle") >= TRANSFERS as u64, "{}", net.counter("idle"));
    assert!(net.counter("busy") > 0);
    assert!(net.pages() <= before + 8, "{before} pages before, {} after", net.pages());
    let (messages, _) = net.talk(async |stream, _| transfer(stream).await);
    assert!(messages >= 1);
}

/// 2,000 connections and 20,000 datagrams leave nothing behind.
#[test]
fn memory_stays_flat() {
    let mut net = Net::new(Options { rate: 0, ..options("10.0.0.0/24") }, PAGES);
    let mut round = || {
        for number in 0..1000_u16 {
            let kind = RecordType([1, 2, 6, 15, 16, 28, 255][usize::from(number) % 7]);
            let name = ["www.example.org", "pool.example.org", "x.sub.example.org"]
                [usize::from(number) % 3];
            net.ask(&query(number, name, kind));
        }
        for _ in 0..50 {
            let talked = net.talk(async |stream, _| {
                stream
                    .send(&*framed(&query(3, "pool.example.org", RecordType::ANY)))
                    .await
                    .unwrap();
                (message(stream).await.is_some(), transfer(stream).await.0)
            });
            assert!(talked.0 && talked.1 > 0);
        }
        net.pass(Duration::from_secs(120));
        net.pages()
    };
    round();
    let pages = round();
    for _ in 0..5 {
        assert_eq!(round(), pages);
    }
}
