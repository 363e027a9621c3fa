//! On what machine figures were measured.

use std::{fs, thread};

/// One line: the processor, how many cores of it, the kernel, whether it is a virtual machine.
pub(crate) fn describe() -> String {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let cores = thread::available_parallelism().map_or(1, usize::from);
    words(&cpuinfo, kernel.trim(), cores)
}

fn words(cpuinfo: &str, kernel: &str, cores: usize) -> String {
    let field = |name: &str| {
        let mut fields = cpuinfo.lines().filter_map(|line| line.split_once(':'));
        fields.find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim())
    };
    let processor = field("model name").unwrap_or("an unnamed processor");
    let of_kind = ["cpu family", "model", "stepping"].map(|name| field(name).unwrap_or("?"));
    let [family, model, stepping] = of_kind;
    let guest = field("flags").is_some_and(|flags| flags.split(' ').any(|f| f == "hypervisor"));
    let machine = if guest { "a virtual machine" } else { "a machine" };
    let plural = if cores == 1 { "core" } else { "cores" };
    format!(
        "{machine} with {cores} {plural} of {processor} (family {family}, model {model}, stepping \
         {stepping}), Linux {kernel}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_has_a_name() {
        let cpuinfo = "processor\t: 0\ncpu family\t: 6\nmodel\t\t: 167\nmodel name\t: A CPU\n\
                       stepping\t: 1\nflags\t\t: fpu hypervisor\n";
        assert_eq!(
            words(cpuinfo, "6.18", 2),
            "a virtual machine with 2 cores of A CPU (family 6, model 167, stepping 1), Linux 6.18"
        );
        assert!(words("", "6.1", 1).starts_with("a machine with 1 core of an unnamed"));
        assert!(describe().contains("Linux "));
    }
}
