//! How arguments are read: `--name=value` or `--name value`, each once.

use core::fmt;

use layer::split::split_once;

use crate::{Error, Settings, config::ARGUMENTS, own_arguments::Own};

/// The longest part of a value that a message shows, in bytes.
const MAX_SHOWN: usize = 64;

/// One argument. `config::rows!` makes them, and what `--help` says of them.
pub(crate) struct Argument {
    pub(crate) name: &'static str,
    /// What a value has to be; empty for an argument that takes none.
    pub(crate) expected: &'static str,
    pub(crate) set: Set,
}

/// Sets the value of an argument. An error gives the reason in words that end with `": "`, or no words if the
/// value cannot be read at all.
pub(crate) type Set = for<'a> fn(&mut Settings<'a>, &'a str) -> Result<(), &'static str>;

/// An argument as it was given, shortened to what a message shows.
#[derive(Clone, Copy)]
pub(crate) struct Given<'a> {
    pub(crate) name: &'a str,
    pub(crate) value: Option<&'a str>,
}

impl Given<'_> {
    /// Whether this is the argument `name`; one that nothing is `expected` for has no value.
    #[inline]
    pub(crate) fn is_of(&self, name: &str, expected: &str) -> bool {
        name == self.name && !(expected.is_empty() && self.value.is_some())
    }
}

impl fmt::Display for Given<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.name.is_empty() { "\"\"" } else { self.name })?;
        let Some(value) = self.value else { return Ok(()) };
        let shown = value.floor_char_boundary(MAX_SHOWN);
        f.write_str("=")?;
        f.write_str(value.get(..shown).unwrap_or_default())?;
        f.write_str(if shown < value.len() { "..." } else { "" })
    }
}

/// Reads all arguments into `config`, and those of the program's own into `own`.
// Not inlined: an `Error` is large, and functions that are inlined into each other move it in pieces.
#[inline(never)]
pub(crate) fn read<'a>(
    config: &mut Settings<'a>,
    args: &mut dyn Iterator<Item = &'a str>,
    own: &mut impl Own<'a>,
) -> Result<(), Error> {
    let mut all = [None; ARGUMENTS.len()];
    while let Some(arg) = args.next() {
        if matches!(arg, "--help" | "-h") {
            return Err(Error::help(own.usage()));
        }
        let (name, value) = split_once(arg, b'=');
        let mut given = Given { name, value };
        let known = ARGUMENTS
            .iter()
            .zip(&mut all)
            .find(|(known, _)| given.is_of(known.name, known.expected))
            .map(|(argument, first)| (argument.expected, first, Some(argument.set)));
        let known =
            known.or_else(|| own.find(given).map(|(expected, first)| (expected, first, None)));
        let Some((expected, first, set)) = known else {
            return Err(bad(format_args!("{given}: unknown; --help lists the arguments")));
        };
        if !expected.is_empty() && given.value.is_none() {
            // What begins with two dashes is the next argument.
            given.value = args.next().filter(|value| !value.starts_with("--"));
        }
        let result = if !expected.is_empty() && given.value.is_none() {
            Err("its value is missing: ")
        } else if let Some(first) = first.replace(given) {
            return Err(bad(format_args!("{first} and {given}: given twice, expected once")));
        } else {
            let value = given.value.unwrap_or_default();
            match set {
                Some(set) => set(config, value),
                None => own.set(name, value),
            }
        };
        if let Err(reason) = result {
            return Err(bad(format_args!("{given}: {reason}expected {expected}")));
        }
    }
    Ok(())
}

/// The error of a program that does not accept the argument `name`.
#[inline(never)]
pub(crate) fn refused(name: &str, reason: &str) -> Error {
    bad(format_args!("{name}: {reason}"))
}

/// The error of a program with a wrong argument.
pub(crate) fn bad(message: fmt::Arguments<'_>) -> Error {
    Error::new(2, message)
}
