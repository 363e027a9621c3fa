//! The counters of the layer.

use crate::{Ignored, LeaseError, ParseError};

layer::counters! {
    /// The counters of the DHCP layer.
    pub struct Counters of "dhcp" {
        /// Messages received, those that were ignored included.
        messages_rx,
        /// Messages sent.
        messages_tx,
        /// Messages not sent: the network did not send them.
        not_sent,
        /// Addresses that were set, or their prefixes.
        leases,
        /// Leases that are gone: they ended, were denied, or the address was another station's.
        lost,
        /// Denials of the address (DHCPNAK).
        denials,
        /// Addresses that another station has, declined.
        conflicts,
        /// Dropped: datagrams to our port that are malformed.
        bad_datagrams,
        /// Ignored: shorter than the fixed part of a message.
        short,
        /// Ignored: no magic cookie.
        bad_cookie,
        /// Ignored: options that reach beyond their field, or an impossible overload or message type.
        bad_options,
        /// Ignored: messages of BOOTP, which have no message type.
        bootp,
        /// Ignored: messages to servers.
        not_replies,
        /// Ignored: messages for other clients, and answers to other transactions.
        not_for_us,
        /// Ignored: messages of a type that is not expected at the time.
        unexpected,
        /// Ignored: messages of servers that were not asked.
        other_servers,
        /// Ignored: grants of an address that was not asked for.
        other_addresses,
        /// Ignored: messages without an option that they must have.
        missing_options,
        /// Ignored: messages with an impossible value of an option.
        bad_values,
        /// Ignored: offers and grants of an address that no host can have, or with an impossible mask or server.
        bad_addresses,
        /// Ignored: offers and grants of leases that are too short, or have already ended.
        short_leases,
        /// Routes that are not used: the network has no table for them.
        routes_unused,
        /// MTUs that are not used: the link has no limit that can be set.
        mtus_unused,
    }
}

impl Counters {
    /// Counts a message that was ignored.
    pub(crate) fn ignore(&mut self, ignored: &Ignored) {
        let counter = match ignored {
            Ignored::Malformed(error) => match error {
                ParseError::Short => &mut self.short,
                ParseError::Cookie => &mut self.bad_cookie,
                ParseError::NoType => &mut self.bootp,
                ParseError::Options(_) | ParseError::Type => &mut self.bad_options,
            },
            Ignored::NotAReply => &mut self.not_replies,
            Ignored::NotForUs => &mut self.not_for_us,
            Ignored::Unexpected(_) => &mut self.unexpected,
            Ignored::OtherServer(_) => &mut self.other_servers,
            Ignored::OtherAddress(_) => &mut self.other_addresses,
            Ignored::Refused(error) => match error {
                LeaseError::Missing(_) => &mut self.missing_options,
                LeaseError::Value(_) => &mut self.bad_values,
                LeaseError::Server(_) | LeaseError::Address(_) | LeaseError::Mask(_) => {
                    &mut self.bad_addresses
                }
                LeaseError::Short(_) => &mut self.short_leases,
            },
            Ignored::Expired => &mut self.short_leases,
        };
        *counter += 1;
    }
}
