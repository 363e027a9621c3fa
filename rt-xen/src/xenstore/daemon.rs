//! The other side of xenstore, for tests. It behaves correctly, transfers pieces of any size, and can be told to be
//! deaf or to send anything else.

use core::{
    cell::{Cell, RefCell},
    sync::atomic::{AtomicU8, AtomicU32, Ordering},
};
use std::{
    borrow::ToOwned,
    collections::{BTreeMap, BTreeSet, VecDeque},
    format,
    string::String,
    vec::Vec,
};

use layer::Instant;

use super::{client::XenstoreInterface, wire::Header};
use crate::events::Peer;

/// How a daemon behaves.
#[derive(Clone, Copy)]
pub(crate) struct Manners {
    /// How many bytes it reads, and writes, at a time.
    pub(crate) piece: usize,
    /// Whether it reads nothing.
    pub(crate) deaf: bool,
    /// The error with which it answers every request.
    pub(crate) refuse: Option<&'static str>,
}

impl Default for Manners {
    fn default() -> Self {
        Self { piece: 1024, deaf: false, refuse: None }
    }
}

#[derive(Default)]
struct State {
    tree: BTreeMap<String, String>,
    watches: Vec<(String, String)>,
    requests: Vec<u8>,
    replies: VecDeque<u8>,
    ids: Vec<u32>,
}

pub(crate) struct Daemon<'s> {
    interface: &'s XenstoreInterface,
    manners: Cell<Manners>,
    now: Cell<u64>,
    /// How many more bytes it will send.
    says: Cell<usize>,
    called: Cell<bool>,
    state: RefCell<State>,
}

pub(crate) fn interface() -> XenstoreInterface {
    use core::array::from_fn;
    let indices: [AtomicU32; 4] = from_fn(|_| AtomicU32::new(u32::MAX - 5000));
    let [req_cons, req_prod, rsp_cons, rsp_prod] = indices;
    let (req, rsp) = (from_fn(|_| AtomicU8::new(0)), from_fn(|_| AtomicU8::new(0)));
    XenstoreInterface { req, rsp, req_cons, req_prod, rsp_cons, rsp_prod }
}

pub(crate) fn random(state: &mut u64) -> u32 {
    *state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
    (*state >> 33) as u32
}

impl<'s> Daemon<'s> {
    pub(crate) fn new(interface: &'s XenstoreInterface, manners: Manners) -> Self {
        Self {
            interface,
            manners: Cell::new(manners),
            now: Cell::new(1),
            says: Cell::new(usize::MAX),
            called: Cell::new(false),
            state: RefCell::default(),
        }
    }

    pub(crate) fn set(&self, path: &str, value: &str) {
        self.state.borrow_mut().tree.insert(path.to_owned(), value.to_owned());
    }

    pub(crate) fn get(&self, path: &str) -> String {
        self.state.borrow().tree.get(path).cloned().unwrap_or_default()
    }

    /// Writes a value as another domain would.
    pub(crate) fn change_to(&self, path: &str, value: &str) {
        self.set(path, value);
        self.change(path);
    }

    /// Sends an event for `path` to all its watches.
    pub(crate) fn change(&self, path: &str) {
        let watches = self.watches();
        for (_, token) in watches.iter().filter(|(watched, _)| path.starts_with(watched.as_str())) {
            self.event(&format!("{path}\0{token}\0"));
        }
    }

    pub(crate) fn watches(&self) -> Vec<(String, String)> {
        self.state.borrow().watches.clone()
    }

    /// The numbers of all requests so far.
    pub(crate) fn ids(&self) -> Vec<u32> {
        self.state.borrow().ids.clone()
    }

    /// Makes it read from now on.
    pub(crate) fn hear(&self) {
        self.manners.set(Manners { deaf: false, ..self.manners.get() });
    }

    /// Makes it stop after sending this many more bytes.
    pub(crate) fn stop_after(&self, bytes: usize) {
        self.says.set(bytes);
    }

    pub(crate) fn event(&self, payload: &str) {
        self.message(15, 0, payload.as_bytes());
    }

    /// Sends any bytes.
    pub(crate) fn say(&self, bytes: &[u8]) {
        self.state.borrow_mut().replies.extend(bytes);
    }

    fn message(&self, kind: u32, req_id: u32, payload: &[u8]) {
        let len = payload.len() as u32;
        self.say(&Header { kind, req_id, tx_id: 0, len }.emit());
        self.say(payload);
    }

    /// Reads and writes; returns whether there was anything to read or write.
    pub(crate) fn run(&self) -> bool {
        let mut busy = false;
        let XenstoreInterface { req, rsp, req_cons, req_prod, rsp_cons, rsp_prod } = self.interface;
        let load = |index: &AtomicU32| index.load(Ordering::Relaxed);
        let manners = self.manners.get();
        if !manners.deaf {
            for _ in 0..manners.piece {
                let at = load(req_cons);
                if at != load(req_prod) {
                    let byte = req[at as usize % 1024].load(Ordering::Relaxed);
                    self.state.borrow_mut().requests.push(byte);
                    req_cons.store(at.wrapping_add(1), Ordering::Relaxed);
                    busy = true;
                }
            }
            while let Some((header, payload)) = self.next_request() {
                self.answer(header, &payload);
            }
        }
        for _ in 0..manners.piece.min(self.says.get()) {
            let at = load(rsp_prod);
            if at.wrapping_sub(load(rsp_cons)) < 1024
                && let Some(byte) = self.state.borrow_mut().replies.pop_front()
            {
                rsp[at as usize % 1024].store(byte, Ordering::Relaxed);
                rsp_prod.store(at.wrapping_add(1), Ordering::Relaxed);
                self.says.set(self.says.get().saturating_sub(1));
                self.called.set(true);
                busy = true;
            }
        }
        busy
    }

    fn next_request(&self) -> Option<(Header, Vec<u8>)> {
        let requests = &mut self.state.borrow_mut().requests;
        let header = Header::parse(*requests.first_chunk()?);
        let end = Header::SIZE + header.len as usize;
        (requests.len() >= end)
            .then(|| (header, requests.drain(..end).skip(Header::SIZE).collect()))
    }

    fn answer(&self, header: Header, payload: &[u8]) {
        let Header { kind, req_id, .. } = header;
        self.state.borrow_mut().ids.push(req_id);
        if let Some(error) = self.manners.get().refuse {
            return self.message(16, req_id, error.as_bytes());
        }
        let text = String::from_utf8(payload.to_vec()).unwrap();
        let (path, rest) = text.split_once('\0').unwrap();
        let tree = self.state.borrow().tree.clone();
        let reply = match kind {
            1 => {
                let names: BTreeSet<_> = tree
                    .keys()
                    .filter_map(|key| key.strip_prefix(path)?.strip_prefix('/')?.split('/').next())
                    .collect();
                Ok(names.iter().map(|name| format!("{name}\0")).collect())
            }
            2 => tree.get(path).cloned().ok_or("ENOENT\0"),
            11 => {
                self.change_to(path, rest);
                Ok("OK\0".into())
            }
            4 | 5 => {
                let watch = (path.to_owned(), rest.strip_suffix('\0').unwrap().to_owned());
                let watches = &mut self.state.borrow_mut().watches;
                let known = watches.iter().position(|known| *known == watch);
                match known {
                    Some(_) if kind == 4 => Err("EEXIST\0"),
                    None if kind == 5 => Err("ENOENT\0"),
                    Some(place) => {
                        watches.remove(place);
                        Ok("OK\0".into())
                    }
                    None => {
                        watches.push(watch);
                        Ok("OK\0".into())
                    }
                }
            }
            _ => Err("ENOSYS\0"),
        };
        match reply {
            Ok(value) => self.message(kind, req_id, value.as_bytes()),
            Err(error) => self.message(16, req_id, error.as_bytes()),
        }
        if kind == 4 {
            self.event(&format!("{path}\0{rest}"));
        }
    }
}

impl Peer for &Daemon<'_> {
    fn now(&self) -> Instant {
        Instant::from_nanos(self.now.get())
    }

    fn notify(&self) {}

    fn sleep(&self, deadline: Instant) {
        let busy = self.run();
        self.called.set(false);
        if !busy {
            // Nothing happened: the deadline passes.
            self.now.set(deadline.as_nanos().max(self.now.get()));
        }
    }

    fn take_pending(&self) -> bool {
        self.called.take()
    }
}
