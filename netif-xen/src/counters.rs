//! The counters of the interface.

layer::counters! {
    /// The counters of a network device of Xen.
    pub struct Counters of "netfront" {
        /// Frames received.
        frames_rx,
        /// Bytes received, Ethernet headers included.
        bytes_rx,
        /// Frames received and lost: the packet's region or the pool had no room.
        rx_no_room,
        /// Frames received and dropped: longer than the MTU.
        rx_too_long,
        /// Frames received and dropped: shorter than an Ethernet header.
        rx_too_short,
        /// Frames that the backend could not deliver (`NETIF_RSP_ERROR`, `NETIF_RSP_DROPPED`).
        rx_errors,
        /// Frames received and lost: the backend still used their page. The page is not used until the backend releases
        /// it.
        rx_in_use,
        /// Frames sent.
        frames_tx,
        /// Bytes sent, Ethernet headers included.
        bytes_tx,
        /// Frames that waited for room in the queue, whether they were sent afterwards or not.
        tx_waited,
        /// Frames not sent: the queue was full, and had no room after the wait.
        tx_queue_full,
        /// Frames not sent: the interface was not connected.
        tx_interface_down,
        /// Frames not sent: longer than the MTU, or shorter than an Ethernet header.
        tx_bad_length,
        /// Requests that the backend could not send (`NETIF_RSP_ERROR`, `NETIF_RSP_DROPPED`).
        tx_refused,
        /// Notifications sent to the backend.
        notifications,
        /// Connections made to a backend.
        connections,
        /// Pages that were left out of a connection: a backend still uses them for an earlier one. They return when it
        /// releases them.
        pages_left_out,
        /// Connections to a device whose hardware address differs from ours.
        mac_differs,
        /// Connections that failed: xenstore, the grant table or Xen refused something.
        setup_errors,
        /// Connections closed: the backend violated the protocol, see [`ProtocolViolation`](crate::ProtocolViolation).
        backend_violations,
    }
}
