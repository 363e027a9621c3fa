//! What each of the wrappers does to frames, and that the link and the memory fail when a test says so.

use layer::Rx;
use netif::{MacAddr, Netif};
use rt_regions::Region;
use testkit::{Duplicate, End, Lossy, Random, Reorder, Trailing, Wire, with_pool};

const OURS: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);

/// Sends a hundred frames, each with its number, and gives the numbers that arrive.
fn numbers<N: Netif>(wrap: impl FnOnce(End) -> N) -> Vec<u8> {
    let (wire, end) = Wire::new(OURS);
    let mut netif = wrap(end);
    (0..100_u8).for_each(|number| netif.transmit(&[number][..], layer::TxOffload::NONE).unwrap());
    wire.drain().into_iter().map(|frame| frame[0]).collect()
}

/// Lets a hundred frames arrive, and gives those that are received.
fn received<N: Netif>(wrap: impl FnOnce(End) -> N) -> Vec<Vec<u8>> {
    let (wire, end) = Wire::new(OURS);
    let mut netif = wrap(end);
    (0..100_u8).for_each(|number| wire.push([number]));
    let mut frames = Vec::new();
    with_pool(4, |pool| {
        let mut region = Region::new(pool, "packet");
        loop {
            match netif.receive(&region).unwrap() {
                Rx::Item(frame) => frames.push(frame.bytes.to_vec()),
                Rx::Handled => {}
                Rx::Idle => break,
            }
            region.reset();
        }
    });
    frames
}

#[test]
fn a_lossy_interface_loses_about_as_many_as_it_says_in_both_directions() {
    for came in
        [numbers(|end| Lossy::new(end, 10, 1)).len(), received(|end| Lossy::new(end, 10, 2)).len()]
    {
        assert!((80..100).contains(&came), "{came} of 100");
    }
    assert_eq!(numbers(|end| Lossy::new(end, 1, 1)), [0; 0]);
}

#[test]
fn the_same_seed_loses_the_same_frames() {
    let lost = |seed| numbers(|end| Lossy::new(end, 5, seed));
    assert_eq!(lost(1), lost(1));
    assert_ne!(lost(1), lost(2));
}

#[test]
fn a_double_follows_its_frame_at_once() {
    let came = numbers(|end| Duplicate::new(end, 5, 1));
    assert!((105..140).contains(&came.len()), "{} of 100", came.len());
    let mut once = came.clone();
    once.dedup();
    assert_eq!(once, (0..100).collect::<Vec<_>>());
    assert_eq!(numbers(|end| Duplicate::new(end, 1, 1)).len(), 200);
}

#[test]
fn what_is_held_back_goes_out_in_the_end_and_nothing_twice() {
    let (wire, end) = Wire::new(OURS);
    let mut netif = Reorder::new(end, 7, 1);
    (0..100_u8).for_each(|number| netif.transmit(&[number][..], layer::TxOffload::NONE).unwrap());
    let mut came = wire.drain();
    assert_eq!(came.len(), 93);
    netif.flush().unwrap();
    came.extend(wire.drain());
    assert!(!came.is_sorted(), "they are in order");
    came.sort_unstable();
    assert_eq!(came, (0..100).map(|number| vec![number]).collect::<Vec<_>>());
}

#[test]
fn what_trails_comes_after_the_frame() {
    let frames = received(|end| Trailing::new(end, 30, 1));
    assert_eq!(frames.len(), 100);
    assert!(frames.iter().enumerate().all(|(number, frame)| usize::from(frame[0]) == number));
    assert!(frames.iter().all(|frame| frame.len() <= 31));
    assert!(frames.iter().any(|frame| frame.len() > 1));
}

#[test]
fn a_link_that_is_down_loses_what_is_sent() {
    let (wire, mut end) = Wire::new(OURS);
    wire.set_link(false);
    assert!(!end.link_up());
    end.transmit(&b"lost"[..], layer::TxOffload::NONE).unwrap();
    wire.set_link(true);
    end.transmit(&b"sent"[..], layer::TxOffload::NONE).unwrap();
    assert_eq!(wire.drain(), [b"sent"]);
}

#[test]
fn a_frame_for_which_there_is_no_memory_is_lost_and_no_error() {
    with_pool(8, |pool| {
        let (wire, mut end) = Wire::new(OURS);
        wire.push([7; 5000]);
        let region = Region::new(pool, "packet").with_cap(4096);
        assert!(matches!(end.receive(&region), Ok(Rx::Handled)));
        assert!(matches!(end.receive(&region), Ok(Rx::Idle)));
    });
}

#[test]
#[should_panic(expected = "pages were left behind")]
fn a_page_that_is_left_behind_fails_the_test() {
    with_pool(4, |pool| {
        let region = Region::new(pool, "kept");
        region.alloc(7_u8).unwrap();
        std::mem::forget(region);
    });
}

#[test]
fn numbers_repeat_stay_below_their_bound_and_are_shuffled_without_loss() {
    let mut random = Random::new(3);
    let mut again = Random::new(3);
    assert_eq!(random.bytes(100), again.bytes(100));
    assert!((0..1000).all(|_| random.below(7) < 7));
    let mut items: Vec<_> = (0..50).collect();
    random.shuffle(&mut items);
    assert!(!items.is_sorted());
    items.sort_unstable();
    assert_eq!(items, (0..50).collect::<Vec<_>>());
}
