//! Several cores on one queue of a device.

mod device;
mod one_queue;
mod queues;
mod streams;
mod threads;
mod tower;
