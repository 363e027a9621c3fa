//! A loader of PVH that leaves what it has to say wherever it is told: an image with one more part, which is entered
//! first, writes that, and goes on to the entry of the guest.

/// Where the part of the loader is: in memory that the guest does not use before it has a pool.
const LOADER: u64 = 0x40_0000;
/// The name and type of the note with the entry (`XEN_ELFNOTE_PHYS32_ENTRY`).
const NOTE: &[u8] = b"Xen\0";
const PHYS32_ENTRY: u32 = 18;

const PT_LOAD: u32 = 1;
const PT_NOTE: u32 = 4;
/// The sizes of the header of an ELF file of 64 bits, and of one entry of its program header.
const HEADER: usize = 64;
const PART: usize = 56;

/// An entry of the memory map.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) start: u64,
    pub(crate) size: u64,
    /// 1 is memory.
    pub(crate) kind: u32,
}

/// What the loader leaves, and where.
#[derive(Debug)]
pub(crate) struct Left<'a> {
    /// The address of `hvm_start_info`.
    pub(crate) info: u32,
    /// The address of the command line.
    pub(crate) line: u32,
    /// The address of the memory map.
    pub(crate) map: u32,
    pub(crate) version: u32,
    pub(crate) words: &'a str,
    pub(crate) entries: Vec<Entry>,
}

/// The image of a guest with this loader in front.
pub(crate) fn with(left: &Left<'_>, image: &[u8]) -> Vec<u8> {
    let entry = number(image, 24) as u32;
    let first = number(image, 32) as usize;
    let count = usize::from(u16::from_le_bytes([image[56], image[57]]));
    let mut parts: Vec<(u32, u64, &[u8], u64)> = (0..count)
        .map(|index| &image[first + index * PART..])
        .filter(|part| number(part, 0) as u32 == PT_LOAD)
        .map(|part| {
            let [offset, filled] = [8, 32].map(|at| number(part, at) as usize);
            (PT_LOAD, number(part, 24), &image[offset..offset + filled], number(part, 40))
        })
        .collect();
    let loader = loader(left, entry);
    parts.push((PT_LOAD, LOADER, &loader, loader.len() as u64));
    let note = [4, 8, PHYS32_ENTRY].map(u32::to_le_bytes).concat();
    let note = [&note, NOTE, &LOADER.to_le_bytes()].concat();
    parts.push((PT_NOTE, 0, &note, note.len() as u64));

    let mut file = image[..HEADER].to_vec();
    file[32..40].copy_from_slice(&(HEADER as u64).to_le_bytes());
    // No sections.
    file[40..48].fill(0);
    file[56] = parts.len() as u8;
    file[58..64].fill(0);
    let mut offset = HEADER + parts.len() * PART;
    for (kind, address, bytes, size) in &parts {
        file.extend([kind.to_le_bytes(), 7_u32.to_le_bytes()].concat());
        let words = [offset as u64, *address, *address, bytes.len() as u64, *size, 4];
        file.extend(words.map(u64::to_le_bytes).concat());
        offset += bytes.len();
    }
    file.extend(parts.iter().flat_map(|(_, _, bytes, _)| *bytes));
    file
}

/// The code of the loader, in 32-bit mode, and what it copies to its places.
fn loader(left: &Left<'_>, entry: u32) -> Vec<u8> {
    let entries = left.entries.iter().flat_map(|entry| {
        let Entry { start, size, kind } = *entry;
        [&start.to_le_bytes()[..], &size.to_le_bytes(), &kind.to_le_bytes(), &[0; 4]].concat()
    });
    let mut info = [0x336e_c578, left.version, 0, 0].map(u32::to_le_bytes).concat();
    info.extend(
        [0, left.line, 0, left.map].map(|address| u64::from(address).to_le_bytes()).concat(),
    );
    info.extend([left.entries.len() as u32, 0].map(u32::to_le_bytes).concat());
    let line = [left.words.as_bytes(), &[0]].concat();
    let pieces = [(left.map, entries.collect()), (left.line, line), (left.info, info)];

    // For each piece: mov esi, mov edi, mov ecx, rep movsb. Then: mov ebx, mov eax, jmp eax.
    let code_size = 1 + pieces.len() * 17 + 12;
    let mut code = vec![0xfc];
    let mut from = LOADER as u32 + code_size as u32;
    for (to, bytes) in &pieces {
        for (opcode, value) in [(0xbe, from), (0xbf, *to), (0xb9, bytes.len() as u32)] {
            code.push(opcode);
            code.extend(value.to_le_bytes());
        }
        code.extend([0xf3, 0xa4]);
        from += bytes.len() as u32;
    }
    for (opcode, value) in [(0xbb, left.info), (0xb8, entry)] {
        code.push(opcode);
        code.extend(value.to_le_bytes());
    }
    code.extend([0xff, 0xe0]);
    assert_eq!(code.len(), code_size);
    code.extend(pieces.iter().flat_map(|(_, bytes)| bytes));
    code
}

/// The little-endian number of 64 bits at this place; of fewer, if those behind are something else.
fn number(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}
