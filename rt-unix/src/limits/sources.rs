//! The sources of the limits: the control groups, /proc/meminfo, the resources of the process.

use std::{
    fs,
    path::{Path, PathBuf},
};

use rustix::process::{Resource, getrlimit};

use super::{Kind, Limit};

/// All limits of this process. The names of files are relative to the folder `root`. A limit that cannot be
/// read is left out.
pub(crate) fn read(root: &Path) -> Vec<Limit> {
    let text = |path: &Path| {
        let path = path.strip_prefix("/").unwrap_or(path);
        fs::read_to_string(root.join(path)).unwrap_or_default()
    };
    let text_of = |path: &str| text(Path::new(path));
    let files = of_groups(&text_of("/proc/self/cgroup"), &text_of("/proc/self/mountinfo"));
    let groups = files.into_iter().filter_map(|(kind, path)| {
        let bytes = text(&path).trim().parse().ok()?;
        Some(Limit { kind, bytes, source: path.display().to_string() })
    });
    let resources = [
        ("RLIMIT_AS", getrlimit(Resource::As).current, "VmSize"),
        ("RLIMIT_DATA", getrlimit(Resource::Data).current, "VmData"),
    ];
    let status = text_of("/proc/self/status");
    let resources = resources.into_iter().filter_map(|(source, limit, used)| {
        let bytes = limit?.saturating_sub(field(&status, used).unwrap_or(0));
        Some(Limit { kind: Kind::Mapped, bytes, source: source.into() })
    });
    groups.chain(resources).chain(of_machine(&text_of("/proc/meminfo"))).collect()
}

/// The limits of a machine with this /proc/meminfo.
fn of_machine(meminfo: &str) -> impl Iterator<Item = Limit> {
    let limit = |kind, source: &str, bytes: Option<u64>| {
        Some(Limit { kind, bytes: bytes?, source: format!("{source} of /proc/meminfo") })
    };
    let swap = field(meminfo, "SwapTotal").unwrap_or(0);
    let total = field(meminfo, "MemTotal").map(|memory| memory + swap);
    let name = if swap > 0 { "MemTotal and SwapTotal" } else { "MemTotal" };
    let total = limit(Kind::Held, name, total);
    total.into_iter().chain(limit(Kind::Slow, "MemAvailable", field(meminfo, "MemAvailable")))
}

/// The line `NAME: 123 kB`, in bytes.
fn field(text: &str, name: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    value.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1024)
}

/// The files that may limit the memory of a process with this /proc/self/cgroup and /proc/self/mountinfo: of
/// its control group and of all above it, as far as they are mounted.
fn of_groups(groups: &str, mounts: &str) -> Vec<(Kind, PathBuf)> {
    let mut files = Vec::new();
    for mount in mounts.lines() {
        // proc_pid_mountinfo(5): … ROOT POINT OPTIONS … - TYPE SOURCE OPTIONS.
        let Some((mount, system)) = mount.split_once(" - ") else { continue };
        let mut mount = mount.split(' ').skip(3);
        let mut system = system.split(' ');
        let (Some(root), Some(point)) = (mount.next(), mount.next()) else { continue };
        let (names, group): (&[_], _) = match (system.next(), system.nth(1)) {
            (Some("cgroup2"), _) => {
                (&[(Kind::Held, "memory.max"), (Kind::Slow, "memory.high")], group_of(groups, ""))
            }
            (Some("cgroup"), Some(options)) if has(options, "memory") => {
                (&[(Kind::Held, "memory.limit_in_bytes")], group_of(groups, "memory"))
            }
            _ => continue,
        };
        let inside = group.and_then(|group| inside(group, root)).unwrap_or_default();
        let point = Path::new(point);
        for folder in Path::new(inside).ancestors() {
            files.extend(names.iter().map(|(kind, name)| (*kind, point.join(folder).join(name))));
        }
    }
    files
}

/// The group in the hierarchy with this controller, or in that of version 2, which has none: cgroups(7),
/// NUMBER:CONTROLLERS:GROUP.
fn group_of<'g>(groups: &'g str, controller: &str) -> Option<&'g str> {
    groups.lines().find_map(|line| {
        let (controllers, group) = line.split_once(':')?.1.split_once(':')?;
        has(controllers, controller).then_some(group)
    })
}

/// Whether `word` is one of the words between commas.
fn has(words: &str, word: &str) -> bool {
    words.split(',').any(|is| is == word)
}

/// The path of a group below the one that is mounted; `None` if it is not below it, as in a namespace that
/// hides it.
fn inside<'g>(group: &'g str, root: &str) -> Option<&'g str> {
    let path = Path::new(group).strip_prefix(root).ok()?.to_str()?;
    (!path.split('/').any(|part| part == "..")).then_some(path)
}

#[cfg(test)]
mod tests {
    use std::{env, process};

    use super::*;

    const MOUNTS: &str = "\
        23 1 253:0 / / rw - ext4 /dev/root rw\n\
        32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu,cpuacct\n\
        35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory\n\
        41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw,nsdelegate\n\
        broken\n1 2 - cgroup2\n";

    fn files(groups: &str, mounts: &str) -> Vec<String> {
        let files = of_groups(groups, mounts);
        files.into_iter().map(|(_, path)| path.to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn version_1_limits_by_its_own_hierarchy() {
        let groups = "9:name=systemd:/x\n5:cpu,cpuacct:/y\n4:memory:/a/b c\n0::/\n";
        assert_eq!(
            files(groups, MOUNTS),
            [
                "/sys/fs/cgroup/memory/a/b c/memory.limit_in_bytes",
                "/sys/fs/cgroup/memory/a/memory.limit_in_bytes",
                "/sys/fs/cgroup/memory/memory.limit_in_bytes",
                "/sys/fs/cgroup/unified/memory.max",
                "/sys/fs/cgroup/unified/memory.high",
            ]
        );
    }

    #[test]
    fn version_2_limits_by_the_group_and_all_above_it() {
        let mounts = "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw";
        assert_eq!(
            files("0::/system.slice/echo.service\n", mounts),
            [
                "/sys/fs/cgroup/system.slice/echo.service/memory.max",
                "/sys/fs/cgroup/system.slice/echo.service/memory.high",
                "/sys/fs/cgroup/system.slice/memory.max",
                "/sys/fs/cgroup/system.slice/memory.high",
                "/sys/fs/cgroup/memory.max",
                "/sys/fs/cgroup/memory.high",
            ]
        );
    }

    #[test]
    fn a_container_sees_its_own_group_at_the_mount() {
        let mounts = "35 31 0:32 /docker/7f /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory";
        let own = ["/sys/fs/cgroup/memory/memory.limit_in_bytes"];
        for group in ["/docker/7f", "/", "/../../x", "/docker/7fe"] {
            assert_eq!(files(&format!("4:memory:{group}"), mounts), own, "{group}");
        }
        let below = "/sys/fs/cgroup/memory/x/memory.limit_in_bytes";
        assert_eq!(files("4:memory:/docker/7f/x", mounts), [below, own[0]]);
        let mounts = "30 23 0:26 / /sys/fs/cgroup ro - cgroup2 cgroup rw";
        assert_eq!(files("0::/../x", mounts)[0], "/sys/fs/cgroup/memory.max");
        assert_eq!(files("", ""), [""; 0]);
    }

    #[test]
    fn a_machine_has_its_memory_and_what_is_left_of_it() {
        let meminfo = "MemTotal:       24684032 kB\nMemFree: 1 kB\nMemAvailable:   23823876 kB\n";
        let all: Vec<_> = of_machine(meminfo).map(|limit| (limit.kind, limit.bytes)).collect();
        assert_eq!(all, [(Kind::Held, 24_684_032 << 10), (Kind::Slow, 23_823_876 << 10)]);
        let all: Vec<_> = of_machine("MemTotal: 100 kB\nSwapTotal: 28 kB\n").collect();
        let source = "MemTotal and SwapTotal of /proc/meminfo".into();
        assert_eq!(all, [Limit { kind: Kind::Held, bytes: 128 << 10, source }]);
        assert_eq!(of_machine("MemTotal: x kB\nMemAvailable: 7\n").count(), 0);
    }

    #[test]
    fn the_limits_of_a_folder_are_those_of_its_files() {
        let root = env::temp_dir().join(format!("rt-unix-limits-{}", process::id()));
        let group = "sys/fs/cgroup/memory/a";
        for (path, content) in [
            ("proc/self/cgroup", "4:memory:/a/b\n"),
            ("proc/self/mountinfo", MOUNTS),
            ("proc/meminfo", "MemTotal: 1048576 kB\n"),
            (&format!("{group}/b/memory.limit_in_bytes"), "9223372036854771712\n"),
            (&format!("{group}/memory.limit_in_bytes"), "16777216\n"),
            ("sys/fs/cgroup/unified/memory.max", "max\n"),
            ("sys/fs/cgroup/unified/memory.high", "12582912\n"),
        ] {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        let limits = read(&root);
        fs::remove_dir_all(&root).unwrap();
        let limits: Vec<_> = limits
            .iter()
            .filter(|limit| limit.kind != Kind::Mapped)
            .map(|limit| (limit.kind, limit.bytes, &*limit.source))
            .collect();
        assert_eq!(
            limits,
            [
                (
                    Kind::Held,
                    9_223_372_036_854_771_712,
                    &*format!("/{group}/b/memory.limit_in_bytes")
                ),
                (Kind::Held, 16 << 20, &*format!("/{group}/memory.limit_in_bytes")),
                (Kind::Slow, 12 << 20, "/sys/fs/cgroup/unified/memory.high"),
                (Kind::Held, 1 << 30, "MemTotal of /proc/meminfo"),
            ]
        );
    }
}
