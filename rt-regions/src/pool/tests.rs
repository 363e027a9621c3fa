use std::{boxed::Box, mem::MaybeUninit, vec, vec::Vec};

use super::*;

fn memory(pages: usize) -> Box<[MaybeUninit<u8>]> {
    Box::new_uninit_slice(pages * PAGE_SIZE)
}

/// Every free run, as (first page, class), after checking that no page is free twice.
fn free_runs(pool: &Pool<'_>) -> Vec<(u32, usize)> {
    pool.sort_returned();
    let mut seen = vec![false; pool.pages()];
    let mut runs = Vec::new();
    for class in 0..CLASSES {
        let mut run = pool.free[class].get();
        while run != NONE {
            for page in run..run + (1 << class) {
                assert!(!mem::replace(&mut seen[page as usize], true), "page {page} twice");
            }
            assert_eq!(run % (1 << class), 0, "run {run} of class {class} is not aligned");
            runs.push((run, class));
            run = pool.next(run);
        }
    }
    assert_eq!(seen.iter().filter(|&&free| free).count(), pool.free_pages());
    runs
}

fn give(pool: &Pool<'_>, run: u32, class: usize) {
    let chain = Chain { first: run, last: run };
    if class == 0 { pool.give_pages(chain, 1) } else { pool.give_runs(chain, 1 << class) }
}

#[test]
fn memory_of_any_size_and_alignment_becomes_whole_pages() {
    let mut memory = memory(40);
    for (skip, length) in
        [(0, 40 * PAGE_SIZE), (1, 30 * PAGE_SIZE), (4095, 9999), (7, 4096), (3, 5), (0, 0)]
    {
        let part = &mut memory[skip..skip + length];
        let range = part.as_ptr_range();
        let pool = Pool::new(part);
        assert!(pool.pages() <= length / PAGE_SIZE);
        assert!(length < 3 * PAGE_SIZE || pool.pages() >= length / PAGE_SIZE - 2);
        assert_eq!(pool.free_pages(), pool.pages());
        for (run, class) in free_runs(&pool) {
            let start = pool.address(run).as_ptr();
            assert_eq!(start.addr() % PAGE_SIZE, 0);
            assert!(range.start.addr() <= start.addr());
            assert!(start.addr() + (PAGE_SIZE << class) <= range.end.addr());
        }
    }
}

#[test]
fn runs_are_split_and_joined_again() {
    let mut memory = memory(66);
    let pool = Pool::new(&mut memory);
    let before = free_runs(&pool);
    let pages: Vec<u32> = core::iter::from_fn(|| pool.take(0, false)).collect();
    assert_eq!((pages.len(), pool.free_pages()), (pool.pages(), 0));
    assert_eq!(pool.take(0, false), None);
    pages.iter().for_each(|&page| give(&pool, page, 0));
    // A run needs neighbours: only now are they joined.
    assert!(free_runs(&pool).iter().all(|&(_, class)| class == 0));
    let run = pool.take(4, false).unwrap();
    give(&pool, run, 4);
    pool.sort_returned();
    pool.join();
    assert_eq!(free_runs(&pool), before);
}

#[test]
fn a_larger_run_is_not_broken_while_a_smaller_one_is_free() {
    let mut memory = memory(130);
    let pool = Pool::new(&mut memory);
    let largest = free_runs(&pool).iter().map(|&(_, class)| class).max().unwrap();
    // 31 pages and what is left of 128: the run of 2^largest pages is not needed for them.
    let others = pool.pages() - (1 << largest);
    (0..others).for_each(|_| assert!(pool.take(0, false).is_some()));
    assert!(free_runs(&pool).contains(&(0, largest)) || free_runs(&pool).len() == 1);
}

#[test]
fn a_failed_allocation_changes_nothing() {
    let mut memory = memory(20);
    let pool = Pool::new(&mut memory);
    let free = pool.free_pages();
    assert_eq!(pool.take(CLASSES, false), None);
    assert_eq!(pool.take(5, false), None);
    assert_eq!(
        (pool.free_pages(), free_runs(&pool).iter().map(|r| 1 << r.1).sum::<usize>()),
        (free, free)
    );
}

/// The promise of the module: pages that are held down to `held` at once, however they come and go,
/// break at most `held / 16 + 1` of the runs of 16 pages, so large objects find room in all others.
#[test]
fn a_flood_of_single_pages_below_a_cap_cannot_shred_the_pool() {
    let mut memory = memory(1024 + 4);
    let pool = Pool::new(&mut memory);
    let held_at_most = 128;
    let mut held = Vec::new();
    let mut random = 12345u32;
    let mut below = |bound: usize| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (random >> 8) as usize % bound
    };
    for _ in 0..if cfg!(miri) { 300 } else { 100_000 } {
        if held.len() == held_at_most || !held.is_empty() && below(2) == 0 {
            give(&pool, held.swap_remove(below(held.len())), 0);
        } else {
            held.push(pool.take(0, false).unwrap());
        }
    }
    let mut runs = 0;
    while pool.take(4, false).is_some() {
        runs += 1;
    }
    let (all, broken) = (pool.pages() / 16, held_at_most / 16 + 1);
    assert!(runs >= all - broken, "{runs} runs of {all}, {} pages held", held.len());
}

/// Runs of all classes come and go; nothing overlaps, and in the end all is as it was.
#[test]
fn runs_of_all_classes_in_any_order() {
    let (pages, steps) = if cfg!(miri) { (70, 150) } else { (700, 20_000) };
    let mut memory = memory(pages);
    let pool = Pool::new(&mut memory);
    let before = free_runs(&pool);
    let mut held: Vec<(u32, usize)> = Vec::new();
    let mut owner = vec![false; pool.pages()];
    let mut random = 99u32;
    let mut below = |bound: usize| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (random >> 8) as usize % bound
    };
    for _ in 0..steps {
        let class = below(6);
        if below(8) < 3 && !held.is_empty() {
            let (run, class) = held.swap_remove(below(held.len()));
            (run..run + (1 << class)).for_each(|page| owner[page as usize] = false);
            give(&pool, run, class);
        } else if let Some(run) = pool.take(class, false) {
            for page in run..run + (1 << class) {
                assert!(!mem::replace(&mut owner[page as usize], true), "page {page} is in use");
            }
            held.push((run, class));
        }
        let pages: usize = held.iter().map(|&(_, class)| 1 << class).sum();
        assert_eq!(pool.free_pages(), pool.pages() - pages);
    }
    held.drain(..).for_each(|(run, class)| give(&pool, run, class));
    pool.sort_returned();
    pool.unjoined.set(1);
    pool.join();
    assert_eq!(free_runs(&pool), before);
    assert!(pool.most_pages_used() > pages * 6 / 7);
}
