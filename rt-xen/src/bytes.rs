//! What the compiler calls to copy, fill and compare bytes.
//!
//! They are written in assembly because a compiler may turn a loop that copies into a call of memcpy, in
//! memcpy as well. The linker script of a guest gives them the names that the compiler calls; in a program
//! that has a C library they are not used.

use core::arch::naked_asm;

/// `memmove`, and `memcpy`: copies `length` bytes, which may overlap.
///
/// Up to 64 bytes are all read before any is written. Of more, the 64 bytes at the end where the copying
/// ends and the 16 where it begins are read first and written last; between them whole aligned blocks.
///
/// # Safety
/// As for `memmove` of C.
#[unsafe(naked)]
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn letregion_memmove(
    to: *mut u8,
    from: *const u8,
    length: usize,
) -> *mut u8 {
    naked_asm!(
        "mov rax, rdi",
        "cmp rdx, 16",
        "jb 4f",
        "cmp rdx, 32",
        "ja 2f",
        "movups xmm0, [rsi]",
        "movups xmm1, [rsi + rdx - 16]",
        "movups [rdi], xmm0",
        "movups [rdi + rdx - 16], xmm1",
        "ret",
        "2: cmp rdx, 64",
        "ja 3f",
        "movups xmm0, [rsi]",
        "movups xmm1, [rsi + 16]",
        "movups xmm2, [rsi + rdx - 32]",
        "movups xmm3, [rsi + rdx - 16]",
        "movups [rdi], xmm0",
        "movups [rdi + 16], xmm1",
        "movups [rdi + rdx - 32], xmm2",
        "movups [rdi + rdx - 16], xmm3",
        "ret",
        // Upwards, unless that overwrites what is still to be read.
        "3: mov rcx, rdi",
        "sub rcx, rsi",
        "cmp rcx, rdx",
        "jb 7f",
        "movups xmm8, [rsi]",
        "movups xmm4, [rsi + rdx - 64]",
        "movups xmm5, [rsi + rdx - 48]",
        "movups xmm6, [rsi + rdx - 32]",
        "movups xmm7, [rsi + rdx - 16]",
        "lea r8, [rdi + rdx - 64]",
        "mov ecx, edi",
        "and ecx, 15",
        "mov r9d, 16",
        "sub r9, rcx",
        "add rdi, r9",
        "add rsi, r9",
        "cmp rdi, r8",
        "jae 6f",
        ".balign 16",
        "5: movups xmm0, [rsi]",
        "movups xmm1, [rsi + 16]",
        "movups xmm2, [rsi + 32]",
        "movups xmm3, [rsi + 48]",
        "add rsi, 64",
        "movaps [rdi], xmm0",
        "movaps [rdi + 16], xmm1",
        "movaps [rdi + 32], xmm2",
        "movaps [rdi + 48], xmm3",
        "add rdi, 64",
        "cmp rdi, r8",
        "jb 5b",
        "6: movups [r8], xmm4",
        "movups [r8 + 16], xmm5",
        "movups [r8 + 32], xmm6",
        "movups [r8 + 48], xmm7",
        "movups [rax], xmm8",
        "ret",
        // Downwards.
        "7: movups xmm4, [rsi]",
        "movups xmm5, [rsi + 16]",
        "movups xmm6, [rsi + 32]",
        "movups xmm7, [rsi + 48]",
        "movups xmm8, [rsi + rdx - 16]",
        "lea r8, [rdi + 64]",
        "add rdi, rdx",
        "add rsi, rdx",
        "mov r9, rdi",
        "mov ecx, edi",
        "and ecx, 15",
        "sub rdi, rcx",
        "sub rsi, rcx",
        "cmp rdi, r8",
        "jbe 9f",
        ".balign 16",
        "8: movups xmm0, [rsi - 16]",
        "movups xmm1, [rsi - 32]",
        "movups xmm2, [rsi - 48]",
        "movups xmm3, [rsi - 64]",
        "sub rsi, 64",
        "movaps [rdi - 16], xmm0",
        "movaps [rdi - 32], xmm1",
        "movaps [rdi - 48], xmm2",
        "movaps [rdi - 64], xmm3",
        "sub rdi, 64",
        "cmp rdi, r8",
        "ja 8b",
        "9: movups [rax], xmm4",
        "movups [rax + 16], xmm5",
        "movups [rax + 32], xmm6",
        "movups [rax + 48], xmm7",
        "movups [r9 - 16], xmm8",
        "ret",
        // Fewer than 16.
        "4: cmp edx, 8",
        "jb 2f",
        "mov rcx, [rsi]",
        "mov r8, [rsi + rdx - 8]",
        "mov [rdi], rcx",
        "mov [rdi + rdx - 8], r8",
        "ret",
        "2: cmp edx, 4",
        "jb 2f",
        "mov ecx, [rsi]",
        "mov r8d, [rsi + rdx - 4]",
        "mov [rdi], ecx",
        "mov [rdi + rdx - 4], r8d",
        "ret",
        "2: test edx, edx",
        "jz 2f",
        // The first, the one in the middle, the last.
        "mov r9, rdx",
        "shr r9, 1",
        "movzx ecx, byte ptr [rsi]",
        "movzx r8d, byte ptr [rsi + r9]",
        "movzx r10d, byte ptr [rsi + rdx - 1]",
        "mov [rdi], cl",
        "mov [rdi + r9], r8b",
        "mov [rdi + rdx - 1], r10b",
        "2: ret",
    )
}

/// `memset`: writes `length` times the lowest byte of `byte`.
///
/// # Safety
/// As for `memset` of C.
#[unsafe(naked)]
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn letregion_memset(to: *mut u8, byte: i32, length: usize) -> *mut u8 {
    naked_asm!(
        "mov rax, rdi",
        "movzx esi, sil",
        "mov rcx, 0x0101010101010101",
        "imul rcx, rsi",
        "cmp rdx, 16",
        "jb 4f",
        "movq xmm0, rcx",
        "punpcklqdq xmm0, xmm0",
        "movups [rdi], xmm0",
        "movups [rdi + rdx - 16], xmm0",
        "cmp rdx, 32",
        "jbe 3f",
        "movups [rdi + 16], xmm0",
        "movups [rdi + rdx - 32], xmm0",
        "cmp rdx, 64",
        "jbe 3f",
        // What is left is between the first aligned address and the last 32 bytes.
        "lea r8, [rdi + rdx - 32]",
        "add rdi, 16",
        "and rdi, -16",
        ".balign 16",
        "2: movaps [rdi], xmm0",
        "movaps [rdi + 16], xmm0",
        "add rdi, 32",
        "cmp rdi, r8",
        "jb 2b",
        "3: ret",
        "4: cmp edx, 8",
        "jb 2f",
        "mov [rdi], rcx",
        "mov [rdi + rdx - 8], rcx",
        "ret",
        "2: cmp edx, 4",
        "jb 2f",
        "mov [rdi], ecx",
        "mov [rdi + rdx - 4], ecx",
        "ret",
        "2: test edx, edx",
        "jz 2f",
        "mov r8, rdx",
        "shr r8, 1",
        "mov [rdi], cl",
        "mov [rdi + r8], cl",
        "mov [rdi + rdx - 1], cl",
        "2: ret",
    )
}

/// `memcmp`, and `bcmp`: less than, equal to or greater than 0 as the first byte that differs is.
///
/// # Safety
/// As for `memcmp` of C.
#[unsafe(naked)]
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn letregion_memcmp(
    one: *const u8,
    other: *const u8,
    length: usize,
) -> i32 {
    naked_asm!(
        "cmp rdx, 16",
        "jb 4f",
        "lea r8, [rdx - 16]",
        "xor ecx, ecx",
        "mov r9, rdx",
        "sub r9, 64",
        "jb 2f",
        // As long as there are 64 that are the same.
        ".balign 16",
        "3: movups xmm0, [rdi + rcx]",
        "movups xmm1, [rdi + rcx + 16]",
        "movups xmm2, [rdi + rcx + 32]",
        "movups xmm3, [rdi + rcx + 48]",
        "movups xmm4, [rsi + rcx]",
        "movups xmm5, [rsi + rcx + 16]",
        "movups xmm6, [rsi + rcx + 32]",
        "movups xmm7, [rsi + rcx + 48]",
        "pcmpeqb xmm0, xmm4",
        "pcmpeqb xmm1, xmm5",
        "pcmpeqb xmm2, xmm6",
        "pcmpeqb xmm3, xmm7",
        "pand xmm0, xmm1",
        "pand xmm2, xmm3",
        "pand xmm0, xmm2",
        "pmovmskb eax, xmm0",
        "cmp eax, 0xffff",
        "jne 2f",
        "add rcx, 64",
        "cmp rcx, r9",
        "jbe 3b",
        // Up to the last 16; then those, some of which are compared twice.
        ".balign 16",
        "2: cmp rcx, r8",
        "cmova rcx, r8",
        "movups xmm0, [rdi + rcx]",
        "movups xmm1, [rsi + rcx]",
        "pcmpeqb xmm0, xmm1",
        "pmovmskb eax, xmm0",
        "xor eax, 0xffff",
        "jnz 3f",
        "cmp rcx, r8",
        "lea rcx, [rcx + 16]",
        "jb 2b",
        "ret",
        "3: bsf eax, eax",
        "add rcx, rax",
        "movzx eax, byte ptr [rdi + rcx]",
        "movzx edx, byte ptr [rsi + rcx]",
        "sub eax, edx",
        "ret",
        // Fewer than 16: two words that overlap, the first byte as the highest.
        "4: cmp edx, 8",
        "jb 5f",
        "mov rax, [rdi]",
        "mov rcx, [rsi]",
        "cmp rax, rcx",
        "jne 6f",
        "mov rax, [rdi + rdx - 8]",
        "mov rcx, [rsi + rdx - 8]",
        "cmp rax, rcx",
        "jne 6f",
        "xor eax, eax",
        "ret",
        "5: cmp edx, 4",
        "jb 7f",
        "mov eax, [rdi]",
        "mov ecx, [rsi]",
        "cmp rax, rcx",
        "jne 6f",
        "mov eax, [rdi + rdx - 4]",
        "mov ecx, [rsi + rdx - 4]",
        "cmp rax, rcx",
        "jne 6f",
        "xor eax, eax",
        "ret",
        "6: bswap rax",
        "bswap rcx",
        "cmp rax, rcx",
        "sbb eax, eax",
        "or eax, 1",
        "ret",
        "7: xor eax, eax",
        "xor ecx, ecx",
        "8: cmp rcx, rdx",
        "je 9f",
        "movzx eax, byte ptr [rdi + rcx]",
        "movzx r8d, byte ptr [rsi + rcx]",
        "inc rcx",
        "sub eax, r8d",
        "jz 8b",
        "9: ret",
    )
}

#[cfg(test)]
mod tests {
    use std::{vec, vec::Vec};

    use super::*;

    /// Every length that is handled in a way of its own, and its neighbours.
    fn lengths() -> impl Iterator<Item = usize> {
        (0..300).chain([511, 512, 513, 1499, 1500, 4095, 4096, 4097])
    }

    fn pattern(length: usize, seed: usize) -> Vec<u8> {
        (0..length).map(|at| (at * 167 + at / 251 + seed * 59) as u8).collect()
    }

    #[test]
    fn bytes_are_copied_from_everywhere_to_everywhere() {
        for length in lengths() {
            for (from, to) in (0..17).flat_map(|from| [0, 1, 7, 8, 15, 16].map(|to| (from, to))) {
                let source = pattern(length + 64, 1);
                let (mut ours, mut theirs) = (pattern(length + 64, 2), pattern(length + 64, 2));
                theirs[to..to + length].copy_from_slice(&source[from..from + length]);
                let at = &raw mut ours[to];
                // SAFETY: both ranges are inside their buffers.
                let result = unsafe { letregion_memmove(at, &raw const source[from], length) };
                assert_eq!(result, at);
                assert!(ours == theirs, "{length} bytes from {from} to {to}");
            }
        }
    }

    #[test]
    fn bytes_that_overlap_are_copied_both_ways() {
        for length in lengths() {
            for distance in (0..80).chain([127, 128, 200, length.saturating_sub(1), length]) {
                for (from, to) in [(3, 3 + distance), (3 + distance, 3)] {
                    let mut ours = pattern(length + distance + 20, 3);
                    let mut theirs = ours.clone();
                    theirs.copy_within(from..from + length, to);
                    let start = ours.as_mut_ptr();
                    let (to_at, from_at) = (start.wrapping_add(to), start.wrapping_add(from));
                    // SAFETY: both ranges are inside the buffer.
                    unsafe { letregion_memmove(to_at, from_at, length) };
                    assert!(ours == theirs, "{length} bytes from {from} to {to}");
                }
            }
        }
    }

    #[test]
    fn bytes_are_filled_and_no_others() {
        for length in lengths() {
            for to in 0..33 {
                let (mut ours, mut theirs) = (pattern(length + 64, 4), pattern(length + 64, 4));
                theirs[to..to + length].fill(0xa5);
                let at = &raw mut ours[to];
                // SAFETY: the range is inside the buffer.
                let result = unsafe { letregion_memset(at, 0x7777_77a5, length) };
                assert_eq!(result, at);
                assert!(ours == theirs, "{length} bytes to {to}");
            }
        }
    }

    #[test]
    fn the_first_byte_that_differs_decides() {
        let sign = |one: &[u8], other: &[u8]| {
            // SAFETY: both are so long.
            unsafe { letregion_memcmp(one.as_ptr(), other.as_ptr(), one.len()) }.signum()
        };
        for length in lengths() {
            for start in [0, 1, 9] {
                let (one, other) = (pattern(length + start, 5), pattern(length + start, 5));
                let (one, mut other) = (&one[start..], other[start..].to_vec());
                assert_eq!(sign(one, &other), 0, "{length}");
                for at in (0..length).step_by(1 + length / 40).chain(length.checked_sub(1)) {
                    let kept = other[at];
                    // What comes after says the opposite.
                    for (byte, later) in [(kept ^ 0x80, kept), (kept.wrapping_add(1), !kept)] {
                        other[at] = byte;
                        let last = other.len() - 1;
                        let kept_last = other[last];
                        if at < last {
                            other[last] = later;
                        }
                        let expected = one.cmp(&other[..]) as i32;
                        assert_eq!(sign(one, &other), expected, "{length} bytes, at {at}");
                        other[last] = kept_last;
                    }
                    other[at] = kept;
                }
            }
        }
        assert_eq!(vec![1].cmp(&vec![2]) as i32, sign(&[1], &[2]));
    }
}
