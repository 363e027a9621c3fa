//! Namespaces: a network of one's own, and the right to make one without being root.

use std::{
    fs::{self, OpenOptions},
    io::ErrorKind,
    sync::atomic::{AtomicBool, Ordering},
};

use anyhow::{Context, Result, anyhow, bail};
use nix::{
    errno::Errno,
    sched::{CloneFlags, unshare},
    unistd::{getegid, geteuid},
};

/// The device that TAP interfaces are made with.
const TUN: &str = "/dev/net/tun";
/// The rule of udev with which a group may open it.
const RULE: &str = r#"KERNEL=="tun", SUBSYSTEM=="misc", GROUP="letregion", MODE="0660", OPTIONS+="static_node=net/tun""#;
/// The number of `CAP_SYS_ADMIN` in the sets of `/proc/self/status` (capabilities(7)).
const CAP_SYS_ADMIN: u32 = 21;

/// Whether this process has moved into a user namespace of its own.
static MOVED: AtomicBool = AtomicBool::new(false);

/// Makes sure that this process may set networks up: looks whether there are TAP devices, and, where the
/// process has no right to make a network namespace, moves it into a user namespace, in which it has.
/// To be called before any thread is started: Linux moves only a process of a single thread.
///
/// # Errors
/// What is missing on this machine, and what would help.
pub fn prepare() -> Result<()> {
    check_tun()?;
    if is_administrator()? { Ok(()) } else { enter_user_namespace() }
}

/// Gives this thread a network namespace of its own.
pub(super) fn enter() -> Result<()> {
    unshare(CloneFlags::CLONE_NEWNET).map_err(|error| match error {
        Errno::EPERM => anyhow!(
            "no permission to make a network namespace; run it as root, or allow user namespaces \
             (sysctl kernel.apparmor_restrict_unprivileged_userns=0 where there is that switch)"
        ),
        error => anyhow!("cannot make a network namespace: {error}"),
    })
}

/// What to type on another terminal, as the user who started this process, before a command that is to
/// run in the network namespace of process `id`.
pub(super) fn way_into(id: u32) -> String {
    let user = if MOVED.load(Ordering::Relaxed) { " --user --preserve-credentials" } else { "" };
    format!("nsenter --target {id}{user} --net")
}

fn check_tun() -> Result<()> {
    match OpenOptions::new().read(true).write(true).open(TUN) {
        Ok(_) => Ok(()),
        Err(error) => match error.kind() {
            ErrorKind::NotFound => {
                bail!("missing: {TUN}; as root: modprobe tun (in a container: --device {TUN})")
            }
            ErrorKind::PermissionDenied => {
                bail!(
                    "no permission to open {TUN}; run it as root, or let a group open it, as root: groupadd --system \
                     letregion && usermod --append --groups letregion USER && echo '{RULE}' \
                     >/etc/udev/rules.d/60-letregion.rules && udevadm control --reload && udevadm trigger {TUN}; then log \
                     in again"
                )
            }
            _ => bail!("cannot open {TUN}: {error}; as root: modprobe tun"),
        },
    }
}

/// Whether this process may make a network namespace as it is.
fn is_administrator() -> Result<bool> {
    let status = fs::read_to_string("/proc/self/status").context("cannot read /proc")?;
    let set = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))
        .context("/proc/self/status has no line CapEff")?;
    let set = u64::from_str_radix(set.trim(), 16).context("CapEff is no number")?;
    Ok(set & 1 << CAP_SYS_ADMIN != 0)
}

/// Becomes root of a new user namespace, which outside of it is still the same user.
fn enter_user_namespace() -> Result<()> {
    let (user, group) = (geteuid(), getegid());
    unshare(CloneFlags::CLONE_NEWUSER).map_err(|error| match error {
        Errno::EINVAL => anyhow!("a user namespace must be made before threads are started"),
        Errno::EPERM | Errno::ENOSPC | Errno::ENOSYS => anyhow!(
            "user namespaces are not allowed here; run it as root, or as root: sysctl \
             user.max_user_namespaces=1000, and kernel.unprivileged_userns_clone=1 where there is \
             that switch"
        ),
        error => anyhow!("cannot make a user namespace: {error}"),
    })?;
    // user_namespaces(7): who is not root may map a group only after giving up setgroups.
    for (file, content) in [
        ("setgroups", "deny".to_owned()),
        ("uid_map", format!("0 {user} 1")),
        ("gid_map", format!("0 {group} 1")),
    ] {
        fs::write(format!("/proc/self/{file}"), content)
            .with_context(|| format!("cannot set {file} of the user namespace; run it as root"))?;
    }
    MOVED.store(true, Ordering::Relaxed);
    Ok(())
}
