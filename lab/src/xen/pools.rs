//! The memory that Xen keeps for the page tables of a guest.
//!
//! Xen gives each guest a pool of 256 pages and more for the tables that its addresses go through (HAP), and its tools set no
//! smaller one: a guest of 2 MiB uses some ten of them once it runs. What is free of the pool can be taken back.

use std::path::Path;

use anyhow::Result;

use super::{archive::read, machine::Machine};
use crate::{debian::Program, tools::Tool};

/// For the library of Xen's tools, which is a module of this version of Python; no program of theirs calls that function.
const PYTHON: Tool = Tool { name: "python3.11", package: "python3.11-minimal" };
const MODULE: &str = "usr/lib/xen-4.17/lib/python/xen/lowlevel/xc.cpython-311-x86_64-linux-gnu.so";
/// Where they are in dom0.
const FOLDER: &str = "/domains/python";
/// What Python takes of its own library to begin.
const LIBRARY: [&str; 8] = [
    "abc",
    "codecs",
    "encodings/__init__",
    "encodings/aliases",
    "encodings/ascii",
    "encodings/latin_1",
    "encodings/utf_8",
    "io",
];
/// Sets the pool of each domain to nothing. Xen takes what is free, and says that it cannot take the rest, which is in use.
const SHRINK: &str = "\
import sys
import xc
control = xc.xc()
for domain in sys.argv[1:]:
    try:
        control.shadow_mem_control(int(domain), 0)
    except xc.Error as error:
        if error.args[0] != 12:
            raise
";

/// What takes it back, in dom0.
#[derive(Debug)]
pub struct Pools<'m> {
    machine: &'m Machine,
}

impl<'m> Pools<'m> {
    /// Brings Python and that library into dom0.
    ///
    /// # Errors
    /// It cannot be had, or dom0 does not take it.
    pub fn new(machine: &'m Machine, progress: &mut dyn FnMut(&str)) -> Result<Self> {
        let python = Program::find(&PYTHON, progress)?;
        let path = machine.carry(&python, FOLDER)?;
        let library = path.parent().and_then(Path::parent).unwrap_or(Path::new("/usr"));
        let library = library.join("lib").join(PYTHON.name);
        let put = |from: &Path, to: &str| machine.write(&format!("{FOLDER}/{to}"), read(from)?);
        put(&machine.packages().root().join(MODULE), "lib/xc.so")?;
        for name in LIBRARY {
            put(&library.join(format!("{name}.py")), &format!("lib/{name}.py"))?;
        }
        machine.write(&format!("{FOLDER}/shrink.py"), SHRINK)?;
        Ok(Self { machine })
    }

    /// Takes back what is free of the pools of these domains.
    ///
    /// # Errors
    /// There is no such domain; dom0 does not answer.
    pub fn shrink(&self, domains: &[String]) -> Result<()> {
        let run = format!(
            "cd {FOLDER}; PYTHONPATH=lib exec ./loader --library-path . ./{} -S shrink.py {}",
            PYTHON.name,
            domains.join(" ")
        );
        self.machine.succeed("sh", &["-c", &run]).map(drop)
    }
}
