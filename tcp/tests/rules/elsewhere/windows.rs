//! Windows, retransmission, and the end of what was sent.

use std::time::Duration;

use tcp::State;
use testkit::{PathEnd, Quality};

use super::{NEAR, replying};
use crate::{
    common::{Pair, server},
    host::Peer,
    listening::listening,
    script::{OURS, accepted, established, established_with_options},
};

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
    accepted("S 0 <mss 8,sackOK>", |s| {
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
