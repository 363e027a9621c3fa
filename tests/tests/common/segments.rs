//! Many datagrams in one system call: `UDP_SEGMENT` and `UDP_GRO` of Linux.

use std::{
    fs,
    io::{IoSlice, IoSliceMut},
    net::UdpSocket,
    os::fd::AsRawFd,
};

use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg};

/// Hands over many requests of `size` bytes at once.
pub(crate) fn send_segments(socket: &UdpSocket, requests: &[u8], size: usize) {
    let segment = [ControlMessage::UdpGsoSegments(&(size as u16))];
    let sent = sendmsg::<()>(
        socket.as_raw_fd(),
        &[IoSlice::new(requests)],
        &segment,
        MsgFlags::empty(),
        None,
    );
    assert_eq!(sent, Ok(requests.len()));
}

/// The replies of one system call.
pub(crate) fn receive_segments(socket: &UdpSocket) -> Vec<Vec<u8>> {
    let (mut bytes, mut control) = (vec![0; 1 << 16], nix::cmsg_space!(i32));
    let mut room = [IoSliceMut::new(&mut bytes)];
    let message =
        recvmsg::<()>(socket.as_raw_fd(), &mut room, Some(&mut control), MsgFlags::empty())
            .expect("there is a reply");
    let size = message.cmsgs().expect("there was room").find_map(|one| match one {
        ControlMessageOwned::UdpGroSegments(size) => usize::try_from(size).ok(),
        _ => None,
    });
    let length = message.bytes;
    let size = size.unwrap_or(length).max(1);
    bytes[..length].chunks(size).map(<[u8]>::to_vec).collect()
}

/// The version of Linux.
pub(crate) fn kernel() -> (u32, u32) {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").expect("Linux has it");
    let mut numbers = release.split(['.', '-']).map_while(|number| number.parse().ok());
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}
