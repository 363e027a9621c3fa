//! The advisories that MirageOS had for its frontend: each would come back here.

use layer::Rx;
use netif::Netif;
use rt_regions::PAGE_SIZE;
use rt_xen::Guest;

use crate::support::{Host, frame};

/// MSA00: an id that was used again while a request was under way sent another recipient's data.
#[test]
fn msa00_ids_are_unique_while_requests_are_under_way() {
    let mut host = Host::new();
    // The backend panics when an id comes twice; here it answers as late as it can: one frame waits for it
    // in vain, and those after it are dropped at once.
    host.backend.borrow_mut().hold_responses = true;
    for number in 0..300 {
        host.netfront.transmit(&frame(60, number)[..], layer::TxOffload::NONE).unwrap();
        host.turn();
    }
    let first = host.sent();
    assert_eq!(first.len() as u64, host.counter("frames_tx"));
    assert_eq!(host.counter("tx_queue_full"), 300 - first.len() as u64);
    assert_eq!(host.counter("tx_waited"), 1);
    // What is under way has its own room each: nothing that came later has written over it.
    for (number, sent) in first.iter().enumerate() {
        assert_eq!(*sent, frame(60, number));
    }
    // Some are free again, in another order, and only those are used again.
    let mut backend = host.backend.borrow_mut();
    backend.held.make_contiguous().reverse();
    backend.respond(5);
    drop(backend);
    for number in 0..10 {
        host.netfront.transmit(&frame(60, 1000 + number)[..], layer::TxOffload::NONE).unwrap();
    }
    host.turn();
    assert_eq!(host.sent(), (0..5).map(|n| frame(60, 1000 + n)).collect::<Vec<_>>());
    host.end();
}

/// MSA01: a page that was granted still held what was in it before.
#[test]
fn msa01_pages_are_zeroed_before_they_are_granted() {
    let mut host = Host::new();
    let pool = host.world.pool();
    let before = host.world.grants_made();
    // Every grant is looked at when it is made; see that pages with secrets in them do get there.
    for number in 0..2000 {
        let mut pages: Vec<_> = (0..9).map(|_| pool.page("secret").unwrap()).collect();
        for page in &mut pages {
            page.zero().fill(0xa5);
        }
        drop(pages);
        host.backend.borrow_mut().send(&frame(1514, number));
        assert_eq!(host.settle().len(), 1);
    }
    assert!(host.world.grants_made() >= before + 2000);
    // What a longer frame left behind a shorter one was for the same backend, and for no other.
    host.netfront.transmit(&[0xa5; 1514][..], layer::TxOffload::NONE).unwrap();
    host.settle();
    host.backend.borrow_mut().set("state", "6");
    host.settle();
    assert_eq!(host.counter("connections"), 2);
    for grant in host.world.grant_numbers() {
        let page = host.world.copy_from(grant, 64, PAGE_SIZE - 64).unwrap();
        assert!(!page.contains(&0xa5));
    }
    host.end();
}

/// MSA02: a page was used again although the grant could not be ended.
#[test]
fn msa02_a_page_that_is_still_in_use_is_not_used_again() {
    let mut host = Host::new();
    let free = host.world.pool().free_pages();
    // The backend keeps the pages of all its buffers mapped, and fills them one after the other.
    let kept = host.world.grant_numbers();
    for grant in &kept {
        host.world.map(*grant);
    }
    let posted = host.backend.borrow().rx.unwrap().waiting() as usize;
    for number in 0..posted {
        host.backend.borrow_mut().send(&frame(60, number));
        assert_eq!(host.settle(), [], "a page that another domain can still write is no frame");
    }
    assert_eq!(host.counter("rx_in_use"), posted as u64);
    assert_eq!(host.world.grant_numbers(), kept, "they stay granted");
    assert_eq!(host.world.pool().free_pages(), free, "nobody else gets the pages");
    // It lets go: the ring is filled again.
    for grant in &kept {
        host.world.unmap(*grant);
    }
    for number in 0..200 {
        host.backend.borrow_mut().send(&frame(60, number));
    }
    assert_eq!(host.settle().len(), 200);
    host.end();
}

/// MSA02 at the end of a connection: what the backend keeps is left out of the next one.
#[test]
fn msa02_pages_of_a_connection_that_ended() {
    let mut host = Host::new();
    let kept = host.world.grant_numbers();
    let rings =
        [host.backend.borrow().front("tx-ring-ref"), host.backend.borrow().front("rx-ring-ref")];
    let buffers: Vec<_> = kept.iter().filter(|grant| !rings.contains(&Some(**grant))).collect();
    for grant in &buffers {
        host.world.map(**grant);
    }
    host.backend.borrow_mut().set("state", "6");
    host.settle();
    assert_eq!(host.counter("connections"), 2);
    assert_eq!(host.counter("pages_left_out"), buffers.len() as u64);
    // All of them are left out: nothing can be sent, nothing be received.
    host.netfront.transmit(&frame(60, 0)[..], layer::TxOffload::NONE).unwrap();
    host.backend.borrow_mut().send(&frame(60, 0));
    assert_eq!((host.settle(), host.sent()), (vec![], vec![]));
    assert_eq!((host.counter("tx_queue_full"), host.counter("tx_waited")), (1, 0));
    for grant in &buffers {
        host.world.unmap(**grant);
    }
    host.settle();
    host.netfront.transmit(&frame(60, 1)[..], layer::TxOffload::NONE).unwrap();
    assert_eq!(host.settle().len() + host.sent().len(), 1);
    assert!(matches!(host.netfront.receive(&host.packet), Ok(Rx::Idle)));
    host.end();
}

/// MSA02 when the program ends: what the backend keeps is never used again.
#[test]
fn msa02_pages_that_are_in_use_when_the_interface_ends() {
    let host = Host::new();
    let free = host.world.pool().free_pages();
    let [first, second, ..] = host.world.grant_numbers()[..] else { panic!() };
    let Host { world, netfront, backend, packet } = host;
    backend.borrow_mut().disconnect();
    world.map(first);
    world.map(second);
    drop(netfront);
    assert_eq!(world.grant_numbers(), [first, second]);
    let came_back = world.pool().free_pages() - free;
    let all = world.pool().pages() - free - world.memory().pages();
    assert_eq!(came_back, all - 2);
    // This pool is not whole any more, so the world is not ended.
    drop(packet);
}
