//! A client of Chromium's DevTools protocol over the pipe of `--remote-debugging-pipe`: JSON
//! messages, each terminated by a zero byte.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

/// Time limit of each step.
const PATIENCE: Duration = Duration::from_secs(30);

/// A page in its own browser.
pub struct Page {
    child: Child,
    commands: ChildStdin,
    messages: Receiver<Value>,
    session: Value,
    sent: u64,
    /// Events received so far.
    events: Vec<Value>,
    folder: TempDir,
}

/// The browser, or `None` with a message that the test is skipped.
///
/// # Panics
/// If Chromium is missing and `MDE_REQUIRE_CHROMIUM` is set.
#[allow(clippy::print_stdout)]
fn chromium() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .flat_map(|folder| {
            ["chromium", "chromium-browser", "google-chrome"].map(|name| folder.join(name))
        })
        .find(|program| program.is_file());
    let required = std::env::var_os("MDE_REQUIRE_CHROMIUM").is_some();
    assert!(found.is_some() || !required, "no Chromium in PATH");
    if found.is_none() {
        println!("skipped: no Chromium");
    }
    found
}

impl Page {
    /// Opens a file at a fragment such as "#units"; `None` without Chromium.
    pub fn open(file: &Path, part: &str) -> Option<Self> {
        let program = chromium()?;
        let folder = tempfile::tempdir().unwrap();
        // Chromium expects the pipes at the descriptors 3 and 4.
        let mut child = Command::new("sh")
            .args([
                "-c",
                "exec 3<&0 4>&1 0</dev/null 1>/dev/null 2>&1; exec \"$@\"",
                "sh",
            ])
            .arg(program)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--remote-debugging-pipe",
            ])
            .args([
                "--no-first-run",
                "--disable-dev-shm-usage",
                "--window-size=1280,900",
            ])
            .arg(format!(
                "--user-data-dir={}",
                folder.path().join("profile").display()
            ))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let commands = child.stdin.take().unwrap();
        let mut answers = BufReader::new(child.stdout.take().unwrap());
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            while answers
                .read_until(0, &mut bytes)
                .is_ok_and(|length| length > 0)
            {
                bytes.pop();
                if sender
                    .send(serde_json::from_slice(&bytes).unwrap())
                    .is_err()
                {
                    break;
                }
                bytes.clear();
            }
        });
        let mut page = Self {
            child,
            commands,
            messages,
            session: Value::Null,
            sent: 0,
            events: Vec::new(),
            folder,
        };
        let target = page.call("Target.createTarget", json!({"url": "about:blank"}));
        let target = json!({"targetId": target["targetId"], "flatten": true});
        page.session = page.call("Target.attachToTarget", target)["sessionId"].clone();
        for domain in ["Page", "Runtime", "Log", "Network"] {
            page.call(&format!("{domain}.enable"), json!({}));
        }
        let downloads =
            json!({"behavior": "allow", "downloadPath": page.downloads(), "eventsEnabled": true});
        page.call("Browser.setDownloadBehavior", downloads);
        page.go(file, part);
        Some(page)
    }

    /// Loads a file and waits for all of it.
    pub fn go(&mut self, file: &Path, part: &str) {
        let url = format!("file://{}{part}", file.display());
        self.events
            .retain(|event| event["method"] != "Page.loadEventFired");
        self.call("Page.navigate", json!({"url": url}));
        self.wait_for(|event| event["method"] == "Page.loadEventFired");
    }

    /// Folder of downloads.
    pub fn downloads(&self) -> PathBuf {
        self.folder.path().join("downloads")
    }

    pub fn call(&mut self, method: &str, params: Value) -> Value {
        self.sent += 1;
        let mut message = json!({"id": self.sent, "method": method, "params": params});
        if !self.session.is_null() {
            message["sessionId"] = self.session.clone();
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.commands.write_all(&bytes).unwrap();
        loop {
            let answer = self
                .messages
                .recv_timeout(PATIENCE)
                .expect("Chromium responds");
            if answer["id"] == self.sent {
                assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
                return answer["result"].clone();
            }
            self.events.push(answer);
        }
    }

    /// The first event of this kind, already received or yet to come.
    pub fn wait_for(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            if let Some(event) = self.events.iter().find(|event| wanted(event)) {
                return event.clone();
            }
            let event = self
                .messages
                .recv_timeout(PATIENCE)
                .expect("the event comes");
            self.events.push(event);
        }
    }

    /// The value of an expression in the page.
    pub fn eval(&mut self, expression: &str) -> Value {
        let params = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let answer = self.call("Runtime.evaluate", params);
        assert!(
            answer["exceptionDetails"].is_null(),
            "{expression}: {}",
            answer["exceptionDetails"]
        );
        answer["result"]["value"].clone()
    }

    pub fn text(&mut self, expression: &str) -> String {
        let value = self.eval(expression);
        value
            .as_str()
            .unwrap_or_else(|| panic!("{expression} is {value}"))
            .to_owned()
    }

    pub fn number(&mut self, expression: &str) -> f64 {
        let value = self.eval(expression);
        value
            .as_f64()
            .unwrap_or_else(|| panic!("{expression} is {value}"))
    }

    pub fn holds(&mut self, expression: &str) -> bool {
        let value = self.eval(expression);
        value
            .as_bool()
            .unwrap_or_else(|| panic!("{expression} is {value}"))
    }

    /// Waits until an expression is true, since the effect of a click may be delayed.
    pub fn until(&mut self, expression: &str) {
        let begun = Instant::now();
        while !self.holds(expression) {
            assert!(
                begun.elapsed() < PATIENCE,
                "{expression} does not become true"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// A click of the mouse in the middle of an element.
    pub fn click(&mut self, selector: &str) {
        let middle = self.eval(&format!(
            "(() => {{ const node = document.querySelector({selector:?}); node.scrollIntoView({{block: 'center', behavior: 'instant'}}); \
             const box = node.getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2]; }})()"
        ));
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({"type": kind, "x": middle[0], "y": middle[1], "button": "left", "clickCount": 1});
            self.call("Input.dispatchMouseEvent", event);
        }
    }

    /// A key of the keyboard, down and up.
    pub fn key(&mut self, key: &str, code: u32) {
        let text = if key == "Enter" { "\r" } else { "" };
        let down = json!({"type": "keyDown", "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text});
        self.call("Input.dispatchKeyEvent", down);
        let up = json!({"type": "keyUp", "key": key, "code": key, "windowsVirtualKeyCode": code});
        self.call("Input.dispatchKeyEvent", up);
    }

    /// Sets a form field as a user does.
    pub fn choose(&mut self, form: &str, field: &str, value: &str) {
        self.eval(&format!(
            "(() => {{ const field = document.querySelector({form:?}).elements.namedItem({field:?}); \
             if (field.type === 'checkbox') field.checked = {value:?} === 'true'; else field.value = {value:?}; \
             for (const kind of ['input', 'change']) field.dispatchEvent(new Event(kind, {{bubbles: true}})); }})()"
        ));
    }

    /// Errors and warnings of the console, and all addresses that were asked for.
    pub fn complaints_and_requests(&mut self) -> (Vec<String>, Vec<String>) {
        // Earlier reports have arrived with this response.
        self.eval("0");
        let (mut complaints, mut requests) = (Vec::new(), Vec::new());
        for event in &self.events {
            let params = &event["params"];
            match event["method"].as_str().unwrap_or_default() {
                "Runtime.exceptionThrown" | "Log.entryAdded" => complaints.push(params.to_string()),
                "Runtime.consoleAPICalled" => complaints.push(params["args"].to_string()),
                "Network.requestWillBeSent" => {
                    requests.extend(params["request"]["url"].as_str().map(str::to_owned));
                }
                _ => {}
            }
        }
        (complaints, requests)
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
