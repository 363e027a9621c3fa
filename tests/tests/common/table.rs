//! The tests of a program as a table.

/// The tests of a folder, by module and function: `trials! { linux => peers: arping, netcat; }`. In one that is
/// called `linux`, `linux::peers::arping` is the name of the first.
macro_rules! trials {
    ($folder:ident => $($module:ident: $($name:ident),+;)+) => {
        vec![$($($crate::trial::trial(
            concat!(stringify!($folder), "::", stringify!($module), "::", stringify!($name)),
            $folder::$module::$name,
        ),)+)+]
    };
}

pub(crate) use trials;
