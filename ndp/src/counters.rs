//! The counters of the layer.

layer::counters! {
    /// The counters of Neighbour Discovery and Multicast Listener Discovery.
    pub struct Counters of "ndp" {
        /// Neighbour Solicitations received.
        solicitations_rx,
        /// Neighbour Advertisements received.
        advertisements_rx,
        /// Router Advertisements received.
        router_advertisements_rx,
        /// Redirects received.
        redirects_rx,
        /// Queries for listeners received.
        queries_rx,
        /// Neighbour Solicitations sent, to all or to one station, without those that look for duplicates.
        solicitations_tx,
        /// Neighbour Advertisements sent as answers.
        advertisements_tx,
        /// Neighbour Advertisements sent unasked, when an address is ours and when the link is back.
        announcements_tx,
        /// Neighbour Solicitations sent to find duplicates of our addresses (RFC 4862 5.4.2).
        probes_tx,
        /// Router Solicitations sent.
        router_solicitations_tx,
        /// Reports of the groups that we are in sent, of either version.
        reports_tx,
        /// Dropped: a router has forwarded the message, or its hop limit is forged.
        forwarded,
        /// Dropped: the message does not pass a check of its type.
        malformed,
        /// Dropped: for an address that is not ours, or a group that we are not in.
        not_for_us,
        /// Not believed: a Neighbour Advertisement of a neighbour that is not known and was not asked for.
        unsolicited,
        /// Not believed: a Redirect of a station that is not the first hop to the destination.
        bad_redirects,
        /// Stations that have an address of ours, or looked for duplicates of it as we did.
        duplicates,
        /// Addresses given up, because another station has them.
        given_up,
        /// Probes of our own that came back (RFC 7527).
        looped,
        /// Packets not sent: no address was ours at the time.
        no_address_tx,
        /// Packets dropped: there is no way to the destination.
        no_route,
        /// Neighbours added because they spoke to us.
        learnt,
        /// Neighbours whose link-layer address changed.
        changed,
        /// Neighbours displaced by others.
        displaced,
        /// Neighbours that did not answer when they were asked for.
        silent,
        /// Neighbours that were known, and answered no more.
        unreachable,
        /// Times that an upper layer said that what we send to a neighbour arrives, so that it is not asked (RFC 4861 7.3.1).
        hints,
        /// Packets sent after they waited for an answer.
        delayed,
        /// Packets dropped: the neighbour did not answer.
        unanswered,
        /// Packets dropped: too many were waiting, or the memory ran out.
        overflowed,
        /// Packets dropped, or neighbours not learnt: the cache had no place.
        cache_full,
        /// Packets dropped: they waited for a neighbour that was displaced, or our address changed.
        abandoned,
        /// Packets dropped: for our own address, or for one that no neighbour can have.
        not_a_neighbour,
        /// Not used: a router, a prefix or an address for which there was no place, or which came too soon after others.
        lists_full,
        /// Groups of our addresses that could not be joined: neighbours do not find us by such an address.
        groups_full,
    }
}
