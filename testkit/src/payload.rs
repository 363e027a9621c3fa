//! What is in a packet.

use layer::Payload;

/// The bytes of a payload, one after the other: what a device would send.
pub fn bytes_of(payload: impl Payload) -> Vec<u8> {
    let mut bytes = vec![0; payload.len()];
    payload.copy_to(0, &mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_are_those_of_all_parts_in_order() {
        assert_eq!(bytes_of(([1, 2], &[3, 4, 5][..])), [1, 2, 3, 4, 5]);
        assert_eq!(bytes_of([7; 0]), []);
        let payload: &dyn Payload = &[8, 9];
        assert_eq!(bytes_of(payload), [8, 9]);
    }
}
