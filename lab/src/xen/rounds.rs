//! Rounds of the soak, which dom0 runs.

use std::time::Duration;

use anyhow::Result;
use dom0::protocol::{Answer, Command};
use soak::{Round, RoundPlan, site::Place};

use super::machine::{Machine, unexpected};

impl Machine {
    /// Runs a round of the soak from dom0, within `limit`; meanwhile, `watch` is called again and again.
    ///
    /// # Errors
    /// Those of [`soak::run`], and those of `watch`.
    pub fn round_watching(
        &self,
        place: &Place,
        plan: &RoundPlan,
        limit: Duration,
        watch: impl FnMut() -> Result<()>,
    ) -> Result<Round> {
        let command = Command::Round { place: place.clone(), plan: plan.clone() };
        match self.call_watching(command, Vec::new(), limit, watch)? {
            (Answer::Round(round), _) => Ok(*round),
            other => unexpected(&other),
        }
    }
}
