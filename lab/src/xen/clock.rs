//! How fast time passes in dom0.
//!
//! Xen measures the frequency of its processor when it starts. If QEMU gets little of this machine meanwhile, Xen is wrong
//! about it, and every clock in there runs too fast or too slowly, at a constant rate.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

use super::machine::Machine;

/// For how long it is watched.
const WATCHED_FOR: Duration = Duration::from_secs(4);

impl Machine {
    /// How many seconds pass in dom0 while one passes here.
    ///
    /// # Errors
    /// dom0 does not answer.
    pub fn clock(&self) -> Result<f64> {
        let now = || -> Result<f64> {
            let text = self.read("/proc/uptime")?;
            uptime(&String::from_utf8_lossy(&text)).context("/proc/uptime of dom0 has no time")
        };
        let (start, first) = (Instant::now(), now()?);
        thread::sleep(WATCHED_FOR);
        Ok((now()? - first) / start.elapsed().as_secs_f64())
    }
}

/// The first number, in seconds.
fn uptime(text: &str) -> Option<f64> {
    text.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_the_first_number() {
        assert_eq!(uptime("12.50 3.00\n"), Some(12.5));
        assert_eq!(uptime(""), None);
    }
}
