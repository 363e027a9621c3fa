//! Services that are tasks, on two hosts with all layers: they wait, answer late, ask others, and give everything back.

#[path = "tasks/net.rs"]
mod net;

use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
    rc::Rc,
    time::Duration,
};

use embassy_futures::{
    join::join,
    select::{Either, select},
};
use net::{Net, PEER, SERVER};
use network::{Problem, SendError};
use tasks::{PollTasks, yield_now};
use udp::{AskError, BindError, Failure, SocketError, Undelivered};

const MILLI: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_reply_may_come_late_and_more_than_once() {
    let mut net = Net::new(256);
    let spawned = net.server.tower.spawn(53, async |socket, region| {
        let mut room = region.child("request");
        loop {
            let request = socket.receive(&room).await;
            socket.sleep(20 * MILLI).await;
            socket.reply(&request, Ok(request.payload())).await;
            let later = room.format(format_args!("at {}", socket.now()))?;
            socket.reply(&request, Ok(later.as_bytes())).await;
            room.reset();
        }
    });
    spawned.unwrap();
    let heard = net.listen(40_000);
    net.settle();
    net.send(40_000, 53, b"hello");
    net.send(40_000, 53, b"again");
    net.settle();
    net.pass(19 * MILLI);
    assert_eq!(heard.texts(), [""; 0]);
    net.pass(MILLI);
    let now = net.server.now();
    assert_eq!(heard.texts(), ["hello".into(), format!("at {now}")]);
    net.pass(20 * MILLI);
    let [(source, ttl, again), _] = &heard.take()[..] else { panic!() };
    // One less than the request had, which had come one hop.
    assert_eq!((*source, *ttl, &**again), ((SERVER, 53).into(), 63, &b"again"[..]));
    net.close();
}

#[test]
fn a_port_is_free_again_when_its_task_has_ended() {
    let mut net = Net::new(256);
    let bound = net.server.tower.spawn(53, async |socket, region| {
        socket.receive(region).await;
        Ok(())
    });
    bound.unwrap();
    assert_eq!(net.server.tower.bind(53, |request, _| Ok(request)), Err(BindError::InUse(53)));
    assert_eq!(net.server.tower.sockets().open(53).map(|_| ()).unwrap_err(), BindError::InUse(53));
    net.settle();
    net.send(40_000, 53, b"the only one");
    net.settle();
    assert!(net.tasks.is_empty());
    net.send(40_000, 53, b"too late");
    net.settle();
    assert_eq!(net.server.counter("udp", "no_service"), 1);
    assert_eq!(net.peer.counter("udp", "icmp_errors"), 1);
    net.server.tower.bind(53, |request, _| Ok(request)).unwrap();
    // What was unbound by hand is not unbound once more when the task ends.
    net.server.tower.unbind(53);
    let spawned = net.server.tower.spawn(53, async |socket, region| {
        socket.receive(region).await;
        Ok(())
    });
    spawned.unwrap();
    net.settle();
    assert!(net.server.tower.unbind(53));
    net.server.tower.bind(53, |request, _| Ok(request)).unwrap();
    net.tasks.close();
    let heard = net.listen(40_001);
    net.send(40_001, 53, b"still there");
    net.settle();
    assert_eq!(heard.texts(), ["still there"]);
}

#[test]
fn a_task_sends_unasked_to_anybody_and_knows_what_was_not_sent() {
    let mut net = Net::new(256);
    let heard = net.listen(5_000);
    let errors = Rc::new(RefCell::new(Vec::new()));
    let seen = errors.clone();
    let spawned = net.server.tower.spawn(53, async move |socket, region| {
        socket.send_to((PEER, 5_000).into(), b"unasked").await?;
        let mut room = region.child("request");
        for to in [([203, 0, 113, 1], 9), (PEER, 9)] {
            socket.send_to(to.into(), b"lost").await?;
            let error = socket.failure().await;
            seen.borrow_mut().push(error);
            room.reset();
        }
        let long = vec![7; 65_508];
        socket.send_to((PEER, 5_000).into(), &long).await?;
        let error = socket.failure().await;
        seen.borrow_mut().push(error);
        Ok(())
    });
    spawned.unwrap();
    net.settle();
    assert_eq!(heard.texts(), ["unasked"]);
    let (nowhere, closed) = (([203, 0, 113, 1], 9).into(), (PEER, 9).into());
    let no_route = SendError::NoRoute([203, 0, 113, 1].into());
    let too_long = SendError::TooLong { length: 65_508, most: 65_507 };
    assert_eq!(
        *errors.borrow(),
        [
            SocketError::NotSent { error: no_route, destination: nowhere },
            SocketError::Undelivered { problem: Problem::PortUnreachable, destination: closed },
            SocketError::NotSent { error: too_long, destination: (PEER, 5_000).into() },
        ]
    );
}

#[test]
fn a_service_asks_others_and_several_at_once() {
    let mut net = Net::new(512);
    let ports = Rc::new(RefCell::new(BTreeSet::new()));
    let seen: &'static Rc<_> = Box::leak(Box::new(ports.clone()));
    for (port, name) in [(7_001, "one"), (7_002, "two")] {
        let bound = net.peer.tower.bind_datagram(port, move |datagram, region| {
            seen.borrow_mut().insert(datagram.source().port());
            let text = str::from_utf8(datagram.payload()).unwrap();
            Ok(region.format(format_args!("{name}({text})"))?.as_bytes())
        });
        bound.unwrap().answer_any_port();
    }
    let sockets = net.server.tower.sockets();
    let bound = net.server.tower.spawn_each(8080, 100, async move |request, region| {
        let ask = |port| sockets.ask((PEER, port).into(), request, SECOND, region);
        let (one, two) = join(ask(7_001), ask(7_002)).await;
        let (Ok(one), Ok(two)) = (one, two) else { return Err(Failure::Refused("no answer")) };
        let mut both = rt_regions::RegionVec::new(region);
        both.extend_from_slice(one)?;
        both.extend_from_slice(two)?;
        Ok(&*both.into_slice())
    });
    bound.unwrap();
    let heard = net.listen(40_000);
    net.settle();
    for round in 0..50 {
        net.send(40_000, 8080, format!("{round}").as_bytes());
        net.settle();
        assert_eq!(heard.texts(), [format!("one({round})two({round})")]);
    }
    // Each from a port of its own, in no order.
    let ports = ports.take();
    assert!(ports.len() > 95, "{}", ports.len());
    assert!(ports.first().unwrap() < &10_000 && ports.last().unwrap() > &55_000, "{ports:?}");
    assert_eq!(net.server.counter("sockets", "asked_again"), 0);
    net.close();
}

#[test]
fn an_answer_that_does_not_come_is_asked_for_again_and_then_given_up() {
    let mut net = Net::new(256);
    let times = Rc::new(RefCell::new(Vec::new()));
    let seen: &'static Rc<_> = Box::leak(Box::new(times.clone()));
    let bound = net.peer.tower.bind_datagram(7_000, |datagram, _| {
        seen.borrow_mut().push(datagram.now());
        Err(Failure::Silent)
    });
    bound.unwrap().answer_any_port();
    let result = Rc::new(Cell::new(None));
    let (sockets, told) = (net.server.tower.sockets(), result.clone());
    let start = net.server.now();
    let spawned = net.tasks.spawn("asks", async move |region| {
        let asked = sockets.ask((PEER, 7_000).into(), b"?", 700 * MILLI, region).await;
        told.set(Some((asked.map(<[u8]>::len), sockets.tasks().now())));
        Ok(())
    });
    spawned.unwrap();
    net.pass(SECOND);
    assert_eq!(*times.borrow(), [1, 101, 301].map(|after| start + after * MILLI));
    assert_eq!(result.get(), Some((Err(AskError::TimedOut), start + 701 * MILLI)));
    let counters = ["asked", "asked_again", "unanswered"];
    assert_eq!(counters.map(|name| net.server.counter("sockets", name)), [1, 2, 1]);
    // A port at which nobody is says so at once.
    let told = result.clone();
    let spawned = net.tasks.spawn("asks", async move |region| {
        let asked = sockets.ask((PEER, 7_007).into(), b"?", 700 * MILLI, region).await;
        told.set(Some((asked.map(<[u8]>::len), sockets.tasks().now())));
        Ok(())
    });
    spawned.unwrap();
    net.settle();
    let destination = (PEER, 7_007).into();
    let undelivered = SocketError::Undelivered { problem: Problem::PortUnreachable, destination };
    assert_eq!(result.get().unwrap().0, Err(undelivered.into()));
}

#[test]
fn only_who_was_asked_answers() {
    let mut net = Net::new(256);
    let asked = Rc::new(Cell::new(None));
    let seen: &'static Rc<_> = Box::leak(Box::new(asked.clone()));
    let bound = net.peer.tower.bind_datagram(7_000, |datagram, _| {
        seen.set(Some(datagram.source().port()));
        Err(Failure::Silent)
    });
    bound.unwrap().answer_any_port();
    let answer = Rc::new(RefCell::new(None));
    let (sockets, told) = (net.server.tower.sockets(), answer.clone());
    let spawned = net.tasks.spawn("asks", async move |region| {
        let answer = sockets.ask((PEER, 7_000).into(), b"?", SECOND, region).await?;
        *told.borrow_mut() = Some(answer.to_vec());
        Ok(())
    });
    spawned.unwrap();
    net.settle();
    let port = asked.get().unwrap();
    // From the right host, but from another port.
    for guess in 0..50 {
        net.send(7_001 + guess, port, b"forged");
    }
    net.settle();
    assert_eq!((answer.take(), net.server.counter("sockets", "strangers")), (None, 50));
    net.send(7_000, port, b"true");
    net.settle();
    assert_eq!(answer.take(), Some(b"true".to_vec()));
}

#[test]
fn a_request_above_the_limit_is_told_so() {
    let mut net = Net::new(256);
    let gate: &'static Cell<bool> = Box::leak(Box::new(Cell::new(false)));
    let bound = net.server.tower.spawn_each(8080, 3, async move |request, region| {
        while !gate.get() {
            yield_now().await;
        }
        Ok(&*region.alloc_slice(request)?)
    });
    bound.unwrap();
    let heard = net.listen(40_000);
    for request in ["one", "two", "three", "four"] {
        net.send(40_000, 8080, request.as_bytes());
    }
    for _ in 0..20 {
        // Not `settle`: the tasks are never idle.
        net.peer.turn();
        net.turn_server_once();
    }
    net.peer.turn();
    assert_eq!(heard.texts(), ["busy: 3 requests are in work already: ask again later"]);
    assert_eq!((net.tasks.len(), net.server.counter("sockets", "busy")), (3, 1));
    gate.set(true);
    net.settle();
    let answered: BTreeSet<_> = heard.texts().into_iter().collect();
    assert_eq!(answered, ["one", "two", "three"].map(String::from).into());
    net.send(40_000, 8080, b"five");
    net.settle();
    assert_eq!(heard.texts(), ["five"]);
    net.close();
}

#[test]
fn a_failed_request_gets_its_line_and_the_rules_of_a_service_hold() {
    let mut net = Net::new(128);
    let bound = net.server.tower.spawn_each(8080, 8, async |request, region| match request {
        b"refused" => Err(Failure::Refused("send something else")),
        b"silent" => Err(Failure::Silent),
        b"greedy" => loop {
            region.alloc([0_u8; 4096])?;
        },
        b"long" => Ok(&*region.alloc_slice_with(65_508, |_| b'x')?),
        _ => Ok(&b"fine"[..]),
    });
    bound.unwrap();
    let heard = net.listen(40_000);
    for request in ["refused", "silent", "greedy", "long", "other"] {
        net.send(40_000, 8080, request.as_bytes());
    }
    net.settle();
    let lines = heard.texts();
    let [refused, greedy, long, fine] = &lines[..] else { panic!("{lines:?}") };
    assert_eq!((&**refused, &**fine), ("send something else", "fine"));
    assert!(greedy.starts_with("out of memory: region udp.request: no room"), "{greedy}");
    assert!(long.starts_with("the reply has 65508 bytes"), "{long}");
    for (name, count) in [("refused", 1), ("silent", 1), ("exhausted", 1), ("replies_too_long", 1)]
    {
        assert_eq!(net.server.counter("udp", name), count, "{name}");
    }
    // A request from a port of a service starts no task.
    net.send(53, 8080, b"other");
    net.settle();
    assert_eq!(net.server.counter("udp", "service_ports"), 1);
    net.close();
}

#[test]
fn a_reader_that_does_not_read_costs_no_more_than_its_mailbox() {
    let mut net = Net::new(2_048);
    let spawned = net.server.tower.spawn(53, async |socket, region| {
        socket.sleep(SECOND).await;
        let (mut room, mut bytes) = (region.child("request"), 0);
        while let Either::First(datagram) =
            select(socket.receive(&room), socket.sleep(SECOND)).await
        {
            bytes += datagram.payload().len();
            room.reset();
        }
        let text = room.format(format_args!("{bytes}"))?;
        socket.send_to((PEER, 40_000).into(), text.as_bytes()).await?;
        Ok(())
    });
    spawned.unwrap();
    let heard = net.listen(40_000);
    net.settle();
    let free = net.pool().free_pages();
    for size in [65_507, 1_000, 10].into_iter().cycle().take(300) {
        net.send(40_000, 53, &vec![7; size]);
        net.settle();
    }
    let (delivered, dropped) =
        (net.server.counter("sockets", "delivered"), net.server.counter("sockets", "inbox_full"));
    assert_eq!(delivered + dropped, 300);
    assert!((10..200).contains(&delivered), "{delivered}");
    let taken = free - net.pool().free_pages();
    assert!(taken < 70, "{taken} pages");
    net.pass(3 * SECOND);
    let text = heard.texts();
    let bytes: usize = text[0].parse().unwrap();
    assert!((65_507..=131_072).contains(&bytes), "{bytes}");
    net.close();
}

#[test]
fn a_full_outbox_makes_a_task_wait_and_loses_nothing() {
    let mut net = Net::new(256);
    let spawned = net.server.tower.spawn(53, async |socket, region| {
        // After this, the address of the peer is known, so nothing waits for ARP.
        socket.receive(region).await;
        let bytes = [7; 20_000];
        for _ in 0..40 {
            socket.send_to((PEER, 40_000).into(), &bytes).await?;
        }
        Ok(())
    });
    spawned.unwrap();
    let heard = net.listen(40_000);
    net.send(40_000, 53, b"begin");
    net.settle();
    let heard = heard.take();
    assert_eq!(heard.len(), 40);
    assert!(heard.iter().all(|(_, _, bytes)| bytes.len() == 20_000));
    net.close();
}

#[test]
fn what_is_dropped_in_a_race_is_not_lost() {
    let mut net = Net::new(256);
    let spawned = net.server.tower.spawn(53, async |socket, region| {
        let mut room = region.child("request");
        loop {
            // Both may be ready in one poll: what loses then stays in the mailbox.
            match select(socket.sleep(MILLI), socket.receive(&room)).await {
                Either::First(()) => {}
                Either::Second(request) => {
                    socket.reply(&request, Ok(request.payload())).await;
                }
            }
            room.reset();
        }
    });
    spawned.unwrap();
    let heard = net.listen(40_000);
    for round in 0..50 {
        net.send(40_000, 53, format!("{round}").as_bytes());
        net.pass(MILLI);
    }
    net.pass(10 * MILLI);
    let expected: Vec<String> = (0..50).map(|round| format!("{round}")).collect();
    assert_eq!(heard.texts(), expected);
}

#[test]
fn ports_are_seen_by_both_sides() {
    let mut net = Net::new(256);
    net.server.tower.bind(8080, |request, _| Ok(request)).unwrap();
    net.server.tower.serve_counters(Some(9_100), layer::Networks::default()).unwrap();
    let sockets = net.server.tower.sockets();
    let open = |port| sockets.open(port).map(|socket| socket.port());
    assert_eq!(open(8080), Err(BindError::InUse(8080)));
    assert_eq!(open(9_100), Err(BindError::InUse(9_100)));
    assert_eq!(open(0), Err(BindError::Zero));
    let socket = sockets.open(8081).unwrap();
    let again = net.server.tower.bind(8081, |request, _| Ok(request)).map(|_| ());
    assert_eq!(again, Err(BindError::InUse(8081)));
    let again = net.server.tower.serve_counters(Some(8081), layer::Networks::default());
    assert_eq!(again, Err(BindError::InUse(8081)));
    drop(socket);
    net.server.tower.bind(8081, |request, _| Ok(request)).unwrap();
    net.server.tower.unbind(8080);
    net.server.tower.serve_counters(None, layer::Networks::default()).unwrap();
    assert_eq!((open(8080), open(9_100)), (Ok(8080), Ok(9_100)));
    // Forgotten, the port stays taken, and nothing dangles.
    std::mem::forget(sockets.open(8080).unwrap());
    assert_eq!(open(8080), Err(BindError::InUse(8080)));
    net.send(40_000, 8080, b"to nobody");
    net.settle();
    assert_eq!(net.server.counter("sockets", "delivered"), 1);
}

#[test]
fn a_socket_may_move_to_another_task() {
    let mut net = Net::new(256);
    let sockets = net.server.tower.sockets();
    let spawned = net.tasks.spawn("opens", async move |_| {
        let socket = sockets.open(6_000)?;
        sockets.tasks().spawn("uses", async move |region| {
            let request = socket.receive(region).await;
            socket.reply(&request, Ok(b"moved")).await;
            Ok(())
        })?;
        Ok(())
    });
    spawned.unwrap();
    let heard = net.listen(40_000);
    net.settle();
    net.send(40_000, 6_000, b"?");
    net.settle();
    assert_eq!(heard.texts(), ["moved"]);
    assert!(net.tasks.is_empty());
}

#[test]
fn errors_about_functions_still_go_to_their_listeners() {
    let mut net = Net::new(256);
    let heard: &'static RefCell<Vec<Problem>> = Box::leak(Box::default());
    net.server.tower.bind(8080, |request, _| Ok(request)).unwrap();
    let listener = move |error: Undelivered<'_>| heard.borrow_mut().push(error.problem);
    net.server.tower.on_error(8080, listener).unwrap();
    net.send(40_000, 8080, b"to nobody");
    net.settle();
    assert_eq!(*heard.borrow(), [Problem::PortUnreachable]);
}
