//! Peers that are gone, flood, or lie.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use embassy_futures::select::select;
use network::Problem;
use tasks::PollTasks;
use udp::{AskError, BindError, Failure};

use super::net::{Net, PEER, SERVER};

const MILLI: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// A service as the README shows it.
fn spawn_echo(net: &mut Net, port: u16) {
    let spawned = net.server.tower.spawn(port, async |socket, region| {
        let mut room = region.child("request");
        loop {
            let request = socket.receive(&room).await;
            socket.reply(&request, Ok(request.payload())).await;
            room.reset();
        }
    });
    spawned.unwrap();
    net.settle();
}

#[test]
fn a_client_that_is_gone_ends_no_service() {
    let mut net = Net::new(256);
    spawn_echo(&mut net, 7);
    // Nobody listens there any more when the reply comes.
    net.send(40_000, 7, b"and gone");
    net.settle();
    assert_eq!(net.server.counter("udp", "icmp_errors"), 1);
    assert_eq!(net.tasks.len(), 1);
    let heard = net.listen(40_001);
    net.send(40_001, 7, b"still there?");
    net.settle();
    assert_eq!(heard.texts(), ["still there?"]);
}

#[test]
fn a_socket_that_is_not_read_leaves_room_for_others() {
    let mut net = Net::new(200);
    spawn_echo(&mut net, 7);
    let sockets = net.server.tower.sockets();
    let deaf = [sockets.open(6_000).unwrap(), sockets.open(6_001).unwrap()];
    for size in [1, 1_000].into_iter().cycle().take(2_000) {
        for socket in &deaf {
            net.send(40_000, socket.port(), &vec![7; size]);
        }
        net.settle();
    }
    assert!(net.server.counter("sockets", "inbox_full") > 0);
    let heard = net.listen(40_001);
    let bound = net
        .server
        .tower
        .spawn_each(8080, 4, async |request, region| Ok(&*region.alloc_slice(request)?));
    bound.unwrap();
    for port in [7, 8080] {
        net.send(40_001, port, &[b'x'; 1_400]);
        net.settle();
        assert_eq!(heard.texts(), ["x".repeat(1_400)], "{port}");
    }
    assert!(sockets.open_any().is_ok());
}

/// Requests that wait for their turn take nothing from the sockets, and no port from a question.
#[test]
fn large_requests_in_work_leave_room_for_others() {
    let mut net = Net::new(256);
    spawn_echo(&mut net, 7);
    let bound = net.server.tower.spawn_each(8080, 1_000, async |_, _| std::future::pending().await);
    bound.unwrap();
    for size in [20_000, 8_000, 3_000, 1_000, 1] {
        for _ in 0..100 {
            net.send(40_000, 8080, &vec![7; size]);
            net.settle();
        }
    }
    assert!(net.server.counter("sockets", "not_spawned") > 0);
    let heard = net.listen(40_001);
    net.send(40_001, 7, &[b'x'; 10_000]);
    net.settle();
    assert_eq!(heard.texts(), ["x".repeat(10_000)]);
    assert!(net.server.tower.sockets().open_any().is_ok());
}

#[test]
fn a_client_may_have_the_port_that_a_question_has_here() {
    let mut net = Net::new(256);
    net.server.tower.bind(8080, |request, _| Ok(request)).unwrap();
    let sockets = net.server.tower.sockets();
    let asks = sockets.open_any().unwrap();
    let heard = net.listen(asks.port());
    net.send(asks.port(), 8080, b"from the same port");
    net.settle();
    assert_eq!(heard.texts(), ["from the same port"]);
    // A port that is served here may be served there, too.
    let serves = sockets.open(40_000).unwrap();
    net.send(serves.port(), 8080, b"a service?");
    net.settle();
    assert_eq!(net.server.counter("udp", "service_ports"), 1);
}

/// A question to the peer, and what becomes of it.
fn ask(net: &mut Net, port: u16) -> Rc<Cell<Option<Result<usize, AskError>>>> {
    let result = Rc::new(Cell::new(None));
    let (sockets, told) = (net.server.tower.sockets(), result.clone());
    let spawned = net.tasks.spawn("asks", async move |region| {
        let answer = sockets.ask((PEER, port).into(), b"?", SECOND, region).await;
        told.set(Some(answer.map(<[u8]>::len)));
        Ok(())
    });
    spawned.unwrap();
    net.settle();
    result
}

/// Lets the peer's service say from which port it was asked.
fn listen_silently(net: &mut Net, port: u16) -> &'static Cell<u16> {
    let asked: &'static Cell<u16> = Box::leak(Box::default());
    let bound = net.peer.tower.bind_datagram(port, |datagram, _| {
        asked.set(datagram.source().port());
        Err(Failure::Silent)
    });
    bound.unwrap().answer_any_port();
    asked
}

#[test]
fn an_answer_comes_from_outside_the_networks_of_clients() {
    let mut net = Net::new(256);
    let only_others = layer::Networks::default().and("192.0.2.0/24".parse().unwrap());
    net.server.tower.bind(8080, |request, _| Ok(request)).unwrap();
    net.restrict_clients(only_others);
    net.peer.tower.bind(7_000, |_, _| Ok(b"answer")).unwrap().answer_any_port();
    let heard = net.listen(40_000);
    net.send(40_000, 8080, b"may I?");
    let result = ask(&mut net, 7_000);
    assert_eq!(result.get(), Some(Ok(6)));
    assert_eq!((heard.texts().len(), net.server.counter("udp", "not_allowed")), (0, 1));
}

#[test]
fn only_word_of_the_question_ends_it() {
    let mut net = Net::new(256);
    let asked = listen_silently(&mut net, 7_000);
    let result = ask(&mut net, 7_000);
    let port = asked.get();
    // Of another host, of another port: not about this question, whoever says so.
    for about in [([10, 0, 0, 9], 7_000), (PEER, 7_001)] {
        net.send_icmp_error(Problem::PortUnreachable, (SERVER, port), about);
    }
    // About it, but it may still arrive: on another way, or in smaller pieces.
    for problem in [Problem::HostUnreachable, Problem::TooBig(1_400), Problem::TtlExceeded] {
        net.send_icmp_error(problem, (SERVER, port), (PEER, 7_000));
    }
    assert_eq!(net.server.counter("udp", "icmp_errors"), 5);
    assert_eq!(result.get(), None);
    net.send_icmp_error(Problem::PortUnreachable, (SERVER, port), (PEER, 7_000));
    assert!(matches!(result.get(), Some(Err(AskError::Socket(_)))), "{:?}", result.get());
}

#[test]
fn a_task_whose_port_is_unbound_ends() {
    let mut net = Net::new(256);
    spawn_echo(&mut net, 7);
    assert!(net.server.tower.unbind(7));
    assert!(net.tasks.is_empty());
    net.server.tower.bind(7, |_, _| Ok(b"function")).unwrap();
    let heard = net.listen(40_000);
    net.send(40_000, 7, b"who?");
    net.settle();
    assert_eq!(heard.texts(), ["function"]);
    net.close();
}

#[test]
fn nobody_sends_for_ever_in_one_turn() {
    let mut net = Net::new(1_024);
    let sent: &'static Cell<u32> = Box::leak(Box::default());
    let spawned = net.server.tower.spawn(53, async |socket, _| {
        for _ in 0..1_000 {
            socket.send_to((PEER, 40_000).into(), b"flood").await?;
            sent.set(sent.get() + 1);
        }
        Ok(())
    });
    spawned.unwrap();
    let heard = net.listen(40_000);
    let mut most = 0;
    while sent.get() < 1_000 {
        let before = sent.get();
        net.turn_server_once();
        most = most.max(sent.get() - before);
        net.peer.turn();
    }
    assert!(most <= 100, "{most} in one turn");
    net.settle();
    assert_eq!(heard.take().len(), 1_000);
}

#[test]
fn nobody_reads_for_ever_in_one_turn() {
    let mut net = Net::new(1_024);
    let polls = Rc::new(RefCell::new(Vec::new()));
    let (seen, tasks) = (polls.clone(), net.tasks);
    let spawned = net.server.tower.spawn(53, async move |socket, region| {
        let mut room = region.child("request");
        socket.sleep(SECOND).await;
        loop {
            socket.receive(&room).await;
            seen.borrow_mut().push(tasks.stats().polls);
            room.reset();
        }
    });
    spawned.unwrap();
    for _ in 0..200 {
        net.send(40_000, 53, b"flood");
        net.settle();
    }
    net.pass(SECOND);
    let polls = polls.borrow();
    assert_eq!(polls.len(), 200);
    let most = polls.chunk_by(|one, next| one == next).map(<[u64]>::len).max();
    assert!(most <= Some(32), "{most:?} in one poll");
}

#[test]
fn a_race_with_a_reader_that_is_never_ready_still_sleeps() {
    let mut net = Net::new(256);
    let spawned = net.server.tower.spawn(53, async |socket, region| {
        select(socket.receive(region), socket.sleep(10 * MILLI)).await;
        Ok(())
    });
    spawned.unwrap();
    net.settle();
    let polls = net.tasks.stats().polls;
    net.pass(9 * MILLI);
    assert_eq!(net.tasks.stats().polls, polls);
    net.pass(MILLI);
    assert!(net.tasks.is_empty());
}

#[test]
fn a_port_whose_task_could_not_start_is_free_at_once() {
    let mut net = Net::new(256);
    net.tasks.close();
    let spawned = net.server.tower.spawn(53, async |_, _| Ok(())).map(|_| ());
    assert_eq!(spawned, Err(BindError::Closed));
    net.server.tower.bind(53, |_, _| Ok(b"function")).unwrap();
    let heard = net.listen(40_000);
    net.settle();
    net.send(40_000, 53, b"who?");
    net.settle();
    assert_eq!(heard.texts(), ["function"]);
}

#[test]
fn a_reply_of_any_length_is_too_long_in_the_same_words() {
    let mut net = Net::new(512);
    let bound = net.server.tower.spawn_each(8080, 8, async |request, region| {
        let length = str::from_utf8(request).unwrap().parse().unwrap();
        Ok(&*region.alloc_slice_with(length, |_| b'x')?)
    });
    bound.unwrap();
    let heard = net.listen(40_000);
    for length in ["65508", "65536", "200000"] {
        net.send(40_000, 8080, length.as_bytes());
        net.settle();
        let line = format!("the reply has {length} bytes, a datagram 65507 at most");
        assert_eq!(heard.texts(), [line]);
    }
    assert_eq!(net.server.counter("udp", "replies_too_long"), 3);
}
