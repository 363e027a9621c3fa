//! An interpreter of programs that open regions and allocate in them. Any bytes are a program. After each
//! step everything is compared with the model; the first difference panics.
//!
//! Regions nest with the interpreter's own frames, so that the borrow checker has its say here as in
//! any program.

#[cfg(feature = "allocator-api2")]
mod blocks;
mod drops;
mod expected;
mod held;
#[path = "../common/lend.rs"]
mod lend;
mod pages;
mod panics;
mod steps;
mod tasks;

use drops::Drops;
use expected::{Id, Limits, Model};
use held::Held;
use lend::lend_as_static;
use panics::{panic_as_planned, panics};
use rt_regions::{Finite, PAGE_SIZE, Pool, Region, Scope, StorageMode};

/// How deep regions nest.
const DEPTH: usize = 4;

/// The most pages that a pool has.
const PAGES: usize = if cfg!(miri) { 16 } else { 64 };

/// Runs a program and returns the number of its steps.
///
/// # Panics
/// A region is not what it should be.
pub(crate) fn run(program: &[u8]) -> usize {
    let mut program = Program { bytes: program.iter() };
    let pages = 1 + program.below(PAGES);
    // At most this many bytes for the pool's own table, and up to the first page.
    let memory = Box::new_uninit_slice((pages + 2) * PAGE_SIZE);
    let offset = program.below(64);
    let use_memory = |memory: &'static mut [_]| {
        let memory = &mut memory[offset..];
        let base = first_page(&Pool::new(memory));
        let pool = Box::new(Pool::new(memory));
        // SAFETY: when the program has ended, no region is open, and nobody else has the pool.
        unsafe { lend_as_static(pool, |pool| interpret(program, pool, base)) }
    };
    // SAFETY: nobody but the pool has the memory, and the pool is gone.
    unsafe { lend_as_static(memory, use_memory) }
}

/// Runs a program with the regions of `pool`, whose pages begin at `base`.
fn interpret(program: Program<'_>, pool: &'static Pool<'static>, base: usize) -> usize {
    let mut machine = Machine {
        pool,
        model: Model::new(base, pool.pages()),
        program,
        drops: Drops::default(),
        has_panicked: false,
        steps: 0,
        seed: 0,
    };
    while !machine.program.is_at_end() {
        let limits = machine.limits();
        let id = machine.model.open(0, None, limits);
        let region = limits.set(Region::new(pool, expected::NAMES[0]));
        machine.nest(&[], id, region);
    }
    machine.model.check_end(pool);
    machine.steps
}

/// The address of the first page of a pool that is not in use.
fn first_page(pool: &Pool<'_>) -> usize {
    let region = Region::new(pool, "all");
    let pages = std::iter::from_fn(|| region.alloc_uninit::<u8>(PAGE_SIZE).ok());
    pages.map(|page| page.as_ptr().addr()).min().unwrap_or(0)
}

/// What is left of a program.
struct Program<'b> {
    bytes: std::slice::Iter<'b, u8>,
}

impl Program<'_> {
    fn is_at_end(&self) -> bool {
        self.bytes.len() == 0
    }

    fn byte(&mut self) -> u8 {
        self.bytes.next().copied().unwrap_or(0)
    }

    /// A number below `bound`, which is at most 256.
    fn below(&mut self, bound: usize) -> usize {
        usize::from(self.byte()) % bound
    }

    /// A size: mostly small, sometimes several pages.
    fn size(&mut self) -> usize {
        let byte = usize::from(self.byte());
        match self.below(16) {
            0 if cfg!(miri) => byte * 40,
            0 => byte * 160,
            1 => PAGE_SIZE - 2 + byte % 5,
            2 => byte * 16,
            _ => byte,
        }
    }
}

/// Whether a region is emptied and used again after a round, used in a scope, or ends: perhaps because who
/// uses it panics.
enum End {
    Reset,
    Scope,
    Close,
    Panic,
}

struct Machine<'b> {
    pool: &'static Pool<'static>,
    model: Model,
    program: Program<'b>,
    drops: Drops,
    /// Whether the panic that ends a scope or a region is its user's, and no destructor's.
    has_panicked: bool,
    steps: usize,
    seed: u16,
}

/// A region that is open, and those it is in: allocations go into any of them.
type Open<'r> = (Id, &'r Region<'r>);

impl Machine<'_> {
    fn seed(&mut self) -> u16 {
        self.seed = self.seed.wrapping_add(17);
        self.seed
    }

    fn limits(&mut self) -> Limits {
        let kind = self.program.below(8);
        let cap = match kind % 4 {
            0 => Some(self.program.below(16) * PAGE_SIZE),
            1 => Some(self.program.size()),
            _ => None,
        };
        Limits { cap, reserve: kind == 7 }
    }

    /// Uses `region`, which is within `outer`, until the program closes it.
    fn nest(&mut self, outer: &[Open<'_>], id: Id, mut region: Region<'_>) {
        loop {
            let mut open = outer.to_vec();
            open.push((id, &region));
            let panicked = match self.round(&open) {
                End::Reset => self.reset(id, &mut region),
                End::Scope => {
                    self.model.enter(id);
                    let panicked = panics(|| region.scope(|scope| self.scope(outer, id, scope)));
                    self.model.leave(id);
                    panicked
                }
                End::Close => break,
                End::Panic => {
                    self.has_panicked = true;
                    break;
                }
            };
            self.check(panicked);
            self.model.check_region(id, &region);
        }
        let panicked = panics(|| {
            let _region = region;
            if self.has_panicked {
                panic_as_planned();
            }
        });
        self.model.close(id);
        self.check(panicked);
    }

    /// Compares everything after something has ended, perhaps by a panic.
    fn check(&mut self, panicked: bool) {
        let users = std::mem::take(&mut self.has_panicked);
        assert!(panicked || !users, "a panic got lost");
        self.drops.check(&mut self.model, panicked && !users);
        self.model.check(self.pool);
    }

    /// Empties a region, in one of the ways that there are, and says whether that has panicked.
    fn reset(&mut self, id: Id, region: &mut Region<'_>) -> bool {
        let way = self.program.below(4);
        let panicked = panics(|| match way {
            0 => region.release(),
            1 => {
                self.model.check_region(id, StorageMode::Top(region).enter());
                StorageMode::Bot(region).enter();
            }
            _ => region.reset(),
        });
        if way == 0 {
            self.model.empty(id);
        } else {
            self.model.reset(id);
        }
        panicked
    }

    /// Uses a scope of a region, until the program ends it. What was allocated through the scope itself
    /// is there as long as that, scopes within it included.
    fn scope<'s>(&mut self, outer: &[Open<'_>], id: Id, scope: &mut Scope<'s>) {
        let mut kept: Vec<Held<'s>> = Vec::new();
        loop {
            let mut open = outer.to_vec();
            open.push((id, &**scope));
            match self.round(&open) {
                End::Reset => kept.extend(self.keep(id, scope)),
                End::Scope => {
                    self.model.enter(id);
                    let panicked = panics(|| scope.scope(|inner| self.scope(outer, id, inner)));
                    self.model.leave(id);
                    self.check(panicked);
                }
                End::Close => break,
                End::Panic => {
                    self.has_panicked = true;
                    break;
                }
            }
            kept.iter().for_each(|held| held.verify(&self.model));
        }
        kept.into_iter().for_each(|held| held.end(&mut self.model));
        if self.has_panicked {
            panic_as_planned();
        }
    }

    /// Steps until the newest region is reset, used in a scope, or closed.
    fn round<'r>(&mut self, open: &[Open<'r>]) -> End {
        let mut held: Vec<Held<'r>> = Vec::new();
        let (id, newest) = open[open.len() - 1];
        let end = loop {
            if self.program.is_at_end() {
                break End::Close;
            }
            self.steps += 1;
            match self.program.below(64) {
                0..=1 => break End::Reset,
                2..=3 => break End::Close,
                4..=5 => break End::Scope,
                62 => break End::Panic,
                6..=10 if open.len() < DEPTH => self.open(open),
                step => self.step(step, open, &mut held),
            }
            for &(id, region) in open {
                self.model.check_region(id, region);
            }
            self.model.check(self.pool);
        };
        self.model.check_region(id, newest);
        held.into_iter().for_each(|held| held.end(&mut self.model));
        end
    }

    /// Opens a region within those that are open: a child, one beside them, or a finite one.
    fn open(&mut self, open: &[Open<'_>]) {
        let (outer, outside) = open[open.len() - 1];
        match self.program.below(8) {
            0 => {
                let mut room = Finite::<777>::new();
                let region = room.region("finite");
                let start = region.alloc_uninit::<u8>(0).map_or(0, |empty| empty.as_ptr().addr());
                let id = self.model.open_finite((start, start + 777));
                self.nest(open, id, region);
            }
            kind @ 1..=2 => {
                let (name, limits) = (kind, self.limits());
                let id = self.model.open(name, None, limits);
                let region = Region::new(self.pool, expected::NAMES[name]);
                self.nest(open, id, limits.set(region));
            }
            _ => {
                let limits = self.limits();
                let (id, name) = if self.model.has_pages(outer) {
                    (self.model.open(1, Some(outer), limits), expected::NAMES[1])
                } else {
                    (self.model.open_finite((0, 0)), "finite")
                };
                self.nest(open, id, limits.set(outside.child(name)));
            }
        }
    }
}
