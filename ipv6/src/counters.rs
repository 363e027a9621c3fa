//! The counters of the layer.

layer::counters! {
    /// The counters of the IPv6 layer.
    pub struct Counters of "ipv6" {
        /// Packets handed up, whole.
        packets_rx,
        /// Packets sent. Each fragment counts.
        packets_tx,
        /// Dropped: no memory for the packet's metadata.
        no_room,
        /// Dropped: shorter than the header, the payload length or an extension header says.
        bad_length,
        /// Dropped: not version 6.
        bad_version,
        /// Dropped: for another host, or for a group that was not joined.
        not_for_us,
        /// Dropped: from an address that no other host can have.
        bad_source,
        /// Dropped: a broadcast or multicast frame with a packet for one host.
        broadcast_frame,
        /// Dropped: an extension header that is wrong or unknown at its place.
        bad_headers,
        /// Dropped: an unknown option that says that the packet is dropped.
        unknown_options,
        /// Dropped: too many extension headers or options, or too much padding (RFC 8504 5.3).
        long_chains,
        /// Dropped: nothing follows the headers.
        no_next_header,
        /// Fragments received, those not counted that are a whole packet (RFC 6946).
        fragments_rx,
        /// Packets reassembled.
        reassembled,
        /// Fragments dropped: duplicates.
        fragments_duplicate,
        /// Fragments dropped: they cannot be part of a packet.
        fragments_malformed,
        /// Fragments dropped: first ones without the whole chain of headers (RFC 7112).
        incomplete_chains,
        /// Fragments dropped: their packet was dropped before, because fragments overlapped.
        fragments_refused,
        /// Packets dropped: fragments overlapped.
        reassembly_overlaps,
        /// Packets dropped: fragments were missing when the time for reassembly ran out.
        reassembly_timeouts,
        /// Packets dropped: no memory for a fragment, or for the whole packet.
        reassembly_exhausted,
        /// Packets dropped: they made room for others.
        reassembly_evicted,
        /// Packets of ours for a next hop that did not answer, of which their senders were told.
        undelivered,
        /// Packets sent in fragments.
        fragmented,
        /// Path MTUs below 1,280 bytes in ICMP errors, ignored.
        small_mtus,
        /// Paths that were displaced by others before they expired. Until then, packets to hosts without an entry have at most
        /// 1,280 bytes.
        paths_displaced,
        /// Packets handed up that no layer claimed: the protocol is unknown.
        unknown_protocol,
        /// Not sent: too long, without a route, or from or to an address that cannot be used.
        not_sent,
    }
}
