//! The words that virtual machine monitors add to a command line for Linux, and that their documents tell users to write.
//!
//! A monitor does not know what it starts, so a guest finds such words between its own arguments. They are taken out
//! before the arguments are read. A word in quotes is the program's, whatever it says.

use core::fmt;

use rt_regions::{Exhausted, Region};

/// The words, each with its reason. One that ends with `=` stands for all words that begin with it.
const WORDS: &[&str] = &[
    // Where a device is: Firecracker and QEMU's microvm add one for each device.
    "virtio_mmio.device=",
    // Firecracker adds `pci=off` unless it has PCI.
    "pci=",
    // Firecracker adds these for the drive that is the root.
    "root=",
    "ro",
    "rw",
    // Firecracker's line if it is given none: how Linux ends, and what it need not look for.
    "reboot=",
    "panic=",
    "nomodule",
    "8250.nr_uarts=",
    "i8042.noaux",
    "i8042.nomux",
    "i8042.nopnp",
    "i8042.dumbkbd",
    "swiotlb=",
    // firectl's line if it is given none, beside some of those above.
    "noapic",
    "nomodules",
    // In the examples of QEMU's microvm and of Firecracker: the console is the first serial port.
    "console=",
    "earlyprintk=",
    // For microvm without ACPI tables, with which it names its devices in the line.
    "acpi=",
    // What stands before the arguments of Linux's first process, which are the program's here.
    "--",
];

/// The words of monitors in a command line. They are displayed with a space between them.
#[derive(Clone, Copy, Debug)]
pub struct MonitorWords<'l>(&'l str);

impl<'l> MonitorWords<'l> {
    /// Those in `line`.
    pub fn of(line: &'l str) -> Self {
        Self(line)
    }

    /// Iterates over the words.
    pub fn iter(self) -> impl Iterator<Item = &'l str> {
        words(self.0).filter(|word| is_of_monitor(word))
    }

    /// The line without these words, in `region`.
    ///
    /// # Errors
    /// There is no room in the region.
    pub fn removed<'r>(self, region: &'r Region<'_>) -> Result<&'r str, Exhausted> {
        let others = || words(self.0).filter(|word| !is_of_monitor(word));
        let mut bytes = others().flat_map(|word| word.bytes().chain([b' ']));
        let length = others().map(|word| word.len() + 1).sum();
        let text = region.alloc_slice_with(length, |_| bytes.next().unwrap_or(b' '))?;
        // Whole words were copied, so this is UTF-8.
        Ok(str::from_utf8(text).unwrap_or_default())
    }
}

impl fmt::Display for MonitorWords<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, word) in self.iter().enumerate() {
            f.write_str(if number > 0 { " " } else { "" })?;
            f.write_str(word)?;
        }
        Ok(())
    }
}

/// The words of a line with their quotes. A space between quotes does not separate.
fn words(line: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let words = line.split(move |character: char| {
        quoted ^= character == '"';
        character.is_ascii_whitespace() && !quoted
    });
    words.filter(|word| !word.is_empty())
}

/// Whether a monitor, and not the user, may have written the word.
fn is_of_monitor(word: &str) -> bool {
    WORDS.iter().any(
        |known| {
            if known.ends_with('=') { word.starts_with(known) } else { word == *known }
        },
    )
}

#[cfg(test)]
mod tests {
    use std::{format, mem::MaybeUninit, string::ToString as _, vec, vec::Vec};

    use rt_regions::Pool;

    use super::*;
    use crate::arguments::Arguments;

    /// The words of monitors in a line, and the arguments that are left of it.
    fn split(line: &str) -> (std::string::String, Vec<std::string::String>) {
        let mut memory = vec![MaybeUninit::uninit(); 1 << 16];
        let pool = Pool::new(&mut memory);
        let region = Region::new(&pool, "global");
        let words = MonitorWords::of(line);
        let arguments = Arguments::read(words.removed(&region).unwrap(), &region).unwrap();
        (words.to_string(), arguments.iter().map(Into::into).collect())
    }

    #[test]
    fn the_lines_of_monitors_leave_the_arguments() {
        for (line, taken) in [
            (
                // Firecracker, given no line of its own, with a root drive and a network device.
                "reboot=k panic=1 nomodule 8250.nr_uarts=0 i8042.noaux i8042.nomux i8042.dumbkbd swiotlb=noforce \
                 pci=off root=/dev/vda rw virtio_mmio.device=4K@0xc0001000:5",
                12,
            ),
            // Its examples.
            ("console=ttyS0 reboot=k panic=1 pci=off root=PARTUUID=0eaa91a0-01 ro", 6),
            // firectl.
            ("ro console=ttyS0 noapic reboot=k panic=1 pci=off nomodules", 7),
            // QEMU's microvm, with what it adds.
            (
                "earlyprintk=ttyS0 console=ttyS0 acpi=off reboot=t virtio_mmio.device=512@0xfeb00e00:12",
                5,
            ),
        ] {
            assert_eq!(MonitorWords::of(line).iter().count(), taken, "{line}");
            assert_eq!(split(line), (line.into(), vec![]));
            // Around the arguments of the program, on either side of them.
            let arguments = "--ipv4=10.0.0.2/24 --interface=\"my vif\"";
            for line in [
                format!("{line} {arguments}"),
                format!("{arguments}  {line}"),
                format!("{line} -- {arguments} {line}"),
            ] {
                let (words, left) = split(&line);
                assert_eq!(left, ["--ipv4=10.0.0.2/24", "--interface=my vif"], "{line}");
                assert!(words.contains("reboot="), "{words}");
            }
        }
    }

    #[test]
    fn what_is_the_programs_stays() {
        for (line, left) in [
            ("", &[][..]),
            // No word of the list, though they begin or end as one.
            (
                "rows nomodulex console --root=x xpci=off",
                &["rows", "nomodulex", "console", "--root=x", "xpci=off"],
            ),
            ("--", &[]),
            ("\"pci=off\" \"ro\" x=\"a ro b\" \"\"", &["pci=off", "ro", "x=a ro b", ""]),
            // An address that nobody sets must not be lost in silence: the program refuses it.
            (
                "ip=172.16.0.2::172.16.0.1:255.255.255.0::eth0:off",
                &["ip=172.16.0.2::172.16.0.1:255.255.255.0::eth0:off"],
            ),
        ] {
            assert_eq!(split(line).1, left, "{line}");
        }
        let unclosed = MonitorWords::of("ro \"rw pci=off");
        assert_eq!(unclosed.iter().collect::<Vec<_>>(), ["ro"]);
    }

    #[test]
    fn words_of_monitors_do_not_count_as_arguments() {
        let line = format!("{}a b", "pci=off ".repeat(200));
        assert_eq!(split(&line).1, ["a", "b"]);
    }

    #[test]
    fn no_program_has_an_argument_that_is_a_word_of_monitors() {
        for word in WORDS {
            assert!(
                *word == "--" || !word.starts_with("--"),
                "{word}: programs have such arguments"
            );
        }
    }

    #[test]
    fn any_line_is_split_into_what_it_had() {
        let mut state = 7_u64;
        for _ in 0..20_000 {
            let line: std::string::String = (0..state % 40)
                .map(|_| {
                    state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e);
                    ["ro", " ", "\"", "é", "pci=", "\t"][(state >> 33) as usize % 6]
                })
                .collect();
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut memory = vec![MaybeUninit::uninit(); 1 << 14];
            let pool = Pool::new(&mut memory);
            let region = Region::new(&pool, "global");
            let words = MonitorWords::of(&line);
            let left = words.removed(&region).unwrap();
            assert_eq!(MonitorWords::of(left).iter().count(), 0, "{line:?}");
            let kept = |text: &str| text.chars().filter(|c| !c.is_ascii_whitespace()).count();
            assert_eq!(kept(left) + kept(&words.to_string()), kept(&line), "{line:?}");
        }
    }
}
