//! `cargo xtask cost`: how many instructions each layer takes for a packet, counted by Valgrind's
//! callgrind, which counts the same each time.

mod accepted;

use std::{fs, path::Path, process::Stdio};

use anyhow::{Context, Result, bail, ensure};
use lab::{cargo, tools};

use self::accepted::{Costs, Verdict};

/// How often the program does each piece of work, and then twice as often.
const TIMES: u64 = 16;
/// The function that is counted, as callgrind spells it.
const COUNTED: &str = "cost::measured";
/// glibc chooses among several ways to copy by what the processor can do. Without these there is one way on
/// every machine.
const TUNABLES: &str = "glibc.cpu.hwcaps=-AVX2,-AVX2_Usable,-AVX512F,-AVX512VL,-AVX512BW,\
                        -AVX_Fast_Unaligned_Load,-Prefer_No_VZEROUPPER,-ERMS,-FSRM";

/// Counts, prints a table, and compares with `bench/cost.csv`.
///
/// # Errors
/// A layer takes over 5 % more than was accepted; or the program does not build or run.
pub fn check() -> Result<()> {
    let Some(counted) = count()? else { return Ok(()) };
    let accepted = Costs::read(&fs::read_to_string(path()).context("cannot read bench/cost.csv")?)?;
    let verdict = Verdict::of(&accepted, &counted);
    println!("{verdict}");
    if verdict.is_good() {
        return Ok(());
    }
    bail!(
        "more instructions than were accepted. If that is worth it: cargo xtask cost --accept, and commit \
         bench/cost.csv with the reason"
    )
}

/// Counts, and writes `bench/cost.csv`.
///
/// # Errors
/// Valgrind is missing; the program does not build or run; the file cannot be written.
pub fn accept() -> Result<()> {
    let counted = count()?.context(tools::remedy(&[tools::VALGRIND]))?;
    fs::write(path(), counted.write()?).context("cannot write bench/cost.csv")?;
    println!("{}", Verdict::of(&counted, &counted));
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
    let program = programs.get("cost").context("bench has no program cost")?;
    let folder = cargo::target_folder()?.join("cost");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let file = folder.join("out");
    let output = tools::VALGRIND
        .command()
        .arg("--tool=callgrind")
        .arg(format!("--toggle-collect={COUNTED}"))
        .arg(format!("--dump-after={COUNTED}"))
        .arg(format!("--callgrind-out-file={}", file.display()))
        .arg(program)
        .args(["--times", &TIMES.to_string()])
        .env("GLIBC_TUNABLES", TUNABLES)
        .stdin(Stdio::null())
        .output()
        .context("cannot start valgrind")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "valgrind: {}", said.trim());
    let labels = String::from_utf8(output.stdout)?;
    let totals = labels.lines().enumerate().map(|(number, label)| {
        let (scenario, layer) = label.split_once(',').context("a line without a comma")?;
        // A dump after each time, numbered from 1.
        let [once, twice] = [1, 2].map(|part| total(&file, 2 * number + part));
        let cost = twice?.checked_sub(once?).context("twice the work took less")?;
        Ok((scenario.to_owned(), layer.to_owned(), cost as f64 / TIMES as f64))
    });
    Ok(Some(Costs::of_totals(&totals.collect::<Result<Vec<_>>>()?)))
}

/// The instructions of dump `number`.
fn total(file: &Path, number: usize) -> Result<u64> {
    let path = format!("{}.{number}", file.display());
    let dump = fs::read_to_string(&path).with_context(|| format!("callgrind made no {path}"))?;
    let total = dump.lines().find_map(|line| line.strip_prefix("totals: "));
    total.context("a dump has no total")?.trim().parse().context("a total is no number")
}
