//! Memory that runs out, at each allocation in turn.

use std::{collections::BTreeMap, time::Duration};

use rt_regions::Pool;
use udp::{BindError, Failure};

use super::net::{Heard, Net, PEER};

const SECOND: Duration = Duration::from_secs(1);

/// When a datagram is given up of which a fragment was lost.
const GIVEN_UP: Duration = Duration::from_secs(31);

/// The ports of the services, one for each way to be a task.
const SOCKET: u16 = 53;
const EACH: u16 = 8080;
const ASKS: u16 = 8081;
const TELLS: u16 = 8082;
const SERVICES: [u16; 4] = [SOCKET, EACH, ASKS, TELLS];

/// Where the peer answers questions.
const ORACLE: u16 = 7_000;

/// The text that clients send, longer than a block and than a packet.
fn text() -> Vec<u8> {
    (0..5_000).map(|i| b'a' + (i % 26) as u8).collect()
}

/// Binds a service to its port.
fn bind(net: &mut Net, port: u16) -> Result<(), BindError> {
    let udp = &mut net.server.tower;
    let sockets = udp.sockets();
    let bound = match port {
        SOCKET => udp.spawn(port, async |socket, region| {
            let mut room = region.child("request");
            loop {
                let request = socket.receive(&room).await;
                let reply = room.alloc_slice(request.payload());
                socket.reply(&request, reply.map(|bytes| &*bytes).map_err(Failure::from)).await;
                room.reset();
            }
        }),
        EACH => udp.spawn_each(port, 8, async |request, region| {
            let room = region.child("half");
            let half = room.alloc_slice(request)?;
            Ok(&*region.alloc_slice(half)?)
        }),
        ASKS => udp.spawn_each(port, 8, async move |request, region| {
            let answer = sockets.ask((PEER, ORACLE).into(), request, SECOND, region).await;
            answer.map_err(|_| Failure::Refused("no answer"))
        }),
        TELLS => udp.spawn(port, async |socket, region| {
            let mut room = region.child("request");
            loop {
                let request = socket.receive(&room).await;
                // What cannot be sent is given up.
                let _ = socket.send_to(request.source(), request.payload()).await;
                room.reset();
            }
        }),
        _ => unreachable!(),
    };
    bound.map(drop)
}

/// One request to each service; gives what each client heard.
fn converse(net: &mut Net, clients: &[Heard]) -> Vec<Vec<u8>> {
    for (client, port) in (40_000..).zip(SERVICES) {
        net.send(client, port, &text());
        net.settle();
    }
    net.pass(SECOND);
    let answer = |client: &Heard| match &client.take()[..] {
        [] => Vec::new(),
        [(_, _, answer)] => answer.clone(),
        more => panic!("{} answers to one request", more.len()),
    };
    clients.iter().map(answer).collect()
}

fn refused(pool: &Pool<'_>) -> Vec<&'static str> {
    pool.labels().filter(|label| label.refused() > 0).map(|label| label.name()).collect()
}

#[test]
fn a_refusal_costs_one_request_or_one_start_wherever_it_is() {
    let mut costs: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for number in 1.. {
        let mut net = Net::with_peer(256, 512);
        net.peer.tower.bind(ORACLE, |request, _| Ok(request)).unwrap().answer_any_port();
        let clients: Vec<_> = (40_000..).zip(SERVICES).map(|(port, _)| net.listen(port)).collect();
        let pool = net.pool();
        pool.refuse(number);
        let mut cost = "nothing";
        for port in SERVICES {
            if let Err(error) = bind(&mut net, port) {
                assert!(matches!(error, BindError::Exhausted(_)), "refusal {number}: {error}");
                assert!(!pool.will_refuse());
                cost = "a start";
                // Nothing was bound, and nothing is in the way.
                assert!(!net.server.tower.unbind(port), "refusal {number}: {port} is bound");
                bind(&mut net, port).unwrap();
            }
        }
        let answers = converse(&mut net, &clients);
        let done = pool.will_refuse();
        pool.refuse(0);
        let lost: Vec<_> = answers.iter().filter(|answer| **answer != text()).collect();
        assert!(lost.len() <= usize::from(!done && cost == "nothing"), "{number}: {}", lost.len());
        for answer in &lost {
            let answer = str::from_utf8(answer).unwrap();
            cost = match answer {
                "" => "no answer",
                "no answer" => "a question",
                _ => "a line",
            };
            let is_known = cost != "a line" || answer.starts_with("out of memory: region ");
            assert!(is_known, "refusal {number}: {answer}");
        }
        assert!(refused(pool).len() <= usize::from(!done));
        if !done {
            // Some ask once more after what is kept was given back, which then is enough.
            let region = refused(pool).first().copied().unwrap_or("(nobody)");
            *costs.entry((region, cost)).or_default() += 1;
        }
        // The next conversation is whole.
        let answers = converse(&mut net, &clients);
        let wrong = answers.iter().filter(|answer| **answer != text()).count();
        assert_eq!((wrong, net.tasks.len()), (0, 2), "after refusal {number}");
        for port in SERVICES {
            assert!(net.server.tower.unbind(port));
        }
        assert!(net.tasks.is_empty());
        if refused(pool) == ["ipv4.reassembly"] {
            net.pass(GIVEN_UP);
        }
        net.close();
        if done {
            println!("{number} allocations were refused in turn: {costs:#?}");
            for region in ["tasks", "udp.request", "udp.requests", "udp.inboxes", "udp.outbox"] {
                assert!(costs.keys().any(|(name, _)| *name == region), "{region}: {costs:#?}");
            }
            return;
        }
    }
}

/// A pool that others hold, down to every number of pages: requests are lost, nothing else is.
#[test]
fn when_there_is_memory_again_everything_is_served_again() {
    let mut net = Net::with_peer(256, 512);
    net.peer.tower.bind(ORACLE, |request, _| Ok(request)).unwrap().answer_any_port();
    let clients: Vec<_> = (40_000..).zip(SERVICES).map(|(port, _)| net.listen(port)).collect();
    SERVICES.iter().for_each(|&port| bind(&mut net, port).unwrap());
    assert_eq!(converse(&mut net, &clients), vec![text(); 4]);
    let (pool, mut losses) = (net.pool(), Vec::new());
    for pages in 0.. {
        pool.keep_back(pool.free_pages() - pages);
        let answers = converse(&mut net, &clients);
        pool.keep_back(0);
        losses.push(answers.iter().filter(|answer| **answer != text()).count());
        net.pass(GIVEN_UP);
        assert_eq!(converse(&mut net, &clients), vec![text(); 4], "after {pages} pages");
        if losses.last() == Some(&0) {
            break;
        }
    }
    println!("requests lost with 0, 1, 2 … pages left: {losses:?}");
    assert!(losses.len() < 40, "a conversation needs less than 40 pages: {losses:?}");
    net.close();
}
