//! Whether dom0 has the memory that another guest takes of it.
//!
//! A dom0 that runs out ends processes of its own, and without xenstored no guest can be started, ended or given a
//! network again. So a guest is refused before that.

use anyhow::{Result, ensure};

use super::{machine::Machine, memory::kib};

/// What dom0 keeps for itself, in KiB: while it has this, the kernel ends no process.
const KEPT: u64 = 24 << 10;
/// What `xl create` takes while it runs, beside the image, in KiB.
const CREATING: u64 = 12 << 10;
/// How often the image is in memory while `xl create` runs, if it is not packed: in its file, and twice in `xl`.
const COPIES: u64 = 3;

impl Machine {
    /// What dom0 could give to programs without ending others, in KiB: `MemAvailable` of /proc/meminfo.
    ///
    /// # Errors
    /// dom0 does not answer.
    pub fn available(&self) -> Result<u64> {
        let text = String::from_utf8_lossy(&self.read("/proc/meminfo")?).into_owned();
        kib(&text, "MemAvailable")
    }

    /// Makes sure that dom0 has the memory to start another guest, whose image has so many bytes.
    ///
    /// # Errors
    /// It has not: with what it has, what it takes, and what would help; dom0 does not answer.
    pub fn check_room(&self, name: &str, image: usize) -> Result<()> {
        refusal(name, self.available()?, image)
    }
}

/// The error if dom0 has too little.
fn refusal(name: &str, available: u64, image: usize) -> Result<()> {
    let needed = KEPT + CREATING + COPIES * (image as u64).div_ceil(1024);
    ensure!(
        available >= needed,
        "no room in dom0 for the guest {name}: {available} KiB of its memory are available, and {needed} KiB have to be, \
         of which it keeps {KEPT} so that its kernel does not end xenstored; end a guest, or give dom0 more (dom0_mem= on the \
         command line of Xen)"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_less_than_it_takes_is_refused_in_words() {
        // 24 and 12 MiB, and an image of 1 MiB three times.
        assert!(refusal("echo", 39 << 10, 1 << 20).is_ok());
        let error = refusal("echo", (39 << 10) - 1, 1 << 20).unwrap_err().to_string();
        for part in ["the guest echo: 39935 KiB", "39936 KiB have to be", "dom0_mem="] {
            assert!(error.contains(part), "{error}");
        }
    }
}
