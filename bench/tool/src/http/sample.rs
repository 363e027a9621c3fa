//! One sample: a peer, a setting, a second.

use std::{net::SocketAddrV4, path::Path, process::Stdio, time::Duration};

use anyhow::{Context, Result, ensure};
use lab::{Lab, Service};
use serde_json::Value;

use super::setting::Setting;

/// What a load counted; times in nanoseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sample {
    pub(crate) elapsed: u64,
    pub(crate) replies: u64,
    pub(crate) bytes: u64,
    pub(crate) failed: u64,
    pub(crate) p50: u64,
    pub(crate) p99: u64,
    /// The time that the server ran.
    pub(crate) run: u64,
    /// The time that server or load could have run and something else did: of the worse of the two.
    pub(crate) waited: u64,
    /// The memory of the server in bytes, before any connection and with those that are idle.
    pub(crate) resident: [u64; 2],
}

impl Sample {
    /// Puts a running server under load.
    pub(crate) fn take(
        lab: &Lab,
        load: &Path,
        (service, to): (&Service<'_>, SocketAddrV4),
        setting: Setting,
        time: Duration,
    ) -> Result<Self> {
        let output = lab
            .client(load)
            .args(["--to", &to.to_string()])
            .args(setting.arguments())
            .args(["--milliseconds", &time.as_millis().to_string()])
            .args(["--server", &service.id().to_string()])
            .stdin(Stdio::null())
            .output()
            .context("cannot start the load")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{}", said.trim().trim_start_matches("Error: "));
        Self::read(&String::from_utf8_lossy(&output.stdout))
    }

    /// Reads what a load prints.
    pub(super) fn read(line: &str) -> Result<Self> {
        let value: Value = serde_json::from_str(line).context("the load prints no JSON")?;
        let number = |name: &str| {
            value[name].as_u64().with_context(|| format!("the load says nothing of {name}"))
        };
        let sample = Self {
            elapsed: number("elapsed")?,
            replies: number("replies")?,
            bytes: number("bytes")?,
            failed: number("failed")?,
            p50: number("p50")?,
            p99: number("p99")?,
            run: number("server_run")?,
            waited: number("server_waited")?.max(number("load_waited")?),
            resident: [number("resident")?, number("resident_with_idle")?],
        };
        ensure!(sample.replies > 0, "there was no reply");
        Ok(sample)
    }

    /// Replies in a second, or megabytes.
    pub(crate) fn rate(&self, setting: Setting) -> f64 {
        let count = if setting.is_bulk() { self.bytes as f64 / 1e6 } else { self.replies as f64 };
        count * 1e9 / self.elapsed.max(1) as f64
    }

    /// Microseconds of a processor that the server took for a reply, or for a megabyte.
    pub(crate) fn cost(&self, setting: Setting) -> f64 {
        let count = if setting.is_bulk() { self.bytes as f64 / 1e6 } else { self.replies as f64 };
        self.run as f64 / 1e3 / count.max(f64::MIN_POSITIVE)
    }

    /// By how many bytes the idle connections made the server larger.
    pub(crate) fn grown(&self) -> u64 {
        self.resident[1].saturating_sub(self.resident[0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"elapsed":2000000000,"replies":100,"bytes":50000000,"failed":1,
        "p50":5,"p99":7,"server_run":300000,"server_waited":1,"load_waited":9,"resident":10,
        "resident_with_idle":30,"load_run":3,"distance_before":60,"distance_after":null,
        "server_user_ticks":1,"server_kernel_ticks":2}"#;

    #[test]
    fn what_a_load_prints_is_read() {
        let sample = Sample::read(LINE).unwrap();
        assert_eq!((sample.failed, sample.waited, sample.grown()), (1, 9, 20));
        let close = |a: f64, b: f64| (a - b).abs() < 1e-9;
        assert!(close(sample.rate(Setting::KeepAlive(1)), 50.0));
        assert!(close(sample.rate(Setting::BulkIn), 25.0));
        assert!(close(sample.cost(Setting::Close(1)), 3.0));
        assert!(close(sample.cost(Setting::BulkOut), 6.0));
        assert!(Sample::read(&LINE.replace("\"replies\":100", "\"replies\":0")).is_err());
        assert!(Sample::read(&LINE.replace("\"p99\":7,", "")).is_err());
        assert!(Sample::read("").is_err());
    }
}
