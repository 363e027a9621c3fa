//! What Xen and dom0 have left.

use anyhow::{Context, Result};

use super::machine::Machine;

/// What Xen writes about its memory when it is asked by the debug key m: a line for each of its heaps, and then their sum.
const KEY: &str = "m";
const LAST: &str = "Dom heap: ";

/// The memory of dom0, in KiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dom0Memory {
    /// What it could give to programs (`MemAvailable`).
    pub available: u64,
    /// What its kernel keeps in small pieces (`Slab`).
    pub slab: u64,
    /// The stacks of its kernel's threads (`KernelStack`).
    pub stacks: u64,
    /// What xenstored has (`VmRSS`).
    pub xenstored: u64,
}

impl Machine {
    /// What dom0 has and uses, without what it keeps only as long as nobody else wants it.
    ///
    /// # Errors
    /// dom0 does not answer.
    pub fn dom0_memory(&self) -> Result<Dom0Memory> {
        // What ends is gone a moment later.
        self.succeed("sh", &["-c", "sleep 1; echo 3 >/proc/sys/vm/drop_caches; sleep 1"])?;
        let pid = self.read("/var/run/xenstored.pid")?;
        let status = format!("/proc/{}/status", String::from_utf8_lossy(&pid).trim());
        let read = |file: &str| -> Result<String> {
            Ok(String::from_utf8_lossy(&self.read(file)?).into_owned())
        };
        let (machine, xenstored) = (read("/proc/meminfo")?, read(&status)?);
        Ok(Dom0Memory {
            available: kib(&machine, "MemAvailable")?,
            slab: kib(&machine, "Slab")?,
            stacks: kib(&machine, "KernelStack")?,
            xenstored: kib(&xenstored, "VmRSS")?,
        })
    }

    /// The memory of the machine that no domain has and Xen does not use itself, in KiB.
    ///
    /// # Errors
    /// Xen or dom0 does not answer.
    pub fn free_memory(&self) -> Result<u64> {
        let text = self.debug_keys(KEY, LAST)?;
        free(&text).with_context(|| format!("Xen says nothing of its memory: {text}"))
    }
}

/// The value of a line of a file such as /proc/meminfo, in KiB.
///
/// # Errors
/// There is no such line.
pub fn kib(text: &str, name: &str) -> Result<u64> {
    let mut lines = text.lines().filter_map(|line| line.split_once(':'));
    let value = lines.find(|(key, _)| *key == name).map(|(_, value)| value.trim());
    let value = value.and_then(|value| value.strip_suffix("kB")?.trim().parse().ok());
    value.with_context(|| format!("there is no {name} in kB in {text:?}"))
}

/// What is free of all heaps, in KiB; none if there is none.
fn free(text: &str) -> Option<u64> {
    let of_line = |line: &str| -> Option<u64> {
        let (_, heap) = line.split_once("heap")?;
        heap.split_once(": ")?.1.trim().strip_suffix("kB free")?.parse().ok()
    };
    let heaps: Vec<_> = text.lines().filter_map(of_line).collect();
    (!heaps.is_empty()).then(|| heaps.into_iter().sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_heaps_count() {
        let text = "(XEN) Physical memory information:\n(XEN)     Xen heap: 12kB free\n\
                    (XEN)     heap[14]: 65536kB free\n(XEN)     heap[29]: 546012kB free\n(XEN)     ";
        assert_eq!(free(text), Some(611_560));
        assert_eq!(free("(XEN) Physical memory information:\n"), None);
        assert_eq!(free(""), None);
    }

    #[test]
    fn a_line_is_read_and_its_absence_is_an_error() {
        let text = "MemTotal:       500000 kB\nMemAvailable:    4321 kB\nHugePages_Total:   0\n";
        assert_eq!(kib(text, "MemAvailable").unwrap(), 4321);
        assert!(kib(text, "HugePages_Total").is_err());
        assert!(kib(text, "Mem").unwrap_err().to_string().contains("no Mem in kB"));
    }
}
