//! The files that operators copy, in docs/deploy: each is read by the program that it is for, where that is installed, and
//! what it says of ours is true.

#![forbid(unsafe_code)]

use std::{
    collections::BTreeSet,
    env, fs,
    path::PathBuf,
    process::{self, Command},
};

use lab::cargo;
use rt::Config;
use serde_json::Value;

/// The folder, from the root of the workspace.
const FOLDER: &str = "docs/deploy";

fn folder(name: &str) -> PathBuf {
    cargo::root().join(FOLDER).join(name)
}

fn read(file: &str) -> String {
    fs::read_to_string(folder(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The files of a folder, by their names.
fn files(name: &str) -> Vec<String> {
    let entries = fs::read_dir(folder(name)).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert!(!names.is_empty(), "nothing is in {name}");
    names
}

/// Runs a program that checks something, and returns what it says; `None`, after a line, if it is not installed.
fn check(program: &str, args: &[&str]) -> Option<String> {
    let output = match Command::new(program).args(args).output() {
        Ok(output) => output,
        Err(error) => {
            println!("left out: {program}: {error}");
            return None;
        }
    };
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success(), "{program} {}: {said}", args.join(" "));
    Some(said)
}

/// A folder that is removed in the end.
struct Temporary(PathBuf);

impl Temporary {
    fn new() -> Self {
        let path = env::temp_dir().join(format!("deploy-{}", process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // What cannot be removed now is removed with the other temporary files.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The words of the command that a unit starts.
fn command(unit: &str) -> Vec<String> {
    let text = read(unit);
    let line = text.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    line.split(' ').map(Into::into).collect()
}

#[test]
fn systemd_knows_every_line_of_the_units() {
    let temporary = Temporary::new();
    let mut units = Vec::new();
    for name in files("systemd") {
        if !name.ends_with(".sysusers") {
            // The programs are installed on no machine that runs this.
            let text = read(&format!("systemd/{name}"));
            let text = text
                .replace("/usr/local/bin/letregion-echo", "/bin/true")
                .replace("/usr/local/bin/letregion-stats", "/bin/true");
            let path = temporary.0.join(name);
            fs::write(&path, text).unwrap();
            units.push(path.to_str().unwrap().to_owned());
        }
    }
    let args = ["verify", "--man=no", "--recursive-errors=no"];
    let args: Vec<_> = args.into_iter().chain(units.iter().map(String::as_str)).collect();
    if let Some(said) = check("systemd-analyze", &args) {
        // It warns of a line that it does not know, and succeeds.
        assert_eq!(said, "");
    }
}

#[test]
fn the_group_is_made() {
    let file = folder("systemd/letregion.sysusers");
    let said =
        check("systemd-sysusers", &["--dry-run", "--root=/nonexistent", file.to_str().unwrap()]);
    assert!(said.is_none_or(|said| said.contains("group 'letregion'")));
}

#[test]
fn the_service_takes_the_arguments_of_its_unit() {
    let words = command("systemd/letregion-echo.service");
    let words: Vec<&'static str> = words.into_iter().map(|word| &*word.leak()).collect();
    let config = Config::from_args(words[1..].iter().copied()).unwrap();
    assert_eq!(config.interface, Some("tap0"));
    for name in ["network/20-tap0.netdev", "network/20-tap0.network"] {
        assert!(read(name).lines().any(|line| line == "Name=tap0"), "{name}");
    }
    let cfg = read("xen/echo.cfg");
    let line = cfg.lines().find_map(|line| line.strip_prefix("cmdline = \"")).unwrap();
    let arguments: &'static str = line.strip_suffix('"').unwrap().to_owned().leak();
    Config::from_args(arguments.split(' ')).unwrap();
}

#[test]
fn the_tool_knows_the_arguments_of_its_units() {
    let tool = cargo::tool("letregion-stats").unwrap();
    let help = check(tool.to_str().unwrap(), &["--help"]).unwrap();
    for unit in ["systemd/letregion-stats.service", "systemd/letregion-exporter.service"] {
        let words = command(unit);
        assert_eq!(words[1], "10.0.0.2:9100");
        for word in &words[2..] {
            let name = word.split('=').next().unwrap();
            assert!(name.starts_with("--") && help.contains(name), "{unit}: {word}");
        }
    }
}

#[test]
fn prometheus_reads_its_files_and_knows_the_metrics() {
    let file = folder("prometheus/prometheus.yml");
    // It reads the file of the rules as well.
    check("promtool", &["check", "config", file.to_str().unwrap()]);
    let golden = cargo::root().join("cargo-letregion/stats/tests/listing.prom");
    let golden = fs::read_to_string(golden).unwrap();
    let known: BTreeSet<_> =
        golden.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let rules = read("prometheus/letregion.rules.yml");
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let named: Vec<_> = rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("expr: "))
        .flat_map(|line| line.split(|c| !is_part(c)))
        .filter(|word| word.starts_with("letregion_"))
        .collect();
    assert!(named.len() >= 2, "{named:?}");
    for name in named {
        assert!(known.contains(name), "{name} is no metric: {known:?}");
    }
}

#[test]
fn logrotate_reads_its_file() {
    let file = folder("xen/xen-consoles.logrotate");
    let state = env::temp_dir().join(format!("logrotate-{}", process::id()));
    let state = format!("--state={}", state.display());
    // It says what it would do.
    if let Some(said) = check("logrotate", &["--debug", &state, file.to_str().unwrap()]) {
        assert!(said.contains("/var/log/xen/console/*.log") && !said.contains("error:"), "{said}");
    }
}

/// The arguments of a service, which have to be right.
fn check_arguments(arguments: &str) -> Config {
    let arguments: &'static str = arguments.to_owned().leak();
    Config::from_args(arguments.split(' ')).unwrap_or_else(|error| panic!("{arguments}: {error}"))
}

/// The texts of a list.
fn texts(list: &Value) -> Vec<&str> {
    let list = list.as_array().unwrap_or_else(|| panic!("no list: {list}"));
    list.iter().map(|text| text.as_str().unwrap_or_else(|| panic!("no text: {text}"))).collect()
}

#[test]
fn kubernetes_has_what_refers_to_each_other() {
    let text = read("kubernetes/letregion-echo.yaml");
    let documents: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
    let of_kind = |kind: &str, version: &str| {
        let found = documents.iter().find(|document| document["kind"] == kind);
        let found = found.unwrap_or_else(|| panic!("there is no {kind}"));
        assert_eq!(found["apiVersion"], version, "{kind}");
        found
    };
    assert_eq!(documents.len(), 3);
    let class = of_kind("RuntimeClass", "node.k8s.io/v1");
    let deployment = of_kind("Deployment", "apps/v1");
    let service = of_kind("Service", "v1");

    let spec = &deployment["spec"];
    let (template, pod) = (&spec["template"], &spec["template"]["spec"]);
    assert_eq!(pod["runtimeClassName"], class["metadata"]["name"]);
    assert_eq!(class["handler"], "urunc");
    for labels in [&spec["selector"]["matchLabels"], &service["spec"]["selector"]] {
        assert!(labels.is_object());
        assert_eq!(*labels, template["metadata"]["labels"]);
    }
    let containers = pod["containers"].as_array().unwrap();
    assert_eq!(containers.len(), 1);
    // Pods have another address each, which is urunc's to give.
    let arguments = texts(&containers[0]["args"]).join(" ");
    assert!(!arguments.contains("--ipv4"), "{arguments}");
    let config =
        check_arguments(&format!("--ipv4=10.244.1.7/24 --ipv4-gateway=10.244.1.1 {arguments}"));
    let ports = containers[0]["ports"].as_array().unwrap();
    let port = |name: &str| ports.iter().find(|port| port["name"] == name).unwrap();
    assert_eq!(port("counters")["containerPort"], config.tower.counters_port.unwrap());
    let served = &service["spec"]["ports"][0];
    let target = port(served["targetPort"].as_str().unwrap());
    assert_eq!((&target["containerPort"], &target["protocol"]), (&served["port"], &"UDP".into()));
    assert_eq!(served["protocol"], "UDP");
    assert!(containers[0]["resources"]["limits"]["memory"].is_string());
}

#[test]
fn nomad_starts_the_guest() {
    let job: Value = hcl::from_str(&read("nomad/letregion-echo.nomad.hcl")).unwrap();
    let group = &job["job"]["letregion-echo"]["group"]["echo"];
    let task = &group["task"]["echo"];
    assert_eq!(task["driver"], "qemu");
    let config = &task["config"];
    let arguments = texts(&config["args"]);
    let after = |name: &str| {
        let place = arguments.iter().position(|argument| *argument == name).unwrap();
        arguments[place + 1]
    };
    // The one that is fetched.
    assert_eq!(after("-kernel"), task["artifact"]["destination"]);
    assert_eq!(after("-kernel"), config["image_path"]);
    let service = check_arguments(after("-append"));
    // The guest of QEMU's own network.
    assert_eq!(service.ipv4.to_string(), "10.0.2.15/24");
    assert_eq!(config["port_map"]["counters"], service.tower.counters_port.unwrap());
    for port in config["port_map"].as_object().unwrap().keys() {
        assert!(group["network"]["port"][port].is_object(), "no port {port}");
    }
    assert_eq!(group["service"]["port"], "echo");
    assert!(task["resources"]["memory"].as_u64().unwrap() >= 128);
}

#[test]
fn every_file_is_in_the_documents_and_says_where_it_goes() {
    let documents: String = ["docs/deploy.md", "docs/fleet.md", "docs/xen-host.md"]
        .map(|name| fs::read_to_string(cargo::root().join(name)).unwrap())
        .concat();
    for folder in files("") {
        for name in files(&folder) {
            let path = format!("{folder}/{name}");
            assert!(documents.contains(&format!("(deploy/{path})")), "{path} is in no document");
            assert!(read(&path).starts_with("# "), "{path} does not say what it is");
        }
    }
}
