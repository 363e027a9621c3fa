//! The image of the OCI, read by others' programs.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use serde_json::Value;

use super::bed::{ARGUMENTS, all, bundle, find, json, succeed, write};
use crate::typed::letregion;

/// What urunc hands on to the guest: without the address, which it gives itself.
const COMMAND: [&str; 2] = [ARGUMENTS[2], ARGUMENTS[3]];

/// What urunc is told, as `base64` of coreutils writes it.
fn told() -> BTreeMap<String, String> {
    let values = [
        ("unikernelType", "bWlyYWdl"),
        ("hypervisor", "cWVtdQ=="),
        ("binary", "L3VuaWtlcm5lbC9lY2hv"),
        ("cmdline", "LS1zdGF0cy1wb3J0PTkxMDAgLS1vZmZsb2Fkcz1vZmY="),
        ("useDMBlock", "ZmFsc2U="),
        ("mountRootfs", "ZmFsc2U="),
    ];
    values.map(|(key, value)| (format!("com.urunc.unikernel.{key}"), value.to_owned())).into()
}

fn assert_told(annotations: &Value, place: &str) {
    for (key, value) in told() {
        assert_eq!(annotations[&key], *value, "{key} in {place}");
    }
}

fn skopeo() -> Command {
    let mut command = find("skopeo", "skopeo").command();
    // Whose image it is says nobody; and there need not be a file that says so.
    command.arg("--insecure-policy");
    command
}

pub(crate) fn skopeo_reads_and_copies_it() {
    let (folder, archive) = (all().join("echo-oci"), all().join("echo-oci.tar"));
    let inspect = |image: &str| -> Value {
        let said = succeed(skopeo().args(["inspect", image]));
        serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"))
    };
    let of_folder = inspect(&format!("oci:{}:latest", folder.display()));
    let of_archive = inspect(&format!("oci-archive:{}", archive.display()));
    assert_eq!(of_folder, of_archive);
    assert_eq!((&of_folder["Architecture"], &of_folder["Os"]), (&"amd64".into(), &"linux".into()));
    assert_told(&of_folder["Labels"], "what skopeo says");

    // It checks the digests of all that it copies.
    let copy = tempfile::tempdir().expect("there is room");
    let destination = format!("dir:{}", copy.path().display());
    succeed(skopeo().args(["copy", &format!("oci-archive:{}", archive.display()), &destination]));
    let manifest = json(&copy.path().join("manifest.json"));
    assert_told(&manifest["annotations"], "the manifest");
    let digest = of_folder["Digest"].as_str().expect("a digest").replace(':', "/");
    let written = folder.join("blobs").join(digest);
    assert_eq!(
        fs::read(copy.path().join("manifest.json")).expect("it is there"),
        fs::read(written).expect("it is called by its digest")
    );
}

pub(crate) fn umoci_unpacks_what_was_built() {
    let (folder, config) = bundle();
    assert_eq!(config["process"]["args"], serde_json::json!(COMMAND));
    assert_told(&config["annotations"], "config.json");
    let root = folder.path().join("bundle/rootfs");
    assert_told(&json(&root.join("urunc.json")), "urunc.json");
    assert_eq!(names(&root), ["unikernel", "urunc.json"]);
    assert_eq!(names(&root.join("unikernel")), ["echo"]);

    let built = letregion(&["build", "echo", "--on", "kvm"], "");
    let path = String::from_utf8(built.stdout).expect("a path in UTF-8");
    let built = fs::read(path.trim_end()).unwrap_or_else(|error| panic!("{path}: {error}"));
    let unpacked = fs::read(root.join("unikernel/echo")).expect("it is there");
    assert!(unpacked == built, "{} bytes, and not the {} of {path}", unpacked.len(), built.len());
}

/// The names in a folder, in alphabetical order.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("it can be read");
    let mut names: Vec<_> = entries
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"))
        .collect();
    names.sort();
    names
}

/// In another folder, at another time, and over what was there.
pub(crate) fn the_same_twice() {
    let another = tempfile::tempdir().expect("there is room");
    for _ in 0..2 {
        let paths = write(another.path(), &["--to", "oci"]);
        let names: Vec<_> = paths.iter().filter_map(|path| path.file_name()?.to_str()).collect();
        assert_eq!(names, ["echo-kvm", "echo-oci", "echo-oci.tar"]);
        for name in ["echo-oci.tar", "echo-oci/index.json", "echo-kvm"] {
            let read = |folder: &Path| fs::read(folder.join(name)).expect("it was written");
            assert!(read(all()) == read(another.path()), "{name} is another one");
        }
    }
}
