use std::{collections::BTreeSet, string::String, vec, vec::Vec};

use super::*;
use crate::xenstore::daemon::{Daemon, Manners, interface, random};

/// What most tests need: a tree with one value.
macro_rules! store {
    ($daemon:ident, $client:ident, $manners:expr) => {
        let interface = interface();
        let $daemon = Daemon::new(&interface, $manners);
        let $client = Client::new(&interface, &$daemon);
        $daemon.set("device/vif/0/backend", "/local/domain/0/backend/vif/1/0");
    };
}

fn read(client: &Client<'_, &Daemon<'_>>, path: &str) -> Result<String, StoreError> {
    let mut buffer = [0; 64];
    let value = client.read(format_args!("{path}"), &mut buffer)?;
    Ok(String::from_utf8_lossy(value).into_owned())
}

#[test]
fn values_are_read_and_written() {
    store!(daemon, client, Manners::default());
    let backend = read(&client, "device/vif/0/backend");
    assert_eq!(backend.unwrap(), "/local/domain/0/backend/vif/1/0");
    client.write(format_args!("device/vif/{}/state", 0), format_args!("{}", 4)).unwrap();
    assert_eq!(
        (read(&client, "device/vif/0/state").unwrap(), daemon.get("device/vif/0/state")),
        ("4".into(), "4".into())
    );
    client.write(format_args!("empty"), format_args!("")).unwrap();
    assert_eq!(read(&client, "empty").unwrap(), "");
    assert_eq!(read(&client, "nowhere"), Err(StoreError::Refused(Errno::ENOENT)));
    let mut names = [0; 64];
    let names = client.directory(format_args!("device/vif/0"), &mut names).unwrap();
    assert_eq!(names, b"backend\0state\0");
    assert_eq!(client.directory(format_args!("empty"), &mut []).unwrap(), b"");
}

#[test]
fn a_reply_has_to_fit_and_the_next_one_is_heard() {
    store!(daemon, client, Manners::default());
    for length in [0, 1, 64, 65, 1000, 4096] {
        daemon.set("long", &"x".repeat(length));
        let value = read(&client, "long");
        assert_eq!(
            value.map(|v| v.len()),
            if length <= 64 { Ok(length) } else { Err(StoreError::TooLong(length as u32)) }
        );
    }
    let mut buffer = vec![0; 4096];
    assert_eq!(
        client.read(format_args!("long"), &mut buffer).unwrap(),
        "x".repeat(4096).as_bytes()
    );
    let long = "x".repeat(1008);
    let too_long = Err(StoreError::RequestTooLong);
    assert_eq!(client.write(format_args!("a"), format_args!("{long}")), too_long);
    assert_eq!(client.watch(format_args!("{long}")), Err(StoreError::RequestTooLong));
}

#[test]
fn messages_in_pieces_are_put_together() {
    for piece in [1, 3, 16, 17, 1000] {
        store!(daemon, client, Manners { piece, ..Manners::default() });
        let watch = client.watch(format_args!("device")).unwrap();
        daemon.set("long", &"y".repeat(3000));
        for _ in 0..10 {
            let mut buffer = vec![0; 3000];
            daemon.change("device/vif/0/state");
            let value = client.read(format_args!("long"), &mut buffer);
            assert_eq!(value.unwrap(), "y".repeat(3000).as_bytes());
            assert!(client.fired(&watch));
        }
        client.unwatch(format_args!("device"), &watch);
    }
}

#[test]
fn every_request_has_a_number_of_its_own() {
    store!(daemon, client, Manners::default());
    client.next_id.set(u32::MAX - 50);
    client.oldest_id.set(u32::MAX - 50);
    for _ in 0..100 {
        read(&client, "device/vif/0/backend").unwrap();
    }
    let ids = daemon.ids();
    assert_eq!((ids.len(), ids.iter().collect::<BTreeSet<_>>().len()), (100, 100));
}

#[test]
fn a_watch_fires_for_what_is_under_it_until_it_ends() {
    store!(daemon, client, Manners::default());
    let watch = client.watch(format_args!("device/vif/0")).unwrap();
    let other = client.watch(format_args!("control/shutdown")).unwrap();
    assert!(client.fired(&watch) && client.fired(&other));
    // Xenstore's own event for each new watch may come now.
    daemon.run();
    client.listen();
    client.has_news();
    for watch in [&watch, &other] {
        client.fired(watch);
        assert!(!client.fired(watch));
    }
    daemon.change("device/vif/0/state");
    daemon.run();
    client.listen();
    assert!(client.has_news() && !client.has_news());
    assert!(client.fired(&watch) && !client.fired(&watch) && !client.fired(&other));
    // While a reply is waited for.
    daemon.change("control/shutdown");
    read(&client, "device/vif/0/backend").unwrap();
    assert!(client.has_news() && client.fired(&other));
    client.unwatch(format_args!("device/vif/0"), &watch);
    assert_eq!(daemon.watches(), vec![("control/shutdown".into(), "1".into())]);
    daemon.change("device/vif/0/state");
    daemon.run();
    client.listen();
    assert!(!client.has_news() && !client.fired(&watch));
}

#[test]
fn however_many_events_there_are_one_flag_holds_them() {
    store!(daemon, client, Manners::default());
    let watch = client.watch(format_args!("device")).unwrap();
    for _ in 0..500 {
        daemon.change("device/vif/0/state");
    }
    assert!(read(&client, "device/vif/0/backend").is_ok());
    assert!(client.fired(&watch));
}

#[test]
fn a_watch_that_is_there_already_is_as_good_and_one_that_is_refused_leaves_its_place() {
    store!(daemon, client, Manners { refuse: Some("EEXIST\0"), ..Manners::default() });
    let watch = client.watch(format_args!("device")).unwrap();
    assert!(client.fired(&watch));
    drop(daemon);
    store!(daemon, client, Manners { refuse: Some("EACCES\0"), ..Manners::default() });
    for _ in 0..20 {
        let refused = client.watch(format_args!("device"));
        assert_eq!(refused, Err(StoreError::Refused(Errno(13))));
    }
    drop(daemon);
}

#[test]
fn silence_ends_and_a_late_reply_is_not_taken_for_another_one() {
    store!(daemon, client, Manners { deaf: true, ..Manners::default() });
    daemon.set("other", "2");
    assert_eq!(read(&client, "device/vif/0/backend"), Err(StoreError::Silent));
    assert_eq!(read(&client, "nowhere"), Err(StoreError::Silent));
    assert_eq!(Peer::now(&&daemon).as_nanos(), 2 * REPLY_TIMEOUT.as_nanos() as u64 + 1);
    daemon.hear();
    assert_eq!(read(&client, "other").unwrap(), "2");
    // A reply half of which has come before it was given up.
    daemon.set("long", &"z".repeat(4000));
    daemon.stop_after(1500);
    let mut buffer = [0; 4096];
    assert_eq!(client.read(format_args!("long"), &mut buffer), Err(StoreError::Silent));
    daemon.stop_after(usize::MAX);
    assert_eq!(read(&client, "other").unwrap(), "2");
}

#[test]
fn silence_without_room_ends_as_well_and_sends_no_half_message() {
    store!(daemon, client, Manners { deaf: true, ..Manners::default() });
    let path = "p".repeat(300);
    for _ in 0..5 {
        assert_eq!(read(&client, &path), Err(StoreError::Silent));
    }
    daemon.hear();
    let backend = read(&client, "device/vif/0/backend");
    assert_eq!(backend.unwrap(), "/local/domain/0/backend/vif/1/0");
    assert_eq!(daemon.ids(), [1, 2, 3, 4]);
}

#[test]
fn an_error_with_an_unknown_name_is_a_refusal() {
    for name in
        ["", "\0", "ENOMONEY\0", "ENOENT", "a name that is very long for an error\0", "E\0\0\0"]
    {
        store!(daemon, client, Manners { refuse: Some(name), ..Manners::default() });
        let errno = if name == "ENOENT" { Errno::ENOENT } else { Errno::EINVAL };
        let refused = Err(StoreError::Refused(errno));
        assert_eq!(read(&client, "device/vif/0/backend"), refused, "{name}");
        drop(daemon);
    }
}

#[test]
fn what_is_no_answer_breaks_the_connection() {
    let header = |kind, req_id, len| Header { kind, req_id, tx_id: 0, len }.emit().to_vec();
    for (bytes, words) in [
        (header(1, 1, 0), "the reply to another kind of request"),
        (header(15 + 2, 1, 0), "an unknown kind"),
        (header(2, 2, 0), "the number of no request"),
        (header(2, 0, 0), "the number of no request"),
        (header(2, u32::MAX, 0), "the number of no request"),
        (header(2, 1, 4097), "longer than any message"),
        (header(2, 1, u32::MAX), "longer than any message"),
        (header(15, 0, 5000), "an event longer than any message"),
        (header(16, 7, 0), "an error for no request"),
        ([header(2, 1, 0), header(2, 1, 0)].concat(), "two replies"),
    ] {
        store!(daemon, client, Manners { deaf: true, ..Manners::default() });
        daemon.say(&bytes);
        let first = read(&client, "device/vif/0/backend");
        // The second of two replies may come after the first one is taken.
        assert!(matches!(first, Err(StoreError::Broken) | Ok(_)), "{words}: {first:?}");
        daemon.hear();
        for _ in 0..3 {
            assert_eq!(read(&client, "device"), Err(StoreError::Broken), "{words}");
        }
        assert_eq!(client.watch(format_args!("device")), Err(StoreError::Broken));
        assert!(client.is_broken());
    }
}

#[test]
fn an_event_that_is_not_two_strings_fires_nothing() {
    store!(daemon, client, Manners::default());
    let watch = client.watch(format_args!("device")).unwrap();
    daemon.run();
    client.listen();
    client.has_news();
    client.fired(&watch);
    for payload in [
        "",
        "\0",
        "device\0",
        "device\0\x30",
        "device0\0",
        "\0\0",
        "0\0",
        "a\0\x30000000000000000000000\0",
    ] {
        daemon.event(payload);
        daemon.run();
        client.listen();
        assert!(!client.has_news() && !client.fired(&watch), "{payload:?}");
    }
    for payload in ["device\0\x30\0", "\0\x30\0", "device\0\x30\0rest\0"] {
        daemon.event(payload);
        daemon.run();
        client.listen();
        assert!(client.has_news() && client.fired(&watch), "{payload:?}");
    }
}

#[test]
fn names_without_an_end_are_no_directory() {
    store!(daemon, client, Manners { deaf: true, ..Manners::default() });
    daemon.say(
        &[Header { kind: 1, req_id: 1, tx_id: 0, len: 3 }.emit().to_vec(), b"a\0b".to_vec()]
            .concat(),
    );
    let mut buffer = [0; 16];
    let names = client.directory(format_args!("device"), &mut buffer);
    assert_eq!(names, Err(StoreError::Broken));
}

#[test]
fn an_index_outside_of_the_ring_breaks_the_connection() {
    for index in 0..2 {
        let interface = interface();
        let daemon = Daemon::new(&interface, Manners::default());
        let client = Client::new(&interface, &daemon);
        let wrong = [&interface.req_cons, &interface.rsp_prod][index];
        wrong.store(1025, core::sync::atomic::Ordering::Relaxed);
        assert_eq!(read(&client, "device"), Err(StoreError::Broken));
    }
}

/// Two million bytes and indices of every kind, from a xenstore that answers between them.
#[test]
fn nothing_that_comes_panics() {
    let (mut state, mut seen, mut bytes) = (11, BTreeSet::new(), 0);
    while bytes < 2_000_000 {
        let interface = interface();
        let deaf = random(&mut state).is_multiple_of(2);
        let daemon = Daemon::new(&interface, Manners { deaf, piece: 64, ..Manners::default() });
        let client = Client::new(&interface, &daemon);
        daemon.set("a", "value");
        for _ in 0..20 {
            let mut noise: Vec<_> =
                (0..random(&mut state) % 200).map(|_| random(&mut state) as u8).collect();
            // A header that is nearly right, before some noise.
            if !random(&mut state).is_multiple_of(4) {
                let kind = [2, 15, 16, random(&mut state)][random(&mut state) as usize % 4];
                let req_id =
                    client.next_id.get().wrapping_add(random(&mut state) % 4).wrapping_sub(1);
                let len = [noise.len() as u32, random(&mut state) % 5000]
                    [random(&mut state) as usize % 2];
                noise.splice(..0, Header { kind, req_id, tx_id: 0, len }.emit());
            }
            bytes += noise.len() + 32;
            daemon.say(&noise);
            let mut buffer = [0; 100];
            let result = client.read(format_args!("a"), &mut buffer).map(<[u8]>::len);
            seen.insert(match result {
                Ok(_) => "value",
                Err(StoreError::Refused(_)) => "refused",
                Err(StoreError::TooLong(_)) => "too long",
                Err(StoreError::Silent) => "silent",
                Err(StoreError::Broken) => "broken",
                Err(other) => panic!("{other}"),
            });
            match random(&mut state) % 8 {
                0 => drop(client.watch(format_args!("{}", bytes % 9))),
                1 => client.unwatch(format_args!("x"), &Watch(random(&mut state) as u8 % 10)),
                2 => drop(client.write(format_args!("a"), format_args!("{bytes}"))),
                3 => drop(client.fired(&Watch(random(&mut state) as u8))),
                4 => {
                    let index = [&interface.req_cons, &interface.rsp_prod][bytes % 2];
                    index.store(random(&mut state), core::sync::atomic::Ordering::Relaxed);
                }
                _ => {}
            }
        }
    }
    let all = BTreeSet::from(["value", "refused", "too long", "silent", "broken"]);
    assert_eq!(seen, all);
}
