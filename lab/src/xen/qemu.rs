//! QEMU, as a process that never outlives its owner.

use std::{
    fs::{self, File},
    net::SocketAddrV4,
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, ChildStdin, ChildStdout, ExitStatus, Stdio},
    sync::{
        Arc, OnceLock,
        mpsc::{self, RecvTimeoutError},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::{Context, Result};

use crate::tools;

/// How often it is looked at.
const TICK: Duration = Duration::from_millis(20);
/// The memory of the machine, in MiB: dom0 has 512, a Linux guest 128, Xen some, and the rest is for
/// other guests.
const MEMORY: u32 = 1200;
/// The command line of Xen. dom0 has one processor, however many the machine has.
const XEN: &str = "console=com1 com1=115200,8n1 loglvl=all guest_loglvl=all dom0_mem=512M,max:512M \
                   dom0_max_vcpus=1";
/// The command line of dom0's Linux. A panic ends the machine.
const LINUX: &str = "console=hvc0 quiet panic=1 rdinit=/init";

/// The files that it boots, by their names in the folder of the machine: QEMU's list of modules
/// knows no way to write a name with a blank in it.
pub(super) const XEN_FILE: &str = "xen";
pub(super) const LINUX_FILE: &str = "linux";
pub(super) const INITRAMFS_FILE: &str = "initramfs";
/// What of this machine is in the network of the guests, if they are to be reached from it: QEMU, with an address of its own.
/// They reach nothing there.
const HOST_NETWORK: &str = "user,id=host,ipv6=off,restrict=on,net=10.0.0.0/24,host=10.0.0.254,dns=10.0.0.253,dhcpstart=10.0.0.240";
/// What QEMU itself complains about.
const COMPLAINTS: &str = "qemu.log";

/// A port of a guest, from 10.0.0.2 to 10.0.0.239, that programs of this machine reach: QEMU takes connections of TCP at a port
/// of 127.0.0.1, and makes them anew on the bridge of the guests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostPort {
    /// The port of 127.0.0.1. None may listen on it.
    pub host: u16,
    /// The guest, and its port.
    pub guest: SocketAddrV4,
}

/// A running QEMU.
#[derive(Debug)]
pub(super) struct Qemu {
    /// Dropped, it ends the process.
    life: Option<mpsc::Sender<()>>,
    owner: Option<JoinHandle<()>>,
    end: Arc<OnceLock<String>>,
}

impl Qemu {
    /// Starts it with the files of `folder`, and returns it with the two ends of the agent's port.
    pub(super) fn start(
        folder: &Path,
        log: &Path,
        ports: &[HostPort],
        processors: usize,
    ) -> Result<(Self, ChildStdin, ChildStdout)> {
        let (life, ended) = mpsc::channel();
        let (pipes, started) = mpsc::sync_channel(1);
        let end = Arc::<OnceLock<String>>::default();
        let owner = thread::spawn({
            let (folder, log, end) = (folder.to_owned(), log.to_owned(), Arc::clone(&end));
            let ports = ports.to_owned();
            // One thread starts the process and lives as long as it: the kernel ends the process
            // when the thread that started it ends.
            move || match start(&folder, &log, &ports, processors) {
                Err(error) => _ = pipes.send(Err(error)),
                Ok((mut child, stdin, stdout)) => {
                    _ = pipes.send(Ok((stdin, stdout)));
                    let status = wait(&mut child, &ended);
                    let complaints =
                        fs::read_to_string(folder.join(COMPLAINTS)).unwrap_or_default();
                    let how = status.map_or_else(|e| e.to_string(), |status| status.to_string());
                    _ = end.set(format!("{how} {}", complaints.trim()).trim_end().to_owned());
                }
            }
        });
        let (stdin, stdout) = started.recv().context("QEMU was not started")??;
        Ok((Self { life: Some(life), owner: Some(owner), end }, stdin, stdout))
    }

    /// How it ended, if it has.
    pub(super) fn ended(&self) -> Option<&str> {
        self.end.get().map(String::as_str)
    }
}

impl Drop for Qemu {
    fn drop(&mut self) {
        self.life.take();
        if let Some(owner) = self.owner.take() {
            // It panics nowhere, and there is nothing to do about it here.
            let _ = owner.join();
        }
    }
}

fn start(
    folder: &Path,
    log: &Path,
    ports: &[HostPort],
    processors: usize,
) -> Result<(Child, ChildStdin, ChildStdout)> {
    let complaints = File::create(folder.join(COMPLAINTS))?;
    let mut command = tools::SETPRIV.command();
    command.args(["--pdeathsig", "KILL", "--", tools::QEMU.name]);
    command.args(["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]);
    // AMD's virtualisation is emulated too, so that Xen can run guests that are not paravirtualised, and
    // the random numbers of the processor, which QEMU leaves out by default.
    command.args(["-accel", "tcg,thread=multi", "-cpu", "qemu64,+svm,+npt,+rdrand"]);
    command.arg("-smp").arg(processors.to_string());
    command.arg("-m").arg(MEMORY.to_string());
    command.args(["-kernel", XEN_FILE, "-append", XEN]);
    command.arg("-initrd").arg(format!("{LINUX_FILE} {LINUX},{INITRAMFS_FILE}"));
    // The name stands in a list of options, where a comma is written twice.
    let log = log.to_str().context("the path of the log is no UTF-8")?.replace(',', ",,");
    command.arg("-chardev").arg(format!("file,id=log,path={log}")).args(["-serial", "chardev:log"]);
    command.args(["-chardev", "stdio,id=agent,signal=off", "-device", "virtio-serial-pci"]);
    command.args(["-device", "virtserialport,chardev=agent,name=agent"]);
    if !ports.is_empty() {
        let mut host = HOST_NETWORK.to_owned();
        for HostPort { host: port, guest } in ports {
            let forward = format!(",hostfwd=tcp:127.0.0.1:{port}-{}:{}", guest.ip(), guest.port());
            host.push_str(&forward);
        }
        command.arg("-netdev").arg(host).args(["-device", "virtio-net-pci,netdev=host,romfile="]);
    }
    let mut child = command
        .current_dir(folder)
        // Ctrl-C is for us; we end it.
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(complaints)
        .spawn()
        .context("cannot start QEMU")?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let pipes = stdin.zip(stdout).context("QEMU has no pipes")?;
    Ok((child, pipes.0, pipes.1))
}

/// Waits for its end, or for the word to end it.
fn wait(child: &mut Child, ended: &mpsc::Receiver<()>) -> std::io::Result<ExitStatus> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if ended.recv_timeout(TICK) == Err(RecvTimeoutError::Disconnected) {
            // It has nothing to save.
            child.kill()?;
            return child.wait();
        }
    }
}
