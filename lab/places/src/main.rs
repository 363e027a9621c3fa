#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use addr2line::Loader;
use anyhow::{Context, Result, anyhow, bail};
use lab::{cargo, filter};
use object::{Object as _, ObjectSection as _, SectionKind};

/// What a line of addresses begins with (`rt-pvh`, README.md).
const MARK: &str = "stack ";
/// What the line of registers begins with that has the address of the instruction first.
const INSTRUCTION: &str = "rip ";

fn main() -> ExitCode {
    filter::serve(|program| {
        let program = PathBuf::from(program);
        move |line: &str| with_places(&program, line)
    })
}

/// The line, and behind it the places in the source that its addresses stand for: of calls, the innermost first, if
/// it has those of a stack; of an instruction, if it has the registers.
fn with_places(program: &Path, line: &str) -> Vec<String> {
    let mut lines = vec![line.to_owned()];
    let found = if let Some(addresses) = parse(line) {
        calls(program, &addresses)
    } else if let Some(address) = instruction(line) {
        with_program(program, |_, lines| place(lines, address).into_iter().collect())
    } else {
        return lines;
    };
    match found {
        Ok(places) => lines.extend(places.iter().map(|place| format!("  at {place}"))),
        Err(error) => lines.push(format!("  no places: {error:#}")),
    }
    lines
}

/// The addresses of a line; nothing if it is another line.
fn parse(line: &str) -> Option<Vec<u64>> {
    let address = |word: &str| u64::from_str_radix(word, 16).ok();
    line.strip_prefix(MARK)?.split(' ').map(address).collect()
}

/// The address of the instruction in the line of registers; nothing if it is another line.
fn instruction(line: &str) -> Option<u64> {
    let address = line.strip_prefix(INSTRUCTION)?.split(' ').next()?;
    u64::from_str_radix(address, 16).ok()
}

/// The places of the calls that return to `addresses`.
fn calls(program: &Path, addresses: &[u64]) -> Result<Vec<String>> {
    with_program(program, |image, lines| {
        let calls = addresses.iter().filter(|address| follows_call(image, **address));
        // Within the call, since what follows it may be of another line.
        calls.filter_map(|address| place(lines, address - 1)).collect()
    })
}

/// What `find` finds in a program.
fn with_program(
    program: &Path,
    find: impl FnOnce(&object::File<'_>, &Loader) -> Vec<String>,
) -> Result<Vec<String>> {
    let failed = || format!("cannot read {}", program.display());
    let bytes = fs::read(program).with_context(failed)?;
    let image = object::File::parse(&*bytes).with_context(failed)?;
    let lines = Loader::new(program).map_err(|error| anyhow!("{error}")).with_context(failed)?;
    if !image.has_debug_symbols() {
        bail!("{} is stripped", program.display());
    }
    Ok(find(&image, &lines))
}

/// Whether what comes before `address` in the code is a call: `E8` with its distance, or `FF /2`, of two to
/// seven bytes (Intel SDM volume 2, CALL).
fn follows_call(image: &object::File<'_>, address: u64) -> bool {
    let code = |length: u64| {
        let start = address.checked_sub(length)?;
        let mut text = image.sections().filter(|section| section.kind() == SectionKind::Text);
        text.find_map(|section| section.data_range(start, length).ok().flatten())
    };
    let is_indirect =
        |length| matches!(code(length), Some([0xff, operand, ..]) if operand >> 3 & 7 == 2);
    matches!(code(5), Some([0xe8, ..])) || (2..=7).any(is_indirect)
}

/// The innermost function around `address` that is not of Rust's own libraries, and where it is.
fn place(lines: &Loader, address: u64) -> Option<String> {
    let mut frames = lines.find_frames(address).ok()?;
    while let Some(frame) = frames.next().ok()? {
        let Some(location) = frame.location else { continue };
        let Some(file) = location.file.filter(|file| !file.starts_with("/rustc/")) else {
            continue;
        };
        let file = Path::new(file).strip_prefix(cargo::root()).unwrap_or(Path::new(file));
        let line = location.line.filter(|line| *line > 0);
        let line = line.map(|line| format!(":{line}")).unwrap_or_default();
        let function = frame.function.as_ref().and_then(|function| function.demangle().ok());
        let function = function.map(|name| format!(" in {}", without_hash(&name)));
        return Some(format!("{}{line}{}", file.display(), function.unwrap_or_default()));
    }
    None
}

/// The name of a function without the number that the compiler puts behind it.
fn without_hash(name: &str) -> &str {
    match name.rsplit_once("::h") {
        Some((name, hash)) if hash.len() == 16 && u64::from_str_radix(hash, 16).is_ok() => name,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use std::{env, fmt::Write as _};

    use super::*;

    /// Where the calls of this function return to.
    #[inline(never)]
    fn returns() -> Vec<u64> {
        let program = env::current_exe().unwrap();
        let bytes = fs::read(&program).unwrap();
        let image = object::File::parse(&*bytes).unwrap();
        let symbols: Vec<_> = object::Object::symbols(&image).collect();
        let this = symbols.iter().find(|symbol| {
            let name = object::ObjectSymbol::name(*symbol).unwrap_or_default();
            name.contains("tests7returns") && object::ObjectSymbol::size(*symbol) > 0
        });
        let this = this.expect("a symbol of this function");
        let start = object::ObjectSymbol::address(this);
        let end = start + object::ObjectSymbol::size(this);
        (start..end).filter(|address| follows_call(&image, *address)).collect()
    }

    #[test]
    fn addresses_behind_calls_have_places_and_others_have_none() {
        let returns = returns();
        assert!(returns.len() > 3, "{returns:x?}");
        let mut stack = String::from("stack 1 ffffffffffffffff");
        for address in &returns {
            write!(stack, " {address:x}").unwrap();
        }
        let lines = with_places(&env::current_exe().unwrap(), &stack);
        assert!(lines[0].starts_with("stack 1 "), "{lines:?}");
        let places = &lines[1..];
        assert!(!places.is_empty() && places.len() <= returns.len(), "{lines:?}");
        let is_here = |place: &String| place.starts_with("  at lab/places/src/main.rs:");
        assert!(places.iter().any(is_here), "{lines:?}");
        assert!(!lines.iter().any(|line| line.contains("/rustc/")), "{lines:?}");
    }

    #[test]
    fn other_lines_stay_alone() {
        for line in ["stack", "stack ", "stack overflow", "stack 12 x", "the stack 12", "stack  1"]
        {
            assert_eq!(with_places(&env::current_exe().unwrap(), line), [line]);
        }
    }

    #[test]
    fn a_program_that_cannot_be_read_is_said() {
        let lines = with_places(Path::new("/nowhere"), "stack 1000");
        assert_eq!(lines[0], "stack 1000");
        assert!(lines[1].starts_with("  no places: cannot read /nowhere"), "{lines:?}");
    }
}
