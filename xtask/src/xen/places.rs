//! Where a guest was when it ended: the addresses that it says, as lines of its source.

use std::{
    fs,
    path::{Path, PathBuf},
};

use addr2line::Loader;
use anyhow::{Context, Result, anyhow, bail};
use object::{Object as _, ObjectSection as _, SectionKind};

use super::console::Decode;
use crate::cargo;

/// What a line of addresses begins with (`rt-xen`, README.md).
const MARK: &str = "stack ";
/// What the line of registers begins with that has the address of the instruction first.
const INSTRUCTION: &str = "rip ";

/// Adds to each line `stack ADDRESSES` of a guest the places in the source where these calls are, the
/// innermost first, a line each: `  at udp/src/serve.rs:97 in serve`; to a line `rip ADDRESS …` that of the
/// instruction. `program` is the ELF file that
/// the guest runs, not stripped. What `decode` does with all lines, it does before.
///
/// Addresses that follow no call, and calls within Rust's own libraries, are left out. Where the compiler
/// has made one call of several, there is no number of a line.
pub fn with_places(program: &Path, mut decode: Decode) -> Decode {
    let program = PathBuf::from(program);
    Box::new(move |bytes, line| {
        decode(bytes, &mut |text| {
            line(text);
            let found = if let Some(addresses) = parse(text) {
                calls(&program, &addresses)
            } else if let Some(address) = instruction(text) {
                with_program(&program, |_, lines| place(lines, address).into_iter().collect())
            } else {
                return;
            };
            match found {
                Ok(places) => places.iter().for_each(|place| line(&format!("  at {place}"))),
                Err(error) => line(&format!("  no places: {error:#}")),
            }
        });
    })
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
    use crate::xen::plain;

    /// What is added to `console` of a guest that runs this very program.
    fn lines(console: &str) -> Vec<String> {
        let program = env::current_exe().unwrap();
        let (mut decode, mut lines) = (with_places(&program, plain()), Vec::new());
        decode(console.as_bytes(), &mut |line| lines.push(line.to_owned()));
        lines
    }

    /// Where the calls of this function return to.
    #[inline(never)]
    fn returns() -> Vec<u64> {
        let program = env::current_exe().unwrap();
        let bytes = fs::read(&program).unwrap();
        let image = object::File::parse(&*bytes).unwrap();
        let symbols: Vec<_> = object::Object::symbols(&image).collect();
        let this = symbols.iter().find(|symbol| {
            let name = object::ObjectSymbol::name(*symbol).unwrap_or_default();
            name.contains("places5tests7returns") && object::ObjectSymbol::size(*symbol) > 0
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
        let mut stack = String::from("panic\r\nstack 1 ffffffffffffffff");
        for address in &returns {
            write!(stack, " {address:x}").unwrap();
        }
        let lines = lines(&format!("{stack}\r\nregion global\n"));
        assert_eq!(lines[0], "panic");
        assert!(lines[1].starts_with("stack 1 "), "{lines:?}");
        assert_eq!(lines.last().unwrap(), "region global");
        let places = &lines[2..lines.len() - 1];
        assert!(!places.is_empty() && places.len() <= returns.len(), "{lines:?}");
        let is_here = |place: &String| place.starts_with("  at xtask/src/xen/places.rs:");
        assert!(places.iter().any(is_here), "{lines:?}");
        assert!(!lines.iter().any(|line| line.contains("/rustc/")), "{lines:?}");
    }

    #[test]
    fn other_lines_stay_alone() {
        for line in ["stack", "stack ", "stack overflow", "stack 12 x", "the stack 12", "stack  1"]
        {
            assert_eq!(lines(&format!("{line}\n")), [line]);
        }
    }

    #[test]
    fn a_program_that_cannot_be_read_is_said() {
        let (mut decode, mut lines) =
            (with_places(Path::new("/nowhere"), plain()), Vec::<String>::new());
        decode(b"stack 1000\n", &mut |line| lines.push(line.to_owned()));
        assert_eq!(lines[0], "stack 1000");
        assert!(lines[1].starts_with("  no places: cannot read /nowhere"), "{lines:?}");
    }
}
