//! IPv6: the same frames to Linux and to a tower of ours, and what each answers compared. Neighbour Discovery, address
//! configuration and the groups of the link are part of it.

mod answer;
mod compare;
mod departures;
mod frames;
mod liberties;
mod linux;
mod named;
mod tower;

pub(crate) use named::named_frames;
