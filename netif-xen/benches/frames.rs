//! What one frame costs: 64 bytes received and 64 bytes sent, with a grant table that is nothing but memory,
//! as it is on Xen, and a backend that answers at once.
//!
//! ```text
//! cargo bench -p letregion-netif-xen
//! valgrind --tool=callgrind --toggle-collect='*::one_frame*' target/release/deps/frames-*
//! ```

#[path = "../tests/simulated/mod.rs"]
mod simulated;

use std::{cell::RefCell, fmt, ptr::NonNull, rc::Rc, time::Instant as Clock};

use layer::{Instant, Rx};
use netif::Netif;
use netif_xen::Netfront;
use rt_regions::{Pool, Region};
use rt_xen::{
    Access, DomainId, Errno, GrantError, GrantRef, Guest, Port, StillInUse, StoreError, Watch,
};

use simulated::{World, backend::Backend, ring::BackRing};

/// How many frames are in a burst, and how many bursts there are.
const BURST: u32 = 16;
const BURSTS: u32 = 2000;

/// The grant table: a page for each entry, and which are free.
struct Table {
    pages: Vec<Option<NonNull<u8>>>,
    free: Vec<u32>,
}

/// A guest whose grants cost as much as those of Xen. All else is as in the tests.
#[derive(Clone)]
struct Quick {
    world: World,
    table: Rc<RefCell<Table>>,
}

// SAFETY: as for `World`; the backend below touches a page while it is granted only.
unsafe impl Guest for Quick {
    fn now(&self) -> Instant {
        self.world.now()
    }

    fn pool(&self) -> &'static Pool<'static> {
        self.world.pool()
    }

    unsafe fn grant(
        &self,
        _to: DomainId,
        page: NonNull<u8>,
        _access: Access,
    ) -> Result<GrantRef, GrantError> {
        let mut table = self.table.borrow_mut();
        let number = table.free.pop().ok_or(GrantError::Full(0))?;
        table.pages[number as usize] = Some(page);
        Ok(GrantRef(number))
    }

    fn end_grant(&self, grant: GrantRef) -> Result<(), StillInUse> {
        let mut table = self.table.borrow_mut();
        table.pages[grant.0 as usize] = None;
        table.free.push(grant.0);
        Ok(())
    }

    fn open_channel(&self, remote: DomainId) -> Result<Port, Errno> {
        self.world.open_channel(remote)
    }

    fn close_channel(&self, port: Port) {
        self.world.close_channel(port);
    }

    fn notify(&self, port: Port) -> Result<(), Errno> {
        self.world.notify(port)
    }

    fn sleep(&self, port: Option<Port>, deadline: Instant) {
        self.world.sleep(port, deadline);
    }

    fn read<'b>(
        &self,
        path: fmt::Arguments<'_>,
        buffer: &'b mut [u8],
    ) -> Result<&'b [u8], StoreError> {
        self.world.read(path, buffer)
    }

    fn directory<'b>(
        &self,
        path: fmt::Arguments<'_>,
        buffer: &'b mut [u8],
    ) -> Result<&'b [u8], StoreError> {
        self.world.directory(path, buffer)
    }

    fn write(&self, path: fmt::Arguments<'_>, value: fmt::Arguments<'_>) -> Result<(), StoreError> {
        // Not that of the world, which knows nothing of these grants.
        self.world.store(|store| store.set(&path.to_string(), value.to_string()));
        Ok(())
    }

    fn watch(&self, path: fmt::Arguments<'_>) -> Result<Watch, StoreError> {
        self.world.watch(path)
    }

    fn unwatch(&self, path: fmt::Arguments<'_>, watch: Watch) {
        self.world.unwatch(path, watch);
    }

    fn fired(&self, _watch: &Watch) -> bool {
        // A flag in memory on Xen; here it would be a search.
        self.world.has_news()
    }
}

/// What is measured: a frame comes, and one is sent.
#[inline(never)]
fn one_frame(netfront: &mut Netfront<Quick>, packet: &mut Region<'_>) {
    packet.reset();
    let Ok(Rx::Item(frame)) = netfront.receive(packet) else { panic!("there is a frame") };
    netfront.transmit(frame.bytes, layer::TxOffload::NONE).unwrap();
}

fn main() {
    let world = World::new(430);
    let backend = Backend::plug(&world, 0, "00:16:3e:00:00:07", None);
    let free = (8..1000).collect();
    let table = Rc::new(RefCell::new(Table { pages: vec![None; 1000], free }));
    let guest = Quick { world: world.clone(), table: table.clone() };
    let plug = world.clone();
    let state = format!("{}/state", backend.path);
    world.while_asleep(move || plug.store(|store| store.set(&state, "4")));
    let mut netfront = Netfront::attach(guest, None, None, world.memory()).unwrap();
    assert!(netfront.is_connected());
    let page = |number: u32| table.borrow().pages[number as usize].unwrap();
    let mut rx = BackRing::new(page(backend.front("rx-ring-ref").unwrap()), 2);
    let mut tx = BackRing::new(page(backend.front("tx-ring-ref").unwrap()), 3);
    let mut packet = Region::new(world.pool(), "packet");
    let mut spent = 0;
    let mut sent = 0;
    for _ in 0..BURSTS {
        for _ in 0..BURST {
            let [id, grant, _] = rx.pop().expect("a buffer");
            // SAFETY: the page is granted for writing.
            unsafe { page(grant).as_ptr().copy_from_nonoverlapping([0x5a; 64].as_ptr(), 64) };
            rx.push([id, 64 << 16]);
        }
        let begin = Clock::now();
        for _ in 0..BURST {
            one_frame(&mut netfront, &mut packet);
        }
        spent += begin.elapsed().as_nanos();
        packet.reset();
        assert!(matches!(netfront.receive(&packet), Ok(Rx::Idle)));
        while let Some([_, _, third]) = tx.pop() {
            sent += 1;
            tx.push([third & 0xffff, 0]);
        }
        tx.sleep();
        rx.sleep();
    }
    assert_eq!(sent, BURST * BURSTS);
    let each = spent / u128::from(BURST * BURSTS);
    println!("a frame of 64 bytes received and sent: {each} ns");
    println!("notifications: {} for {BURSTS} bursts of {BURST}", world.notifications());
}
