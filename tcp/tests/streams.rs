//! Streams between two hosts.

mod common;

use std::{cell::Cell, time::Duration};

use tcp::{Broken, ConnectError, State, StreamError};
use testkit::Quality;

use common::{Pair, server};

const SECOND: Duration = Duration::from_secs(1);

/// A path of a millisecond.
const NEAR: Quality = Quality { delay: Duration::from_millis(1), ..Quality::PERFECT };

fn bind_echo(pair: &mut Pair) {
    pair.server
        .tower
        .bind(80, async |stream, region| {
            let mut request = region.child("request");
            loop {
                request.release();
                let Some(bytes) = stream
                    .receive(|bytes| (bytes.len(), Some(request.alloc_slice(bytes).map(|b| &*b))))
                    .await?
                else {
                    return Ok(());
                };
                stream.send(bytes?).await?;
            }
        })
        .unwrap();
}

#[test]
fn a_request_gets_its_reply() {
    let mut pair = Pair::new(NEAR, 1);
    bind_echo(&mut pair);
    let connections = pair.connections();
    let reply = pair.client(SECOND, async move {
        let stream = connections.connect(server()).await?;
        stream.send(b"hello").await.unwrap();
        let mut reply = [0; 5];
        stream.read_exact(&mut reply).await.unwrap();
        stream.shutdown();
        assert_eq!(stream.receive(|_| (0, None::<()>)).await, Ok(None));
        Ok::<_, ConnectError>(reply)
    });
    assert_eq!(reply, Some(Ok(*b"hello")));
    // A round trip for the SYN, one for the request, and one and a half for the end.
    assert!(pair.now().as_nanos() <= 1_010_000_000, "{}", pair.now());
    pair.run(SECOND, || false);
    let mut left = 0;
    pair.server.tower.connections().for_each(&mut |_| left += 1);
    pair.connections().for_each(&mut |_| left += 1);
    assert_eq!(left, 0);
}

#[test]
fn a_closed_port_refuses() {
    let mut pair = Pair::new(NEAR, 1);
    let connections = pair.connections();
    let refused = pair.client(SECOND, async move { connections.connect(server()).await.err() });
    assert_eq!(refused, Some(Some(ConnectError::Broken(Broken::Refused))));
}

#[test]
fn much_data_arrives_through_a_bad_network() {
    for seed in 0..20 {
        let quality = Quality {
            delay: Duration::from_millis(5),
            loss: 0.02,
            duplication: 0.02,
            reordering: 0.05,
            hold_up: Duration::from_millis(10),
            corruption: 0.01,
            ..Quality::PERFECT
        };
        let mut pair = Pair::new(quality, seed);
        bind_echo(&mut pair);
        let connections = pair.connections();
        const LENGTH: usize = 300_000;
        let byte = |at: usize| (at * 7 + at / 251) as u8;
        let received = pair.client(600 * SECOND, async move {
            let stream = connections.connect(server()).await.unwrap();
            let (mut sent, mut received) = (0, 0);
            while received < LENGTH {
                // Less than what is buffered on the way, so that nobody waits for the other for ever.
                if sent < LENGTH && sent - received < 20_000 {
                    let chunk: Vec<u8> = (sent..(sent + 5_000).min(LENGTH)).map(byte).collect();
                    stream.send(&chunk[..]).await.unwrap();
                    sent += chunk.len();
                    continue;
                }
                let taken = stream.receive(|bytes| {
                    for (at, got) in bytes.iter().enumerate() {
                        assert_eq!(*got, byte(received + at), "byte {}", received + at);
                    }
                    (bytes.len(), Some(bytes.len()))
                });
                received += taken.await.unwrap().expect("the stream has ended");
            }
            stream.shutdown();
            assert_eq!(stream.receive(|_| (0, None::<()>)).await, Ok(None));
            received
        });
        assert_eq!(received, Some(LENGTH), "seed {seed}: it stalled");
    }
}

#[test]
fn a_stream_that_is_reset_says_so() {
    let mut pair = Pair::new(NEAR, 1);
    pair.server
        .tower
        .bind(80, async |stream, _| {
            stream.abort();
            Ok(())
        })
        .unwrap();
    let connections = pair.connections();
    let error = pair.client(SECOND, async move {
        let stream = connections.connect(server()).await.unwrap();
        let error = stream.receive(|_| (0, None::<()>)).await;
        (error, stream.state())
    });
    assert_eq!(error, Some((Err(StreamError::Broken(Broken::Reset)), State::Closed)));
}

#[test]
fn a_deadline_ends_what_waits() {
    let mut pair = Pair::new(NEAR, 1);
    pair.server
        .tower
        .bind(80, async |stream, _| {
            stream.sleep(100 * SECOND).await;
            Ok(())
        })
        .unwrap();
    let connections = pair.connections();
    let error = pair.client(10 * SECOND, async move {
        let stream = connections.connect(server()).await.unwrap();
        stream.set_deadline(Some(stream.now() + SECOND));
        stream.receive(|_| (0, None::<()>)).await
    });
    assert_eq!(error, Some(Err(StreamError::TimedOut)));
    assert!(pair.now().as_nanos() < 2_100_000_000, "{}", pair.now());
}

#[test]
fn a_function_answers_lines() {
    let mut pair = Pair::new(NEAR, 1);
    pair.server
        .tower
        .bind_exchange(80, tcp::lines, |line, region| {
            let length = line.len() - 1;
            Ok(region.format(format_args!("{length}\n"))?.as_bytes())
        })
        .unwrap();
    let connections = pair.connections();
    let replies = pair.client(SECOND, async move {
        let stream = connections.connect(server()).await.unwrap();
        stream.send(b"one\ntwelve\n\nthi").await.unwrap();
        stream.send(b"rd\n").await.unwrap();
        let mut replies = [0; 8];
        stream.read_exact(&mut replies).await.unwrap();
        replies
    });
    assert_eq!(replies, Some(*b"3\n6\n0\n5\n"));
}

/// The handshake takes 2 ms, and what follows 100: a window that is as large as what is read in 2 ms holds the peer back for
/// ever.
#[test]
fn a_window_grows_on_a_path_that_became_longer() {
    const LENGTH: usize = 10_000_000;
    // 25 MB/s, and no loss.
    let path = |milliseconds| Quality {
        delay: Duration::from_millis(milliseconds),
        rate: 25_000_000,
        queue: 4 << 20,
        ..Quality::PERFECT
    };
    let mut pair = Pair::new(path(1), 1);
    let counter = || -> &'static Cell<usize> { Box::leak(Box::new(Cell::new(0))) };
    let (opened, received) = (counter(), counter());
    pair.server
        .tower
        .bind(80, async move |stream, _| {
            opened.set(1);
            let all = stream.receive(|bytes| {
                received.set(received.get() + bytes.len());
                (bytes.len(), None::<()>)
            });
            all.await?;
            Ok(())
        })
        .unwrap();
    let connections = pair.connections();
    pair.tasks[0]
        .spawn("client", async move |_| {
            let stream = connections.connect(server()).await?;
            stream.sleep(Duration::from_millis(10)).await;
            let chunk = [7; 10_000];
            for _ in 0..LENGTH / chunk.len() {
                stream.send(&chunk[..]).await?;
            }
            Ok(())
        })
        .unwrap();
    pair.run(SECOND, || opened.get() == 1);
    for end in [pair.client.tower.network(), pair.server.tower.network()] {
        end.set_quality(path(50));
    }
    let start = pair.now();
    pair.run(60 * SECOND, || received.get() == LENGTH);
    let took = pair.now().since(start);
    // Of the 768 KiB that the window has at most, 7.8 MB/s come.
    assert!(received.get() == LENGTH && took < 3 * SECOND, "{} bytes in {took:?}", received.get());
}
