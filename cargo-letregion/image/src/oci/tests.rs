use std::io::Read as _;

use flate2::read::GzDecoder;

use super::{super::guest::tests::guest, *};

const BYTES: &[u8] = b"\x7fELF and so on";

fn read(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

/// What a descriptor stands for, after a look at its size and digest.
fn follow<'a>(layout: &'a Layout, descriptor: &Value) -> &'a [u8] {
    let name = descriptor["digest"].as_str().unwrap();
    let bytes = &layout[&format!("blobs/{}", name.replace(':', "/"))];
    assert_eq!(descriptor["size"], bytes.len());
    assert_eq!(name, digest(bytes));
    bytes
}

/// The manifest, the configuration, and the layer, unpacked.
fn parts(layout: &Layout) -> (Value, Value, Vec<u8>) {
    assert_eq!(read(&layout["oci-layout"])["imageLayoutVersion"], "1.0.0");
    let index = read(&layout["index.json"]);
    let manifest = read(follow(layout, &index["manifests"][0]));
    let config = read(follow(layout, &manifest["config"]));
    let mut layer = Vec::new();
    GzDecoder::new(follow(layout, &manifest["layers"][0])).read_to_end(&mut layer).unwrap();
    (manifest, config, layer)
}

fn decoded(value: &Value) -> String {
    String::from_utf8(STANDARD.decode(value.as_str().unwrap()).unwrap()).unwrap()
}

#[test]
fn the_layer_has_the_guest_and_what_urunc_is_told() {
    let args = ["--ipv4=10.0.0.9/8", "--stats-port=9100", "--greeting=good day"];
    let layout = layout(&guest(&args), BYTES, Monitor::Qemu).unwrap();
    // Three blobs, the index, and the version.
    assert_eq!(layout.len(), 5);
    let (manifest, config, layer) = parts(&layout);
    assert_eq!(config["rootfs"]["diff_ids"], json!([digest(&layer)]));
    assert_eq!(
        (&config["architecture"], &config["os"]),
        (&Value::from("amd64"), &Value::from("linux"))
    );

    let mut archive = tar::Archive::new(&*layer);
    let mut files = Vec::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let header = entry.header();
        let owner = (header.uid().unwrap(), header.gid().unwrap(), header.mtime().unwrap());
        assert_eq!(owner, (0, 0, 0));
        let path = entry.path().unwrap().to_str().unwrap().to_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        files.push((path, bytes));
    }
    let names: Vec<_> = files.iter().map(|(path, _)| &**path).collect();
    assert_eq!(names, ["unikernel/", "unikernel/echo", "urunc.json"]);
    assert_eq!(files[1].1, BYTES);

    // The same in all places.
    let told = read(&files[2].1);
    assert_eq!(told, manifest["annotations"]);
    assert_eq!(told, config["config"]["Labels"]);
    let of = |key: &str| decoded(&told[format!("com.urunc.unikernel.{key}")]);
    assert_eq!(of("unikernelType"), "mirage");
    assert_eq!(of("hypervisor"), "qemu");
    assert_eq!(of("binary"), "/unikernel/echo");
    assert_eq!(of("cmdline"), "--stats-port=9100 \"--greeting=good day\"");
    assert_eq!((of("useDMBlock"), of("mountRootfs")), ("false".into(), "false".into()));
    assert_eq!(of("unikernelVersion"), env!("CARGO_PKG_VERSION"));

    // What urunc hands on is the command, with a space between its words, behind the address of the container.
    assert_eq!(config["config"]["Cmd"], json!(["--stats-port=9100", "\"--greeting=good day\""]));
}

#[test]
fn a_command_is_never_empty() {
    for args in [&[][..], &["--ipv4=10.0.0.9/8", "--ipv4-gateway=10.0.0.1"]] {
        let layout = layout(&guest(args), BYTES, Monitor::Firecracker).unwrap();
        let (manifest, config, _) = parts(&layout);
        assert_eq!(config["config"]["Cmd"], json!(["--entropy=any"]));
        let annotations = &manifest["annotations"];
        assert_eq!(decoded(&annotations["com.urunc.unikernel.cmdline"]), "--entropy=any");
        assert_eq!(decoded(&annotations["com.urunc.unikernel.hypervisor"]), "firecracker");
    }
}

#[test]
fn the_same_is_made_of_the_same() {
    let make = |bytes: &[u8], args: &[&str]| {
        let layout = layout(&guest(args), bytes, Monitor::Qemu).unwrap();
        let archive = archive(&layout).unwrap();
        (layout, archive)
    };
    assert_eq!(make(BYTES, &[]), make(BYTES, &[]));
    assert_ne!(make(BYTES, &[]), make(BYTES, &["--stats-port=1"]));
    assert_ne!(make(BYTES, &[]), make(b"another", &[]));
}

#[test]
fn the_archive_is_the_folder() {
    let layout = layout(&guest(&[]), BYTES, Monitor::Qemu).unwrap();
    let archive = archive(&layout).unwrap();
    let mut read = Layout::new();
    for entry in tar::Archive::new(&*archive).entries().unwrap() {
        let mut entry = entry.unwrap();
        if entry.header().entry_type() == EntryType::Regular {
            let path = entry.path().unwrap().to_str().unwrap().to_owned();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            read.insert(path, bytes);
        }
    }
    assert_eq!(read, layout);
}

#[test]
fn the_longest_name_fits() {
    let name = "n".repeat(63);
    layout(&Guest { name, ..guest(&[]) }, BYTES, Monitor::Qemu).unwrap();
}
