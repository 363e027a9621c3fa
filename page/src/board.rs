//! What the watching layer writes down and the page reads.

use core::{
    cell::{Cell, RefCell},
    fmt::{self, Write as _},
    mem::ManuallyDrop,
    net::IpAddr,
    time::Duration,
};

use layer::{Counter, Instant, Layer, Load, Networks};
use rt::insight::Insight;
use rt_regions::{Exhausted, History, Pool, Region};
use tcp::Connections;

use crate::seconds::Seconds;

/// How much memory all that a page keeps may take, in bytes.
const CAP: usize = 128 << 10;

/// How many samples of the regions are kept: five minutes.
pub(crate) const SAMPLES: usize = 300;

/// The time from one sample to the next.
pub(crate) const PERIOD: Duration = Duration::from_secs(1);

/// The longest text that says where the tower serves, in bytes.
const LONGEST_PLACE: usize = 256;

/// How many turns of the loop a reader waits at most until the layer has looked.
const TURNS: usize = 8;

/// What a page shows. It lies in the memory of the program, below a cap of 128 KiB. A [`Watch`](crate::Watch) at the top of
/// the tower writes it, and [`answer`](Self::answer) reads it.
pub struct Board {
    pub(crate) name: &'static str,
    pub(crate) pool: &'static Pool<'static>,
    pub(crate) insight: &'static dyn Insight,
    pub(crate) connections: &'static Connections,
    /// The region of all that is kept here.
    memory: &'static Region<'static>,
    port: Cell<Option<u16>>,
    from: Cell<Networks>,
    pub(crate) counters: RefCell<Counters>,
    /// How long each core has worked and slept, if there are several.
    pub(crate) loads: RefCell<&'static mut [Load]>,
    pub(crate) history: RefCell<History<'static>>,
    pub(crate) seconds: RefCell<Seconds>,
    place: RefCell<Place>,
    /// When the layer last looked.
    pub(crate) at: Cell<Instant>,
    /// How often it has looked.
    looks: Cell<u64>,
    /// Whether somebody waits for it to look.
    is_wanted: Cell<bool>,
}

/// The counters of the tower, as they were when it was last looked at.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    places: &'static mut [Option<Counter>],
    length: usize,
}

impl Counters {
    /// The counters, the lowest layer first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Counter> + Clone {
        self.places[..self.length].iter().copied().flatten()
    }
}

/// Where the tower serves, cut if it is too long.
struct Place {
    text: [u8; LONGEST_PLACE],
    length: usize,
}

impl fmt::Write for Place {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = &mut self.text[self.length..];
        let fits = text.floor_char_boundary(room.len());
        room[..fits].copy_from_slice(&text.as_bytes()[..fits]);
        self.length += fits;
        if fits == text.len() { Ok(()) } else { Err(fmt::Error) }
    }
}

impl Board {
    /// The board of the program `name`, which has these `connections`, in a region of its own on the pool of `memory`, the region of the program. Some 40
    /// KiB are taken at once, the rest when the tower is [watched](crate::Watch::new).
    ///
    /// # Errors
    /// [`Exhausted`].
    pub fn new(
        name: &'static str,
        insight: &'static dyn Insight,
        connections: &'static Connections,
        memory: &'static Region<'static>,
    ) -> Result<&'static Self, Exhausted> {
        let pool = memory.require_pool()?;
        let region = Region::new(pool, "page").with_cap(CAP);
        let region: &'static Region<'static> = memory.alloc(ManuallyDrop::new(region))?;
        Ok(region.alloc(Self {
            name,
            pool,
            insight,
            connections,
            memory: region,
            port: Cell::new(None),
            from: Cell::new(Networks::default()),
            counters: RefCell::default(),
            loads: RefCell::default(),
            history: RefCell::new(History::new(pool, region, SAMPLES)?),
            seconds: RefCell::new(Seconds::new(region, SAMPLES)?),
            place: RefCell::new(Place { text: [0; LONGEST_PLACE], length: 0 }),
            at: Cell::new(insight.started()),
            looks: Cell::new(0),
            is_wanted: Cell::new(false),
        })?)
    }

    /// Makes room for the counters of `tower`.
    pub(crate) fn make_room(&self, tower: &impl Layer) -> Result<(), Exhausted> {
        let mut count = 0;
        tower.counters(&mut |_| count += 1);
        let places = self.memory.alloc_slice_with(count, |_| None)?;
        *self.counters.borrow_mut() = Counters { places, length: 0 };
        let cores = tower.all_cores().map_or(0, |all| all.count());
        *self.loads.borrow_mut() = self.memory.alloc_slice_with(cores, |_| Load::default())?;
        Ok(())
    }

    /// Whether somebody waits for the layer to look.
    #[inline]
    pub(crate) fn is_wanted(&self) -> bool {
        self.is_wanted.get()
    }

    /// Writes down the counters of `tower` and where it serves.
    pub(crate) fn look(&self, now: Instant, tower: &impl Layer) {
        let mut counters = self.counters.borrow_mut();
        counters.length = 0;
        let all = tower.all_cores();
        tower.counters(&mut |counter| {
            let Counters { places, length } = &mut *counters;
            if let Some(place) = places.get_mut(*length) {
                let value = all.map_or(counter.value, |all| all.sum(*length, counter.value));
                *place = Some(Counter { value, ..counter });
                *length += 1;
            }
        });
        for (core, load) in self.loads.borrow_mut().iter_mut().enumerate() {
            *load = all.map(|all| all.load(core)).unwrap_or_default();
        }
        let mut place = self.place.borrow_mut();
        place.length = 0;
        // What does not fit is cut.
        let _ = write!(place, "{}", fmt::from_fn(|f| tower.describe(f)));
        self.at.set(now);
        self.is_wanted.set(false);
        self.looks.set(self.looks.get() + 1);
    }

    /// Takes a sample of the regions, of the time, and of what the device of `tower` has received and sent.
    pub(crate) fn sample(&self, now: Instant, items: u32, tower: &impl Layer) {
        let mut bytes = [None; 2];
        tower.counters(&mut |Counter { name, value, .. }| {
            for (bytes, known) in bytes.iter_mut().zip(["bytes_rx", "bytes_tx"]) {
                if name == known {
                    // The device is the lowest layer.
                    bytes.get_or_insert(value);
                }
            }
        });
        self.history.borrow_mut().take(self.pool);
        let bytes = bytes.map(Option::unwrap_or_default);
        self.seconds.borrow_mut().add(now, items, bytes, self.insight);
    }

    /// Waits until the tower was looked at once more, which takes a turn of the loop. Call it in a task, before
    /// [`answer`](Self::answer). Without it, the counters are those of the last time.
    pub async fn refresh(&self) {
        let before = self.looks.get();
        self.is_wanted.set(true);
        for _ in 0..TURNS {
            if self.looks.get() != before {
                return;
            }
            tasks::yield_now().await;
        }
    }

    /// Where the tower serves: ` udp 8080 at 10.0.0.2/24 on tap0`.
    pub(crate) fn with_place<R>(&self, read: impl FnOnce(&str) -> R) -> R {
        let place = self.place.borrow();
        // Only whole characters were written.
        read(str::from_utf8(&place.text[..place.length]).unwrap_or_default())
    }

    /// The port of the page, once the tower is configured.
    pub fn port(&self) -> Option<u16> {
        self.port.get()
    }

    /// Sets the port, and the networks whose hosts may see the page.
    pub(crate) fn set_port(&self, port: u16, from: Networks) {
        self.port.set(Some(port));
        self.from.set(from);
    }

    /// Whether the host `peer` may see the page: it is in our own network, or in one that `--page-from` names.
    pub fn permits(&self, peer: IpAddr) -> bool {
        self.from.get().contains(peer)
    }
}

impl fmt::Debug for Board {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Board").field("name", &self.name).finish_non_exhaustive()
    }
}
