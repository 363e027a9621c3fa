//! `cargo xtask cost`: how many instructions each layer takes for a packet, how many cache lines a request touches, and
//! how both grow with what is in a table, counted by Valgrind's callgrind, which counts the same each time.

mod accepted;
mod dump;
mod growth;
mod verdict;

use std::{fs, path::Path, process::Stdio};

use anyhow::{Context, Result, bail, ensure};
use lab::{cargo, tools};

use self::{
    accepted::{Cost, Costs},
    dump::Dump,
    verdict::Verdict,
};

/// How often the program does each piece of work, and then twice as often.
const TIMES: u64 = 16;
/// The programs that do the work, one after the other.
const PROGRAMS: [&str; 4] = ["cost", "cost-tasks", "cost-families", "cost-cores"];
/// The function that is counted, as callgrind spells it.
const COUNTED: &str = "bench::counted::measured";
/// The size of the largest cache in bytes, which has room for all that one piece of work touches.
const CACHE: u64 = 1 << 20;
/// glibc chooses among several ways to copy by what the processor can do. Without these there is one way on
/// every machine.
const TUNABLES: &str = "glibc.cpu.hwcaps=-AVX2,-AVX2_Usable,-AVX512F,-AVX512VL,-AVX512BW,\
                        -AVX_Fast_Unaligned_Load,-Prefer_No_VZEROUPPER,-ERMS,-FSRM";

/// Counts, prints a table, and compares with `bench/cost.csv`.
///
/// # Errors
/// A layer takes over 5 % more than was accepted, or a request touches that many more cache lines; a cost grows faster with a table than it may; or the program does
/// not build or run.
pub fn check() -> Result<()> {
    let Some(counted) = count()? else { return Ok(()) };
    let accepted = Costs::read(&fs::read_to_string(path()).context("cannot read bench/cost.csv")?)?;
    let verdict = Verdict::of(&accepted, &counted);
    println!("{verdict}");
    check_growth(&counted)?;
    ensure!(
        verdict.is_good(),
        "more than was accepted. If that is worth it: cargo xtask cost --accept, and commit \
         bench/cost.csv with the reason"
    );
    Ok(())
}

/// Counts, and writes `bench/cost.csv`.
///
/// # Errors
/// Valgrind is missing; the program does not build or run; the file cannot be written; or, though it was, a cost
/// grows faster with a table than it may, which cannot be accepted.
pub fn accept() -> Result<()> {
    let counted = count()?.context(tools::remedy(&[tools::VALGRIND]))?;
    fs::write(path(), counted.write()?).context("cannot write bench/cost.csv")?;
    println!("{}", Verdict::of(&counted, &counted));
    check_growth(&counted)
}

fn check_growth(counted: &Costs) -> Result<()> {
    let too_fast = growth::too_fast(counted);
    ensure!(
        too_fast.is_empty(),
        "costs that grow with a table by more than a step for each time that it doubles:\n{}",
        too_fast.join("\n")
    );
    Ok(())
}

fn path() -> std::path::PathBuf {
    cargo::root().join("bench/cost.csv")
}

/// What each layer takes; none, in words, where Valgrind is missing.
fn count() -> Result<Option<Costs>> {
    if !tools::VALGRIND.is_installed() {
        eprintln!("skipped: {}", tools::remedy(&[tools::VALGRIND]));
        return Ok(None);
    }
    let programs = cargo::build_all(&["bench"], &[])?;
    let folder = cargo::target_folder()?.join("cost");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let mut totals = Vec::new();
    for name in PROGRAMS {
        let program = programs.get(name).with_context(|| format!("bench has no program {name}"))?;
        totals.extend(count_one(program, &folder.join(name))?);
    }
    Ok(Some(Costs::of_totals(totals)))
}

/// What the work of one program takes; callgrind writes to `file`, with numbers after its name.
fn count_one(program: &Path, file: &Path) -> Result<Vec<Cost>> {
    let output = tools::VALGRIND
        .command()
        .arg("--tool=callgrind")
        .arg(format!("--toggle-collect={COUNTED}"))
        .arg(format!("--dump-after={COUNTED}"))
        .arg(format!("--callgrind-out-file={}", file.display()))
        // The first caches have room for hardly anything, so that all is looked for in the last one. That counts a
        // line once if it is empty at the beginning.
        .args(["--cache-sim=yes", "--I1=128,1,64", "--D1=128,1,64", &format!("--LL={CACHE},16,64")])
        .arg(program)
        .args(["--times", &TIMES.to_string(), "--cache", &CACHE.to_string()])
        .env("GLIBC_TUNABLES", TUNABLES)
        .stdin(Stdio::null())
        .output()
        .context("cannot start valgrind")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "valgrind: {}", said.trim());
    let labels = String::from_utf8(output.stdout)?;
    // A dump after each time, numbered from 1.
    let mut dumps = (1..).map(|number| Dump::read(&format!("{}.{number}", file.display())));
    let mut next = || dumps.next().context("numbers do not end")?;
    let totals = labels.lines().map(|label| {
        let [scenario, layer, rest @ ..] = &label.split(',').collect::<Vec<_>>()[..] else {
            bail!("a line without a comma: {label}")
        };
        let (once, twice) = (next()?.instructions(), next()?.instructions());
        let cost = twice.checked_sub(once).context("twice the work took less")?;
        Ok(Cost {
            scenario: (*scenario).into(),
            layer: (*layer).into(),
            instructions: cost as f64 / TIMES as f64,
            lines: if rest == ["cold"] { Some(next()?.lines()) } else { None },
        })
    });
    totals.collect()
}
