//! wget.

use std::{collections::BTreeMap, fs};

use lab::tools::Tool;

use super::bed::{URL, client, folder, pattern, site, succeed, tool, with_web};

const WGET: Tool = tool("wget", "wget");

pub(crate) fn mirrors_the_site() {
    with_web(&[WGET], &[], |_| {
        let folder = folder();
        let mut command = client(&WGET);
        command.args(["--no-verbose", "--tries=1", "--timeout=30", "--mirror", "--no-parent"]);
        command.args(["--page-requisites", "--no-host-directories", "--directory-prefix"]);
        succeed(command.arg(folder.path()).arg(format!("{URL}/")));
        let file = |entry: std::io::Result<fs::DirEntry>| {
            let entry = entry.expect("it can be read");
            let name = entry.file_name().into_string().expect("names are text");
            (name, fs::read(entry.path()).expect("it is a file"))
        };
        let came: BTreeMap<_, _> =
            folder.path().read_dir().expect("it is there").map(file).collect();
        assert_eq!(came, site());
    });
}

pub(crate) fn goes_on_where_it_was() {
    with_web(&[WGET], &[], |_| {
        let folder = folder();
        let file = folder.path().join("icon.svg");
        let icon = &site()["icon.svg"];
        fs::write(&file, &icon[..100]).expect("it can be written");
        let mut command = client(&WGET);
        command.args(["--no-verbose", "--tries=1", "--timeout=30", "--continue", "-O"]);
        succeed(command.arg(&file).arg(format!("{URL}/icon.svg")));
        assert_eq!(&fs::read(&file).expect("it is there"), icon);
        let said = succeed(client(&WGET).args(["-q", "-O", "-", &format!("{URL}/bytes/10000000")]));
        assert_eq!(said.bytes, pattern(10_000_000));
    });
}
