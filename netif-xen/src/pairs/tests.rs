use super::*;

fn pairs(cores: usize) -> &'static Pairs {
    let memory = std::vec![core::mem::MaybeUninit::uninit(); 1 << 15].leak();
    let pool = std::boxed::Box::leak(std::boxed::Box::new(rt_regions::Pool::new(memory)));
    let region = std::boxed::Box::leak(std::boxed::Box::new(Region::new(pool, "memory")));
    Pairs::new(cores, region).expect("there is room")
}

fn pair() -> Taken {
    Taken { rings: [NonNull::dangling(); 2], port: Port(5) }
}

#[test]
fn what_was_agreed_is_what_another_core_reads() {
    let pairs = pairs(2);
    let all = Offloads {
        checksum: true,
        tcp_segmentation: true,
        tcp_segmentation_ipv6: true,
        ..Offloads::NONE
    };
    let one = Offloads { checksum: true, ..Offloads::NONE };
    for offloads in [None, Some(Offloads::NONE), Some(one), Some(all)] {
        for (domain, start, mtu) in [(0, 0, 68), (0x7fef, u32::MAX, 65_517)] {
            let agreement = Agreement { backend: DomainId(domain), start, mtu, offloads };
            pairs.agree(agreement);
            assert_eq!(pairs.agreement(), agreement);
        }
    }
}

#[test]
fn a_pair_is_taken_once_and_is_the_first_cores_again_when_it_is_left() {
    let pairs = pairs(3);
    assert!(pairs.seat(0).is_none() && pairs.seat(3).is_none());
    let (one, two) = (pairs.seat(1).unwrap(), pairs.seat(2).unwrap());
    assert!(one.is_left() && one.take(0).is_none() && !pairs.now().is_offered());
    for offer in 1..4 {
        assert_eq!(pairs.next(), offer);
        for seat in pairs.seats() {
            // SAFETY: nobody touches them at all.
            unsafe { seat.offer(offer, pair()) };
        }
        pairs.offered(offer);
        assert!(pairs.now().is_offered() && !pairs.now().is_open());
        assert!(one.take(offer + 1).is_none());
        assert_eq!(one.take(offer).unwrap().port, Port(5));
        assert!(one.take(offer).is_none());
        pairs.open();
        assert!(pairs.now().is_open() && pairs.now().offer() == offer);
        pairs.end(offer);
        // One has it still; the other has never taken it, and cannot any more.
        assert!(!one.is_left() && two.is_left() && two.take(offer).is_none());
        assert!(!pairs.now().is_offered());
        one.leave(offer);
        assert!(one.is_left());
    }
}

#[test]
fn what_another_core_says_is_heard_once() {
    let pairs = pairs(2);
    assert_eq!(pairs.news(), 0);
    pairs.report_violation();
    assert!(pairs.news() == 1 && pairs.take_violation() && !pairs.take_violation());
    assert!(!pairs.is_refused());
    pairs.refuse();
    assert!(pairs.news() == 2 && pairs.is_refused() && pairs.is_refused());
}
