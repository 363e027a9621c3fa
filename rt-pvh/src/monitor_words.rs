//! The words that virtual machine monitors add to a command line for Linux, and that their documents tell users to write.
//!
//! A monitor does not know what it starts, so a guest finds such words between its own arguments. They are taken out
//! as the arguments are read. A word that begins with a quote is the program's, whatever it says.

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

/// Whether a monitor, and not the user, may have written the word.
pub(crate) fn is_of_monitor(word: &str) -> bool {
    WORDS.iter().any(
        |known| {
            if known.ends_with('=') { word.starts_with(known) } else { word == *known }
        },
    )
}

#[cfg(test)]
mod tests {
    use std::{format, mem::MaybeUninit, string::String, vec, vec::Vec};

    use rt_regions::{Pool, Region};

    use super::*;
    use crate::arguments::Arguments;

    /// The words of monitors in a line, and the arguments that are left of it.
    fn split(line: &str) -> (String, Vec<String>) {
        let mut memory = vec![MaybeUninit::uninit(); 1 << 16];
        let pool = Pool::new(&mut memory);
        let region = Region::new(&pool, "global");
        let (arguments, words) = Arguments::read_beside_words(line, &region).unwrap();
        (words.trim_end().into(), arguments.iter().map(Into::into).collect())
    }

    #[test]
    fn the_lines_of_monitors_leave_the_arguments() {
        for line in [
            // Firecracker, given no line of its own, with a root drive and a network device.
            "reboot=k panic=1 nomodule 8250.nr_uarts=0 i8042.noaux i8042.nomux i8042.dumbkbd swiotlb=noforce \
             pci=off root=/dev/vda rw virtio_mmio.device=4K@0xc0001000:5",
            // Its examples.
            "console=ttyS0 reboot=k panic=1 pci=off root=PARTUUID=0eaa91a0-01 ro",
            // firectl.
            "ro console=ttyS0 noapic reboot=k panic=1 pci=off nomodules",
            // QEMU's microvm, with what it adds.
            "earlyprintk=ttyS0 console=ttyS0 acpi=off reboot=t virtio_mmio.device=512@0xfeb00e00:12",
        ] {
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
    }

    #[test]
    fn a_word_of_monitors_may_have_a_quoted_value() {
        let (words, left) = split("root=\"LABEL=x y\" \"root=z\" a");
        assert_eq!((&*words, &left[..]), ("root=LABEL=x y", &["root=z".into(), "a".into()][..]));
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
            let line: String = (0..state % 40)
                .map(|_| {
                    state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e);
                    ["ro", " ", "\"", "é", "pci=", "\t"][(state >> 33) as usize % 6]
                })
                .collect();
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            if line.matches('"').count() % 2 == 1 {
                continue;
            }
            let (words, left) = split(&line);
            let is_kept = |c: &char| !c.is_ascii_whitespace() && *c != '"';
            let kept = |text: &str| text.chars().filter(is_kept).count();
            assert_eq!(kept(&left.concat()) + kept(&words), kept(&line), "{line:?}");
            // A value with quotes may have a space.
            let are_known = words.split(' ').all(|word| word.is_empty() || is_of_monitor(word));
            assert!(are_known || line.contains('"'), "{line:?}");
        }
    }
}
