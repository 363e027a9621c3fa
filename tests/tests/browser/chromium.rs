//! Chromium without a window, told what to do by its debugging protocol over a pair of pipes.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader, Write as _},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use lab::tools::{self, CHROMIUM};
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long the browser may take to answer, and a page to become what is waited for. The machine may be busy.
const TIMEOUT: Duration = Duration::from_secs(60);

/// How the browser shows a page.
#[derive(Clone, Copy)]
pub(crate) struct Look {
    /// The size of the window, in pixels of CSS.
    pub(crate) size: (u32, u32),
    /// What the page is told of the scheme that its reader likes.
    pub(crate) scheme: &'static str,
    /// Whether it is a phone: touched, with three pixels for one.
    pub(crate) is_phone: bool,
}

impl Look {
    pub(crate) const LIGHT: Self = Self { size: (1280, 900), scheme: "light", is_phone: false };
    pub(crate) const DARK: Self = Self { scheme: "dark", ..Self::LIGHT };
    pub(crate) const PHONE: Self = Self { size: (360, 740), scheme: "light", is_phone: true };
}

/// A browser with one page.
pub(crate) struct Chromium {
    child: Child,
    commands: File,
    messages: Receiver<Value>,
    /// The number of the last command.
    number: u64,
    session: Option<String>,
    /// What went wrong in the page.
    problems: Vec<String>,
    /// What was asked for over the network.
    requests: Vec<String>,
    /// Its profile and the pipes.
    _folder: TempDir,
}

impl Chromium {
    /// Starts a browser that shows `url`.
    pub(crate) fn open(url: &str, look: Look) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let pipes = ["commands", "answers"].map(|name| folder.path().join(name));
        tools::succeed(Command::new("mkfifo").args(&pipes))?;
        let mut command = tools::with_us("sh");
        // The pipes are its files 3 and 4 (`--remote-debugging-pipe`).
        command.args(["-c", r#"exec 3<"$1" 4>"$2" && shift 2 && exec "$@""#, "sh"]).args(&pipes);
        command.args([CHROMIUM.name, "--headless=new", "--remote-debugging-pipe", "--no-sandbox"]);
        command.args(["--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"]);
        command.args(["--no-first-run", "--disable-background-networking"]);
        command.arg(format!("--user-data-dir={}", folder.path().join("profile").display()));
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = child.spawn().context("cannot start the browser")?;
        let commands = File::options().write(true).open(&pipes[0])?;
        let answers = BufReader::new(File::open(&pipes[1])?);
        let (sender, messages) = mpsc::channel();
        thread::spawn(move || {
            for message in answers.split(0).map_while(Result::ok) {
                let message = serde_json::from_slice(&message).unwrap_or(Value::Null);
                if sender.send(message).is_err() {
                    break;
                }
            }
        });
        let mut browser = Self {
            child,
            commands,
            messages,
            number: 0,
            session: None,
            problems: Vec::new(),
            requests: Vec::new(),
            _folder: folder,
        };
        browser.show(url, look)?;
        Ok(browser)
    }

    fn show(&mut self, url: &str, look: Look) -> Result<()> {
        let target = self.call("Target.createTarget", json!({"url": "about:blank"}))?;
        let target = json!({"targetId": target["targetId"], "flatten": true});
        let session = self.call("Target.attachToTarget", target)?;
        self.session = session["sessionId"].as_str().map(Into::into);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            self.call(&format!("{domain}.enable"), json!({}))?;
        }
        let Look { size: (width, height), scheme, is_phone } = look;
        let scale = if is_phone { 3 } else { 1 };
        let metrics = json!({
            "width": width, "height": height, "deviceScaleFactor": scale, "mobile": is_phone,
        });
        self.call("Emulation.setDeviceMetricsOverride", metrics)?;
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.call("Emulation.setEmulatedMedia", json!({"features": features}))?;
        self.call("Page.navigate", json!({"url": url}))?;
        Ok(())
    }

    /// Sends a command, and waits for its answer.
    fn call(&mut self, method: &str, params: Value) -> Result<Value> {
        self.number += 1;
        let mut command = json!({"id": self.number, "method": method, "params": params});
        if let Some(session) = &self.session {
            command["sessionId"] = session.as_str().into();
        }
        self.commands.write_all(format!("{command}\0").as_bytes())?;
        loop {
            let message = self.messages.recv_timeout(TIMEOUT);
            let message =
                message.with_context(|| format!("the browser does not answer {method}"))?;
            if message["id"] != self.number {
                self.note(&message);
            } else if let Some(error) = message.get("error") {
                bail!("{method}: {error}");
            } else {
                return Ok(message["result"].clone());
            }
        }
    }

    /// Notes what the browser tells without being asked.
    fn note(&mut self, event: &Value) {
        let params = &event["params"];
        match event["method"].as_str().unwrap_or_default() {
            "Runtime.exceptionThrown" => self.problems.push(params["exceptionDetails"].to_string()),
            "Log.entryAdded" => self.problems.push(params["entry"].to_string()),
            "Network.requestWillBeSent" => {
                let url = params["request"]["url"].as_str().unwrap_or_default();
                self.requests.push(url.into());
            }
            _ => {}
        }
    }

    /// The value of an expression in the page, or of the promise that it is.
    pub(crate) fn evaluate(&mut self, expression: &str) -> Result<Value> {
        let params = json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let result = self.call("Runtime.evaluate", params)?;
        ensure!(result.get("exceptionDetails").is_none(), "{expression}: {result}");
        Ok(result["result"]["value"].clone())
    }

    /// Waits until an expression in the page is true.
    pub(crate) fn wait_for(&mut self, expression: &str) -> Result<()> {
        let end = Instant::now() + TIMEOUT;
        while self.evaluate(expression)? != true {
            if Instant::now() > end {
                let text = self.evaluate("document.body?.innerText ?? ''")?;
                return Err(anyhow!("it does not become true: {expression}; the page says {text}"));
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Lets the pointer go to a place in the window, in pixels of CSS; with `click`, presses and releases it there.
    pub(crate) fn point_at(&mut self, (x, y): (f64, f64), click: bool) -> Result<()> {
        let kinds: &[&str] =
            if click { &["mousePressed", "mouseReleased"] } else { &["mouseMoved"] };
        for kind in kinds {
            let event = json!({"type": kind, "x": x, "y": y, "button": "left", "clickCount": 1});
            self.call("Input.dispatchMouseEvent", event)?;
        }
        Ok(())
    }

    /// Writes a picture of the whole page to `target/browser`.
    pub(crate) fn picture(&mut self, name: &str) -> Result<()> {
        let folder: PathBuf = lab::cargo::root().join("target/browser");
        fs::create_dir_all(&folder)?;
        let result = self.call("Page.captureScreenshot", json!({"captureBeyondViewport": true}))?;
        let text = result["data"].as_str().context("there is no picture")?;
        fs::write(folder.join(format!("{name}.png")), from_base64(text))?;
        Ok(())
    }

    /// What went wrong in the page, and what was asked for over the network up to now.
    pub(crate) fn take_notes(&mut self) -> Result<(Vec<String>, Vec<String>)> {
        // Its answer comes behind all that was told before.
        self.evaluate("0")?;
        Ok((std::mem::take(&mut self.problems), std::mem::take(&mut self.requests)))
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        self.session = None;
        let _ = self.call("Browser.close", json!({}));
        let end = Instant::now() + Duration::from_secs(5);
        while Instant::now() < end && matches!(self.child.try_wait(), Ok(None)) {
            thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The bytes of a text in Base64 (RFC 4648, section 4).
fn from_base64(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = text.bytes().filter_map(|byte| DIGITS.iter().position(|digit| *digit == byte));
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0, 0);
    for digit in digits {
        (bits, count) = (bits << 6 | digit, count + 6);
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    bytes
}
