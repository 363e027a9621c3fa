//! The site of the service `web`, from the service itself.

use anyhow::{Result, ensure};
use lab::{Network, Service};

use crate::{
    chromium::{Chromium, Look},
    program::program,
};

const URL: &str = "http://10.0.0.2:8080";

/// Calls `test` with the service in a network of its own, which then has to end well.
fn with_web(test: impl FnOnce() -> Result<()> + Send) {
    let program = program("web", &[]);
    lab::in_namespace(Network::default(), |lab| {
        let service = Service::start(lab, program, [""; 0], |_| ())?;
        test()?;
        let (status, lines) = service.stop()?;
        ensure!(status.success(), "{status}: {lines:#?}");
        Ok(())
    })
    .and_then(|result| result)
    .unwrap_or_else(|error| panic!("{error:#}"));
}

/// Nothing went wrong in the page, and it has asked nobody but the service.
fn assert_clean(browser: &mut Chromium) -> Result<()> {
    let (problems, requests) = browser.take_notes()?;
    ensure!(problems.is_empty(), "{problems:#?}");
    let is_ours = |request: &&String| request.starts_with(URL) || request.starts_with("blob:");
    let others: Vec<_> = requests.iter().filter(|request| !is_ours(request)).collect();
    ensure!(others.is_empty(), "it has asked for {others:?}");
    Ok(())
}

pub(crate) fn every_page_is_shown() {
    with_web(|| {
        for (look, name) in [(Look::LIGHT, "light"), (Look::DARK, "dark"), (Look::PHONE, "phone")] {
            for (path, page) in
                [("/", "index"), ("/unikernel.html", "unikernel"), ("/tower.html", "tower")]
            {
                let mut browser = Chromium::open(&format!("{URL}{path}"), look)?;
                browser.wait_for("document.readyState === 'complete'")?;
                ensure!(browser.evaluate("document.styleSheets.length")? == 1);
                ensure!(browser.evaluate("document.images[0].naturalWidth > 0")? == true);
                let (width, room) =
                    (browser.evaluate("document.documentElement.scrollWidth")?, look.size.0);
                ensure!(width.as_u64() <= Some(room.into()), "{page}, {name}: {width} pixels");
                browser.picture(&format!("site-{page}-{name}"))?;
                assert_clean(&mut browser)?;
            }
        }
        Ok(())
    });
}

pub(crate) fn the_forms_work() {
    with_web(|| {
        let mut browser = Chromium::open(&format!("{URL}/"), Look::LIGHT)?;
        browser.wait_for("document.querySelector('output') !== null")?;
        // The first number is computed at once: F(2000) has 418 digits.
        let output =
            |id: &str| format!("document.getElementById('{id}').nextElementSibling.textContent");
        browser.wait_for(&format!("{}.startsWith('418 digits')", output("fib")))?;
        browser.evaluate(
            "(() => { const form = document.getElementById('fib'); form.elements[0].value = '90'; form.requestSubmit(); })()",
        )?;
        browser.wait_for(&format!("{}.endsWith('2880067194370816120')", output("fib")))?;
        browser.evaluate("document.getElementById('sort').requestSubmit()")?;
        browser.wait_for(&format!("{}.endsWith('[-1.5, 0.07, 3, 2e6]')", output("sort")))?;
        browser.evaluate("document.getElementById('speed').requestSubmit()")?;
        browser
            .wait_for(&format!("/^down: \\d+ MB.s.*up: \\d+ MB.s$/.test({})", output("speed")))?;
        let terminal = browser.evaluate("document.querySelector('pre').textContent")?;
        ensure!(
            terminal
                .as_str()
                .is_some_and(|text| text.contains("curl http://10.0.0.2:8080/fib/2000"))
        );
        browser.picture("site-forms")?;
        assert_clean(&mut browser)?;
        // What goes wrong is told.
        browser.evaluate(
            "(() => { const form = document.getElementById('sort'); form.elements[0].value = '3, x'; form.requestSubmit(); })()",
        )?;
        browser.wait_for(&format!("{}.includes('byte 4: expected a number')", output("sort")))?;
        Ok(())
    });
}
