//! What the guest asks of its Xen, with a check of each thing that it must not do.

use std::{fmt, ptr::NonNull};

use layer::Instant;
use rt_regions::{PAGE_SIZE, Pool};
use rt_xen::{
    Access, DomainId, Errno, GrantError, GrantRef, Guest, Port, StillInUse, StoreError, Watch,
};

use super::{Channel, FIRST_GRANT, Grant, World};

// SAFETY: the other domain gets at a page through its grant only, see `with_grant`.
unsafe impl Guest for World {
    fn now(&self) -> Instant {
        Instant::from_nanos(self.0.now.get())
    }

    fn pool(&self) -> &'static Pool<'static> {
        self.0.pool
    }

    unsafe fn grant(
        &self,
        _to: DomainId,
        page: NonNull<u8>,
        access: Access,
    ) -> Result<GrantRef, GrantError> {
        let mut granted = self.0.granted.borrow_mut();
        if granted.len() >= self.0.entries.get() {
            return Err(GrantError::Full(self.0.entries.get()));
        }
        let address = page.addr().get();
        assert_eq!(address % PAGE_SIZE, 0, "not a whole page");
        assert!(self.0.pool.contains(page.as_ptr()), "not a page of the pool");
        // SAFETY: the page is the caller's and mapped; a page that was not written would show here as
        // whatever it holds.
        let bytes = unsafe { std::slice::from_raw_parts(page.as_ptr(), PAGE_SIZE) };
        assert!(bytes == [0; PAGE_SIZE], "a page was granted that holds old data");
        let mut grants = self.0.grants.borrow_mut();
        // The number that was free last comes first: one that is used after its end is noticed soonest.
        let free = grants.iter().rposition(Option::is_none);
        let index = free.unwrap_or_else(|| {
            grants.push(None);
            grants.len() - 1
        });
        let number = FIRST_GRANT + index as u32;
        assert_eq!(granted.insert(address, number), None, "a page is granted twice");
        grants[index] = Some(Grant { page, access, maps: 0, known: None, is_shared: false });
        self.0.grants_made.set(self.0.grants_made.get() + 1);
        Ok(GrantRef(number))
    }

    fn end_grant(&self, grant: GrantRef) -> Result<(), StillInUse> {
        let (page, maps, known) = self
            .with_grant(grant.0, |grant| (grant.page, grant.maps, grant.known.take()))
            .expect("a grant was ended that is none");
        if maps > 0 {
            self.with_grant(grant.0, |grant| grant.known = known);
            return Err(StillInUse);
        }
        if let Some(known) = known {
            // SAFETY: the page is mapped, and was written when it was granted.
            let bytes = unsafe { std::slice::from_raw_parts(page.as_ptr(), PAGE_SIZE) };
            assert!(bytes == &known[..], "a page was written here while the other domain had it");
        }
        self.0.grants.borrow_mut()[(grant.0 - FIRST_GRANT) as usize] = None;
        self.0.granted.borrow_mut().remove(&page.addr().get());
        Ok(())
    }

    fn open_channel(&self, _remote: DomainId) -> Result<Port, Errno> {
        let mut channels = self.0.channels.borrow_mut();
        if channels.is_empty() {
            channels.push(Channel::default());
        }
        let free = channels.iter().skip(1).position(|channel| !channel.open);
        let port = free.map_or(channels.len(), |free| free + 1);
        if port == channels.len() {
            channels.push(Channel::default());
        }
        channels[port] = Channel { open: true, ..Channel::default() };
        Ok(Port(port as u32))
    }

    fn close_channel(&self, port: Port) {
        let channel = &mut self.0.channels.borrow_mut()[port.0 as usize];
        assert!(channel.open, "a channel was closed twice");
        *channel = Channel::default();
    }

    fn notify(&self, port: Port) -> Result<(), Errno> {
        let channel = &mut self.0.channels.borrow_mut()[port.0 as usize];
        assert!(channel.open, "a channel was used after its end");
        channel.pending_there = true;
        self.0.notifications.set(self.0.notifications.get() + 1);
        Ok(())
    }

    fn sleep(&self, port: Option<Port>, deadline: Instant) {
        let take_event = || {
            port.is_some_and(|port| {
                std::mem::take(&mut self.0.channels.borrow_mut()[port.0 as usize].pending_here)
            })
        };
        self.0.sleeps.set(self.0.sleeps.get() + 1);
        // What is pending ends a sleep before it has begun: nobody else has a turn (`SCHEDOP_poll`).
        let mut is_woken = take_event();
        if !is_woken {
            let act = self.0.while_asleep.borrow_mut().take();
            if let Some(mut act) = act {
                act();
                *self.0.while_asleep.borrow_mut() = Some(act);
            }
            is_woken = take_event();
        }
        let now = self.0.now.get() + if is_woken { 1000 } else { 100_000_000 };
        self.0.now.set(now.min(deadline.as_nanos()).max(self.0.now.get()));
    }

    fn read<'b>(
        &self,
        path: fmt::Arguments<'_>,
        buffer: &'b mut [u8],
    ) -> Result<&'b [u8], StoreError> {
        self.0.store.borrow_mut().read(&path.to_string(), buffer)
    }

    fn directory<'b>(
        &self,
        path: fmt::Arguments<'_>,
        buffer: &'b mut [u8],
    ) -> Result<&'b [u8], StoreError> {
        self.0.store.borrow_mut().directory(&path.to_string(), buffer)
    }

    fn write(&self, path: fmt::Arguments<'_>, value: fmt::Arguments<'_>) -> Result<(), StoreError> {
        let (path, value) = (path.to_string(), value.to_string());
        if path.ends_with("-ring-ref") {
            let number = value.parse().expect("the number of a grant");
            self.with_grant(number, |grant| grant.is_shared = true).expect("the grant of a ring");
        }
        self.0.store.borrow_mut().guest_writes(&path, &value)
    }

    fn watch(&self, path: fmt::Arguments<'_>) -> Result<Watch, StoreError> {
        self.0.store.borrow_mut().watch(&path.to_string())
    }

    fn unwatch(&self, path: fmt::Arguments<'_>, watch: Watch) {
        self.0.store.borrow_mut().unwatch(&path.to_string(), watch);
    }

    fn fired(&self, watch: &Watch) -> bool {
        self.0.store.borrow_mut().fired(watch)
    }
}
