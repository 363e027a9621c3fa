//! Payloads to be sent: headers and a tail, which are joined only in the device's own buffer.

/// Whether the program is built to be small: the feature `small`; see [`share`].
pub const SMALL: bool = cfg!(feature = "small");

/// Bytes to be sent, which need not be contiguous.
///
/// A pair of payloads is a payload, so a packet is `(EthernetHeader, (Ipv4Header, reply))`; a
/// [`Slice`] of a payload is a payload, which is all that fragmentation needs.
///
/// `&dyn Payload` is a payload too, so that rare packets of all kinds can share one copy of the code.
pub trait Payload {
    /// The number of bytes.
    fn len(&self) -> usize;

    /// Copies `out.len()` bytes, from `offset` on, into `out`.
    ///
    /// `offset + out.len()` must be at most [`len`](Self::len). Otherwise the call panics or copies other bytes.
    fn copy_to(&self, offset: usize, out: &mut [u8]);

    /// Calls `visit` with `length` bytes, from `offset` on, in order and in as few pieces as possible.
    /// `offset + length` must be at most [`len`](Self::len).
    fn visit(&self, offset: usize, length: usize, visit: &mut dyn FnMut(&[u8]));

    /// Whether the payload is empty.
    fn is_empty(&self) -> bool
    where
        Self: Sized,
    {
        self.len() == 0
    }

    /// The `length` bytes from `start` on, or fewer if the payload ends before.
    fn slice(&self, start: usize, length: usize) -> Slice<'_, Self>
    where
        Self: Sized,
    {
        let start = start.min(self.len());
        Slice { payload: self, start, length: length.min(self.len() - start) }
    }
}

impl Payload for [u8] {
    #[inline]
    fn len(&self) -> usize {
        <[u8]>::len(self)
    }

    #[inline]
    fn copy_to(&self, offset: usize, out: &mut [u8]) {
        out.copy_from_slice(&self[offset..offset + out.len()]);
    }

    #[inline]
    fn visit(&self, offset: usize, length: usize, visit: &mut dyn FnMut(&[u8])) {
        visit(&self[offset..offset + length]);
    }
}

impl<const N: usize> Payload for [u8; N] {
    #[inline]
    fn len(&self) -> usize {
        N
    }

    #[inline]
    fn copy_to(&self, offset: usize, out: &mut [u8]) {
        self[..].copy_to(offset, out);
    }

    #[inline]
    fn visit(&self, offset: usize, length: usize, visit: &mut dyn FnMut(&[u8])) {
        self[..].visit(offset, length, visit);
    }
}

impl<P: Payload + ?Sized> Payload for &P {
    #[inline]
    fn len(&self) -> usize {
        (**self).len()
    }

    #[inline]
    fn copy_to(&self, offset: usize, out: &mut [u8]) {
        (**self).copy_to(offset, out);
    }

    #[inline]
    fn visit(&self, offset: usize, length: usize, visit: &mut dyn FnMut(&[u8])) {
        (**self).visit(offset, length, visit);
    }
}

impl<A: Payload, B: Payload> Payload for (A, B) {
    #[inline]
    fn len(&self) -> usize {
        self.0.len() + self.1.len()
    }

    #[inline]
    fn copy_to(&self, offset: usize, out: &mut [u8]) {
        match offset.checked_sub(self.0.len()) {
            Some(offset) => self.1.copy_to(offset, out),
            None => {
                let first = (self.0.len() - offset).min(out.len());
                let (head, tail) = out.split_at_mut(first);
                self.0.copy_to(offset, head);
                self.1.copy_to(0, tail);
            }
        }
    }

    #[inline]
    fn visit(&self, offset: usize, length: usize, visit: &mut dyn FnMut(&[u8])) {
        match offset.checked_sub(self.0.len()) {
            Some(offset) => self.1.visit(offset, length, visit),
            None => {
                let first = (self.0.len() - offset).min(length);
                self.0.visit(offset, first, visit);
                if first < length {
                    self.1.visit(0, length - first, visit);
                }
            }
        }
    }
}

/// The form in which a layer passes `payload`, whose type is one of many, to the layer below. With the feature `small`
/// it is `&dyn Payload`, which all the layers below handle with one copy of the code. Without the feature each type
/// gets code of its own, which is faster.
#[cfg(feature = "small")]
#[inline]
pub fn share(payload: &impl Payload) -> &dyn Payload {
    payload
}

/// The form in which a layer passes `payload`, whose type is one of many, to the layer below. With the feature `small`
/// it is `&dyn Payload`, which all the layers below handle with one copy of the code. Without the feature each type
/// gets code of its own, which is faster.
#[cfg(not(feature = "small"))]
#[inline]
pub fn share(payload: &impl Payload) -> &impl Payload {
    payload
}

/// A part of a payload; see [`Payload::slice`].
#[derive(Clone, Copy, Debug)]
pub struct Slice<'a, P> {
    payload: &'a P,
    start: usize,
    length: usize,
}

impl<P: Payload> Payload for Slice<'_, P> {
    #[inline]
    fn len(&self) -> usize {
        self.length
    }

    #[inline]
    fn copy_to(&self, offset: usize, out: &mut [u8]) {
        self.payload.copy_to(self.start + offset, out);
    }

    #[inline]
    fn visit(&self, offset: usize, length: usize, visit: &mut dyn FnMut(&[u8])) {
        self.payload.visit(self.start + offset, length, visit);
    }
}

/// Implements [`Payload`](crate::Payload) for zerocopy headers: `payload_of_bytes!(Header)`.
#[macro_export]
macro_rules! payload_of_bytes {
    ($Header:ty) => {
        impl $crate::Payload for $Header {
            #[inline]
            fn len(&self) -> usize {
                ::core::mem::size_of::<Self>()
            }

            #[inline]
            fn copy_to(&self, offset: usize, out: &mut [u8]) {
                $crate::Payload::copy_to(::zerocopy::IntoBytes::as_bytes(self), offset, out);
            }

            #[inline]
            fn visit(&self, offset: usize, length: usize, visit: &mut dyn FnMut(&[u8])) {
                $crate::Payload::visit(
                    ::zerocopy::IntoBytes::as_bytes(self),
                    offset,
                    length,
                    visit,
                );
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use std::{vec, vec::Vec};

    use super::*;

    fn all(payload: &impl Payload) -> Vec<u8> {
        let mut bytes = vec![0; payload.len()];
        payload.copy_to(0, &mut bytes);
        bytes
    }

    #[test]
    fn pairs_are_one_after_the_other() {
        let payload = ([1, 2, 3], (&b"ab"[..], [9]));
        assert_eq!(all(&payload), [1, 2, 3, b'a', b'b', 9]);
        for offset in 0..=6 {
            for end in offset..=6 {
                let mut part = vec![0; end - offset];
                payload.copy_to(offset, &mut part);
                assert_eq!(part, all(&payload)[offset..end]);
                let mut seen = Vec::new();
                payload.visit(offset, end - offset, &mut |piece| seen.extend_from_slice(piece));
                assert_eq!(seen, part);
            }
        }
    }

    #[test]
    fn a_slice_is_cut_to_what_is_there() {
        let payload = ([1, 2, 3], [4, 5]);
        assert_eq!(all(&payload.slice(1, 3)), [2, 3, 4]);
        assert_eq!(all(&payload.slice(4, 100)), [5]);
        assert!(payload.slice(9, 1).is_empty());
        assert_eq!(all(&payload.slice(1, 4).slice(1, 2)), [3, 4]);
    }
}
