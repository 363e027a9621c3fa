//! The table of bound ports.

use core::{fmt, mem::ManuallyDrop};

use managed::ManagedSlice;
use rt_regions::{Pool, Region, RegionBox};

use crate::{BindError, Datagram, Reply, Undelivered, layer::Answers};

/// The service that is bound to a port.
pub(crate) type Service<'g> = dyn for<'r, 'p> FnMut(Datagram<'r>, &'r Region<'p>) -> Reply<'r> + 'g;

/// The listener for ICMP errors about datagrams from a port.
pub(crate) type Listener<'g> = dyn for<'r> FnMut(Undelivered<'r>) + 'g;

/// A port and what is bound to it, each in a region of its own.
struct Binding<'g> {
    port: u16,
    answers: Answers,
    service: RegionBox<'g, Service<'g>>,
    listener: Option<RegionBox<'g, Listener<'g>>>,
}

/// A place for one port in the table of [`Udp`](crate::Udp).
///
/// It has no destructor, so that a table can live in a region. The table empties it instead.
pub struct PortSlot<'g>(ManuallyDrop<Option<Binding<'g>>>);

impl PortSlot<'_> {
    /// A free place.
    pub const EMPTY: Self = Self(ManuallyDrop::new(None));

    fn port(&self) -> Option<u16> {
        self.0.as_ref().map(|binding| binding.port)
    }
}

impl fmt::Debug for PortSlot<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port() {
            Some(port) => write!(f, "port {port}"),
            None => f.write_str("free"),
        }
    }
}

/// The bound ports. Dropping the table frees all that is bound.
pub(crate) struct Ports<'g> {
    /// The first `bound` places are taken, in ascending order of their ports; the others are free.
    places: ManagedSlice<'g, PortSlot<'g>>,
    bound: usize,
    pool: &'g Pool<'g>,
}

impl<'g> Ports<'g> {
    /// A table in `places`, all of them free. Services are kept in regions on `pool`.
    pub(crate) fn new(places: ManagedSlice<'g, PortSlot<'g>>, pool: &'g Pool<'g>) -> Self {
        Self { places, bound: 0, pool }
    }

    /// The index of the port, or the index at which it would be inserted.
    #[inline]
    fn search(&self, port: u16) -> Result<usize, usize> {
        self.places[..self.bound].binary_search_by_key(&Some(port), PortSlot::port)
    }

    fn find(&mut self, port: u16) -> Option<&mut Binding<'g>> {
        let index = self.search(port).ok()?;
        self.places[index].0.as_mut()
    }

    /// Whether a service is bound to the port.
    #[inline]
    pub(crate) fn is_bound(&self, port: u16) -> bool {
        self.search(port).is_ok()
    }

    /// The ports that a service is bound to, in ascending order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u16> {
        self.places.iter().filter_map(PortSlot::port)
    }

    /// The pool on which services are kept.
    pub(crate) fn pool(&self) -> &'g Pool<'g> {
        self.pool
    }

    /// The service of a port, and the requests that it answers.
    #[inline]
    pub(crate) fn service(&mut self, port: u16) -> Option<(Answers, &mut Service<'g>)> {
        self.find(port).map(|binding| (binding.answers, &mut *binding.service))
    }

    /// The requests that the service of a port answers.
    pub(crate) fn answers(&mut self, port: u16) -> Option<&mut Answers> {
        self.find(port).map(|binding| &mut binding.answers)
    }

    pub(crate) fn listener(&mut self, port: u16) -> Option<&mut Listener<'g>> {
        self.find(port)?.listener.as_deref_mut()
    }

    /// Binds a service to a port; returns the requests that it answers, mutably.
    pub(crate) fn bind<S>(&mut self, port: u16, service: S) -> Result<&mut Answers, BindError>
    where
        S: for<'r, 'p> FnMut(Datagram<'r>, &'r Region<'p>) -> Reply<'r> + 'g,
    {
        if port == 0 {
            return Err(BindError::Zero);
        }
        let Err(index) = self.search(port) else { return Err(BindError::InUse(port)) };
        if self.bound == self.places.len() {
            return Err(BindError::Full { most: self.places.len() });
        }
        let service = RegionBox::new(Region::new(self.pool, "udp.service"), service)?
            .unsize(|service| service as &mut Service<'g>);
        for place in (index..self.bound).rev() {
            self.places.swap(place, place + 1);
        }
        self.bound += 1;
        let answers = Answers::default();
        let binding = Binding { port, answers, service, listener: None };
        Ok(&mut self.places[index].0.insert(binding).answers)
    }

    /// Sets the listener of a port, in place of an earlier one.
    pub(crate) fn listen<L>(&mut self, port: u16, listener: L) -> Result<(), BindError>
    where
        L: for<'r> FnMut(Undelivered<'r>) + 'g,
    {
        let pool = self.pool;
        let binding = self.find(port).ok_or(BindError::NotBound(port))?;
        let listener = RegionBox::new(Region::new(pool, "udp.errors"), listener)?
            .unsize(|listener| listener as &mut Listener<'g>);
        binding.listener = Some(listener);
        Ok(())
    }

    /// Unbinds a port; returns whether something was bound to it.
    pub(crate) fn unbind(&mut self, port: u16) -> bool {
        let Ok(index) = self.search(port) else { return false };
        *self.places[index].0 = None;
        self.places[index..self.bound].rotate_left(1);
        self.bound -= 1;
        true
    }
}

impl Drop for Ports<'_> {
    fn drop(&mut self) {
        for place in &mut self.places[..self.bound] {
            *place.0 = None;
        }
    }
}

impl fmt::Debug for Ports<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.places[..self.bound]).finish()
    }
}
