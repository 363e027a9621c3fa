//! What the layer counts.

layer::counters! {
    /// What the IPv4 layer counted.
    pub struct Counters of "ipv4" {
        /// Packets handed up, whole.
        packets_rx,
        /// Packets sent, fragments counted one by one, but for those that the interface makes.
        packets_tx,
        /// Dropped: no memory for what is known of them.
        no_room,
        /// Dropped: shorter than the header or the total length says, or an impossible IHL.
        bad_length,
        /// Dropped: not version 4.
        bad_version,
        /// Dropped: the checksum of the header was wrong.
        bad_checksum,
        /// Dropped: for another host, or for a group that was not joined.
        not_for_us,
        /// Dropped: from an address that no other host has (RFC 1122 3.2.1.3).
        bad_source,
        /// Dropped: a broadcast frame with a packet for one host (RFC 1122 3.3.6).
        broadcast_frame,
        /// Dropped: a source route that does not end here (RFC 1122 3.3.5).
        source_routed,
        /// Dropped: an option with an impossible length or pointer.
        bad_options,
        /// Fragments received.
        fragments_rx,
        /// Datagrams put together.
        reassembled,
        /// Fragments dropped: they had come before.
        fragments_duplicate,
        /// Fragments dropped: no datagram can have them.
        fragments_malformed,
        /// Fragments dropped: their datagram was, because earlier ones overlapped.
        fragments_refused,
        /// Datagrams dropped: fragments overlapped.
        reassembly_overlaps,
        /// Datagrams dropped: fragments were missing when their time was over.
        reassembly_timeouts,
        /// Datagrams dropped: no memory for a fragment, or for the whole.
        reassembly_exhausted,
        /// Datagrams dropped: others needed their room.
        reassembly_evicted,
        /// Datagrams sent in fragments that were made here.
        fragmented,
        /// Reports of paths that take less than 552 bytes: taken for 552, with fragments allowed.
        small_mtus,
        /// Paths forgotten before their time, because others needed their place: for so long, what goes to
        /// hosts of which nothing is known has no DF.
        paths_displaced,
        /// Handed up, and nobody wanted the protocol.
        unknown_protocol,
        /// Not sent: too long, with no route, or to an address that cannot be sent to.
        not_sent,
    }
}
