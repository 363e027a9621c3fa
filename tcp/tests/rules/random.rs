//! Segments of any kind, at any moment, to a connection in any state.

use tcp::{Flags, Options, Segment, Seq, State, Timestamps};
use testkit::Random;

use crate::{
    script::{OURS, Script, accepted, connect, established, established_with_options},
    states::{SYNCHRONIZED, reach},
};

/// A number near one that matters.
fn near(random: &mut Random, numbers: &[Seq]) -> Seq {
    let base = numbers[random.below(numbers.len())];
    match random.below(8) {
        0..4 => base,
        4 => base + 1,
        5 => Seq(base.0.wrapping_sub(1)),
        6 => Seq(base.0.wrapping_add(random.below(30_000) as u32).wrapping_sub(15_000)),
        _ => Seq(random.bits() as u32),
    }
}

/// The flags of a segment: mostly those that do not end the connection.
fn flags(random: &mut Random) -> Flags {
    match random.below(16) {
        0..10 => Flags::ACK,
        10 => Flags::ACK.with(Flags::FIN),
        11 => Flags::ACK.with(Flags::URG),
        12 => Flags::SYN,
        13 => Flags::SYN.with(Flags::ACK),
        14 => Flags(random.bits() as u8 & !Flags::RST.0),
        _ => Flags(random.bits() as u8),
    }
}

fn options(random: &mut Random, numbers: &[Seq]) -> Options {
    let mut options = Options::default();
    if random.below(2) == 0 {
        let value = near(random, &[Seq(0xffff_ff00)]).0;
        let echo = near(random, &[Seq(OURS.clock + 1_000)]).0;
        options.timestamps = Some(Timestamps { value, echo });
    }
    for _ in 0..random.below(5) {
        let (start, end) = (near(random, numbers), near(random, numbers));
        options.sack.push(start, end);
    }
    if random.below(4) == 0 {
        options.mss = Some(random.bits() as u16 | 1);
        options.window_scale = Some(random.bits() as u8);
        options.sack_permitted = random.below(2) == 0;
    }
    options
}

/// Lets anything happen for a while. The peer keeps to no rule at all.
fn chaos(s: &mut Script<'_>, random: &mut Random) {
    let mut numbers = vec![s.peer.seq, s.peer.seq + 1, s.peer.seq + 12_289];
    let mut ours = vec![OURS.seq, OURS.seq + 1];
    let bytes = [0; 20_000];
    for _ in 0..random.below(120) {
        match random.below(12) {
            0..7 => {
                let length = [0, 0, 1, 100, 1_000, 15_000][random.below(6)];
                let segment = Segment {
                    ports: [0, 0],
                    seq: near(random, &numbers),
                    ack: near(random, &ours),
                    flags: flags(random),
                    window: [0, 1, 500, 10_000, u16::MAX][random.below(5)],
                    urgent: random.bits() as u16,
                    options: options(random, &ours),
                    payload: &bytes[..random.below(length + 1)],
                    joined: 1 + random.below(3) as u16,
                };
                s.tcp.on_segment(s.now(), &segment);
            }
            7 => {
                s.tcp.send(&&bytes[..random.below(5_000)]);
            }
            8 => s.tcp.consume(random.below(20_000)),
            9 => {
                let time = [1, 50, 1_000, 70_000][random.below(4)];
                s.pass_quietly(time);
            }
            10 => match random.below(12) {
                0 => s.tcp.shutdown(),
                1 => s.tcp.mark_urgent(),
                2 => s.tcp.set_nodelay(true),
                3 => s.tcp.set_path_mss(random.bits() as u16),
                4 => s.tcp.set_keepalive(Some(std::time::Duration::from_millis(700))),
                5 => s.tcp.set_user_timeout(Some(std::time::Duration::from_secs(30))),
                6 if random.below(4) == 0 => s.orphan(),
                7 if random.below(4) == 0 => s.tcp.abort(),
                _ => {}
            },
            _ => s.pass_quietly(0),
        }
        let (urgent, state) = (s.tcp.urgent(), s.state());
        assert!(urgent <= 65_535 + 16_384, "{urgent} {state}");
        for sent in s.take_any() {
            // It never acknowledges what has not come, nor sends what was not given to it.
            numbers.push(sent.ack);
            ours.push(sent.seq);
            ours.push(sent.seq + sent.data.len() as u32);
            numbers.drain(..numbers.len().saturating_sub(8));
            ours.drain(..ours.len().saturating_sub(8));
        }
        if state == State::Closed {
            assert!(s.tcp.deadline().is_none());
        }
    }
    s.tcp.abort();
    s.take_any();
}

/// Nothing of it panics, nothing is sent without end, and all memory comes back.
#[test]
fn any_segment_is_survived_in_any_state() {
    for seed in 0..100 {
        let random = &mut Random::new(seed);
        for state in SYNCHRONIZED.into_iter().chain([State::SynSent, State::Closed]) {
            reach(state, |s| chaos(s, random));
        }
        connect(|s| chaos(s, random));
        established(|s| chaos(s, random));
        established_with_options(|s| chaos(s, random));
        accepted("S 0 <mss 1460,sackOK,TS 10 0,wscale 14>", |s| chaos(s, random));
        accepted("S 0 <mss 1,sackOK>", |s| chaos(s, random));
    }
}
