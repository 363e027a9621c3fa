//! The names of the functions of this program, from its table of symbols.

use std::{borrow::Cow, cell::OnceCell, fs, ops::Range};

use object::{Object as _, ObjectSegment as _, ObjectSymbol as _, SymbolKind};

use super::names;

/// A function: where it is in the memory of the process, and its name as the linker knows it.
#[derive(Debug)]
struct Symbol {
    range: Range<u64>,
    name: Box<str>,
    /// The name for a page, once it was asked for.
    short: OnceCell<String>,
}

/// Code of a file that is mapped: a library, or the kernel's.
#[derive(Debug, PartialEq, Eq)]
struct Mapping {
    range: Range<u64>,
    name: Box<str>,
}

/// The functions of this program by their addresses, and what else is mapped to be run.
#[derive(Debug, Default)]
pub(super) struct Symbols {
    functions: Vec<Symbol>,
    mappings: Vec<Mapping>,
}

impl Symbols {
    /// Those of this process. If the program has no symbols, or cannot be read, there are none.
    pub(super) fn of_this_process() -> Self {
        let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
        let program = fs::read_link("/proc/self/exe").unwrap_or_default();
        let bytes = fs::read("/proc/self/exe").unwrap_or_default();
        Self::new(&bytes, &maps, &program.to_string_lossy())
    }

    /// The symbols of the program `name` with these bytes, in a process with this `/proc/PID/maps`.
    fn new(bytes: &[u8], maps: &str, name: &str) -> Self {
        let mappings: Vec<_> = maps.lines().filter_map(mapping).collect();
        let loaded = maps.lines().filter(|line| line.ends_with(name)).find_map(range);
        let functions = match (object::File::parse(bytes), loaded) {
            (Ok(file), Some(loaded)) => functions(&file, loaded.start),
            _ => Vec::new(),
        };
        Self { functions, mappings }
    }

    fn function(&self, address: u64) -> Option<&Symbol> {
        let after = self.functions.partition_point(|symbol| symbol.range.start <= address);
        let symbol = self.functions.get(after.checked_sub(1)?)?;
        symbol.range.contains(&address).then_some(symbol)
    }

    fn mapping(&self, address: u64) -> Option<&Mapping> {
        self.mappings.iter().find(|mapping| mapping.range.contains(&address))
    }

    /// What an address is counted with: where its function begins, or else its library.
    pub(super) fn start(&self, address: u64) -> u64 {
        let function = self.function(address).map(|symbol| symbol.range.start);
        let start = function.or_else(|| Some(self.mapping(address)?.range.start));
        start.unwrap_or(address)
    }

    /// The name of the function at an address, or else of its library, or else the address.
    pub(super) fn name(&self, address: u64) -> Cow<'_, str> {
        if let Some(Symbol { name, short, .. }) = self.function(address) {
            let make = || names::short(&format!("{:#}", rustc_demangle::demangle(name)));
            return Cow::Borrowed(short.get_or_init(make));
        }
        match self.mapping(address) {
            // Without symbols, all that is known is which program it is.
            Some(mapping) => format!("({}, no symbols)", mapping.name).into(),
            None => format!("{address:#x}").into(),
        }
    }
}

/// The functions of a file whose first byte was loaded at `loaded`.
fn functions(file: &object::File<'_>, loaded: u64) -> Vec<Symbol> {
    // Zero for a program that may be anywhere.
    let base = file.segments().map(|segment| segment.address()).min().unwrap_or(0);
    let shift = loaded.wrapping_sub(base & !0xfff);
    let symbols = file.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text);
    let mut functions: Vec<_> = symbols
        .filter(|symbol| symbol.size() > 0)
        .filter_map(|symbol| {
            let start = symbol.address().wrapping_add(shift);
            let range = start..start.wrapping_add(symbol.size());
            Some(Symbol { range, name: symbol.name().ok()?.into(), short: OnceCell::new() })
        })
        .collect();
    functions.sort_by_key(|symbol| symbol.range.start);
    // A function may have several names.
    functions.dedup_by_key(|symbol| symbol.range.start);
    functions
}

/// The addresses in a line of `/proc/PID/maps` (proc(5)).
fn range(line: &str) -> Option<Range<u64>> {
    let (from, to) = line.split(' ').next()?.split_once('-')?;
    let number = |text| u64::from_str_radix(text, 16).ok();
    Some(number(from)?..number(to)?)
}

/// The code that a line of `/proc/PID/maps` says is mapped from a file, or from the kernel (`[vdso]`).
fn mapping(line: &str) -> Option<Mapping> {
    let mut words = line.split_ascii_whitespace();
    let (rights, path) = (words.nth(1)?, words.nth(3)?);
    let name = path.rsplit('/').next()?;
    rights.contains('x').then_some(Mapping { range: range(line)?, name: name.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[inline(never)]
    fn a_function_of_this_test() {}

    #[test]
    fn functions_of_this_program_have_names_and_libraries_theirs() {
        let symbols = Symbols::of_this_process();
        let address = a_function_of_this_test as *const () as u64;
        let name = symbols.name(address);
        assert!(name.ends_with("symbols::tests::a_function_of_this_test"), "{name}");
        assert_eq!(symbols.start(address), address);
        let address = libc::strlen as *const () as u64;
        assert!(symbols.name(address).starts_with("(libc.so"), "{}", symbols.name(address));
        assert_eq!(symbols.name(8), "0x8");
        assert_eq!(symbols.start(8), 8);
    }

    const MAPS: &str = "\
        5570a000-5570c000 r--p 00000000 fe:01 42 /bin/echo\n\
        5570c000-5570f000 r-xp 00002000 fe:01 42 /bin/echo\n\
        7f000000-7f010000 rw-p 00000000 00:00 0 \n\
        7f020000-7f030000 r-xp 00000000 fe:01 43 /lib/libc.so.6\n\
        7fff0000-7fff2000 r-xp 00000000 00:00 0                          [vdso]\n";

    #[test]
    fn without_symbols_the_program_is_all_that_is_known() {
        let symbols = Symbols::new(b"no program", MAPS, "/bin/echo");
        for (address, name, start) in [
            (0x5570_c123, "(echo, no symbols)", 0x5570_c000),
            (0x7f02_0000, "(libc.so.6, no symbols)", 0x7f02_0000),
            (0x7fff_1fff, "([vdso], no symbols)", 0x7fff_0000),
            (0x7f00_0000, "0x7f000000", 0x7f00_0000),
        ] {
            assert_eq!((&*symbols.name(address), symbols.start(address)), (name, start));
        }
    }

    #[test]
    fn a_program_is_where_it_was_loaded() {
        let bytes = fs::read("/proc/self/exe").unwrap();
        let file = object::File::parse(&*bytes).unwrap();
        let expected = file.symbols().find(|symbol| {
            symbol.name().is_ok_and(|name| name.contains("a_function_of_this_test"))
        });
        let expected = expected.unwrap().address();
        let symbols = Symbols::new(&bytes, MAPS, "/bin/echo");
        let address = 0x5570_a000 + expected;
        assert!(symbols.name(address).ends_with("a_function_of_this_test"));
        assert!(!symbols.name(expected).ends_with("a_function_of_this_test"));
    }
}
