//! The service echo, in a network of its own.

use std::{path::PathBuf, sync::OnceLock};

use lab::{
    Service, cargo,
    soak::{self, site::Site},
};

/// Calls `test` with a service that nobody else asks, which then has to end well.
pub(crate) fn with_service(test: impl FnOnce(&mut Service<'_>, &Site) + Send) {
    static ECHO: OnceLock<PathBuf> = OnceLock::new();
    let build = || cargo::build(&["echo"], &[]).expect("echo builds").remove("echo");
    let program = ECHO.get_or_init(|| build().expect("it has a program"));
    lab::in_namespace(soak::network(), |lab| {
        let (mut service, site) = soak::start(lab, program, &[], |_| ())?;
        test(&mut service, &site);
        let (status, lines) = service.stop()?;
        assert!(status.success(), "{status}: {lines:#?}");
        anyhow::Ok(())
    })
    .and_then(|result| result)
    .unwrap_or_else(|error| panic!("{error:#}"));
}
