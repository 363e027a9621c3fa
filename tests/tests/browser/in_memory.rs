//! The page of a program in memory.

use std::{
    net::TcpListener,
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use lab::{
    Network,
    tools::{IP, succeed},
};

use crate::{
    chromium::{Chromium, Look},
    mock::Mock,
};

/// How many connections the program has.
const CONNECTIONS: usize = 24;

/// Calls `test` with the address of the page of a program that has served for five minutes. The second argument ends the
/// program.
fn with_page(test: impl FnOnce(&str, &AtomicBool) -> Result<()> + Send) {
    let work = || -> Result<()> {
        succeed(IP.command().args(["link", "set", "lo", "up"]))?;
        let (is_over, (sender, receiver)) = (AtomicBool::new(false), mpsc::channel());
        thread::scope(|scope| {
            let program = scope.spawn(|| -> Result<()> {
                let mut mock = Mock::new(CONNECTIONS);
                mock.run(Duration::from_secs(300));
                let listener = TcpListener::bind("127.0.0.1:0")?;
                sender.send(listener.local_addr()?)?;
                Ok(mock.serve(&listener, || is_over.load(Ordering::Relaxed))?)
            });
            let address = receiver.recv().context("the program has ended");
            let result = address.and_then(|address| test(&format!("http://{address}/"), &is_over));
            is_over.store(true, Ordering::Relaxed);
            let ended = program.join().map_err(|_| anyhow::anyhow!("the program has panicked"));
            result.and(ended.and_then(|result| result))
        })
    };
    lab::in_namespace(Network::default(), |_| work())
        .and_then(|result| result)
        .unwrap_or_else(|error| panic!("{error:#}"));
}

/// A browser that shows the page, which has been updated twice.
fn open(url: &str, look: Look) -> Result<Chromium> {
    let mut browser = Chromium::open(url, look)?;
    browser.wait_for("typeof before === 'object' && before.now < state.now")?;
    Ok(browser)
}

/// Nothing went wrong in the page, and it has asked for nothing but its numbers.
fn assert_clean(browser: &mut Chromium, url: &str) -> Result<()> {
    let (problems, requests) = browser.take_notes()?;
    ensure!(problems.is_empty(), "{problems:#?}");
    let state = format!("{url}state.json?");
    let is_known = |request: &&String| {
        **request == url || request.starts_with(&state) || request.starts_with("data:")
    };
    let others: Vec<_> = requests.iter().filter(|request| !is_known(request)).collect();
    ensure!(others.is_empty(), "it has asked for {others:?}");
    Ok(())
}

pub(crate) fn everything_is_shown() {
    with_page(|url, _| {
        let mut browser = open(url, Look::LIGHT)?;
        browser.picture("light")?;
        let text = |id: &str| format!("document.getElementById('{id}').textContent");
        for (id, expected) in [
            ("name", "mock"),
            ("platform", "test in memory"),
            ("live", "live"),
            ("boot", "serving after 1.16 ms"),
            ("how", "1\u{2009}000 samples, one for 10.0 ms of computing"),
        ] {
            ensure!(browser.evaluate(&text(id))? == expected, "{id}");
        }
        // What is on the page is what the program says.
        for expression in [
            r"/^udp 8080 8081 8082 tcp 80 443 9090 at 10\.0\.0\.2\/24 on a cable 02:00:00:00:00:02, tcp connections at most \d+, KiB of their buffers \d+$/.test(document.getElementById('serving').textContent)",
            "[...document.querySelectorAll('#regions tbody tr')].map(row => row.cells[0].textContent).sort().join() \
             === state.regions.map(region => region.name).sort().join()",
            "[...document.querySelectorAll('#tower summary b')].map(layer => layer.textContent).reverse().join() \
             === Object.keys(state.counters).join()",
            "document.querySelectorAll('#tower dl div').length \
             === Object.values(state.counters).reduce((n, layer) => n + Object.keys(layer).length, 0)",
            "document.querySelectorAll('#connections tbody tr').length === 24",
            "document.querySelectorAll('#places li').length === state.places.rows.length",
            "document.querySelectorAll('#steps li').length === 4",
            "document.querySelectorAll('.tile').length === 6",
            // Five minutes of bands, which are as wide as the picture.
            "history.length >= 299 && document.getElementById('bands').getBBox().width > 298",
            "[...document.querySelectorAll('.tile svg')].every(svg => svg.getBBox().height > 0)",
            // The map has colours: those of regions beside that of free pages.
            "new Set(new Uint32Array(document.getElementById('map').getContext('2d').getImageData(0, 0, 400, 60).data.buffer)).size > 5",
            // A line of the log is text, whatever is in it.
            "document.querySelectorAll('#log li').length > 30 && document.querySelectorAll('#log li b').length === 0",
            "[...document.querySelectorAll('#log div')].some(line => line.textContent.endsWith('a \"quoted\" line with <b>tags</b> & a \\\\ backslash'))",
            "document.getElementById('log').scrollTop > 0",
        ] {
            ensure!(browser.evaluate(expression)? == true, "{expression}");
        }
        assert_clean(&mut browser, url)
    });
}

pub(crate) fn numbers_move_and_nothing_jumps() {
    with_page(|url, _| {
        let mut browser = open(url, Look::LIGHT)?;
        // Of each element its place, and how often a value has changed, over six updates.
        let changes = browser.evaluate(
            "new Promise(resolve => {
                const places = () => [...document.querySelectorAll('section, h2, .tile, tr, summary, #log')]
                    .map(e => { const r = e.getBoundingClientRect(); return [r.x, r.y, r.width, r.height].map(Math.round).join(); });
                const texts = () => [...document.querySelectorAll('.tile b')].map(e => e.textContent);
                const first = places(), seen = texts().map(t => new Set([t]));
                let jumps = 0, updates = 0, last = state;
                const timer = setInterval(() => {
                    if (state === last) return;
                    last = state;
                    texts().forEach((t, i) => seen[i].add(t));
                    const now = places();
                    jumps += now.length !== first.length || now.some((p, i) => p !== first[i]);
                    if (++updates === 6) {
                        clearInterval(timer);
                        resolve({jumps, moved: seen.map(s => s.size)});
                    }
                }, 20);
            })",
        )?;
        ensure!(changes["jumps"] == 0, "{changes}");
        let moved = |tile: usize| changes["moved"][tile].as_u64() > Some(2);
        // Handled, busy, received and sent.
        ensure!([0, 1, 3, 4].into_iter().all(moved), "{changes}");
        // The rates are those of the program: as many datagrams in as the counter says, within what a second more makes.
        let rates = browser.evaluate(
            "(() => { const shown = Number(document.querySelector('#tower details:nth-last-child(1) small').textContent);
                const real = (state.counters.cable.frames_rx - before.counters.cable.frames_rx) / (state.now - before.now) * 1e6;
                return [shown, real]; })()",
        )?;
        let [shown, real] = [0, 1].map(|at| rates[at].as_f64().unwrap_or(-1.0));
        ensure!((shown - real).abs() <= 1.0 && real > 10.0, "{rates}");
        assert_clean(&mut browser, url)
    });
}

pub(crate) fn every_text_is_legible() {
    with_page(|url, _| {
        for (look, name) in [(Look::LIGHT, "light"), (Look::DARK, "dark"), (Look::PHONE, "phone")] {
            let mut browser = open(url, look)?;
            browser.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")?;
            browser.picture(&format!("{name}-open"))?;
            let faint = browser.evaluate(include_str!("contrast.js"))?;
            ensure!(faint.as_array().is_some_and(Vec::is_empty), "{name}: {faint:#}");
            let background = browser.evaluate("getComputedStyle(document.body).backgroundColor")?;
            let is_dark = background == "rgb(13, 15, 19)";
            ensure!(is_dark == (look.scheme == "dark"), "{name}: {background}");
            browser
                .evaluate("document.querySelectorAll('details').forEach(d => d.open = false)")?;
            browser.picture(name)?;
        }
        Ok(())
    });
}

pub(crate) fn a_phone_has_room() {
    with_page(|url, _| {
        let mut browser = open(url, Look::PHONE)?;
        let width = browser.evaluate("document.documentElement.scrollWidth")?;
        ensure!(width == 360, "it is {width} pixels wide");
        // No text lies outside of the screen but in what can be scrolled or is cut with an ellipsis.
        let outside = browser.evaluate(
            "[...document.querySelectorAll('body *')].filter(e => e.childNodes.length && !e.closest('.scroll, #log, #places, dl'))
                .filter(e => { const r = e.getBoundingClientRect(); return r.width && (r.right > 360.5 || r.left < -.5); })
                .map(e => e.outerHTML.slice(0, 80))",
        )?;
        ensure!(outside.as_array().is_some_and(Vec::is_empty), "{outside:#}");
        assert_clean(&mut browser, url)
    });
}

pub(crate) fn tables_are_sorted() {
    with_page(|url, _| {
        let mut browser = open(url, Look::LIGHT)?;
        let column = |at: usize| {
            format!(
                "[...document.querySelectorAll('#connections tbody tr')].map(row => row.cells[{at}].textContent)"
            )
        };
        let click = |at: usize| {
            format!("document.querySelectorAll('#connections thead button')[{at}].click()")
        };
        let sorted =
            "Number(state.connections.rows.every((r, i, all) => !i || all[i - 1].sent >= r.sent))";
        browser.evaluate(&click(4))?;
        ensure!(browser.evaluate(sorted)? == 1);
        let aria = "[...document.querySelectorAll('#connections th')].map(th => th.getAttribute('aria-sort')).join()";
        ensure!(browser.evaluate(aria)? == ",,,,descending,,,,,,");
        browser.evaluate(&click(4))?;
        ensure!(browser.evaluate(aria)? == ",,,,ascending,,,,,,");
        ensure!(browser.evaluate(sorted)? == 0);
        browser.evaluate(&click(0))?;
        let remotes = browser.evaluate(&column(0))?;
        // Numbers by their size: port 9999 before port 10000.
        let ports: Vec<u16> = remotes
            .as_array()
            .context("a list")?
            .iter()
            .filter_map(|remote| remote.as_str()?.rsplit_once(':')?.1.parse().ok())
            .collect();
        ensure!(ports.len() == CONNECTIONS && ports.is_sorted(), "{ports:?}");
        // The order stays with the next numbers, and the rows of a connection are not made anew.
        browser.evaluate("document.querySelector('#connections tbody tr').id = 'kept', polls")?;
        let polls = browser.evaluate("polls")?;
        browser.wait_for(&format!("polls > {polls} + 2"))?;
        ensure!(browser.evaluate("document.querySelector('#connections tbody tr').id")? == "kept");
        assert_clean(&mut browser, url)
    });
}

pub(crate) fn what_is_pointed_at_is_told() {
    with_page(|url, _| {
        let mut browser = open(url, Look::LIGHT)?;
        let center = |id: &str, right: f64, down: f64| {
            format!(
                "(() => {{ const e = document.getElementById('{id}'); e.scrollIntoView(); const r = e.getBoundingClientRect();
                return [r.x + r.width * {right}, r.y + r.height * {down}]; }})()"
            )
        };
        let at = |browser: &mut Chromium, id: &str, right, down| -> Result<(f64, f64)> {
            let place = browser.evaluate(&center(id, right, down))?;
            let number = |at: usize| place[at].as_f64().context("a place is two numbers");
            Ok((number(0)?, number(1)?))
        };
        let place = at(&mut browser, "bands", 0.5, 0.5)?;
        browser.point_at(place, false)?;
        browser.wait_for(
            "/^2:(29|30|31) ago: [0-9.]+ MiB$/.test(document.getElementById('moment').textContent)",
        )?;
        browser.picture("pointed")?;
        let place = at(&mut browser, "map", 0.002, 0.002)?;
        browser.point_at(place, false)?;
        browser.wait_for("document.getElementById('owner').textContent.startsWith('global: ')")?;
        let place = at(&mut browser, "map", 0.5, 0.8)?;
        browser.point_at(place, false)?;
        browser.wait_for("document.getElementById('owner').textContent === 'free'")?;
        // Only what changes: the picture is higher then.
        let place = at(&mut browser, "changing", 0.5, 0.5)?;
        let scale = "document.querySelector('#scale b').textContent";
        let before = browser.evaluate(scale)?;
        browser.point_at(place, true)?;
        browser.wait_for(
            "document.getElementById('changing').getAttribute('aria-pressed') === 'true'",
        )?;
        ensure!(browser.evaluate(scale)? != before, "{before}");
        assert_clean(&mut browser, url)
    });
}

pub(crate) fn a_program_that_is_gone_is_told() {
    with_page(|url, is_over| {
        let mut browser = open(url, Look::DARK)?;
        let name = browser.evaluate("document.getElementById('name').textContent")?;
        is_over.store(true, Ordering::Relaxed);
        browser.wait_for("document.getElementById('live').textContent === 'no answer'")?;
        // What was known stays.
        ensure!(
            browser.evaluate("document.querySelectorAll('#regions tbody tr').length > 10")? == true
        );
        ensure!(browser.evaluate("document.getElementById('name').textContent")? == name);
        browser.picture("gone")
    });
}
