//! Regions, bumpalo and bump-scope side by side: allocation, reset, a short-lived scope; and a received
//! page. Prints the tables of the README in the end.

use std::{
    collections::BTreeMap,
    fs, future,
    hint::black_box,
    mem::MaybeUninit,
    path::Path,
    time::{Duration, Instant},
};

use bump_scope::Bump;
use criterion::{BenchmarkId, Criterion, Throughput};
use rt_regions::{Pool, Region, Task};

/// The most objects in one region.
const MOST: usize = 1_000_000;

/// Room for as many objects of 32 bytes.
const MEMORY: usize = 40 << 20;

const COUNTS: [usize; 5] = [100, 1000, 10_000, 100_000, MOST];

/// An object of `8 * WORDS` bytes.
type Object<const WORDS: usize> = [u64; WORDS];

fn object<const WORDS: usize>(number: usize) -> Object<WORDS> {
    [number as u64; WORDS]
}

/// Each arena is emptied outside the time that is taken, and has its memory before the first round.
fn allocate<const WORDS: usize>(criterion: &mut Criterion, pool: &Pool<'_>) {
    let mut group = criterion.benchmark_group(format!("allocate-{}", 8 * WORDS));
    let mut region = Region::new(pool, "allocate");
    let mut bumpalo = bumpalo::Bump::with_capacity(MEMORY);
    let mut scope: Bump = Bump::with_size(MEMORY);
    for count in COUNTS {
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(BenchmarkId::new("rt-regions", count), |bench| {
            timed(bench, &mut region, Region::reset, |region| {
                for number in 0..count {
                    black_box(region.alloc(object::<WORDS>(number)).is_ok());
                }
            });
        });
        group.bench_function(BenchmarkId::new("bumpalo", count), |bench| {
            timed(bench, &mut bumpalo, bumpalo::Bump::reset, |bump| {
                for number in 0..count {
                    black_box(bump.try_alloc(object::<WORDS>(number)).is_ok());
                }
            });
        });
        group.bench_function(BenchmarkId::new("bump-scope", count), |bench| {
            timed(
                bench,
                &mut scope,
                |bump| bump.reset(),
                |bump| {
                    for number in 0..count {
                        black_box(bump.try_alloc(object::<WORDS>(number)).is_ok());
                    }
                },
            );
        });
    }
}

/// Times `work` alone, with `clear` after each round.
fn timed<A>(
    bench: &mut criterion::Bencher<'_>,
    arena: &mut A,
    clear: impl Fn(&mut A),
    work: impl Fn(&A),
) {
    bench.iter_custom(|rounds| {
        let mut time = Duration::ZERO;
        for _ in 0..rounds {
            clear(arena);
            let start = Instant::now();
            work(arena);
            time += start.elapsed();
        }
        time
    });
}

/// The time to empty a region after `count` objects, the two readings of the clock included.
fn reset(criterion: &mut Criterion, pool: &Pool<'_>) {
    let mut group = criterion.benchmark_group("empty");
    group.sample_size(10);
    for count in [10, 1000, 100_000, MOST] {
        let fill = |region: &Region<'_>| {
            for number in 0..count {
                black_box(region.alloc(object::<4>(number)).is_ok());
            }
        };
        group.bench_function(BenchmarkId::new("rt-regions reset", count), |bench| {
            let mut region = Region::new(pool, "reset");
            bench.iter_custom(|rounds| {
                let mut time = Duration::ZERO;
                for _ in 0..rounds {
                    fill(&region);
                    let start = Instant::now();
                    region.reset();
                    time += start.elapsed();
                }
                time
            });
        });
        group.bench_function(BenchmarkId::new("rt-regions drop", count), |bench| {
            bench.iter_custom(|rounds| {
                let mut time = Duration::ZERO;
                for _ in 0..rounds {
                    let region = Region::new(pool, "drop");
                    fill(&region);
                    let start = Instant::now();
                    drop(region);
                    time += start.elapsed();
                }
                time
            });
        });
        group.bench_function(BenchmarkId::new("bumpalo reset", count), |bench| {
            bench.iter_custom(|rounds| {
                let mut time = Duration::ZERO;
                let mut bump = bumpalo::Bump::new();
                for _ in 0..rounds {
                    for number in 0..count {
                        black_box(bump.try_alloc(object::<4>(number)).is_ok());
                    }
                    let start = Instant::now();
                    bump.reset();
                    time += start.elapsed();
                    // The chunks that it gave to the heap have to come from there again.
                    bump = bumpalo::Bump::new();
                }
                time
            });
        });
    }
}

/// Opens, allocates four objects, closes.
fn short_lived(criterion: &mut Criterion, pool: &Pool<'_>) {
    let mut group = criterion.benchmark_group("open-4-close");
    let mut outer = Region::new(pool, "outer");
    let mut bump: Bump = Bump::with_size(1 << 20);
    assert!(outer.alloc(0u8).is_ok(), "the pool has room");
    group.bench_function("rt-regions scope", |bench| {
        bench.iter(|| {
            outer.scope(|scope| {
                for number in 0..4 {
                    black_box(scope.alloc(object::<4>(number)).is_ok());
                }
            });
        });
    });
    group.bench_function("rt-regions region", |bench| {
        bench.iter(|| {
            let region = Region::new(pool, "short-lived");
            for number in 0..4 {
                black_box(region.alloc(object::<4>(number)).is_ok());
            }
        });
    });
    group.bench_function("bump-scope", |bench| {
        bench.iter(|| {
            bump.scoped(|scope| {
                for number in 0..4 {
                    black_box(scope.try_alloc(object::<4>(number)).is_ok());
                }
            });
        });
    });
    group.bench_function("bumpalo", |bench| {
        bench.iter(|| {
            let bump = bumpalo::Bump::new();
            for number in 0..4 {
                black_box(bump.try_alloc(object::<4>(number)).is_ok());
            }
        });
    });
}

/// What a packet costs a driver whose pages become the region's: empty the region, take a page, adopt it.
fn receive(criterion: &mut Criterion, pool: &Pool<'_>) {
    let mut group = criterion.benchmark_group("receive");
    let mut packet = Region::new(pool, "packet");
    group.bench_function("rt-regions page", |bench| {
        bench.iter(|| {
            packet.reset();
            if let Ok(page) = pool.page("device") {
                // SAFETY: all the memory of the pool was written when it was made, and the page was
                // lent to nobody.
                black_box(unsafe { packet.adopt(page, 64) }.is_ok());
            }
        });
    });
}

/// Makes a task whose future allocates an object and waits, polls it once, and drops it.
fn task(criterion: &mut Criterion, pool: &'static Pool<'static>) {
    let mut group = criterion.benchmark_group("task");
    group.bench_function("rt-regions task", |bench| {
        bench.iter(|| {
            let task = Task::new(Region::new(pool, "task"), async |region| {
                let object = region.alloc(object::<4>(7)).map(|object| &*object);
                future::pending::<()>().await;
                object.is_ok()
            });
            black_box(task.is_ok_and(|mut task| task.poll_once().result.is_pending()))
        });
    });
}

/// The time of a round in nanoseconds, in the best of the samples that criterion has written for a
/// benchmark: on a machine that others use too, the median says more of them than of the arenas.
fn best(path: &Path) -> Option<f64> {
    let text = fs::read_to_string(path.join("new/sample.json")).ok()?;
    let samples: serde_json::Value = serde_json::from_str(&text).ok()?;
    let numbers = |name: &str| samples[name].as_array()?.iter().map(|n| n.as_f64()).collect();
    let (rounds, times): (Option<Vec<f64>>, Option<Vec<f64>>) =
        (numbers("iters"), numbers("times"));
    times?.iter().zip(&rounds?).map(|(time, rounds)| time / rounds).min_by(f64::total_cmp)
}

/// The rows of a group: for each arena, the best times by count of objects.
fn group(name: &str) -> BTreeMap<String, BTreeMap<usize, f64>> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"),
        std::path::PathBuf::from,
    );
    let mut rows = BTreeMap::<_, BTreeMap<_, _>>::new();
    for arena in fs::read_dir(target.join("criterion").join(name)).into_iter().flatten().flatten() {
        let arena_name = arena.file_name().to_string_lossy().into_owned();
        let row = rows.entry(arena_name).or_default();
        if let Some(time) = best(&arena.path()) {
            row.insert(0, time);
        }
        for count in fs::read_dir(arena.path()).into_iter().flatten().flatten() {
            if let Ok(number) = count.file_name().to_string_lossy().parse()
                && let Some(time) = best(&count.path())
            {
                row.insert(number, time);
            }
        }
        if row.is_empty() {
            rows.remove(&*arena.file_name().to_string_lossy());
        }
    }
    rows
}

fn print_tables() {
    for words in [4, 1] {
        println!(
            "\n| ns for an object of {} bytes | 100 | 1000 | 10,000 | 100,000 | 1,000,000 |",
            8 * words
        );
        println!("|---|---|---|---|---|---|");
        for (arena, row) in group(&format!("allocate-{}", 8 * words)) {
            let cells = COUNTS.map(|count| {
                row.get(&count)
                    .map_or_else(String::new, |time| format!("{:.2}", time / count as f64))
            });
            println!("| {arena} | {} |", cells.join(" | "));
        }
    }
    println!("\n| ns to empty it after | 10 | 1000 | 100,000 | 1,000,000 | ratio |");
    println!("|---|---|---|---|---|---|");
    for (arena, row) in group("empty") {
        let times: Vec<f64> = row.into_values().collect();
        let cells: Vec<_> = times.iter().map(|time| format!("{time:.0}")).collect();
        let ratio = times.last().unwrap_or(&0.0) / times.first().unwrap_or(&1.0);
        println!("| {arena} | {} | {ratio:.1} |", cells.join(" | "));
    }
    for (name, what) in [
        ("open-4-close", "ns to open, allocate four objects, close"),
        ("receive", "ns to empty a region, take a page, adopt it"),
        ("task", "ns to make a task, poll it once, drop it"),
    ] {
        println!("\n| | {what} |\n|---|---|");
        for (arena, row) in group(name) {
            if let Some(time) = row.get(&0) {
                println!("| {arena} | {time:.2} |");
            }
        }
    }
}

fn main() {
    let memory = vec![MaybeUninit::<u8>::new(0); 2 * MEMORY].leak();
    let pool: &'static Pool<'static> = Box::leak(Box::new(Pool::new(memory)));
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800))
        .without_plots()
        .configure_from_args();
    // `cargo test` runs every benchmark once; there is nothing to print then.
    let measures = std::env::args().any(|arg| arg == "--bench");
    allocate::<4>(&mut criterion, pool);
    allocate::<1>(&mut criterion, pool);
    reset(&mut criterion, pool);
    short_lived(&mut criterion, pool);
    receive(&mut criterion, pool);
    task(&mut criterion, pool);
    criterion.final_summary();
    if measures {
        print_tables();
    }
}
