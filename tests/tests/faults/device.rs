//! A device that takes nothing for a while.

use std::{cell::Cell, convert::Infallible, rc::Rc};

use layer::{Payload, Rx, TxOffload};
use netif::{MacAddr, Netif, RxFrame};
use rt_regions::Region;
use testkit::{End, Wire, with_pool};

use super::server::{Server, globals, mac, unexpected};

/// An interface whose queue can be full: then it drops what it is given, as `Netif` asks of a device.
struct Full {
    end: End,
    is_full: Rc<Cell<bool>>,
    dropped: Rc<Cell<usize>>,
}

impl Netif for Full {
    type Error = Infallible;
    type Event = ();

    fn mac(&self) -> MacAddr {
        self.end.mac()
    }

    fn mtu(&self) -> usize {
        self.end.mtu()
    }

    fn event(&self) {}

    fn receive<'r>(&mut self, region: &'r Region<'_>) -> Result<Rx<RxFrame<'r>>, Infallible> {
        self.end.receive(region)
    }

    fn transmit(&mut self, frame: impl Payload, offload: TxOffload) -> Result<(), Infallible> {
        if self.is_full.get() {
            self.dropped.set(self.dropped.get() + 1);
            return Ok(());
        }
        self.end.transmit(frame, offload)
    }
}

/// Replies are lost while the queue is full, and nothing waits for it: no page, no client.
#[test]
fn what_a_full_queue_drops_is_lost_and_nothing_else() {
    with_pool(512, |pool| {
        let global = globals(pool);
        let (is_full, dropped) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(0)));
        let (wire, end) = Wire::new(mac());
        let full = Full { end, is_full: is_full.clone(), dropped: dropped.clone() };
        let mut server = Server::new((wire, full), &global).unwrap();
        for round in 0..10 {
            is_full.set(true);
            assert_eq!(unexpected(&server.converse(2 * round)).len(), 7, "it is full");
            is_full.set(false);
            server.rests(std::time::Duration::from_secs(1800));
            assert_eq!(unexpected(&server.converse(2 * round + 1)), [0; 0], "round {round}");
        }
        assert!(dropped.get() > 100, "{} frames were dropped", dropped.get());
        let waiting =
            pool.labels().filter(|l| matches!(l.name(), "ipv4.reassembly" | "arp-waiting"));
        assert_eq!(waiting.map(|label| label.pages()).sum::<usize>(), 0);
    });
}
