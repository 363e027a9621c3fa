//! Guests that end at once, in 2 MiB.

use std::time::Duration;

use lab::xen::{Domain, Ended, Settings, plain};

use super::support::machine;

/// What it writes before.
const LAST_WORDS: &[u8] = b"these are my last words\n";
/// Where it is loaded.
const BASE: u32 = 1 << 20;
/// The length of the ELF header and of two program headers, in bytes (ELF-64, System V gABI).
const HEADERS: u32 = 64 + 2 * 56;
/// That of the note: three words, the name, the entry.
const NOTE: u32 = 12 + 4 + 4;

/// That of the code, with what fills it up.
const CODE: u32 = 64;
/// The end of the stack, from the start of the image on: behind all that.
const STACK: u32 = 2048;
/// mov eax, 29 (`__HYPERVISOR_sched_op`); mov ebx, 2 (`SCHEDOP_shutdown`)
const SHUTDOWN: [u8; 10] = [0xb8, 29, 0, 0, 0, 0xbb, 2, 0, 0, 0];
/// push 3 (`SHUTDOWN_crash` of sched.h); mov ecx, esp; vmmcall
const CRASH: [u8; 7] = [0x6a, 3, 0x89, 0xe1, 0x0f, 0x01, 0xd9];
/// ud2, with nothing set up to handle it.
const INVALID: [u8; 2] = [0x0f, 0x0b];

pub(crate) fn the_end_of_a_guest_is_reported_with_its_last_words() {
    let machine = machine();
    let crash = [&SHUTDOWN[..], &CRASH].concat();
    for (end, ended, words) in
        [(&crash[..], Ended::Crash, "it crashed"), (&INVALID, Ended::Reboot, "triple fault")]
    {
        let image = image(end);
        let settings = Settings {
            name: "crash",
            kernel: &image,
            ramdisk: None,
            command_line: "",
            memory: 2,
            vif: None,
            restart: false,
            more: "",
        };
        let domain = Domain::create(&machine, &settings, plain(), |_| ())
            .unwrap_or_else(|error| panic!("{error:#}"));
        let limit = Duration::from_secs(60);
        let error = domain.wait_for_line(0, limit, lab::is_serving).unwrap_err();
        let error = error.to_string();
        assert!(error.contains(words), "{error}");
        assert!(error.contains("these are my last words"), "{error}");
        assert_eq!(domain.wait_until_ended(limit).unwrap(), ended);
        assert!(domain.shutdown().is_err(), "a guest that is gone was shut down");
        assert_eq!(machine.leftovers().unwrap(), [""; 0]);
    }
}

/// An ELF-64 file with an entry for PVH, where it writes to I/O port 0xE9, which Xen takes for its log,
/// and executes this code.
fn image(end: &[u8]) -> Vec<u8> {
    let entry = BASE + HEADERS + NOTE;
    let mut code = Vec::new();
    code.push(0xbe); // mov esi, words
    code.extend((entry + CODE).to_le_bytes());
    code.push(0xbc); // mov esp, stack
    code.extend((BASE + STACK).to_le_bytes());
    code.push(0xb9); // mov ecx, length
    code.extend((LAST_WORDS.len() as u32).to_le_bytes());
    code.extend([0x66, 0xba, 0xe9, 0x00]); // mov dx, 0xe9
    code.extend([0xfc, 0xf3, 0x6e]); // cld; rep outsb
    code.extend(end);
    code.resize(CODE as usize, 0x90);
    code.extend(LAST_WORDS);

    let mut image = b"\x7fELF\x02\x01\x01".to_vec();
    image.resize(16, 0);
    for half in [2_u16, 62] {
        image.extend(half.to_le_bytes()); // an executable for x86-64
    }
    image.extend(1_u32.to_le_bytes());
    for wide in [u64::from(entry), 64, 0] {
        image.extend(wide.to_le_bytes()); // entry, program headers, no sections
    }
    image.extend(0_u32.to_le_bytes());
    for half in [64_u16, 56, 2, 64, 0, 0] {
        image.extend(half.to_le_bytes());
    }
    let length = HEADERS + NOTE + code.len() as u32;
    // Everything is loaded; the note lies in it.
    for (kind, offset, length) in [(1_u32, 0, length), (4, HEADERS, NOTE)] {
        image.extend(kind.to_le_bytes());
        image.extend(7_u32.to_le_bytes());
        let address = u64::from(BASE + offset);
        let in_memory = if kind == 1 { STACK } else { length };
        for wide in [offset.into(), address, address, length.into(), in_memory.into(), 4] {
            image.extend(wide.to_le_bytes());
        }
    }
    // XEN_ELFNOTE_PHYS32_ENTRY of elfnote.h: the name, then the address of the entry.
    for word in [4_u32, 4, 18] {
        image.extend(word.to_le_bytes());
    }
    image.extend(b"Xen\0");
    image.extend(entry.to_le_bytes());
    image.extend(code);
    image
}
