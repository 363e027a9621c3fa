#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

pub mod store;

/// How a guest ends. A host of KVM does not see the difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// As one that has done its work: `SHUTDOWN_poweroff` of Xen's `sched.h`.
    PowerOff,
    /// As one that has crashed: `SHUTDOWN_crash`.
    Crash,
}

/// What the guest does when it is told to, and what is seen from outside.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// The command line.
    pub command: &'static str,
    /// Words that appear, in this order.
    pub console: &'static [&'static str],
    /// How the guest ends.
    pub end: End,
}

impl Case {
    /// The first of its words that are not in their place in what was `seen`; none if all are.
    pub fn missing(&self, seen: &str) -> Option<&'static str> {
        let mut rest = seen;
        self.console.iter().copied().find(|words| match rest.split_once(words) {
            Some((_, behind)) => {
                rest = behind;
                false
            }
            None => true,
        })
    }
}

/// What a guest of Xen has: one of 2 MiB has always the same.
pub const MEMORY_ON_XEN: Case = Case {
    command: "memory",
    console: &["memory ", "page tables 20 KiB", "free pages "],
    end: End::PowerOff,
};
/// What a guest of KVM has: its tables depend on where the machine has memory and devices.
pub const MEMORY_ON_KVM: Case = Case {
    command: "memory",
    console: &["memory ", "page tables ", "free pages "],
    end: End::PowerOff,
};

/// What the guest does on the bare machine, built with the feature `panic-messages`. On Xen it has no console then:
/// its words are in Xen's log.
pub const CASES: &[Case] = &[
    Case { command: "fill", console: &["filled ", "guest: out of memory"], end: End::PowerOff },
    Case { command: "end", console: &["the end is near"], end: End::PowerOff },
    Case { command: "help", console: &["arguments: none"], end: End::PowerOff },
    Case { command: "refuse", console: &["guest: --no: unknown"], end: End::PowerOff },
    Case { command: "nonsense", console: &["guest: nonsense: unknown"], end: End::PowerOff },
    Case { command: "break", console: &["guest: the device is broken"], end: End::Crash },
    Case {
        command: "panic",
        console: &["panic at tests/guest/src/main.rs:", ": 7 is not 8", "stack ", "pool pages "],
        end: End::Crash,
    },
    Case {
        command: "null",
        console: &["exception 14: page fault reading 0x0: null pointer", "rip 000", "region "],
        end: End::Crash,
    },
    Case {
        command: "call-null",
        console: &["exception 14: page fault executing 0x0: null pointer", "rip 0000000000000000"],
        end: End::Crash,
    },
    Case {
        command: "stack",
        console: &[
            "exception 14: page fault writing 0x1",
            "stack overflow: the guard page",
            "pool ",
        ],
        end: End::Crash,
    },
    Case {
        command: "write-text",
        console: &["exception 14: page fault writing ", ": the program is not written to"],
        end: End::Crash,
    },
    Case {
        command: "write-rodata",
        console: &["exception 14: page fault writing ", ": constants are not written to"],
        end: End::Crash,
    },
    Case {
        command: "write-page-table",
        console: &["exception 14: page fault writing ", ": page tables are not written to"],
        end: End::Crash,
    },
    Case {
        command: "write-gdt",
        console: &["exception 14: page fault writing ", ": descriptor tables are not written to"],
        end: End::Crash,
    },
    Case {
        command: "write-tss",
        console: &["exception 14: page fault writing ", ": constants are not written to"],
        end: End::Crash,
    },
    Case {
        command: "write-idt",
        console: &["exception 14: page fault writing ", ": descriptor tables are not written to"],
        end: End::Crash,
    },
    Case {
        command: "interrupt",
        console: &[
            "exception 2: non-maskable interrupt: somebody asked for it",
            "rip 000",
            "stack ",
            "unharmed",
        ],
        end: End::PowerOff,
    },
    Case {
        command: "execute-data",
        console: &["exception 14: page fault executing ", ": data is not executed"],
        end: End::Crash,
    },
    Case {
        command: "execute-stack",
        console: &["exception 14: page fault executing ", ": data is not executed"],
        end: End::Crash,
    },
    Case {
        command: "execute-region",
        console: &["exception 14: page fault executing ", ": data is not executed"],
        end: End::Crash,
    },
    Case {
        command: "far",
        console: &["exception 14: page fault writing 0x8000000000: nothing is mapped there"],
        end: End::Crash,
    },
    Case {
        command: "divide",
        console: &["exception 0: divide error: division by zero"],
        end: End::Crash,
    },
    Case { command: "opcode", console: &["exception 6: invalid opcode: "], end: End::Crash },
    Case {
        command: "protect",
        console: &["exception 13: general protection fault: "],
        end: End::Crash,
    },
    Case { command: "breakpoint", console: &["exception 3: breakpoint"], end: End::Crash },
];

/// What the guest does on the second of two processors, built with the feature `cores`. Its words are on its console.
pub const CORES_CASES: &[Case] = &[
    Case {
        command: "runtime --cores=2 end",
        console: &["core 1: guest with a runtime: end", "core 1: the end is near"],
        end: End::PowerOff,
    },
    Case {
        command: "runtime --cores=2 break",
        console: &["guest: core 1: the device is broken"],
        end: End::Crash,
    },
    Case {
        command: "runtime --cores=2 panic",
        console: &["on core 1:", "panic", "stack ", "  at tests/guest/src/main.rs:", "pool pages "],
        end: End::Crash,
    },
    Case {
        command: "runtime --cores=2 null",
        console: &["on core 1:", "exception 14: page fault reading 0x0: null pointer", "region "],
        end: End::Crash,
    },
    Case {
        command: "runtime --cores=2 stack",
        console: &[
            "on core 1:",
            "exception 14: page fault writing 0x",
            "stack overflow: the guard page",
            "pool pages ",
        ],
        end: End::Crash,
    },
    Case {
        command: "runtime --cores=2 write-gdt",
        console: &["on core 1:", "page fault writing ", ": descriptor tables are not written to"],
        end: End::Crash,
    },
    Case {
        command: "runtime --cores=2 write-idt",
        console: &["on core 1:", "page fault writing ", ": descriptor tables are not written to"],
        end: End::Crash,
    },
    Case {
        command: "runtime --cores=2 write-tss",
        console: &["on core 1:", "page fault writing ", ": descriptor tables are not written to"],
        end: End::Crash,
    },
    Case {
        command: "runtime --cores=2 execute-stack",
        console: &["on core 1:", "page fault executing ", ": data is not executed"],
        end: End::Crash,
    },
    Case {
        command: "runtime --cores=2 execute-region",
        console: &["on core 1:", "page fault executing ", ": data is not executed"],
        end: End::Crash,
    },
    Case {
        command: "runtime --cores=2 interrupt",
        console: &["on core 1:", "exception 2: non-maskable interrupt", "unharmed"],
        end: End::PowerOff,
    },
    Case {
        command: "runtime --cores=2 store",
        console: &["core 1: stored ", "core 1: still here"],
        end: End::PowerOff,
    },
];

/// What the guest does in its runtime, built without that feature: its words are on its console.
/// The lines that begin with `  at` are what `cargo letregion run` puts behind the addresses of the guest.
pub const RUNTIME_CASES: &[Case] = &[
    Case {
        command: "runtime memory",
        console: &["memory ", "page tables ", "guest with a runtime: memory", "free pages "],
        end: End::PowerOff,
    },
    Case { command: "runtime end", console: &["the end is near"], end: End::PowerOff },
    Case { command: "runtime refuse", console: &["guest: --no: unknown"], end: End::PowerOff },
    Case {
        command: "runtime \"",
        console: &["guest: the command line has a quotation mark"],
        end: End::PowerOff,
    },
    Case {
        command: "runtime --entropy=strong end",
        console: &["the end is near"],
        end: End::PowerOff,
    },
    Case {
        command: "runtime --entropy=good end",
        console: &["guest: --entropy=good: expected --entropy=strong or --entropy=any"],
        end: End::PowerOff,
    },
    Case {
        command: "runtime interrupt",
        console: &[
            "exception 2: non-maskable interrupt: somebody asked for it",
            "rip 000",
            "  at tests/guest/src/main.rs:",
            " in interrupt",
            "stack ",
            "unharmed",
        ],
        end: End::PowerOff,
    },
    Case {
        command: "runtime store",
        console: &["stored 1792 keys, refused 16, found 1792, again 1792", "region ", "still here"],
        end: End::PowerOff,
    },
    Case { command: "runtime break", console: &["guest: the device is broken"], end: End::Crash },
    Case {
        command: "runtime panic",
        console: &[
            "panic",
            "stack ",
            "  at tests/guest/src/main.rs:",
            " in with_runtime",
            "pool pages ",
            "region global",
        ],
        end: End::Crash,
    },
    Case {
        command: "runtime null",
        console: &[
            "exception 14: page fault reading 0x0: null pointer",
            "rip 000",
            "stack ",
            "  at ",
            "region global",
        ],
        end: End::Crash,
    },
    Case {
        command: "runtime stack",
        console: &[
            "stack overflow: the guard page",
            "rip 000",
            "stack ",
            " in deeper",
            "region global",
        ],
        end: End::Crash,
    },
];
