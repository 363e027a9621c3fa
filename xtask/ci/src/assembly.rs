//! The claim that the profiler costs nothing when it is left out, checked on the machine code: an
//! allocation compiles to the same instructions with it and without it.

use std::{collections::BTreeMap, fs, path::PathBuf};

use anyhow::{Context, Result, ensure};

use lab::cargo::{cargo, root};

/// The functions that are compared, by a part of their symbols: the fast path, as it is inlined into a
/// program, and what it calls when a page is full.
const PROGRAM: &str = "allocation_path15allocation_path";
const LIBRARY: &str = "15allocate_slowly";

/// Compares the machine code of an allocation with the feature `profile` of rt-regions and without.
///
/// # Errors
/// It differs, or cannot be had.
pub fn check_profile_is_free() -> Result<()> {
    let (without, with) = (functions(&[])?, functions(&["--features", "profile"])?);
    for wanted in [PROGRAM, LIBRARY] {
        let found = without.keys().any(|name| name.contains(wanted));
        ensure!(found, "there is no machine code for {wanted}");
    }
    for (name, code) in &without {
        let other = with.get(name).with_context(|| format!("with the profiler, {name} is gone"))?;
        ensure!(code == other, "the profiler changes {name}:\n{code}\ninstead of\n{other}");
    }
    Ok(())
}

/// The instructions of the functions by name, with names and labels that do not depend on the features.
fn functions(features: &[&str]) -> Result<BTreeMap<String, String>> {
    let mut functions = BTreeMap::new();
    for (kind, wanted) in [(&["--lib"][..], LIBRARY), (&["--example", "allocation_path"], PROGRAM)]
    {
        let file = emit(kind, features)?;
        let text = fs::read_to_string(&file).context("cannot read the machine code")?;
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            let Some(name) = line.strip_suffix(':').filter(|name| name.contains(wanted)) else {
                continue;
            };
            let body = lines.by_ref().take_while(|line| !line.starts_with(".Lfunc_end"));
            let code: Vec<_> = body.filter(|line| !line.trim_start().starts_with(".cfi")).collect();
            functions.insert(without_hash(name), relabelled(&code.join("\n")));
        }
    }
    Ok(functions)
}

fn emit(kind: &[&str], features: &[&str]) -> Result<PathBuf> {
    let folder = root().join("target/assembly");
    fs::create_dir_all(&folder).context("cannot make target/assembly")?;
    let file = folder.join(format!("{}{}.s", kind.concat(), features.concat()));
    let mut command = cargo();
    // In one piece: else there is no one file of machine code.
    command.env("CARGO_PROFILE_RELEASE_LTO", "off");
    command.args(["rustc", "--quiet", "--release", "--package", "rt-regions"]);
    command.args(kind).args(features).args(["--", "-Ccodegen-units=1", "-Cdebuginfo=0"]);
    command.arg(format!("--emit=asm={}", file.display()));
    ensure!(command.status().context("cannot start cargo")?.success(), "rt-regions does not build");
    Ok(file)
}

/// A symbol without the hash at its end, `17h` and 16 digits, which tells features apart.
fn without_hash(symbol: &str) -> String {
    let mut rest = symbol;
    let mut result = String::new();
    while let Some((before, after)) = rest.split_once("17h") {
        let hash =
            after.len() >= 16 && after.bytes().take(16).all(|digit| digit.is_ascii_hexdigit());
        result.push_str(before);
        rest = if hash { &after[16..] } else { after };
    }
    result + rest
}

/// The text with the local labels (`.LBB7_3`, `.Lanon.….0`) numbered as they come.
fn relabelled(text: &str) -> String {
    let mut numbers = BTreeMap::new();
    let mut result = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(".L") {
        let end = after.find(|c: char| !(c.is_alphanumeric() || "_.".contains(c)));
        let (label, tail) = after.split_at(end.unwrap_or(after.len()));
        let next = numbers.len();
        let number = *numbers.entry(label.to_owned()).or_insert(next);
        result.push_str(&format!("{before}.L{number}"));
        rest = tail;
    }
    without_hash(&(result + rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_and_labels_are_made_alike() {
        let one =
            "\tja .LBB12_3\n\tcall _ZN4x17h0123456789abcdefE\n.LBB12_3:\n\tlea .Lanon.ab12.7(%rip)";
        let two =
            "\tja .LBB7_1\n\tcall _ZN4x17hfedcba9876543210E\n.LBB7_1:\n\tlea .Lanon.cd.2(%rip)";
        assert_eq!(relabelled(one), relabelled(two));
        assert_eq!(without_hash("_ZN4x17h0123456789abcdefE"), "_ZN4xE");
        assert_ne!(relabelled("ja .L1\n.L1:\n.L2:"), relabelled("ja .L2\n.L1:\n.L2:"));
    }
}
