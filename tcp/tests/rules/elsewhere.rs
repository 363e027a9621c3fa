//! What went wrong in other implementations, each by the name and the number of its report: handshakes, backlogs, windows,
//! TIME-WAIT, and memory that was lost.

use std::time::Duration;

use tcp::{Flags, State};
use testkit::{PathEnd, Quality};

use crate::{
    common::{Pair, server},
    host::{Net, Peer},
    listening::{bind, listening},
    script::{OURS, established, established_with_options},
};

/// A path of a millisecond.
const NEAR: Quality = Quality { delay: Duration::from_millis(1), ..Quality::PERFECT };

fn free_pages(net: &Net) -> usize {
    net.tasks.pool().free_pages()
}

/// A host whose port 80 answers each request of 10 bytes with 3,000, and ends the connection.
fn replying() -> Net {
    let mut net = Net::new();
    net.host
        .tower
        .bind(80, async |stream, _| {
            stream.read_exact(&mut [0; 10]).await?;
            stream.send(&[7; 3_000][..]).await?;
            Ok(())
        })
        .unwrap();
    net
}

/// Each acknowledgment began the retransmission timer anew, so that nothing was ever sent again.
#[test]
fn smoltcp_62_acknowledgments_do_not_hold_up_retransmission() {
    established(|s| {
        s.write(3_000);
        assert_eq!(s.take().len(), 3);
        let mut again = 0;
        for round in 0..200 {
            s.after(50);
            // The window changes, so that it is no duplicate.
            s.window = 10_000 + round;
            s.recv(". 1 ack 1");
            again += s.take().len();
        }
        assert!(again >= 5, "{again}");
        s.tcp.abort();
        s.take();
    });
}

/// After reading, nobody told the peer that there was room.
#[test]
fn smoltcp_199_a_slow_reader_gets_all() {
    let mut pair = Pair::new(NEAR, 1);
    pair.server
        .tower
        .bind(80, async |stream, _| {
            let mut left = 600_000;
            while left > 0 {
                stream.sleep(Duration::from_millis(20)).await;
                left -= stream.read(&mut [0; 7_000]).await?;
            }
            stream.send(b"all").await?;
            Ok(())
        })
        .unwrap();
    let connections = pair.connections();
    let reply = pair.client(Duration::from_secs(20), async move {
        let stream = connections.connect(server()).await.unwrap();
        stream.send(&vec![1; 600_000][..]).await.unwrap();
        let mut reply = [0; 3];
        stream.read_exact(&mut reply).await.unwrap();
        reply
    });
    assert_eq!(reply, Some(*b"all"));
}

/// A connection had the window of the one before it.
#[test]
fn smoltcp_518_a_window_is_that_of_this_connection() {
    let mut net = replying();
    let mut first = Peer { window: 0, ..Peer::new(5000) };
    net.open(&mut first);
    net.recv(&first, "P. 1:11 ack 1");
    let sent: usize = net.take(&mut first).iter().map(|sent| sent.segment.data.len()).sum();
    assert_eq!(sent, 0);
    net.recv(&first, "R 11");
    // It has the place of the first one.
    let mut second = Peer::new(5001);
    net.open(&mut second);
    net.recv(&second, "P. 1:11 ack 1");
    let sent: usize = net.take(&mut second).iter().map(|sent| sent.segment.data.len()).sum();
    assert_eq!(sent, 3_000);
}

/// One listening socket took one connection, and the next client was reset.
#[test]
fn smoltcp_1120_1133_clients_that_come_together_are_all_served() {
    let mut net = Net::with_pages(2048);
    bind(&mut net, 80);
    let mut peers: Vec<_> = (0..400).map(|port| Peer::new(20_000 + port)).collect();
    for peer in &peers {
        net.recv(peer, "S 0 <mss 1460,sackOK,TS 1 0,wscale 7>");
    }
    for peer in &mut peers {
        let sent = net.take(peer);
        assert!(sent[0].segment.flags.contains(Flags::SYN));
        let stamp = sent[0].segment.options.timestamps.unwrap().value - peer.ours.unwrap().clock;
        net.recv(peer, &format!("P. 1:11 ack 1 <TS 2 {stamp}>"));
        assert_eq!(net.take(peer).len(), 1);
    }
    assert_eq!((net.counter("accepted"), net.counter("resets_tx")), (400, 0));
    assert!(net.counter("cookies_rx") > 200);
}

/// A window that had closed never opened.
#[test]
fn mirage_tcpip_340_a_window_that_closed_opens_again() {
    established(|s| {
        for round in 0..20_u32 {
            let number = 1_000 * round + 1;
            s.write(1_000);
            s.sends([&format!("P. {number}:{} ack 1", number + 1_000)]);
            s.window = 0;
            s.recv(&format!(". 1 ack {}", number + 1_000));
            s.after(10_000 * u64::from(round % 3));
            s.take();
            s.window = 10_000;
            s.recv(&format!(". 1 ack {}", number + 1_000));
        }
    });
}

/// After a while, SYNs were not answered.
#[test]
fn mirage_tcpip_470_syns_are_answered_whatever_came_before() {
    let mut net = listening();
    for round in 0..3_000_u32 {
        let mut peer = Peer::new(1024 + round as u16);
        net.recv(&peer, "S 0 <mss 1000>");
        let sent = net.take(&mut peer);
        assert_eq!(sent.len(), 1, "{round}");
        assert!(sent[0].segment.flags.contains(Flags::SYN.with(Flags::ACK)), "{round}");
        // Most of them never answer; some give up.
        if round % 5 == 0 {
            net.recv(&peer, "R 1");
        }
        net.after(10);
        net.sent.clear();
    }
    let mut peer = Peer::new(60_000);
    net.open(&mut peer);
}

/// After 65,535 connections no more were accepted.
#[test]
fn mirage_tcpip_462_more_connections_than_there_are_ports() {
    let mut net = listening();
    for round in 0..66_000_u32 {
        let mut peer = Peer::new(1024 + (round % 64_000) as u16);
        peer.peer.seq += 7 * round;
        net.recv(&peer, "S 0 <mss 1000>");
        net.take(&mut peer);
        net.recv(&peer, ". 1 ack 1");
        net.recv(&peer, "R 1");
    }
    assert_eq!((net.counter("accepted"), net.count()), (66_000, 0));
}

/// Connections that were begun and not finished were never forgotten.
#[test]
fn mirage_tcpip_499_connections_that_are_not_finished_are_forgotten() {
    let mut net = listening();
    let before = free_pages(&net);
    for port in 0..500 {
        let peer = Peer::new(10_000 + port);
        net.recv(&peer, "S 0 <mss 1000>");
        net.after(5);
    }
    let mut ours = Vec::new();
    for _ in 0..20 {
        ours.push(net.connect().1);
    }
    net.after(250_000);
    net.sent.clear();
    assert!(ours.iter().all(|outcome| outcome.take().is_some_and(|result| result.is_err())));
    assert_eq!(net.count(), 0);
    // What is kept for the next ones is a few pages at most.
    assert!(free_pages(&net) + 8 >= before, "{} of {before}", free_pages(&net));
    let mut peer = Peer::new(5000);
    net.open(&mut peer);
}

/// A simultaneous close left the connection behind.
#[test]
fn mirage_tcpip_489_a_simultaneous_close_leaves_nothing() {
    let mut net = Net::new();
    net.host
        .tower
        .bind(80, async |stream, _| {
            stream.shutdown();
            while stream.receive(|bytes| (bytes.len(), Some(()))).await?.is_some() {}
            Ok(())
        })
        .unwrap();
    let mut before = None;
    for round in 0..300 {
        let mut peer = Peer::new(10_000 + round);
        net.recv(&peer, "S 0 <mss 1000>");
        net.take(&mut peer);
        net.recv(&peer, ". 1 ack 1");
        net.sends(&mut peer, ["F. 1 ack 1"]);
        // Before it has ours, the peer sends its own.
        net.recv(&peer, "F. 1 ack 1");
        net.sends(&mut peer, [". 2 ack 2"]);
        net.recv(&peer, ". 2 ack 2");
        net.silent();
        assert_eq!(net.count(), 0, "{round}");
        if round == 100 {
            before = Some(free_pages(&net));
        }
    }
    assert_eq!(Some(free_pages(&net)), before);
}

/// `git clone` stopped: much data after a request that ends with FIN.
#[test]
fn utcp_16_much_data_follows_a_request_with_fin() {
    let quality = Quality {
        delay: Duration::from_millis(3),
        loss: 0.01,
        reordering: 0.05,
        hold_up: Duration::from_millis(5),
        ..Quality::PERFECT
    };
    let mut pair = Pair::new(quality, 3);
    pair.server
        .tower
        .bind(80, async |stream, _| {
            while stream.receive(|bytes| (bytes.len(), Some(()))).await?.is_some() {}
            for _ in 0..100 {
                stream.send(&[5; 10_000][..]).await?;
            }
            Ok(())
        })
        .unwrap();
    let connections = pair.connections();
    let received = pair.client(Duration::from_secs(120), async move {
        let stream = connections.connect(server()).await.unwrap();
        stream.send(b"git-upload-pack").await.unwrap();
        stream.shutdown();
        let mut received = 0;
        while let Some(more) =
            stream.receive(|bytes| (bytes.len(), Some(bytes.len()))).await.unwrap()
        {
            received += more;
        }
        received
    });
    assert_eq!(received, Some(1_000_000));
}

/// The timer of probes never ran.
#[test]
fn utcp_77_a_closed_window_is_probed() {
    established(|s| {
        s.window = 0;
        s.recv(". 1 ack 1");
        s.write(1_000);
        assert!(s.sends_next([". 1:2 ack 1"]) <= 1_000);
        s.window = 5_000;
        s.recv(". 1 ack 1");
        let end =
            s.take().iter().map(|segment| segment.seq - OURS.seq + segment.data.len() as u32).max();
        assert_eq!(end, Some(1_001));
        s.recv(". 1 ack 1001");
    });
}

/// A buffer was lost with each connection of HTTP.
#[test]
fn includeos_272_a_request_leaves_nothing() {
    let mut net = replying();
    let mut before = None;
    for round in 0..600 {
        let mut peer = Peer::new(10_000 + round);
        net.open(&mut peer);
        net.recv(&peer, "P. 1:11 ack 1");
        let sent: usize = net.take(&mut peer).iter().map(|sent| sent.segment.data.len()).sum();
        assert_eq!(sent, 3_000);
        match round % 3 {
            0 => {
                net.recv(&peer, "F. 11 ack 3002");
                net.sends(&mut peer, [". 3002 ack 12"]);
            }
            1 => net.recv(&peer, "R 11"),
            // It wants more than there is, and is reset.
            _ => {
                net.recv(&peer, "P. 11:21 ack 3002");
                net.sends(&mut peer, ["R. 3002 ack 11"]);
            }
        }
        assert_eq!(net.count(), 0, "{round}");
        if round == 100 {
            before = Some(free_pages(&net));
        }
    }
    assert_eq!(Some(free_pages(&net)), before);
}

/// A lost SYN-ACK was never sent again.
#[test]
fn includeos_542_a_lost_answer_is_sent_again() {
    let (mut net, mut peer) = (listening(), Peer::new(5000));
    net.recv(&peer, "S 0 <mss 1000>");
    net.sends(&mut peer, ["S. 0 ack 1 <mss 1460>"]);
    net.after(1_000);
    net.sends(&mut peer, ["S. 0 ack 1 <mss 1460>"]);
    net.recv(&peer, ". 1 ack 1");
    assert_eq!(net.count(), 1);
}

/// The service was not started for some connections.
#[test]
fn unikraft_736_each_connection_starts_its_service() {
    let mut net = Net::with_pages(2048);
    net.host
        .tower
        .bind(80, async |stream, _| {
            // Without a byte of the peer, and while others wait.
            stream.send(b"hello").await?;
            stream.sleep(Duration::from_secs(3600)).await;
            Ok(())
        })
        .unwrap();
    for port in 0..200 {
        let mut peer = Peer::new(10_000 + port);
        net.recv(&peer, "S 0 <mss 1000>");
        net.take(&mut peer);
        net.recv(&peer, ". 1 ack 1");
        let sent: usize = net.take(&mut peer).iter().map(|sent| sent.segment.data.len()).sum();
        assert_eq!(sent, 5, "{port}");
        net.recv(&peer, ". 1 ack 6");
    }
    assert_eq!(net.count(), 200);
}

/// With all ports of a client in TIME-WAIT, its next SYNs were dropped.
#[test]
fn lib_lwip_74_ports_in_time_wait_are_used_at_once() {
    let mut net = replying();
    for round in 0..20 {
        for port in 0..50 {
            let mut peer = Peer::new(10_000 + port);
            peer.peer.seq += 100_000 * round;
            let stamp = 100 + round;
            net.recv(&peer, &format!("S 0 <mss 1000,TS {stamp} 0>"));
            assert_eq!(net.take(&mut peer).len(), 1, "{round} {port}");
            net.recv(&peer, &format!("P. 1:11 ack 1 <TS {stamp} 0>"));
            net.take(&mut peer);
            net.recv(&peer, &format!("F. 11 ack 3002 <TS {stamp} 0>"));
            net.sends(&mut peer, [". 3002 ack 12"]);
        }
    }
    assert_eq!(net.counter("accepted"), 1_000);
}

/// A port could not be bound again while connections of before were there.
#[test]
fn lib_lwip_31_a_port_is_bound_again_at_once() {
    let mut net = replying();
    let mut waiting = Peer::new(5000);
    net.open(&mut waiting);
    net.recv(&waiting, "P. 1:11 ack 1");
    net.take(&mut waiting);
    net.recv(&waiting, "F. 11 ack 3002");
    net.take(&mut waiting);
    let mut open = Peer::new(5001);
    net.open(&mut open);
    assert!(net.host.tower.unbind(80));
    bind(&mut net, 80);
    let mut next = Peer::new(5002);
    net.open(&mut next);
    // The open one is still that of the service before.
    net.recv(&open, "P. 1:11 ack 1");
    let sent: usize = net.take(&mut open).iter().map(|sent| sent.segment.data.len()).sum();
    assert_eq!(sent, 3_000);
}

/// The end of what was sent was missing when the sender closed at once.
#[test]
fn hermit_rs_602_all_arrives_though_the_sender_is_gone() {
    for seed in 0..5 {
        let quality = Quality { loss: 0.02, ..NEAR };
        let mut pair = Pair::with_ends(PathEnd::pair(quality, seed), 4096);
        pair.server
            .tower
            .bind(80, async |stream, _| {
                stream.send(&[9; 50_000][..]).await?;
                Ok(())
            })
            .unwrap();
        let connections = pair.connections();
        let received = pair.client(Duration::from_secs(100), async move {
            let stream = connections.connect(server()).await.unwrap();
            let mut received = 0;
            loop {
                // Slowly.
                stream.sleep(Duration::from_millis(100)).await;
                match stream.read(&mut [0; 3_000]).await {
                    Ok(0) => return Ok(received),
                    Ok(more) => received += more,
                    Err(error) => return Err((received, error)),
                }
            }
        });
        assert_eq!(received, Some(Ok(50_000)), "seed {seed}");
    }
}

/// Acknowledgments without timestamps were dropped.
#[test]
fn gvisor_11536_acknowledgments_without_timestamps_count() {
    established_with_options(|s| {
        s.write(3_000);
        assert_eq!(s.take().len(), 3);
        s.recv(". 1 ack 1001");
        s.recv(". 1 ack 3001");
        assert!(s.tcp.all_acknowledged());
        s.tcp.shutdown();
        s.take();
        s.recv("F. 1 ack 3002");
        assert_eq!(s.state(), State::TimeWait);
        s.take();
    });
}

/// Clients that came while the backlog was full were reset.
#[test]
fn osv_283_no_client_is_reset_because_there_are_many() {
    let mut net = Net::with_pages(64);
    bind(&mut net, 80);
    for port in 0..1_000 {
        let peer = Peer::new(10_000 + port);
        net.recv(&peer, "S 0 <mss 1000>");
    }
    let resets = net.sent.iter().filter(|sent| sent.segment.flags.contains(Flags::RST)).count();
    assert_eq!((resets, net.counter("resets_tx")), (0, 0));
}

/// Two hosts, both with closed windows and with data to send, answered each other's acknowledgments without end.
#[test]
fn esp_idf_2425_two_hosts_with_closed_windows_are_quiet() {
    let mut pair = Pair::new(NEAR, 1);
    let talks = async |stream: &tcp::Stream| {
        // More than both buffers take, and nobody reads.
        stream.set_deadline(Some(stream.now() + Duration::from_secs(600)));
        let _ = stream.send(&vec![1; 12 << 20][..]).await;
    };
    pair.server
        .tower
        .bind(80, async move |stream, _| {
            talks(stream).await;
            Ok(())
        })
        .unwrap();
    let connections = pair.connections();
    let path =
        |pair: &Pair| pair.client.tower.network().sent()[0] + pair.server.tower.network().sent()[0];
    pair.tasks[0]
        .spawn("client", async move |_| {
            let stream = connections.connect(server()).await.unwrap();
            talks(&stream).await;
            Ok(())
        })
        .unwrap();
    pair.run(Duration::from_secs(100), || false);
    let before = path(&pair);
    pair.run(Duration::from_secs(400), || false);
    let sent = path(&pair) - before;
    // Each side probes, more and more rarely, and is answered.
    assert!((2..200).contains(&sent), "{sent} packets in 400 seconds");
}

/// CVE-2019-11477 to 11479: a tiny MSS makes segments of a few bytes, and SACK makes them many.
#[test]
fn cve_2019_11477_to_11479_segments_are_not_tiny() {
    crate::script::accepted("S 0 <mss 8,sackOK>", |s| {
        s.write(3_600);
        let sent = s.take();
        assert!(sent.len() <= 10 && sent.iter().all(|segment| segment.data.len() == 36));
        for block in 0..9 {
            let start = 37 + 36 * block;
            s.recv(&format!(". 1 ack 1 <sack {start}:{}>", start + 1));
        }
        s.take();
        s.recv(". 1 ack 361");
        s.tcp.abort();
        s.take();
    });
}

/// CVE-2016-5696: a limit of challenges that all connections share tells each of them about the others.
#[test]
fn cve_2016_5696_challenges_are_counted_on_each_connection() {
    let mut net = listening();
    let (mut one, mut other) = (Peer::new(5000), Peer::new(5001));
    net.open(&mut one);
    net.open(&mut other);
    for _ in 0..1_000 {
        net.recv(&one, "R 500");
    }
    net.sends(&mut one, [". 1 ack 1"]);
    // An attacker would see on its own connection that something was counted.
    for _ in 0..10 {
        net.recv(&other, "R 500");
        net.sends(&mut other, [". 1 ack 1"]);
        net.after(500);
    }
}
