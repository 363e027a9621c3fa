//! A service in the network of the attackers, which nobody else asks.

use std::path::Path;

use lab::{
    Service,
    soak::{self, site::Site},
};

/// Calls `test` with a service on so many cores, which then has to end well.
pub(crate) fn with_site(
    program: &Path,
    cores: usize,
    args: &[&str],
    test: impl FnOnce(&mut Service<'_>, &Site) + Send,
) {
    lab::in_namespace(soak::network(cores), |lab| {
        let (mut service, site) = soak::start(lab, program, cores, args, |_| ())?;
        test(&mut service, &site);
        let (status, lines) = service.stop()?;
        assert!(status.success(), "{status}: {lines:#?}");
        anyhow::Ok(())
    })
    .and_then(|result| result)
    .unwrap_or_else(|error| panic!("{error:#}"));
}
