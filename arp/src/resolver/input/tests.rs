use std::{format, vec, vec::Vec};

use ::testkit::Random;
use ethernet::Neighbours as _;
use netif::MacAddr;

use crate::{Counters, host::*};

#[test]
fn requests_are_answered() {
    with_host(|host| {
        host.wire.push([
            0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 10, 0, 0, 1, 8, 6, // Ethernet
            0, 1, 8, 0, 6, 4, 0, 1, // Ethernet, IPv4, 6 and 4 bytes, request
            2, 0, 10, 0, 0, 1, 10, 0, 0, 1, // sender
            0, 0, 0, 0, 0, 0, 10, 0, 0, 2, // target
        ]);
        assert_eq!(host.turn(), []);
        let mut answer = vec![
            2, 0, 10, 0, 0, 1, 2, 0, 10, 0, 0, 2, 8, 6, // Ethernet
            0, 1, 8, 0, 6, 4, 0, 2, // Ethernet, IPv4, 6 and 4 bytes, reply
            2, 0, 10, 0, 0, 2, 10, 0, 0, 2, // sender
            2, 0, 10, 0, 0, 1, 10, 0, 0, 1, // target
        ];
        answer.resize(60, 0);
        assert_eq!(host.wire.drain(), [answer]);
        // And who asked is known now.
        assert_eq!(host.sends(THEM, 1), [carries(PEER, 1), asks(PEER, THEM)]);
        assert_eq!((host.stats().learnt, host.stats().replies_tx), (1, 1));
    });
}

#[test]
fn requests_with_padding_are_answered() {
    with_host(|host| {
        let mut padded = request(PEER, THEM);
        padded.resize(60, 0xee);
        assert_eq!(host.hears(padded).len(), 1);
    });
}

#[test]
fn nonsense_requests_are_ignored() {
    with_host(|host| {
        let good = request(PEER, THEM);
        for length in 14..good.len() {
            assert_eq!(host.hears(good[..length].to_vec()), [""; 0]);
        }
        for offset in [14, 15, 16, 17, 18, 19] {
            let mut bad = good.clone();
            bad[offset] ^= 0x10;
            assert_eq!(host.hears(bad), [""; 0]);
        }
        assert_eq!(host.stats().malformed, 28 + 6);
        // Senders that nobody can be. Ethernet drops the frame if its source is a group.
        for mac in [ALL, NONE, OURS] {
            let mut bad = good.clone();
            bad[22..28].copy_from_slice(&mac.0);
            assert_eq!(host.hears(bad), [""; 0]);
        }
        for address in [[10, 0, 0, 255], [10, 0, 0, 0], [224, 0, 0, 1], [255; 4], [127, 0, 0, 1]] {
            assert_eq!(host.hears(request(PEER, address)), [""; 0]);
        }
        assert_eq!((host.stats().bad_sender, host.stats().learnt), (3 + 5, 0));
        assert_eq!(host.sends(THEM, 1), [asks(ALL, THEM)]);
    });
}

#[test]
fn unknown_operations_are_ignored() {
    with_host(|host| {
        for operation in [0, 3, 4, 255] {
            let bad = frame(OURS, operation, (PEER, THEM), (OURS, US));
            assert_eq!(host.hears(bad), [""; 0]);
        }
        assert_eq!((host.stats().requests_rx, host.stats().learnt), (0, 0));
    });
}

#[test]
fn probes_are_answered_and_not_noted() {
    with_host(|host| {
        let sent = host.hears(request(PEER, [0; 4]));
        assert_eq!(sent, ["02:00:0a:00:00:01 < 10.0.0.2 is at 02:00:0a:00:00:02"]);
        assert_eq!((host.stats().learnt, host.stats().conflicts), (0, 0));
        assert_eq!(host.sends(THEM, 1), [asks(ALL, THEM)]);
    });
}

#[test]
fn requests_for_others_are_neither_answered_nor_noted() {
    with_host(|host| {
        let for_other = frame(ALL, REQUEST, (PEER, THEM), (NONE, [10, 0, 0, 77]));
        assert_eq!(host.hears(for_other), [""; 0]);
        assert_eq!(host.sends(THEM, 1), [asks(ALL, THEM)]);
    });
}

#[test]
fn gratuitous_arp_is_heard_and_not_cached() {
    with_host(|host| {
        for gratuitous in [
            announcement(PEER, THEM),
            frame(ALL, REPLY, (PEER, THEM), (ALL, THEM)),
            frame(ALL, REPLY, (PEER, THEM), (PEER, THEM)),
        ] {
            assert_eq!(host.hears(gratuitous), [""; 0]);
        }
        assert_eq!((host.stats().requests_rx, host.stats().replies_rx), (1, 2));
        assert_eq!(host.sends(THEM, 1), [asks(ALL, THEM)]);
    });
}

#[test]
fn unsolicited_replies_are_not_cached() {
    with_host(|host| {
        assert_eq!(host.hears(reply(PEER, THEM)), [""; 0]);
        assert_eq!(host.stats().unsolicited, 1);
        assert_eq!(host.sends(THEM, 1), [asks(ALL, THEM)]);
        // The answer for one neighbour is none for another.
        assert_eq!(host.hears(reply(PEER, [10, 0, 0, 7])), [""; 0]);
        assert_eq!(host.sends([10, 0, 0, 7], 1), [asks(ALL, [10, 0, 0, 7])]);
    });
}

#[test]
fn unsolicited_replies_overwrite_nothing() {
    with_host(|host| {
        host.meets();
        // The station is asked, and does not answer.
        assert_eq!(host.hears(frame(OURS, REPLY, (OTHER, THEM), (OURS, US))), [asks(OTHER, THEM)]);
        assert_eq!(host.sends(THEM, 2), [carries(PEER, 2)]);
        // Then all are.
        let asked = [asks(OTHER, THEM), asks(OTHER, THEM), asks(ALL, THEM)];
        assert_eq!(host.lives(5000), asked);
        assert_eq!(host.sends(THEM, 3), [carries(PEER, 3)]);
        assert_eq!((host.stats().doubted, host.stats().changed), (1, 0));
        assert_eq!((host.stats().unsolicited, host.stats().upheld), (1, 0));
        // Another time both answer.
        assert_eq!(host.hears(reply(OTHER, THEM)), [asks(OTHER, THEM)]);
        assert_eq!(host.hears(reply(OTHER, THEM)), [asks(PEER, THEM)]);
        assert_eq!(host.hears(reply(PEER, THEM)), [""; 0]);
        assert_eq!(host.lives(5000), [""; 0]);
        assert_eq!(host.sends(THEM, 4), [carries(PEER, 4)]);
        assert_eq!((host.stats().upheld, host.stats().changed), (1, 0));
    });
}

#[test]
fn a_neighbour_that_moved_and_announces_it_is_found_again() {
    with_host(|host| {
        host.meets();
        host.passes(5);
        assert_eq!(host.hears(announcement(OTHER, THEM)), [asks(OTHER, THEM)]);
        assert_eq!(host.hears(reply(OTHER, THEM)), [asks(PEER, THEM)]);
        assert_eq!(host.sends(THEM, 2), [carries(PEER, 2)]);
        assert_eq!(host.lives(400), [asks(PEER, THEM), asks(PEER, THEM)]);
        assert_eq!(host.sends(THEM, 3), [carries(OTHER, 3)]);
        assert_eq!((host.stats().doubted, host.stats().changed), (1, 1));
    });
}

/// A request is believed of who was never sent to, and not against who was.
#[test]
fn a_request_in_the_name_of_another_is_answered_and_not_believed() {
    with_host(|host| {
        host.meets();
        let answer = format!("{OTHER} < 10.0.0.2 is at {OURS}");
        assert_eq!(host.hears(request(OTHER, THEM)), [asks(OTHER, THEM), answer.clone()]);
        assert_eq!(host.hears(request(OTHER, THEM)), [answer]);
        assert_eq!(host.lives(5000).len(), 3);
        assert_eq!(host.sends(THEM, 2), [carries(PEER, 2)]);
        assert_eq!(host.stats().changed, 0);
    });
}

#[test]
fn a_request_in_the_name_of_a_neighbour_that_is_not_known_lasts_for_300_ms() {
    with_host(|host| {
        assert_eq!(host.hears(request(OTHER, THEM)).len(), 1);
        assert_eq!(host.sends(THEM, 1), [carries(OTHER, 1), asks(OTHER, THEM)]);
        assert_eq!(host.lives(310), [asks(OTHER, THEM), asks(OTHER, THEM)]);
        assert_eq!(host.sends(THEM, 2), [asks(ALL, THEM)]);
        assert_eq!(host.hears(reply(PEER, THEM)), [carries(PEER, 2)]);
    });
}

#[test]
fn a_request_answers_our_own() {
    with_host(|host| {
        assert_eq!(host.sends(THEM, 1), [asks(ALL, THEM)]);
        let sent = host.hears(request(PEER, THEM));
        assert_eq!(sent.len(), 2);
        assert!(sent.contains(&carries(PEER, 1)), "{sent:?}");
    });
}

/// A frame that comes from another station than its packet names, as those of routers that share an address do.
fn from(source: MacAddr, mut frame: Vec<u8>) -> Vec<u8> {
    frame[6..12].copy_from_slice(&source.0);
    frame
}

#[test]
fn an_answer_is_believed_whichever_station_sent_the_frame() {
    with_host(|host| {
        assert_eq!(host.sends(THEM, 1), [asks(ALL, THEM)]);
        assert_eq!(host.hears(from(OTHER, reply(PEER, THEM))), [carries(PEER, 1)]);
        assert_eq!((host.stats().mismatched, host.stats().unsolicited), (0, 0));
        // And so it is when the station is asked again.
        host.lives(19 * 60 * 1000);
        assert_eq!(host.sends(THEM, 2), [carries(PEER, 2), asks(PEER, THEM)]);
        assert_eq!(host.hears(from(OTHER, reply(PEER, THEM))), [""; 0]);
        assert_eq!(host.passes(5), [""; 0]);
        assert_eq!(host.stats().mismatched, 0);
    });
}

#[test]
fn a_question_is_answered_whichever_station_sent_the_frame() {
    with_host(|host| {
        let answer = "02:00:0a:00:00:01 < 10.0.0.2 is at 02:00:0a:00:00:02";
        assert_eq!(host.hears(from(OTHER, request(PEER, THEM))), [answer]);
        assert_eq!(host.hears(from(OTHER, request(PEER, [0; 4]))), [answer]);
        // Who asks so is not noted, nor is an answer to nothing.
        assert_eq!(host.hears(from(OTHER, reply(PEER, THEM))), [""; 0]);
        assert_eq!((host.stats().learnt, host.stats().mismatched), (0, 2));
        assert_eq!(host.sends(THEM, 1), [asks(ALL, THEM)]);
    });
}

#[test]
fn strangers_are_answered_and_not_noted() {
    with_host(|host| {
        assert_eq!(host.hears(request(PEER, [192, 168, 7, 7])).len(), 1);
        assert_eq!(host.stats().learnt, 0);
    });
}

#[test]
fn a_conflict_is_counted_and_defended_once_in_ten_seconds() {
    with_host(|host| {
        let ours = "ff:ff:ff:ff:ff:ff < 10.0.0.2 (02:00:0a:00:00:02) asks for 10.0.0.2";
        assert_eq!(host.hears(announcement(OTHER, US)), [ours]);
        assert_eq!(host.hears(announcement(OTHER, US)), [""; 0]);
        host.passes(9);
        assert_eq!(host.hears(reply(OTHER, US)), [""; 0]);
        host.passes(1);
        // A reply is a conflict as well, and one with a forged frame.
        let mut forged = reply(OTHER, US);
        forged[6..12].copy_from_slice(&PEER.0);
        assert_eq!(host.hears(forged), [ours]);
        assert_eq!((host.stats().conflicts, host.stats().defences), (4, 2));
        // The address is kept.
        assert_eq!(host.hears(request(PEER, THEM)).len(), 1);
        // A new address is defended at once.
        host.arp.set_address("10.0.0.3/24".parse().unwrap());
        host.passes(5);
        assert_eq!(host.hears(announcement(OTHER, [10, 0, 0, 3])).len(), 1);
    });
}

#[test]
fn no_input_is_believed_by_chance() {
    with_host(|host| {
        let mut random = Random::new(7);
        for _ in 0..20_000 {
            let mut bytes = match random.below(3) {
                0 => request(PEER, THEM),
                1 => reply(PEER, THEM),
                _ => announcement(PEER, THEM),
            };
            for _ in 0..random.below(6) {
                let place = 14 + random.below(bytes.len() - 14);
                bytes[place] = random.bits() as u8;
            }
            bytes.truncate(14 + random.below(60));
            host.hears(bytes);
        }
        let Counters { learnt, malformed, bad_sender, mismatched, unsolicited, .. } = host.stats();
        let counts = [learnt, malformed, bad_sender, mismatched, unsolicited];
        assert!(counts.iter().all(|&count| count > 0), "{counts:?}");
        // All that was learnt came in frames of that one station.
        let known: Vec<_> = (1..=254)
            .flat_map(|last| host.sends([10, 0, 0, last], 1))
            .filter(|sent| sent.contains("ipv4"))
            .collect();
        assert!(!known.is_empty() && known.iter().all(|sent| *sent == carries(PEER, 1)));
    });
}
